// Options of the tuner.
#include <array>

#include "engine/option_list.h"

namespace vivace::engine {
namespace {

using base::OptionRow;
using base::OptionType;

// clang-format off: a table
constexpr std::array kRows = {
    OptionRow{.name = "kernel-config",
              .type = OptionType::kObject,
              .default_text = "",
              .help = "JSON of the keys below, or one key"},
    OptionRow{.name = "kernel-config.enable-flashinfer-autotune",
              .type = OptionType::kFlag,
              .default_text = "true",
              .by_level = "false|true|true",
              .environment = "VIVACE_AUTOTUNE",
              .help = "tuned tile plans: stored results at -O1, from -O2 on a search of a second at most for "
                      "what is missing, at -O3 of every legal plan; set explicitly, -O1 searches, too"},
    OptionRow{.name = "log-batchsize-interval",
              .type = OptionType::kNumber,
              .default_text = "-1",
              .minimum = -1,
              .maximum = 86400,
              .unit = "s",
              .environment = "VIVACE_LOG_BATCHSIZE_INTERVAL|VLLM_LOG_BATCHSIZE_INTERVAL",
              .help = "time between lines in the log that say how large the steps were; -1: none"},
    OptionRow{.name = "profile-out",
              .type = OptionType::kString,
              .default_text = "",
              .help = "file that gets the sizes of steps, at intervals and at the end: a profile for "
                      "--profile-in"},
    OptionRow{.name = "profile-in",
              .type = OptionType::kString,
              .default_text = "",
              .help = "a profile of the workload, from which -O3 takes its compile sizes"},
};
// clang-format on

}  // namespace

std::span<const OptionRow> TunerOptionRows() {
  return kRows;
}

}  // namespace vivace::engine
