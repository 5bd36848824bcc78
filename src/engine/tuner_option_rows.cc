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
    OptionRow{
        .name = "kernel-config.enable-flashinfer-autotune",
        .type = OptionType::kFlag,
        .default_text = "true",
        .by_level = "false|true|true",
        .environment = "VIVACE_AUTOTUNE",
        .help = "tuned tile plans: stored results, and a search as --tuning-search says; set explicitly, -O1 "
                "searches, too"},
    OptionRow{
        .name = "tuning-search",
        .type = OptionType::kChoice,
        .default_text = "bounded",
        .by_level = "none|none|bounded|exhaustive",
        .choices = "none|bounded|exhaustive",
        .help =
            "what a start measures beside stored plans: nothing, for a second at most what is missing, or "
            "every legal plan"},
    OptionRow{.name = "profile-sizes",
              .type = OptionType::kFlag,
              .default_text = "false",
              .by_level = "false|false|false|true",
              .help = "compile sizes come from a recorded workload where there is one (--profile-in), unless "
                      "-cc.compile_sizes is given"},
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
              .help = "a profile of the workload for --profile-sizes"},
};
// clang-format on

}  // namespace

std::span<const OptionRow> TunerOptionRows() {
  return kRows;
}

}  // namespace vivace::engine
