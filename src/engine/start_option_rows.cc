// Options of how an engine starts: what it insists on, and what it serves with while it is not ready in full.
#include <array>

#include "engine/option_list.h"

namespace vivace::engine {
namespace {

using base::OptionRow;
using base::OptionType;

// clang-format off: a table
constexpr std::array kRows = {
    OptionRow{.name = "require-compiled",
              .type = OptionType::kFlag,
              .default_text = "false",
              .help = "fail when a part of the model cannot be compiled, rather than run it on portable "
                      "kernels with a warning"},
    OptionRow{.name = "tier-up",
              .type = OptionType::kFlag,
              .default_text = "false",
              .help = "compile, answer at -O0 at once, pack the weights in the background and go on with the "
                      "compiled program: a request ends on the program that it began on"},
    OptionRow{.name = "cudagraph-metrics",
              .type = OptionType::kFlag,
              .default_text = "false",
              .help = "log with the statistics how many steps of each size replayed a captured plan, as a "
                      "table"},
};
// clang-format on

}  // namespace

std::span<const OptionRow> StartOptionRows() {
  return kRows;
}

}  // namespace vivace::engine
