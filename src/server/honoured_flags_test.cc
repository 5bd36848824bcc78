// Each flag of `vllm serve` that the server honours changes its configuration: flag, value, what it then
// says. The flags of the engine have the same test in src/engine.
#include <gtest/gtest.h>

#include <functional>

#include "server/serve_config.h"

namespace vivace::server {
namespace {

using Reading = std::function<std::string(const ServerConfig&)>;

struct Effect {
  std::string flag, value;
  Reading reading;
  std::string expected;
};

std::string OnOff(bool on) {
  return on ? "on" : "off";
}

std::string First(const std::vector<std::string>& list) {
  return list.empty() ? "" : list.front();
}

using Config = const ServerConfig&;
const std::vector<Effect>& Effects() {
  static const std::vector<Effect> effects = {
      {"host", "::1", [](Config c) { return c.host; }, "::1"},
      {"port", "8001", [](Config c) { return std::to_string(c.port); }, "8001"},
      {"uds", "a.sock", [](Config c) { return c.unix_socket; }, "a.sock"},
      {"shutdown-timeout", "2", [](Config c) { return std::to_string(c.shutdown_timeout.count()); }, "2000"},
      {"api-key", "k", [](Config c) { return First(c.service.keys); }, "k"},
      {"root-path", "/api", [](Config c) { return c.service.root_path; }, "/api"},
      {"served-model-name", "n", [](Config c) { return First(c.service.names); }, "n"},
      {"response-role", "bot", [](Config c) { return c.service.response_role; }, "bot"},
      {"chat-template", "{{ x }}", [](Config c) { return c.service.rules.chat_template; }, "{{ x }}"},
      {"default-chat-template-kwargs", R"({"a":1})",
       [](Config c) { return c.service.rules.template_variables_json; }, R"({"a":1})"},
      {"trust-request-chat-template", "false",
       [](Config c) { return OnOff(c.service.rules.templates_from_requests); }, "off"},
      {"return-tokens-as-token-ids", "true", [](Config c) { return OnOff(c.service.rules.tokens_as_ids); },
       "on"},
      {"enable-force-include-usage", "true", [](Config c) { return OnOff(c.service.rules.include_usage); },
       "on"},
      {"max-logprobs", "5", [](Config c) { return std::to_string(c.service.rules.max_logprobs); }, "5"},
      {"stream-interval", "4", [](Config c) { return std::to_string(c.service.rules.stream_interval); }, "4"},
      {"enable-prompt-tokens-details", "true",
       [](Config c) { return OnOff(c.service.prompt_tokens_details); }, "on"},
      {"enable-log-requests", "true", [](Config c) { return OnOff(c.service.log_requests); }, "on"},
      {"enable-log-outputs", "true", [](Config c) { return OnOff(c.service.log_outputs); }, "on"},
      {"enable-log-deltas", "false", [](Config c) { return OnOff(c.service.log_deltas); }, "off"},
      {"max-log-len", "10", [](Config c) { return std::to_string(c.service.max_log_len); }, "10"},
      {"uvicorn-log-level", "warning", [](Config c) { return OnOff(c.service.log_access); }, "off"},
      {"disable-uvicorn-access-log", "true", [](Config c) { return OnOff(c.service.log_access); }, "off"},
      {"disable-access-log-for-endpoints", "/health,/ping",
       [](Config c) { return First(c.service.quiet_paths) + std::to_string(c.service.quiet_paths.size()); },
       "/health2"},
      {"enable-request-id-headers", "true", [](Config c) { return OnOff(c.service.request_id_headers); },
       "on"},
      {"allowed-origins", R"(["https://a"])", [](Config c) { return First(c.service.cors.origins); },
       "https://a"},
      {"allowed-methods", R"(["GET"])", [](Config c) { return First(c.service.cors.methods); }, "GET"},
      {"allowed-headers", R"(["X-A"])", [](Config c) { return First(c.service.cors.headers); }, "X-A"},
      {"allow-credentials", "true", [](Config c) { return OnOff(c.service.cors.credentials); }, "on"},
      {"fingerprint-mode", "none",
       [](Config c) { return OnOff(c.service.fingerprint_mode != FingerprintMode::kNone); }, "off"},
      {"fingerprint-value", "x", [](Config c) { return c.service.fingerprint_value; }, "x"},
      {"sse-keep-alive-interval", "3",
       [](Config c) { return std::to_string(c.connection.ping_interval.count()); }, "3000"},
      {"h11-max-incomplete-event-size", "4K",
       [](Config c) { return std::to_string(c.connection.http.header_bytes); }, "4096"},
      {"api-key-file", VIVACE_SOURCE_DIR "/tests/api/keys.txt",
       [](Config c) { return First(c.service.keys) + std::to_string(c.service.keys.size()); }, "first-key2"},
      {"ssl-certfile", "c.pem", [](Config c) { return c.tls.certificate; }, "c.pem"},
      {"max-request-line-bytes", "1K",
       [](Config c) { return std::to_string(c.connection.http.request_line_bytes); }, "1024"},
      {"max-body-bytes", "2K", [](Config c) { return std::to_string(c.connection.http.body_bytes); }, "2048"},
      {"max-request-bytes-in-all", "2M", [](Config c) { return std::to_string(c.request_bytes_in_all); },
       "2097152"},
      {"max-json-depth", "5", [](Config c) { return std::to_string(c.service.rules.json_depth); }, "5"},
      {"max-string-bytes", "1K", [](Config c) { return std::to_string(c.service.rules.text_bytes); }, "1024"},
      {"max-n", "3", [](Config c) { return std::to_string(c.service.rules.max_choices); }, "3"},
      {"max-stop-strings", "2", [](Config c) { return std::to_string(c.service.rules.max_stop_strings); },
       "2"},
      {"header-timeout", "0.5", [](Config c) { return std::to_string(c.connection.header_timeout.count()); },
       "500"},
      {"min-body-rate", "9", [](Config c) { return std::to_string(c.connection.body_bytes_per_second); },
       "9"},
      {"write-timeout", "2", [](Config c) { return std::to_string(c.connection.write_timeout.count()); },
       "2000"},
      {"max-connections", "8", [](Config c) { return std::to_string(c.max_connections); }, "8"},
      {"max-connections-per-client", "4",
       [](Config c) { return std::to_string(c.max_connections_per_client); }, "4"},
      {"h11-max-header-count", "7", [](Config c) { return std::to_string(c.connection.http.header_count); },
       "7"},
  };
  return effects;
}

TEST(HonouredFlags, EachOfTheServerChangesItsConfiguration) {
  const auto plain = ServerConfigFrom(Options());
  ASSERT_TRUE(plain.ok()) << plain.status().message();
  for (const Effect& effect : Effects()) {
    Options options;
    ASSERT_TRUE(options.Set(effect.flag, effect.value).ok()) << effect.flag;
    const auto config = ServerConfigFrom(options);
    ASSERT_TRUE(config.ok()) << config.status().message();
    EXPECT_EQ(effect.reading(*config), effect.expected) << effect.flag;
    EXPECT_NE(effect.reading(*plain), effect.expected) << effect.flag << ": the default shows no effect";
  }
  EXPECT_GE(Effects().size(), 47u);
}

TEST(HonouredFlags, WrongListsAndACustomFingerprintWithoutTextAreNamed) {
  for (const auto& [flag, value] :
       {std::pair{"allowed-origins", R"({"a": 1})"}, std::pair{"allowed-methods", "[1]"},
        std::pair{"allowed-headers", R"(["a\r\nb"])"}}) {
    Options options;
    ASSERT_TRUE(options.Set(flag, value).ok());
    const auto config = ServerConfigFrom(options);
    ASSERT_FALSE(config.ok()) << flag;
    EXPECT_NE(config.status().message().find(std::string("--") + flag), std::string::npos)
        << config.status().message();
  }
  Options options;
  ASSERT_TRUE(options.Set("fingerprint-mode", "custom").ok());
  EXPECT_EQ(ServerConfigFrom(options).status().message(),
            "--fingerprint-mode is 'custom': give the text with --fingerprint-value");
}

}  // namespace
}  // namespace vivace::server
