// Options of the HTTP server.
#include <array>

#include "engine/option_list.h"

namespace vivace::engine {
namespace {

using base::kServeOption;
using base::OptionRow;
using base::OptionType;

// clang-format off: a table
constexpr std::array kRows = {
    OptionRow{.name = "host",
              .type = OptionType::kString,
              .default_text = "127.0.0.1",
              .scope = kServeOption,
              .environment = "VIVACE_HOST",
              .help = "address to listen on; 0.0.0.0 or :: for all",
              .common = true},
    OptionRow{.name = "port",
              .type = OptionType::kInteger,
              .default_text = "8000",
              .minimum = 0,
              .maximum = 65535,
              .scope = kServeOption,
              .environment = "VIVACE_PORT",
              .help = "TCP port to listen on; 0: any free one",
              .common = true},
    OptionRow{.name = "shutdown-timeout",
              .type = OptionType::kNumber,
              .default_text = "30",
              .minimum = 0,
              .maximum = 86400,
              .unit = "s",
              .scope = kServeOption,
              .help = "time that running requests have to finish after SIGTERM"},
};
// clang-format on

}  // namespace

std::span<const OptionRow> ServeOptionRows() {
  return kRows;
}

}  // namespace vivace::engine
