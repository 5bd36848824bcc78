#include "server/cors.h"

#include <algorithm>
#include <string_view>

namespace vivace::server {
namespace {

constexpr std::string_view kAllMethods = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";
constexpr std::string_view kMaxAgeSeconds = "600";

bool HasAll(const std::vector<std::string>& list) {
  return std::find(list.begin(), list.end(), "*") != list.end();
}

bool Has(const std::vector<std::string>& list, std::string_view entry) {
  return HasAll(list) || std::find(list.begin(), list.end(), entry) != list.end();
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string Joined(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& entry : list) out += (out.empty() ? "" : ", ") + entry;
  return out;
}

/// Whether each of "a, b" is allowed; capitals of header names do not count.
bool AllowsHeaders(const CorsRules& rules, std::string_view wanted) {
  if (HasAll(rules.headers)) return true;
  while (!wanted.empty()) {
    std::string_view name = wanted.substr(0, wanted.find(','));
    wanted.remove_prefix(std::min(name.size() + 1, wanted.size()));
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    const bool known = std::any_of(rules.headers.begin(), rules.headers.end(),
                                   [&](const std::string& one) { return Lower(one) == Lower(name); });
    if (!known && !name.empty()) return false;
  }
  return true;
}

}  // namespace

HeaderList CorsHeaders(const CorsRules& rules, const HttpRequest& request) {
  if (request.origin.empty() || !Has(rules.origins, request.origin)) return {};
  HeaderList headers;
  // A page that sends cookies must be named; "*" is for the others.
  const bool named = !HasAll(rules.origins) || rules.credentials;
  headers.emplace_back("Access-Control-Allow-Origin", named ? request.origin : "*");
  if (named) headers.emplace_back("Vary", "Origin");
  if (rules.credentials) headers.emplace_back("Access-Control-Allow-Credentials", "true");
  return headers;
}

std::optional<HttpReply> AnswerPreflight(const CorsRules& rules, const HttpRequest& request) {
  const bool is_preflight =
      request.method == "OPTIONS" && !request.origin.empty() && !request.preflight_method.empty();
  if (!is_preflight || rules.origins.empty()) return std::nullopt;
  std::string refused;
  if (!Has(rules.origins, request.origin)) refused += "origin";
  if (!Has(rules.methods, request.preflight_method)) refused += refused.empty() ? "method" : ", method";
  if (!AllowsHeaders(rules, request.preflight_headers)) refused += refused.empty() ? "headers" : ", headers";
  HttpReply reply{.content_type = "text/plain", .body = "OK"};
  if (!refused.empty()) {
    reply.status = 400;
    reply.body = "Disallowed CORS " + refused;
  }
  reply.headers.emplace_back("Access-Control-Allow-Methods",
                             HasAll(rules.methods) ? std::string(kAllMethods) : Joined(rules.methods));
  reply.headers.emplace_back("Access-Control-Max-Age", kMaxAgeSeconds);
  const std::string headers = HasAll(rules.headers) ? request.preflight_headers : Joined(rules.headers);
  if (!headers.empty()) reply.headers.emplace_back("Access-Control-Allow-Headers", headers);
  return reply;
}

}  // namespace vivace::server
