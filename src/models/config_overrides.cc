#include "models/config_overrides.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <vector>

#include "base/nearest_name.h"

namespace vivace::models {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxBytes = std::size_t{1} << 16;
constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kShownBytes = 64;

struct Key {
  std::string_view name;
};

// Keys that a config.json may lack although a model reads them.
constexpr Key kOptionalKeys[] = {{"rope_scaling"},        {"rope_parameters"}, {"sliding_window"},
                                 {"use_sliding_window"},  {"layer_types"},     {"max_window_layers"},
                                 {"quantization_config"}, {"attention_bias"},  {"mlp_bias"}};

json::value Parse(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error, {}, options);
  return error ? json::value() : value;
}

void Merge(const json::object& from, json::object& into) {
  for (const auto& entry : from) {
    json::value& old = into[entry.key()];
    if (entry.value().is_object() && old.is_object()) {
      Merge(entry.value().get_object(), old.get_object());
    } else {
      old = entry.value();
    }
  }
}

Status CheckKeys(const json::object& overrides, const json::object& config) {
  std::vector<Key> known(std::begin(kOptionalKeys), std::end(kOptionalKeys));
  for (const auto& entry : config) known.push_back({{entry.key().data(), entry.key().size()}});
  for (const auto& entry : overrides) {
    const std::string_view name(entry.key().data(), entry.key().size());
    const std::string_view nearest = base::NearestName(name.substr(0, kShownBytes), known);
    if (name == nearest) continue;
    return InvalidArgument("--hf-overrides has '" + std::string(name.substr(0, kShownBytes)) +
                           "', which the model's config.json has not; did you mean '" + std::string(nearest) +
                           "'?");
  }
  return Status::Ok();
}

}  // namespace

Result<std::string> OverrideConfig(std::string_view config, std::string_view overrides) {
  const json::value wanted = overrides.size() > kMaxBytes ? json::value() : Parse(overrides);
  if (!wanted.is_object()) {
    return InvalidArgument("--hf-overrides is '" + std::string(overrides.substr(0, kShownBytes)) +
                           R"(': it must be a JSON object, as '{"num_hidden_layers": 1}')");
  }
  json::value value = Parse(config);
  if (!value.is_object()) return std::string(config);  // whoever reads it says what is wrong
  if (Status status = CheckKeys(wanted.get_object(), value.get_object()); !status.ok()) return status;
  Merge(wanted.get_object(), value.get_object());
  return std::string(json::serialize(value));
}

}  // namespace vivace::models
