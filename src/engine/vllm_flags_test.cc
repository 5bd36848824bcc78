// Every flag, variable and config key of vLLM goes through the parser with a legal value and ends as the
// table says. testdata/vllm_surface.tsv is made by tests/goldens/gen_vllm_surface.py: kind, name, short form,
// value.
#include "engine/vllm_flags.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "engine/option_list.h"
#include "vivace/options.h"

namespace vivace::engine {
namespace {

struct SurfaceRow {
  std::string kind, name, short_form, value;
};

std::vector<SurfaceRow> ReadSurface(std::string_view kind) {
  std::ifstream file(VIVACE_SOURCE_DIR "/src/engine/testdata/vllm_surface.tsv");
  std::vector<SurfaceRow> rows;
  for (std::string line; std::getline(file, line);) {
    std::istringstream cells(line);
    SurfaceRow row;
    std::getline(cells, row.kind, '\t');
    std::getline(cells, row.name, '\t');
    std::getline(cells, row.short_form, '\t');
    std::getline(cells, row.value, '\t');
    if (row.kind == kind) rows.push_back(row);
  }
  return rows;
}

const VllmFlag* Find(std::span<const VllmFlag> table, std::string_view name) {
  const auto flag =
      std::find_if(table.begin(), table.end(), [&](const auto& f) { return f.row.name == name; });
  return flag == table.end() ? nullptr : &*flag;
}

/// What a name comes to when names that mean another one are followed.
const VllmFlag* Follow(const VllmFlag* flag) {
  while (flag != nullptr && flag->disposition == Disposition::kMapped) {
    const std::string_view name = flag->target;
    flag = Find(VllmFlags(), name);
    if (flag == nullptr) flag = Find(VllmConfigKeys(), name);
  }
  return flag;
}

bool IsReadByARow(const std::string& variable) {
  return std::any_of(AllOptions().begin(), AllOptions().end(), [&](const base::OptionRow& row) {
    const std::string wanted = "|" + variable, all = "|" + std::string(row.environment) + "|";
    return all.find(wanted + "|") != std::string::npos || all.find(wanted + ":") != std::string::npos;
  });
}

// What one setting did: the error, or what the log says about it.
struct Outcome {
  Status status;
  std::vector<std::string> notes;
};

Outcome SetOne(const std::string& name, std::string value) {
  Options options;
  if (value == "-") value = "true";
  const Status status = options.Set(name, value);
  return {status, options.notes()};
}

TEST(VllmFlags, EveryFlagOfVllmStandsInTheTableOnceAndNoOtherDoes) {
  std::set<std::string> surface;
  for (const SurfaceRow& row : ReadSurface("flag")) {
    EXPECT_TRUE(surface.insert(row.name).second) << row.name;
    const VllmFlag* flag = Find(VllmFlags(), row.name);
    ASSERT_NE(flag, nullptr) << row.name;
    if (row.short_form == "-" || flag->disposition == Disposition::kHonoured) continue;
    if (flag->row.name != "device-memory-utilization") {
      EXPECT_EQ(flag->row.short_form, row.short_form) << row.name;
    }
  }
  EXPECT_EQ(surface.size(), VllmFlags().size());
  std::set<std::string_view> names;
  for (const auto table : {VllmFlags(), VllmOldFlags(), VllmConfigKeys(), VllmVariables()}) {
    for (const VllmFlag& flag : table) EXPECT_TRUE(names.insert(flag.row.name).second) << flag.row.name;
  }
}

TEST(VllmFlags, AFlagIsHonouredExactlyWhenARowHasIt) {
  for (const auto table : {VllmFlags(), VllmOldFlags(), VllmConfigKeys()}) {
    for (const VllmFlag& flag : table) {
      const bool of_the_program = flag.row.name == "help" || flag.row.name == "config";
      const bool has_row = FindOption(flag.row.name).has_value() || of_the_program;
      EXPECT_EQ(has_row, flag.disposition == Disposition::kHonoured)
          << "correct its line in vllm_*.def: " << flag.row.name;
      if (flag.disposition != Disposition::kMapped) continue;
      EXPECT_TRUE(FindOption(flag.target) || FindVllmFlag(flag.target) != nullptr) << flag.row.name;
    }
  }
  for (const VllmFlag& variable : VllmVariables()) {
    EXPECT_EQ(IsReadByARow(std::string(variable.row.name)), variable.disposition == Disposition::kHonoured)
        << "correct its line in vllm_variables.def: " << variable.row.name;
  }
}

TEST(VllmFlags, EveryFlagWithALegalValueEndsAsTheTableSays) {
  for (const SurfaceRow& row : ReadSurface("flag")) {
    if (row.name == "help" || row.name == "config") continue;  // the program reads these two
    const VllmFlag* flag = Follow(Find(VllmFlags(), row.name));
    const Outcome outcome = SetOne(row.name, row.value);
    const std::string shown = "--" + row.name;
    if (flag == nullptr || flag->disposition == Disposition::kHonoured ||
        flag->disposition == Disposition::kByKey) {
      EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
    } else if (flag->disposition == Disposition::kWithoutEffect) {
      ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
      ASSERT_EQ(outcome.notes.size(), 1u) << shown;
      EXPECT_EQ(outcome.notes[0], shown + " has no effect here: " + std::string(flag->row.help));
    } else {
      EXPECT_EQ(outcome.status.code(), StatusCode::kInvalidArgument) << shown;
      EXPECT_TRUE(outcome.status.message().starts_with(shown + " is '")) << outcome.status.message();
      EXPECT_TRUE(outcome.status.message().ends_with(": " + std::string(flag->row.help)));
    }
  }
}

TEST(VllmFlags, EveryConfigKeyWithALegalValueEndsAsItsFlagWould) {
  for (const SurfaceRow& row : ReadSurface("key")) {
    if (row.name.starts_with("compilation-config.")) continue;
    const VllmFlag* key = Find(VllmConfigKeys(), row.name);
    ASSERT_NE(key, nullptr) << row.name;
    const VllmFlag* flag = Follow(key);
    const bool is_refused = flag != nullptr && flag->disposition == Disposition::kRefused;
    const Outcome outcome = SetOne(row.name, row.value);
    if (is_refused && !outcome.status.ok()) {
      EXPECT_TRUE(outcome.status.message().starts_with("--" + row.name + " is '"))
          << outcome.status.message();
      continue;
    }
    EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
    const bool says = flag != nullptr && flag->disposition == Disposition::kWithoutEffect;
    EXPECT_EQ(outcome.notes.size(), says ? 1u : 0u) << row.name;
  }
}

// Honoured, with a note, or refused by its full name: compilation_keys.cc says which.
TEST(VllmFlags, EveryCompilationKeyWithALegalValueIsKnown) {
  int seen = 0;
  for (const SurfaceRow& row : ReadSurface("key")) {
    if (!row.name.starts_with("compilation-config.")) continue;
    ++seen;
    std::string name = row.name;
    std::replace(name.begin(), name.end(), '-', '_');
    const Outcome outcome = SetOne(row.name, row.value);
    EXPECT_TRUE(outcome.status.ok() || outcome.status.message().starts_with(name))
        << outcome.status.message();
    for (const std::string& note : outcome.notes) EXPECT_TRUE(note.starts_with(name)) << note;
  }
  EXPECT_GT(seen, 40);
}

TEST(VllmFlags, ARefusedFlagTakesValuesThatAskForNothing) {
  int tried = 0;
  for (const auto table : {VllmFlags(), VllmOldFlags()}) {
    for (const VllmFlag& flag : table) {
      if (flag.disposition != Disposition::kRefused) continue;
      std::istringstream values{std::string(flag.target)};
      for (std::string value; std::getline(values, value, '|'); ++tried) {
        const Outcome outcome = SetOne(std::string(flag.row.name), value);
        EXPECT_TRUE(outcome.status.ok() && outcome.notes.empty()) << outcome.status.message();
      }
    }
  }
  EXPECT_GT(tried, 60);
}

TEST(VllmFlags, EveryVariableEndsAsTheTableSays) {
  std::size_t seen = 0;
  for (const SurfaceRow& row : ReadSurface("variable")) {
    const VllmFlag* variable = Find(VllmVariables(), row.name);
    ASSERT_NE(variable, nullptr) << row.name;
    ++seen;
    std::vector<std::string> notes;
    const std::pair<std::string, std::string> environment[] = {{row.name, row.value}};
    const Status status = CheckVllmVariables(environment, notes);
    const std::string shown = "environment variable " + row.name;
    if (variable->disposition == Disposition::kRefused) {
      EXPECT_TRUE(status.message().starts_with(shown + " is '")) << row.name << status.message();
      continue;
    }
    EXPECT_TRUE(status.ok()) << status.message();
    const bool says = variable->disposition == Disposition::kWithoutEffect;
    ASSERT_EQ(notes.size(), says ? 1u : 0u) << row.name;
    if (says) {
      EXPECT_EQ(notes[0], shown + " has no effect here: " + std::string(variable->row.help));
    }
  }
  EXPECT_EQ(seen, VllmVariables().size());
}

TEST(VllmFlags, AVariableThatVllmDoesNotKnowIsNamed) {
  std::vector<std::string> notes;
  const std::pair<std::string, std::string> environment[] = {
      {"VLLM_CASHE_ROOT", "x"}, {"VLLM_PORT", ""}, {"PATH", "x"}, {"VLLM_API_KEY", "x"}};
  EXPECT_TRUE(CheckVllmVariables(environment, notes).ok());
  EXPECT_EQ(notes, std::vector<std::string>{"Unknown vLLM environment variable detected: VLLM_CASHE_ROOT"});
}

TEST(VllmFlags, AnUnknownConfigKeyIsAnsweredWithTheNearestOne) {
  EXPECT_EQ(SetOne("attention-config.flash_attn_versoin", "2").status.message(),
            "attention_config has no key 'flash_attn_versoin': did you mean 'flash_attn_version'?");
  EXPECT_EQ(
      SetOne("kernel-config", R"({"enable_flashinfer_autotun": true})").status.message(),
      "kernel_config has no key 'enable_flashinfer_autotun': did you mean 'enable_flashinfer_autotune'?");
  EXPECT_EQ(SetOne("speculative-config.methode", "ngram").status.message(),
            "speculative_config has no key 'methode': did you mean 'method'?");
  EXPECT_EQ(SetOne("trust-remote-cod", "true").status.message(),
            "unknown option --trust-remote-cod: did you mean --trust-remote-code?");
}

TEST(VllmFlags, ObjectsAreTakenKeyByKeyOrAsAWhole) {
  Options options;
  EXPECT_TRUE(options.Set("cache-config", R"({"gpu_memory_utilization": 0.5, "block_size": 16})").ok());
  EXPECT_EQ(options.Number("gpu-memory-utilization"), 0.5);
  EXPECT_TRUE(options.Set("logging_config", "{'log_level': 'DEBUG', 'formatter': 'json'}").ok());
  EXPECT_EQ(options.Text("log-level"), "debug");
  EXPECT_EQ(options.Text("log-format"), "json");
  EXPECT_TRUE(options.Set("enable_flashinfer_autotune", "false").ok());
  EXPECT_FALSE(options.Flag("kernel-config.enable-flashinfer-autotune"));
  EXPECT_TRUE(options.Set("ir-op-priority.rms_norm", "native").ok());
  EXPECT_TRUE(options.Set("kernel-config.ir_op_priority.rms_norm", "native").ok());
  EXPECT_TRUE(options.Set("device-memory-utilization", "0.25").ok());
  EXPECT_EQ(options.Number("gpu-memory-utilization"), 0.25);
  EXPECT_EQ(options.notes(),
            (std::vector<std::string>{"--block-size has no effect here: the KV cache chooses its blocks, "
                                      "their order and their hashes itself",
                                      "--ir-op-priority.rms-norm has no effect here: each op has one "
                                      "compiled form, chosen by the weights' "
                                      "type"}));
}

TEST(VllmFlags, AWrongValueOfAFlagWithoutEffectIsAnErrorAllTheSame) {
  EXPECT_EQ(SetOne("moe-backend", "cutlas").status.message().substr(0, 42),
            "--moe-backend is 'cutlas': it must be one ");
  EXPECT_TRUE(SetOne("moe-backend", "deep-gemm").status.ok());
  EXPECT_EQ(SetOne("block-size", "large").status.message(),
            "--block-size is 'large': it must be a whole number");
  EXPECT_EQ(SetOne("cache-config.block_size", "large").status.message(),
            "--cache-config.block-size is 'large': it must be a whole number");
  EXPECT_EQ(SetOne("limit-mm-per-prompt", "3").status.message(),
            "--limit-mm-per-prompt is '3': it must be a JSON object or list");
}

}  // namespace
}  // namespace vivace::engine
