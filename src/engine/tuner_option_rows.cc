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
              .help = "tuned tile sizes: stored results at -O1, a search as well from -O2 on"},
};
// clang-format on

}  // namespace

std::span<const OptionRow> TunerOptionRows() {
  return kRows;
}

}  // namespace vivace::engine
