#include "server/serve_config.h"

#include <sys/stat.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <memory>
#include <sstream>
#include <utility>

#include "base/status_macros.h"

namespace vivace::server {
namespace {

/// The content of a file that must be a text of bounded size.
Result<std::string> ReadTextFile(const std::string& option, const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) {
    return NotFound("--" + option + " is '" + path + "': there is no such file, or it cannot be read");
  }
  std::string text(kMaxTemplateBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0)
    return InvalidArgument("--" + option + " is '" + path + "': it is no file");
  if (text.size() > kMaxTemplateBytes) {
    return InvalidArgument("--" + option + " is '" + path + "': it is over " +
                           std::to_string(kMaxTemplateBytes) + " bytes");
  }
  return text;
}

/// A file, or the template itself, which a pair of braces tells from a path.
Result<std::string> ReadTemplate(const std::string& value) {
  if (value.empty() || value.find("{{") != std::string::npos || value.find("{%") != std::string::npos) {
    return value;
  }
  return ReadTextFile("chat-template", value);
}

Status CheckTemplateVariables(const std::string& text) {
  if (text.empty()) return Status::Ok();
  boost::system::error_code error;
  boost::json::parse_options options;
  options.max_depth = kJsonDepth;
  const auto value = boost::json::parse(text, error, {}, options);
  if (!error && value.is_object()) return Status::Ok();
  return InvalidArgument("--default-chat-template-kwargs is '" + text.substr(0, 100) +
                         "': it must be a JSON object");
}

Status CheckNotEmpty(const std::string& option, const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    if (value.empty()) return InvalidArgument("--" + option + " is empty: give a text, or leave it out");
  }
  return Status::Ok();
}

Status CheckRootPath(const std::string& path) {
  if (path.empty() || (path.starts_with('/') && !path.ends_with('/'))) return Status::Ok();
  return InvalidArgument("--root-path is '" + path + "': it must begin with / and not end with it, as /api");
}

/// The texts of a JSON list.
Result<std::vector<std::string>> TextsOf(const Options& options, const std::string& name) {
  std::vector<std::string> texts;
  if (!options.IsSet(name)) return texts;
  const Status wrong = InvalidArgument("--" + name + " is '" + options.Text(name).substr(0, 100) +
                                       R"(': it must be a JSON list of texts, as ["*"])");
  boost::system::error_code error;
  const auto value = boost::json::parse(options.Text(name), error);
  if (error || !value.is_array()) return wrong;
  for (const auto& entry : value.get_array()) {
    if (!entry.is_string()) return wrong;
    texts.emplace_back(entry.get_string().data(), entry.get_string().size());
  }
  return texts;
}

Status ReadCors(const Options& options, CorsRules& rules) {
  VIVACE_ASSIGN_OR_RETURN(rules.origins, TextsOf(options, "allowed-origins"));
  VIVACE_ASSIGN_OR_RETURN(rules.methods, TextsOf(options, "allowed-methods"));
  VIVACE_ASSIGN_OR_RETURN(rules.headers, TextsOf(options, "allowed-headers"));
  rules.credentials = options.Flag("allow-credentials");
  for (const auto* list : {&rules.origins, &rules.methods, &rules.headers}) {
    for (const std::string& entry : *list) {
      // They become parts of a header.
      if (entry.find_first_of("\r\n") == std::string::npos) continue;
      return InvalidArgument("--allowed-origins, --allowed-methods and --allowed-headers take no line ends");
    }
  }
  return Status::Ok();
}

Status ReadFingerprint(const Options& options, ServiceConfig& service) {
  const std::string& mode = options.Text("fingerprint-mode");
  service.fingerprint_value = options.Text("fingerprint-value");
  service.fingerprint_mode = mode == "full"   ? FingerprintMode::kFull
                             : mode == "hash" ? FingerprintMode::kHash
                             : mode == "none" ? FingerprintMode::kNone
                                              : FingerprintMode::kCustom;
  if (service.fingerprint_mode != FingerprintMode::kCustom || options.IsSet("fingerprint-value"))
    return Status::Ok();
  return InvalidArgument("--fingerprint-mode is 'custom': give the text with --fingerprint-value");
}

/// What the log says of requests and answers.
void ReadLogging(const Options& options, ServiceConfig& service) {
  service.log_requests = options.Flag("enable-log-requests");
  service.log_outputs = options.Flag("enable-log-outputs");
  service.log_deltas = options.Flag("enable-log-deltas");
  if (options.IsSet("max-log-len")) service.max_log_len = static_cast<int>(options.Integer("max-log-len"));
  const std::string& level = options.Text("uvicorn-log-level");
  const bool shows_info = level == "info" || level == "debug" || level == "trace";
  service.log_access = shows_info && !options.Flag("disable-uvicorn-access-log");
  for (std::string_view rest = options.Text("disable-access-log-for-endpoints"); !rest.empty();) {
    const std::string_view path = rest.substr(0, rest.find(','));
    service.quiet_paths.emplace_back(path);
    rest.remove_prefix(std::min(path.size() + 1, rest.size()));
  }
  service.log = base::Log({base::LogLevelFromName(options.Text("log-level")).value_or(base::LogLevel::kInfo),
                           options.Text("log-format") == "json"});
}

std::size_t Size(const Options& options, std::string_view name) {
  return static_cast<std::size_t>(options.Integer(name));
}

std::chrono::milliseconds Duration(const Options& options, std::string_view name) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(options.Number(name) * 1000));
}

void ReadLimits(const Options& options, ServerConfig& config) {
  config.max_connections = Size(options, "max-connections");
  config.max_connections_per_client = Size(options, "max-connections-per-client");
  config.request_bytes_in_all = Size(options, "max-request-bytes-in-all");
  ConnectionLimits& limits = config.connection;
  limits.ping_interval = std::chrono::seconds(options.Integer("sse-keep-alive-interval"));
  limits.idle_timeout = std::chrono::seconds(options.Integer("http-keep-alive-timeout"));
  limits.header_timeout = limits.body_grace = Duration(options, "header-timeout");
  limits.body_bytes_per_second = Size(options, "min-body-rate");
  limits.write_timeout = Duration(options, "write-timeout");
  limits.http.request_line_bytes = Size(options, "max-request-line-bytes");
  limits.http.header_bytes = Size(options, "h11-max-incomplete-event-size");
  limits.http.header_count = Size(options, "h11-max-header-count");
  limits.http.body_bytes = Size(options, "max-body-bytes");
}

/// Keys of --api-key and those of the file, one a line.
Status ReadKeys(const Options& options, std::vector<std::string>& keys) {
  keys = options.List("api-key");
  VIVACE_RETURN_IF_ERROR(CheckNotEmpty("api-key", keys));
  const std::string& path = options.Text("api-key-file");
  if (path.empty()) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(const std::string text, ReadTextFile("api-key-file", path));
  const std::size_t given = keys.size();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    constexpr const char* kBlanks = " \t\r";
    line.erase(0, line.find_first_not_of(kBlanks));
    line.erase(line.find_last_not_of(kBlanks) + 1);
    if (!line.empty() && !line.starts_with('#')) keys.push_back(line);
  }
  if (keys.size() > given) return Status::Ok();
  return InvalidArgument("--api-key-file is '" + path + "': it holds no key; give one a line");
}

TlsFiles ReadTls(const Options& options) {
  return {.certificate = options.Text("ssl-certfile"),
          .key = options.Text("ssl-keyfile"),
          .authorities = options.Text("ssl-ca-certs"),
          .client_certificate = static_cast<int>(options.Integer("ssl-cert-reqs")),
          .ciphers = options.Text("ssl-ciphers")};
}

/// A server that was to speak TLS must not speak in clear.
Status CheckTls(const Options& options, const TlsFiles& files) {
  if (!files.certificate.empty()) return Status::Ok();
  for (const char* option : {"ssl-keyfile", "ssl-ca-certs", "ssl-cert-reqs", "ssl-ciphers"}) {
    if (options.Origin(option) == OptionOrigin::kDefault) continue;
    if (options.Text(option).empty() || options.Text(option) == "0") continue;
    return InvalidArgument("--" + std::string(option) + " is '" + options.Text(option) +
                           "': give --ssl-certfile, too; without a certificate there is no TLS");
  }
  return Status::Ok();
}

Result<RequestRules> RulesFrom(const Options& options) {
  RequestRules rules;
  rules.max_choices = static_cast<int>(options.Integer("max-n"));
  rules.max_stop_strings = static_cast<int>(options.Integer("max-stop-strings"));
  rules.json_depth = Size(options, "max-json-depth");
  rules.text_bytes = Size(options, "max-string-bytes");
  rules.max_logprobs = static_cast<int>(options.Integer("max-logprobs"));
  rules.stream_interval = static_cast<int>(options.Integer("stream-interval"));
  rules.include_usage = options.Flag("enable-force-include-usage");
  rules.tokens_as_ids = options.Flag("return-tokens-as-token-ids");
  rules.templates_from_requests = options.Flag("trust-request-chat-template");
  VIVACE_ASSIGN_OR_RETURN(rules.chat_template, ReadTemplate(options.Text("chat-template")));
  rules.template_variables_json = options.Text("default-chat-template-kwargs");
  VIVACE_RETURN_IF_ERROR(CheckTemplateVariables(rules.template_variables_json));
  return rules;
}

}  // namespace

Result<ServerConfig> ServerConfigFrom(const Options& options) {
  ServerConfig config;
  config.host = options.Text("host");
  config.port = static_cast<int>(options.Integer("port"));
  config.unix_socket = options.Text("uds");
  config.shutdown_timeout = Duration(options, "shutdown-timeout");
  ServiceConfig& service = config.service;
  service.max_sequences_in_flight =
      static_cast<int>(options.Integer("max-num-seqs") + options.Integer("max-num-queued-reqs"));
  VIVACE_ASSIGN_OR_RETURN(service.rules, RulesFrom(options));
  service.names = options.List("served-model-name");
  VIVACE_RETURN_IF_ERROR(CheckNotEmpty("served-model-name", service.names));
  VIVACE_RETURN_IF_ERROR(ReadKeys(options, service.keys));
  config.tls = ReadTls(options);
  VIVACE_RETURN_IF_ERROR(CheckTls(options, config.tls));
  service.root_path = options.Text("root-path");
  VIVACE_RETURN_IF_ERROR(CheckRootPath(service.root_path));
  service.response_role = options.Text("response-role");
  VIVACE_RETURN_IF_ERROR(CheckNotEmpty("response-role", {service.response_role}));
  service.prompt_tokens_details = options.Flag("enable-prompt-tokens-details");
  service.request_id_headers = options.Flag("enable-request-id-headers");
  VIVACE_RETURN_IF_ERROR(ReadCors(options, service.cors));
  VIVACE_RETURN_IF_ERROR(ReadFingerprint(options, service));
  ReadLogging(options, service);
  ReadLimits(options, config);
  return config;
}

void WarnWhenOpen(const ServerConfig& config, bool everywhere) {
  if (!everywhere || !config.service.keys.empty()) return;
  config.service.log.Warning("listening on all interfaces (--host " + config.host +
                             ") without --api-key: everybody who can reach this machine can use the model");
}

void WarnOfVisibleKeys(const Options& options, const ServerConfig& config) {
  const base::Log& log = config.service.log;
  if (options.Origin("api-key") == OptionOrigin::kUser) {
    log.Warning(
        "--api-key on the command line is seen by every user of this machine: --api-key-file or "
        "VLLM_API_KEY keep it private");
  }
  for (const char* option : {"api-key-file", "ssl-keyfile"}) {
    const std::string& path = options.Text(option);
    struct stat info {};
    if (path.empty() || ::stat(path.c_str(), &info) != 0 || (info.st_mode & S_IROTH) == 0) continue;
    log.Warning("--" + std::string(option) + " is '" + path +
                "': every user of this machine can read it; chmod 600 keeps it private");
  }
}

}  // namespace vivace::server
