// Options of how an answer is sampled: defaults for `serve`, values for `run` and `generate`.
#include <array>

#include "engine/option_list.h"

namespace vivace::engine {
namespace {

using base::kModelOption;
using base::kSamplingOption;
using base::OptionRow;
using base::OptionType;

// clang-format off: a table
constexpr std::array kRows = {
    OptionRow{.name = "temperature",
              .type = OptionType::kNumber,
              .default_text = "1",
              .minimum = 0,
              .maximum = 2,
              .scope = kSamplingOption,
              .help = "0 takes the likeliest token; more is more varied"},
    OptionRow{.name = "top-p",
              .type = OptionType::kNumber,
              .default_text = "1",
              .minimum = 0,
              .maximum = 1,
              .scope = kSamplingOption,
              .help = "draw from the likeliest tokens that together have this probability"},
    OptionRow{.name = "top-k",
              .type = OptionType::kInteger,
              .default_text = "0",
              .minimum = -1,
              .maximum = 1 << 24,
              .unit = "tokens",
              .scope = kSamplingOption,
              .help = "draw from so many likeliest tokens; 0 or -1: all"},
    OptionRow{.name = "seed",
              .type = OptionType::kInteger,
              .default_text = "",
              .minimum = 1,
              .maximum = 0,
              .scope = kSamplingOption | kModelOption,
              .help = "makes draws repeatable; unset: another one each time"},
    OptionRow{.name = "max-tokens",
              .type = OptionType::kInteger,
              .default_text = "16",
              .minimum = 1,
              .maximum = 1 << 24,
              .unit = "tokens",
              .scope = kSamplingOption,
              .help = "tokens of an answer at most"},
    OptionRow{.name = "stop",
              .type = OptionType::kList,
              .default_text = "",
              .scope = kSamplingOption,
              .help = "the answer ends before this text; may be repeated"},
    OptionRow{.name = "logprobs",
              .type = OptionType::kInteger,
              .default_text = "",
              .minimum = 0,
              .maximum = 20,
              .unit = "tokens",
              .scope = kSamplingOption,
              .help = "give each token's log-probability and those of so many likeliest tokens"},
    OptionRow{.name = "prompt-logprobs",
              .type = OptionType::kInteger,
              .default_text = "",
              .minimum = 0,
              .maximum = 20,
              .unit = "tokens",
              .scope = kSamplingOption,
              .help = "the same for the tokens of the prompt"},
    OptionRow{.name = "ignore-eos",
              .type = OptionType::kFlag,
              .default_text = "false",
              .scope = kSamplingOption,
              .help = "do not end at the model's end token"},
};
// clang-format on

}  // namespace

std::span<const OptionRow> SamplingOptionRows() {
  return kRows;
}

}  // namespace vivace::engine
