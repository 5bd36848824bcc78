// The rotary keys of config.json: rope_theta beside rope_scaling (transformers 4), or both within
// rope_parameters (transformers 5), there also one object per kind of layer.

#include "base/status_macros.h"
#include "models/config_checks.h"
#include "models/folder_config.h"
#include "models/rope_facts.h"

namespace vivace::models {
namespace {

constexpr double kMaxFactor = 1e6;
constexpr double kLocalTheta = 10000;

Status ReadOr(const JsonFacts& facts, std::string_view key, double minimum, double maximum, double& value) {
  if (!facts.Has(key)) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(value, facts.Number(key, minimum, maximum));
  return Status::Ok();
}

Status ReadTheta(const JsonFacts& facts, std::string_view key, float& theta) {
  if (!facts.Has(key)) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(const double value, facts.Number(key, 1e-3, kMaxTheta));
  theta = static_cast<float>(value);
  return Status::Ok();
}

Status ReadLlama3(const JsonFacts& scaling, double factor, int head_dim, RopeFacts& rope) {
  Llama3Scaling s;
  s.factor = factor;
  VIVACE_ASSIGN_OR_RETURN(s.low_frequency, scaling.Number("low_freq_factor", 1e-3, kMaxFactor));
  VIVACE_ASSIGN_OR_RETURN(s.high_frequency, scaling.Number("high_freq_factor", 1e-3, kMaxFactor));
  if (s.high_frequency <= s.low_frequency) {
    return scaling.Wrong("high_freq_factor", "it must be more than low_freq_factor.");
  }
  VIVACE_ASSIGN_OR_RETURN(s.original_positions, scaling.Number("original_max_position_embeddings", 1,
                                                               static_cast<double>(kMaxPositions)));
  rope.factors = Llama3Factors(head_dim, rope.theta, s);
  return Status::Ok();
}

Status ReadYarn(const JsonFacts& scaling, double factor, const ModelConfig& config, RopeFacts& rope) {
  YarnScaling s;
  s.factor = factor;
  s.original_positions = config.max_positions;
  VIVACE_RETURN_IF_ERROR(ReadOr(scaling, "original_max_position_embeddings", 1,
                                static_cast<double>(kMaxPositions), s.original_positions));
  VIVACE_RETURN_IF_ERROR(ReadOr(scaling, "beta_fast", 1e-3, kMaxFactor, s.beta_fast));
  VIVACE_RETURN_IF_ERROR(ReadOr(scaling, "beta_slow", 1e-3, kMaxFactor, s.beta_slow));
  if (s.beta_fast < s.beta_slow) return scaling.Wrong("beta_fast", "it must not be less than beta_slow.");
  if (scaling.Has("truncate")) {
    VIVACE_ASSIGN_OR_RETURN(s.truncate, scaling.Bool("truncate"));
  }
  if (!(rope.theta > 1)) return DataLoss("config.json: rope_theta must be more than 1 for yarn.");
  double mscale = 0, mscale_all = 0, attention = 0;
  VIVACE_RETURN_IF_ERROR(ReadOr(scaling, "mscale", 0, 100, mscale));
  VIVACE_RETURN_IF_ERROR(ReadOr(scaling, "mscale_all_dim", 0, 100, mscale_all));
  VIVACE_RETURN_IF_ERROR(ReadOr(scaling, "attention_factor", 1e-3, 100, attention));
  if (attention == 0) {
    attention = mscale != 0 && mscale_all != 0
                    ? YarnAttentionFactor(factor, mscale) / YarnAttentionFactor(factor, mscale_all)
                    : YarnAttentionFactor(factor, 1);
  }
  rope.factors = YarnFactors(config.head_dim, rope.theta, s);
  rope.attention_factor = static_cast<float>(attention);
  return Status::Ok();
}

/// One object of rope_scaling or rope_parameters.
Status ReadScaling(const JsonFacts& scaling, const ModelConfig& config, RopeFacts& rope) {
  VIVACE_RETURN_IF_ERROR(ReadTheta(scaling, "rope_theta", rope.theta));
  std::string type = "default";
  for (const char* key : {"type", "rope_type"}) {
    if (!scaling.Has(key)) continue;
    VIVACE_ASSIGN_OR_RETURN(type, scaling.String(key));
  }
  if (type == "default") return Status::Ok();
  if (type != "linear" && type != "llama3" && type != "yarn") {
    return Unsupported(scaling.Name("rope_type") + " is '" + type.substr(0, 64) +
                       "'; this build knows 'default', 'linear', 'llama3' and 'yarn'.");
  }
  VIVACE_ASSIGN_OR_RETURN(const double factor, scaling.Number("factor", 1e-3, kMaxFactor));
  if (type == "llama3") return ReadLlama3(scaling, factor, config.head_dim, rope);
  if (type == "yarn") return ReadYarn(scaling, factor, config, rope);
  rope.factors = LinearFactors(config.head_dim, factor);
  return Status::Ok();
}

}  // namespace

Status ReadFolderRope(const JsonFacts& facts, const ModelFamily& family, ModelConfig& config) {
  RopeFacts& global = config.rope;
  RopeFacts& local = config.local_rope;
  const bool two_bases = family.window_rule == WindowRule::kAllButNth;
  global.theta = family.defaults.rope_theta;
  local.theta = kLocalTheta;
  VIVACE_RETURN_IF_ERROR(ReadTheta(facts, "rope_theta", global.theta));
  VIVACE_RETURN_IF_ERROR(ReadTheta(facts, "rope_local_base_freq", local.theta));
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!facts.Has(key)) continue;
    VIVACE_ASSIGN_OR_RETURN(const JsonFacts scaling, facts.Object(key));
    if (!scaling.IsObject("full_attention")) {
      VIVACE_RETURN_IF_ERROR(ReadScaling(scaling, config, global));
      continue;
    }
    VIVACE_ASSIGN_OR_RETURN(const JsonFacts full, scaling.Object("full_attention"));
    VIVACE_RETURN_IF_ERROR(ReadScaling(full, config, global));
    if (!two_bases || !scaling.Has("sliding_attention")) continue;
    VIVACE_ASSIGN_OR_RETURN(const JsonFacts sliding, scaling.Object("sliding_attention"));
    VIVACE_RETURN_IF_ERROR(ReadScaling(sliding, config, local));
  }
  if (!two_bases) local = global;
  return Status::Ok();
}

}  // namespace vivace::models
