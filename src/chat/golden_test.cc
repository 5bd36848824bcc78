// Templates of our own against what jinja2 makes of them: tests/goldens/templates.json, by gen_templates.py.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "chat/template.h"

namespace vivace::chat {
namespace {

std::string ReadGoldens() {
  std::ifstream file(VIVACE_SOURCE_DIR "/tests/goldens/templates.json", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string TextOf(const Value& record, std::string_view key) {
  const Value* const value = record.Find(key);
  return value == nullptr ? "" : value->Print().Join();
}

/// The variables of a set with the clock of the goldens, 2024-07-06 14:05:09.
Value WithClock(const Value& set) {
  ChatInputs inputs;
  inputs.template_kwargs = Value::MakeDict({});
  std::tm now{};
  now.tm_year = 124;
  now.tm_mon = 6;
  now.tm_mday = 6;
  now.tm_hour = 14;
  now.tm_min = 5;
  now.tm_sec = 9;
  now.tm_wday = 6;
  now.tm_yday = 187;
  inputs.now = now;
  const auto clock = ChatVariables(inputs);
  Value::Dict variables = set.dict();
  if (clock.ok()) variables.emplace_back(Value::Trusted("strftime_now"), *clock->Find("strftime_now"));
  return Value::MakeDict(std::move(variables));
}

TEST(Goldens, TemplatesRenderAsInJinja) {
  const auto goldens = ValueFromJson(ReadGoldens());
  ASSERT_TRUE(goldens.ok()) << goldens.status().message();
  std::map<std::string, Value> sets;
  for (const auto& [name, set] : goldens->Find("sets")->dict()) sets[name.Print().Join()] = WithClock(set);
  std::map<std::string, std::pair<int, int>> counts;  // of a feature: rendered, refused
  for (const Value& golden : goldens->Find("cases")->list()) {
    const std::string feature = TextOf(golden, "feature"), source = TextOf(golden, "template");
    SCOPED_TRACE(feature + " (" + TextOf(golden, "set") + "): " + source);
    const auto parsed = Template::Parse(source);
    auto rendered = parsed.ok() ? parsed->Render(sets.at(TextOf(golden, "set"))) : parsed.status();
    if (golden.Find("error") != nullptr) {
      EXPECT_FALSE(rendered.ok()) << "jinja2 has " << TextOf(golden, "error");
      if (!rendered.ok()) {
        EXPECT_TRUE(rendered.status().message().starts_with("chat template, line "));
      }
      ++counts[feature].second;
      continue;
    }
    ++counts[feature].first;
    EXPECT_TRUE(rendered.ok()) << rendered.status().message();
    if (!rendered.ok()) continue;
    std::string text;
    for (const Piece& piece : *rendered) text += piece.text;
    EXPECT_EQ(text, TextOf(golden, "text"));
  }
  int rendered = 0, refused = 0;
  for (const auto& [feature, count] : counts) {
    rendered += count.first;
    refused += count.second;
  }
  std::printf("%zu features: %d templates rendered as by jinja2, %d refused as by jinja2\n", counts.size(),
              rendered, refused);
  EXPECT_GE(counts.size(), 129u);
  EXPECT_GE(rendered + refused, 900);
}

}  // namespace
}  // namespace vivace::chat
