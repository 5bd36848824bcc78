#include "cli/program_options.h"

#include <array>
#include <cstdlib>

namespace vivace::cli {
namespace {

using base::kConfigOption;
using base::kExplainOption;
using base::kGenerateOption;
using base::kInspectOption;
using base::kModelOption;
using base::kRunOption;
using base::kTokenizeOption;
using base::kTuneOption;
using base::OptionRow;
using base::OptionType;

constexpr double kMostTokens = 1 << 20;

constexpr std::array kRows = {
    OptionRow{.name = "prompt",
              .type = OptionType::kString,
              .default_text = "",
              .scope = kRunOption | kGenerateOption,
              .help = "a text to answer (run) or to go on from (generate; may be repeated)",
              .common = true},
    OptionRow{.name = "system",
              .type = OptionType::kString,
              .default_text = "",
              .scope = kRunOption,
              .help = "the system message of the chat; unset: the model's own",
              .common = true},
    OptionRow{.name = "prompt-ids",
              .type = OptionType::kString,
              .default_text = "",
              .scope = kGenerateOption,
              .help = "a prompt as token ids, 1,2,3 (may be repeated)",
              .common = true},
    OptionRow{.name = "prompts-file",
              .type = OptionType::kString,
              .default_text = "",
              .scope = kGenerateOption,
              .help = "a file with one prompt a line; - is the standard input",
              .common = true},
    OptionRow{
        .name = "json",
        .type = OptionType::kFlag,
        .default_text = "false",
        .scope = kGenerateOption | kInspectOption | kConfigOption | base::kCacheOption,
        .help = "print JSON: generate one object an answer (ids, text, log-probabilities, times in seconds)",
        .common = true},
    OptionRow{.name = "config",
              .type = OptionType::kString,
              .default_text = "",
              .scope = kModelOption | kInspectOption,
              .help = "a YAML file with options, 'max-model-len: 4k' a line; the command line wins",
              .common = true},
    OptionRow{.name = "decode",
              .type = OptionType::kFlag,
              .default_text = "false",
              .scope = kTokenizeOption,
              .help = "read a JSON array of token ids, print their text",
              .common = true},
    OptionRow{.name = "special",
              .type = OptionType::kFlag,
              .default_text = "false",
              .scope = kTokenizeOption,
              .help = "special tokens spelled in the text count; --decode shows them",
              .common = true},
    OptionRow{.name = "bos",
              .type = OptionType::kFlag,
              .default_text = "true",
              .scope = kTokenizeOption,
              .help = "put the model's beginning-of-sequence token in front where the model wants one",
              .common = true},
    OptionRow{.name = "show",
              .type = OptionType::kFlag,
              .default_text = "false",
              .scope = kTuneOption,
              .help = "print what is known, measure nothing",
              .common = true},
    OptionRow{.name = "tokens",
              .type = OptionType::kInteger,
              .default_text = "",
              .minimum = 1,
              .maximum = kMostTokens,
              .unit = "tokens",
              .scope = kExplainOption,
              .help = "tokens of the step; unset: a decode step of 1 and a prefill step of 512",
              .common = true},
    OptionRow{.name = "context",
              .type = OptionType::kInteger,
              .default_text = "0",
              .minimum = 0,
              .maximum = kMostTokens,
              .unit = "tokens",
              .scope = kExplainOption,
              .help = "tokens that are in the KV cache before the step",
              .common = true},
    OptionRow{.name = "format",
              .type = OptionType::kChoice,
              .default_text = "text",
              .choices = "text|json|html",
              .scope = kExplainOption,
              .help = "a table, one JSON object, or a page with bars",
              .common = true},
    OptionRow{.name = "output",
              .type = OptionType::kString,
              .default_text = "",
              .unit = "FILE",
              .scope = kExplainOption,
              .help = "write to this file rather than to the standard output",
              .common = true},
    OptionRow{.name = "rounds",
              .type = OptionType::kInteger,
              .default_text = "",
              .minimum = 1,
              .maximum = 1000,
              .unit = "rounds",
              .scope = kExplainOption,
              .help = "how often each step is run for its median; unset: for a second, at least 3 times",
              .common = true},
};

std::string Environment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

}  // namespace

std::span<const OptionRow> ProgramOptionRows() {
  return kRows;
}

std::vector<std::string> ModelFolders() {
  if (const std::string own = Environment("VIVACE_MODEL_DIR"); !own.empty()) return {own};
  std::vector<std::string> folders;
  if (const std::string cache = Environment("XDG_CACHE_HOME"); !cache.empty()) {
    folders.push_back(cache + "/vivace/models");
  } else if (const std::string home = Environment("HOME"); !home.empty()) {
    folders.push_back(home + "/.cache/vivace/models");
  }
  folders.push_back(".cache/models");
  return folders;
}

}  // namespace vivace::cli
