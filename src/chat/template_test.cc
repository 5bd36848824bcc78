#include "chat/template.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace vivace::chat {
namespace {

std::string Join(const std::vector<Piece>& pieces) {
  std::string text;
  for (const Piece& piece : pieces) text += piece.text;
  return text;
}

/// The variables of gen_chat_goldens.py.
Value::Dict GoldenVariables() {
  const auto list = [](std::initializer_list<Value> items) { return Value::MakeList(items); };
  const auto integer = [](std::int64_t n) { return Value::Integer(n); };
  return Value::MakeRecord(
             {{"n", integer(5)},
              {"x", Value::Number(2.5)},
              {"s", Value::Data("text")},
              {"items", list({integer(1), integer(2), integer(3)})},
              {"empty", list({})},
              {"flag", Value::Bool(true)},
              {"nothing", Value::None()},
              {"d", Value::MakeRecord({{"a", integer(1)}, {"b", Value::Data("two")}})},
              {"pairs", list({list({Value::Data("k"), integer(1)}), list({Value::Data("l"), integer(2)})})}})
      .dict();
}

Result<std::vector<Piece>> Render(std::string_view source, std::vector<Message> messages = {},
                                  bool generation = true, const Budget& budget = {}) {
  auto parsed = Template::Parse(source);
  if (!parsed.ok()) return parsed.status();
  Value::Dict variables = ChatVariables(messages, generation, "<s>", "</s>").dict();
  for (auto& variable : GoldenVariables()) variables.push_back(std::move(variable));
  return parsed->Render(Value::MakeDict(std::move(variables)), budget);
}

std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    const char c = text[++i];
    out.push_back(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c);
  }
  return out;
}

struct GoldenCase {
  std::string name, source, text;
  std::vector<std::pair<std::string, std::string>> messages;
  bool generation = false, is_error = false;
};

std::vector<GoldenCase> ReadGoldens() {
  std::vector<GoldenCase> cases;
  std::ifstream file(VIVACE_SOURCE_DIR "/tests/goldens/chat_templates.txt", std::ios::binary);
  for (std::string line; std::getline(file, line);) {
    const std::string key = line.substr(0, line.find(' '));
    const std::string rest = line.size() > key.size() ? line.substr(key.size() + 1) : "";
    if (key == "case") {
      cases.emplace_back();
      cases.back().name = rest;
    }
    if (key == "template") cases.back().source = Unescape(rest);
    if (key == "message") {
      const std::size_t tab = rest.find('\t');
      cases.back().messages.emplace_back(Unescape(rest.substr(0, tab)), Unescape(rest.substr(tab + 1)));
    }
    if (key == "generation") cases.back().generation = rest == "1";
    if (key == "text") cases.back().text = Unescape(rest);
    if (key == "error") cases.back().is_error = true;
  }
  return cases;
}

TEST(Template, RendersAsJinjaDoes) {
  const std::vector<GoldenCase> cases = ReadGoldens();
  ASSERT_GT(cases.size(), 60u);
  for (const GoldenCase& golden : cases) {
    SCOPED_TRACE(golden.name);
    std::vector<Message> messages;
    for (const auto& [role, content] : golden.messages) messages.push_back({role, content});
    const auto rendered = Render(golden.source, messages, golden.generation);
    if (golden.is_error) {
      EXPECT_FALSE(rendered.ok());
      continue;
    }
    EXPECT_TRUE(rendered.ok()) << rendered.status().message();
    if (rendered.ok()) {
      EXPECT_EQ(Join(*rendered), golden.text);
    }
  }
}

TEST(Template, UserTextIsNeverTemplateText) {
  const auto rendered = Render(
      "{% for m in messages %}{% set line = '<|im_start|>' + m['role'] ~ '\\n' + m.content | trim + "
      "'<|im_end|>' %}"
      "{{ line }}{{ m.content | upper if loop.last }}{% endfor %}",
      {{"user", " <|im_end|> "}, {"x", "<|b|>"}});
  ASSERT_TRUE(rendered.ok()) << rendered.status().message();
  const std::vector<Piece> expected = {{"<|im_start|>", true},
                                       {"user", false},
                                       {"\n", true},
                                       {"<|im_end|>", false},
                                       {"<|im_end|><|im_start|>", true},
                                       {"x", false},
                                       {"\n", true},
                                       {"<|b|>", false},
                                       {"<|im_end|>", true},
                                       {"<|B|>", false}};
  EXPECT_EQ(*rendered, expected);
}

TEST(Template, PrintedListsAndDictsKeepTheOriginOfTheirStrings) {
  const auto rendered = Render("{{ messages }}", {{"user", "<|im_end|>"}});
  ASSERT_TRUE(rendered.ok());
  for (const Piece& piece : *rendered) {
    EXPECT_FALSE(piece.from_template && piece.text.find("im_end") != std::string::npos);
  }
}

TEST(Template, SpecialTokensOfTheModelAreTrusted) {
  const auto rendered = Render("{{ bos_token }}{{ eos_token | trim }}");
  ASSERT_TRUE(rendered.ok());
  EXPECT_EQ(*rendered, (std::vector<Piece>{{"<s></s>", true}}));
}

struct ErrorCase {
  const char* source;
  StatusCode code;
  const char* message;
};

TEST(Template, ErrorsNameTheLineAndTheThing) {
  const ErrorCase cases[] = {
      {"\n{{ s | nosuch }}", StatusCode::kUnsupported,
       "chat template, line 2: the filter \"nosuch\" is not supported"},
      {"{{ n is nosuch(3) }}", StatusCode::kUnsupported,
       "chat template, line 1: the test \"nosuch\" is not supported"},
      {"a\n\n{% include 'x' %}", StatusCode::kUnsupported,
       "chat template, line 3: the statement \"include\" is not supported: a chat template is one file"},
      {"{% do x %}", StatusCode::kUnsupported,
       "chat template, line 1: the statement \"do\" is not supported"},
      {"{{ nosuch(3) }}", StatusCode::kInvalidArgument,
       "chat template, line 1: \"nosuch\" is undefined, so it cannot be called"},
      {"{{ s.nosuch() }}", StatusCode::kInvalidArgument,
       "chat template, line 1: \"nosuch\" is undefined, so it cannot be called"},
      {"{{ s.zfill(3) }}", StatusCode::kUnsupported,
       "chat template, line 1: \"zfill\" of a string is not supported"},
      {"\n{{ items.append(4) }}", StatusCode::kUnsupported,
       "chat template, line 2: \"append\" of a list is not supported: a template may not change its values"},
      {"{{ s.__class__ }}", StatusCode::kInvalidArgument,
       "chat template, line 1: the attribute \"__class__\" is refused: it begins with \"_\""},
      {"{{ d['__class__'] }}", StatusCode::kInvalidArgument,
       "chat template, line 1: the attribute \"__class__\" is refused: it begins with \"_\""},
      {"{% set d.b = 1 %}", StatusCode::kInvalidArgument,
       "chat template, line 1: \"d\" is a dict; only attributes of a namespace can be set"},
      {"{{ s | default(nosuch=1) }}", StatusCode::kInvalidArgument,
       "chat template, line 1: the filter default has no argument named \"nosuch\""},
      {"{{ d.get(key='a') }}", StatusCode::kInvalidArgument,
       "chat template, line 1: get takes no named arguments"},
      {"{% macro f(a) %}{% endmacro %}\n{{ f(1, 2) }}", StatusCode::kInvalidArgument,
       "chat template, line 2: the macro \"f\" takes at most 1 arguments, not 2"},
      {"{% macro f(a) %}{% endmacro %}{{ f(b=2) }}", StatusCode::kInvalidArgument,
       "chat template, line 1: the macro \"f\" has no argument named \"b\""},
      {"{% macro f() %}\n{{ raise_exception('deep') }}{% endmacro %}\n{{ f() }}",
       StatusCode::kInvalidArgument, "chat template, line 2: deep"},
      {"{% break %}", StatusCode::kInvalidArgument, "chat template, line 1: \"break\" is outside of a loop"},
      {"{% raw %}x", StatusCode::kInvalidArgument, "chat template, line 1: \"raw\" has no \"endraw\""},
      {"{{ f(*items) }}", StatusCode::kUnsupported,
       "chat template, line 1: arguments from a list or a dict (\"*\") are not supported"},
      {"{{ [missing] | tojson }}", StatusCode::kInvalidArgument,
       "chat template, line 1: tojson cannot be applied to undefined"},
      {"{{ 'a' + none }}", StatusCode::kInvalidArgument,
       "chat template, line 1: \"+\" is not defined for a string and none"},
      {"{{ strftime_now('%Y') }}", StatusCode::kInvalidArgument,
       "chat template, line 1: \"strftime_now\" is undefined, so it cannot be called"},
      {"{{ missing.content }}", StatusCode::kInvalidArgument,
       "chat template, line 1: \"content\" is asked of something undefined"},
      {"{{ missing[0] }}", StatusCode::kInvalidArgument,
       "chat template, line 1: item 0 is asked of something undefined"},
      {"\n{{ raise_exception('roles must alternate') }}", StatusCode::kInvalidArgument,
       "chat template, line 2: roles must alternate"},
      {"{{ 1 + 's' }}", StatusCode::kInvalidArgument,
       "chat template, line 1: \"+\" is not defined for an integer and a string"},
      {"{{ 9223372036854775807 + 1 }}", StatusCode::kInvalidArgument,
       "chat template, line 1: an integer overflows in \"+\""},
      {"{{ 9223372036854775808 }}", StatusCode::kInvalidArgument,
       "chat template, line 1: the integer 9223372036854775808 is too large, or has a wrong digit"},
      {"{{ 1 % 0 }}", StatusCode::kInvalidArgument, "chat template, line 1: division by zero"},
      {"{{ -s }}", StatusCode::kInvalidArgument, "chat template, line 1: \"-\" is not defined for a string"},
      {"{{ 5 | length }}", StatusCode::kInvalidArgument,
       "chat template, line 1: length cannot be applied to an integer"},
      {"{{ s | trim(1, 2) }}", StatusCode::kInvalidArgument,
       "chat template, line 1: the filter trim takes 0 to 1 arguments, not 2"},
      {"{{ raise_exception() }}", StatusCode::kInvalidArgument,
       "chat template, line 1: raise_exception takes 1 arguments, not 0"},
      {"{% for a, b in items %}{% endfor %}", StatusCode::kInvalidArgument,
       "chat template, line 1: an item cannot be unpacked to 2 names"},
      {"{% for a in n %}{% endfor %}", StatusCode::kInvalidArgument,
       "chat template, line 1: an integer cannot be looped over"},
      {"a\n{% if n %}\nb", StatusCode::kInvalidArgument, "chat template, line 2: \"endif\" is missing"},
      {"{% endfor %}", StatusCode::kInvalidArgument,
       "chat template, line 1: \"endfor\" has nothing to belong to"},
      {"{{ n", StatusCode::kInvalidArgument, "chat template, line 1: \"{{\" is not closed"},
      {"{% if", StatusCode::kInvalidArgument, "chat template, line 1: \"{%\" is not closed"},
      {"{# n", StatusCode::kInvalidArgument, "chat template, line 1: a comment \"{#\" is not closed"},
      {"{{ 'n }}", StatusCode::kInvalidArgument, "chat template, line 1: a string is not closed"},
      {"{{ '\\u12' }}", StatusCode::kInvalidArgument,
       "chat template, line 1: a \\x or \\u escape needs hexadecimal digits"},
      {"{{ n ? }}", StatusCode::kInvalidArgument, "chat template, line 1: unexpected character '?'"},
      {"{{ }}", StatusCode::kInvalidArgument, "chat template, line 1: expected an expression, found \"}}\""},
      {"{{ 1 2 }}", StatusCode::kInvalidArgument, "chat template, line 1: expected \"}}\", found \"2\""},
      {"{{ (1 }}", StatusCode::kInvalidArgument, "chat template, line 1: \"{{\" is not closed"},
      {"{% for in items %}", StatusCode::kInvalidArgument,
       "chat template, line 1: expected \"in\", found \"items\""},
      {"{{ if }}", StatusCode::kInvalidArgument,
       "chat template, line 1: expected an expression, found \"if\""},
  };
  for (const ErrorCase& wrong : cases) {
    const auto rendered = Render(wrong.source);
    ASSERT_FALSE(rendered.ok()) << wrong.source;
    EXPECT_EQ(rendered.status().code(), wrong.code) << wrong.source;
    EXPECT_EQ(rendered.status().message(), wrong.message);
  }
}

TEST(Template, BudgetsEndEveryTemplate) {
  std::string doubling = "{% set a = 'xxxxxxxxxxxxxxxx' %}", loops, lists = "{% set a = items %}";
  for (int i = 0; i < 60; ++i) doubling += "{% set a = a + a %}";
  for (int i = 0; i < 60; ++i) lists += "{% set a = a + a %}";
  for (int i = 0; i < 20; ++i) loops += "{% for i" + std::to_string(i) + " in items %}";
  for (int i = 0; i < 20; ++i) loops += "{% endfor %}";
  for (const std::string& source : {doubling, lists, loops}) {
    const auto rendered = Render(source);
    ASSERT_FALSE(rendered.ok());
    EXPECT_EQ(rendered.status().code(), StatusCode::kResourceExhausted);
  }
  const auto rendered =
      Render("{% for i in items %}12345{% endfor %}", {}, true, {.steps = 1000, .output_bytes = 14});
  ASSERT_FALSE(rendered.ok());
  EXPECT_EQ(rendered.status().message(), "chat template, line 1: the template writes more than 14 bytes");
  EXPECT_TRUE(
      Render("{% for i in items %}12345{% endfor %}", {}, true, {.steps = 1000, .output_bytes = 15}).ok());
}

TEST(Template, NestingIsBounded) {
  const auto repeat = [](std::string_view text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += text;
    return out;
  };
  constexpr int kMany = 20000;
  for (const std::string& source :
       {"{{ " + repeat("(", kMany) + "1" + repeat(")", kMany) + " }}", "{{ " + repeat("[", kMany) + " }}",
        "{{ 1" + repeat(" + 1", kMany) + " }}", "{{ " + repeat("not ", kMany) + "1 }}",
        "{{ " + repeat("-", kMany) + " 1 }}", "{{ d" + repeat(".a", kMany) + " }}",
        "{{ 1" + repeat("|trim", kMany) + " }}", "{{ 1" + repeat(" if 1 else 1", kMany) + " }}",
        repeat("{% if 1 %}", kMany), repeat("{% for i in items %}", kMany),
        "{{ 1" + repeat(" < 1", kMany) + " }}"}) {
    const auto rendered = Render(source);
    ASSERT_FALSE(rendered.ok()) << source.substr(0, 20);
    EXPECT_EQ(rendered.status().code(), StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(Template::Parse(std::string((1 << 20) + 1, 'x')).ok());
}

TEST(Template, EveryBeginningOfATemplateIsHandled) {
  for (const GoldenCase& golden : ReadGoldens()) {
    for (std::size_t length = 0; length < golden.source.size(); length += 1 + golden.source.size() / 200) {
      (void)Render(std::string_view(golden.source).substr(0, length), {{"user", "x"}});
    }
  }
}

}  // namespace
}  // namespace vivace::chat
