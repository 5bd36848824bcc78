// Every key of vLLM's CompilationConfig, of the present and of the past, comes to the end that the list says.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "engine/engine_config.h"
#include "engine/option_list.h"
#include "vivace/options.h"

namespace vivace {
namespace {

struct ListedKey {
  std::string key, value, end;
};

std::vector<ListedKey> ReadList() {
  std::ifstream file(VIVACE_SOURCE_DIR "/src/engine/testdata/compilation_keys.tsv");
  std::vector<ListedKey> keys;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t first = line.find('\t'), second = line.find('\t', first + 1);
    keys.push_back(
        {line.substr(0, first), line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return keys;
}

// {"pass_config": {"fuse_norm_quant": false}}
std::string AsJson(const ListedKey& key) {
  const std::size_t dot = key.key.find('.');
  if (dot == std::string::npos) return "{\"" + key.key + "\": " + key.value + "}";
  return "{\"" + key.key.substr(0, dot) + "\": {\"" + key.key.substr(dot + 1) + "\": " + key.value + "}}";
}

bool SetsARow(const Options& options) {
  const auto rows = engine::AllOptions();
  return std::any_of(rows.begin(), rows.end(), [&](const base::OptionRow& row) {
    return options.Origin(row.name) == OptionOrigin::kUser;
  });
}

// "no effect" when a line says so.
std::string EndOf(Status status, const Options& options) {
  if (!status.ok()) return "refused";
  const auto config = engine::ResolveSettings(options);
  if (!config.ok()) return "refused when resolved: " + config.status().message();
  const auto& notes = config->notes;
  const bool is_named = std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
    return note.find("has no effect: ") != std::string::npos;
  });
  if (is_named) return "no effect";
  return SetsARow(options) ? "honoured" : "empty";
}

TEST(CompilationKeyList, EveryKeyComesToItsEndAsJsonAndAsAFlag) {
  const std::vector<ListedKey> keys = ReadList();
  ASSERT_GE(keys.size(), 70u);
  for (const ListedKey& key : keys) {
    Options json;
    EXPECT_EQ(EndOf(json.Set("compilation-config", AsJson(key)), json), key.end) << key.key;
    if (key.value.starts_with('{') && key.end == "empty") continue;
    Options flag;
    std::string text = key.value;
    if (text.starts_with('"')) text = text.substr(1, text.size() - 2);
    EXPECT_EQ(EndOf(flag.Set("compilation-config." + key.key, text), flag), key.end) << key.key;
  }
}

TEST(CompilationKeyList, AMissOfOneLetterNamesTheKey) {
  for (const ListedKey& key : ReadList()) {
    if (key.end != "honoured" || key.key == "level") continue;
    Options options;
    const std::string miss = key.key.substr(0, key.key.size() - 1) + "x";
    const Status status = options.Set("compilation-config." + miss, "1");
    ASSERT_FALSE(status.ok()) << miss;
    EXPECT_NE(status.message().find("did you mean '"), std::string::npos) << status.message();
  }
}

TEST(CompilationKeyList, WrongTypesOfKeysWithoutEffectAreErrors) {
  for (const auto& [key, value] : {std::pair{"cudagraph_num_of_warmups", "many"},
                                   {"ir_enable_torch_wrap", "maybe"},
                                   {"compile_cache_save_format", "zip"},
                                   {"dynamic_shapes_config.type", "some"},
                                   {"decoder_replay_trim_threshold", "-1"},
                                   {"encoder_cudagraph_token_budgets", "[a]"}}) {
    Options options;
    const Status status = options.Set(std::string("compilation-config.") + key, value);
    EXPECT_FALSE(status.ok()) << key;
    EXPECT_TRUE(status.message().starts_with("--compilation-config.")) << status.message();
  }
}

}  // namespace
}  // namespace vivace
