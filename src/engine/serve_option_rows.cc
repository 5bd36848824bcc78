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
    OptionRow{
        .name = "api-key",
        .type = OptionType::kList,
        .default_text = "",
        .scope = kServeOption,
        .environment = "VIVACE_API_KEY|VLLM_API_KEY",
        .help = "keys, one of which a client of /v1/ must show; in the environment nobody sees it in ps",
        .common = true,
        .several = true},
    OptionRow{.name = "shutdown-timeout",
              .type = OptionType::kNumber,
              .default_text = "30",
              .minimum = 0,
              .maximum = 86400,
              .unit = "s",
              .scope = kServeOption,
              .help = "time that running requests have to finish after SIGTERM"},
    OptionRow{.name = "root-path",
              .type = OptionType::kString,
              .default_text = "",
              .scope = kServeOption,
              .help = "prefix of paths that a proxy in front does not take away, as /api"},
    OptionRow{.name = "chat-template",
              .type = OptionType::kString,
              .default_text = "",
              .scope = kServeOption,
              .help = "Jinja file, or the template itself, instead of the model's chat template"},
    OptionRow{.name = "default-chat-template-kwargs",
              .type = OptionType::kString,
              .default_text = "",
              .scope = kServeOption,
              .help = "JSON object: variables of the template for every request"},
    OptionRow{.name = "trust-request-chat-template",
              .type = OptionType::kFlag,
              .default_text = "true",
              .scope = kServeOption,
              .help = "requests may bring a chat template of their own; it runs within bounds"},
    OptionRow{.name = "response-role",
              .type = OptionType::kString,
              .default_text = "assistant",
              .scope = kServeOption,
              .help = "role of chat answers"},
    OptionRow{.name = "max-logprobs",
              .type = OptionType::kInteger,
              .default_text = "20",
              .minimum = 0,
              .maximum = 20,
              .unit = "tokens",
              .scope = kServeOption,
              .help = "log-probabilities that a request may ask for beside each token"},
    OptionRow{.name = "stream-interval",
              .type = OptionType::kInteger,
              .default_text = "1",
              .minimum = 1,
              .maximum = 1 << 20,
              .unit = "tokens",
              .scope = kServeOption,
              .help = "tokens of one chunk of a stream; the first comes at once"},
    OptionRow{.name = "enable-prompt-tokens-details",
              .type = OptionType::kFlag,
              .default_text = "false",
              .scope = kServeOption,
              .help = "the usage says how many prompt tokens came from the cache"},
    OptionRow{.name = "enable-force-include-usage",
              .type = OptionType::kFlag,
              .default_text = "false",
              .scope = kServeOption,
              .help = "every stream ends with its usage"},
    OptionRow{.name = "return-tokens-as-token-ids",
              .type = OptionType::kFlag,
              .default_text = "false",
              .scope = kServeOption,
              .help = "tokens in log-probabilities are written token_id:ID"},
    OptionRow{.name = "enable-log-requests",
              .type = OptionType::kFlag,
              .default_text = "false",
              .scope = kServeOption,
              .help = "log each request; its prompt too where the log level is debug"},
    OptionRow{.name = "max-log-len",
              .type = OptionType::kInteger,
              .default_text = "",
              .minimum = 0,
              .maximum = 1 << 30,
              .unit = "characters",
              .scope = kServeOption,
              .help = "of a prompt in the log at most; unset: all of it"},
};
// clang-format on

}  // namespace

std::span<const OptionRow> ServeOptionRows() {
  return kRows;
}

}  // namespace vivace::engine
