#include <gtest/gtest.h>

#include <map>
#include <variant>

#include "checkpoint/gguf_test_file.h"
#include "models/model_config.h"

namespace vivace::models {
namespace {

/// Metadata from a list, with the errors of the real reader in short.
class FakeMetadata : public MetadataView {
 public:
  using Value = std::variant<std::int64_t, double, std::string>;
  std::map<std::string, Value, std::less<>> values = {
      {"general.architecture", std::string("llama")},
      {"llama.block_count", std::int64_t{30}},
      {"llama.context_length", std::int64_t{8192}},
      {"llama.embedding_length", std::int64_t{576}},
      {"llama.feed_forward_length", std::int64_t{1536}},
      {"llama.attention.head_count", std::int64_t{9}},
      {"llama.attention.head_count_kv", std::int64_t{3}},
      {"llama.attention.layer_norm_rms_epsilon", 1e-5},
      {"llama.rope.freq_base", 1e5},
      {"llama.rope.dimension_count", std::int64_t{64}},
      {"llama.vocab_size", std::int64_t{49152}},
  };

  bool Has(std::string_view key) const override { return values.count(key) > 0; }
  Result<std::int64_t> Integer(std::string_view key, std::int64_t minimum,
                               std::int64_t maximum) const override {
    const auto* value = Get<std::int64_t>(key);
    if (value == nullptr) return DataLoss(std::string(key) + " missing or of another type");
    if (*value >= minimum && *value <= maximum) return *value;
    return DataLoss(std::string(key) + " out of range");
  }
  Result<double> Number(std::string_view key) const override {
    const auto* value = Get<double>(key);
    return value ? Result<double>(*value) : DataLoss(std::string(key) + " missing or of another type");
  }
  Result<std::string_view> String(std::string_view key) const override {
    const auto* value = Get<std::string>(key);
    return value ? Result<std::string_view>(*value)
                 : DataLoss(std::string(key) + " missing or of another type");
  }

 private:
  template <class T>
  const T* Get(std::string_view key) const {
    const auto found = values.find(key);
    return found == values.end() ? nullptr : std::get_if<T>(&found->second);
  }
};

TEST(ReadConfig, ReadsTheFactsOfALlama) {
  const Result<ModelConfig> config = ReadConfig(FakeMetadata());
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->architecture, "llama");
  EXPECT_EQ(config->layers, 30);
  EXPECT_EQ(config->hidden, 576);
  EXPECT_EQ(config->heads, 9);
  EXPECT_EQ(config->kv_heads, 3);
  EXPECT_EQ(config->head_dim, 64);
  EXPECT_EQ(config->ffn, 1536);
  EXPECT_EQ(config->vocabulary, 49152);
  EXPECT_EQ(config->max_positions, 8192);
  EXPECT_EQ(config->norm_eps, 1e-5f);
  EXPECT_EQ(config->rope.theta, 1e5f);
  EXPECT_EQ(config->attention_scale, 0.125f);
}

TEST(ReadConfig, OptionalKeysHaveTheFormatsDefaults) {
  FakeMetadata metadata;
  for (const char* key : {"llama.attention.head_count_kv", "llama.rope.freq_base",
                          "llama.rope.dimension_count", "llama.vocab_size"}) {
    metadata.values.erase(key);
  }
  const Result<ModelConfig> config = ReadConfig(metadata);
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->kv_heads, 9);
  EXPECT_EQ(config->rope.theta, 10000.0f);
  EXPECT_EQ(config->vocabulary, 0);
}

TEST(ReadConfig, HeadSizeMayBeGiven) {
  FakeMetadata metadata;
  metadata.values["llama.attention.key_length"] = std::int64_t{128};
  metadata.values["llama.attention.value_length"] = std::int64_t{128};
  metadata.values["llama.rope.dimension_count"] = std::int64_t{128};
  const Result<ModelConfig> config = ReadConfig(metadata);
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->head_dim, 128);
}

struct BadValue {
  std::string key;
  FakeMetadata::Value value;
  std::string message;
};
void PrintTo(const BadValue& bad, std::ostream* out) {
  *out << bad.key;
}

class ReadConfigErrors : public testing::TestWithParam<BadValue> {};

TEST_P(ReadConfigErrors, NameTheKeyAndTheValue) {
  FakeMetadata metadata;
  metadata.values[GetParam().key] = GetParam().value;
  const Result<ModelConfig> config = ReadConfig(metadata);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, ReadConfigErrors,
    testing::Values(
        BadValue{"general.architecture", "gpt9",
                 "general.architecture is 'gpt9'; this build knows 'llama', 'mistral', 'qwen2', 'qwen3', "
                 "'gemma3'. If you need it, say so in Vivace's issue tracker, with a link to the model."},
        BadValue{"general.architecture", 3.0, "general.architecture missing or of another type"},
        BadValue{"llama.block_count", std::int64_t{0}, "llama.block_count out of range"},
        BadValue{"llama.block_count", std::int64_t{1} << 40, "llama.block_count out of range"},
        BadValue{"llama.embedding_length", std::int64_t{577},
                 "llama.embedding_length is 577, which does not split into llama.attention.head_count is 9 "
                 "heads of "
                 "at most 512. Convert the checkpoint again."},
        BadValue{"llama.embedding_length", "many", "llama.embedding_length missing or of another type"},
        BadValue{"llama.attention.head_count", std::int64_t{0}, "llama.attention.head_count out of range"},
        BadValue{
            "llama.attention.head_count_kv", std::int64_t{18},
            "llama.attention.head_count_kv is 18, which does not divide llama.attention.head_count is 9. "
            "Convert the checkpoint again."},
        BadValue{"llama.attention.head_count_kv", std::int64_t{4},
                 "llama.attention.head_count_kv is 4, which does not divide llama.attention.head_count is 9. "
                 "Convert the checkpoint again."},
        BadValue{"llama.attention.value_length", std::int64_t{32},
                 "llama.attention.value_length is 32, other than the keys' 64; this build knows only equal "
                 "lengths."},
        BadValue{"llama.attention.key_length", std::int64_t{68},
                 "the head size (llama.attention.key_length, or llama.embedding_length / "
                 "llama.attention.head_count) is 68; this build knows only multiples of 8."},
        BadValue{"llama.attention.layer_norm_rms_epsilon", 0.0,
                 "llama.attention.layer_norm_rms_epsilon is 0.000000; it must be a positive number up to "
                 "1.000000. "
                 "Convert the checkpoint again."},
        BadValue{
            "llama.rope.freq_base", -1.0,
            "llama.rope.freq_base is -1.000000; it must be a positive number up to 1000000000000.000000. "
            "Convert the checkpoint again."},
        BadValue{"llama.rope.dimension_count", std::int64_t{32},
                 "llama.rope.dimension_count is 32, other than the head size 64; this build rotates whole "
                 "heads only."},
        BadValue{"llama.rope.scaling.type", "longrope",
                 "llama.rope.scaling.type is 'longrope'; this build knows 'none', 'linear' and 'yarn'."},
        BadValue{"llama.rope.scaling.factor", -4.0,
                 "llama.rope.scaling.factor is -4.000000; it must be a positive number up to "
                 "1000000.000000. Convert the checkpoint again."},
        BadValue{"llama.expert_count", std::int64_t{8},
                 "llama.expert_count is 8; this build knows only models without it."},
        BadValue{"llama.attention.sliding_window", std::int64_t{-1},
                 "llama.attention.sliding_window out of range"}));

TEST(ReadConfig, EveryRequiredKeyIsMissed) {
  for (const char* key : {"general.architecture", "llama.block_count", "llama.context_length",
                          "llama.embedding_length", "llama.feed_forward_length", "llama.attention.head_count",
                          "llama.attention.layer_norm_rms_epsilon"}) {
    FakeMetadata metadata;
    metadata.values.erase(key);
    const Result<ModelConfig> config = ReadConfig(metadata);
    ASSERT_FALSE(config.ok()) << key;
    EXPECT_NE(config.status().message().find(key), std::string::npos) << config.status().message();
  }
}

TEST(ReadWeights, GivesMatricesAndVectorsAndRefusesMoreDimensions) {
  checkpoint::GgufTestFile file;
  file.Header(2, 0).Tensor("v", {8}, 0, 0).Tensor("m", {32, 3}, 8, 32).Data(32 + 3 * 34);
  const auto parsed = checkpoint::Checkpoint::Parse(file.bytes(), "good.gguf");
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const auto weights = ReadWeights(**parsed, ModelConfig());
  ASSERT_TRUE(weights.ok());
  EXPECT_EQ((*weights)[0].rows, 0);
  EXPECT_EQ((*weights)[0].width, 8);
  EXPECT_EQ((*weights)[1].rows, 3);
  EXPECT_EQ((*weights)[1].width, 32);
  EXPECT_EQ((*weights)[1].dtype, tensor::DType::kQ8_0);

  checkpoint::GgufTestFile deep;
  deep.Header(1, 0).Tensor("d", {2, 2, 2}, 0, 0).Data(32);
  const auto deep_parsed = checkpoint::Checkpoint::Parse(deep.bytes(), "deep.gguf");
  ASSERT_TRUE(deep_parsed.ok()) << deep_parsed.status().message();
  EXPECT_EQ(ReadWeights(**deep_parsed, ModelConfig()).status().message(),
            "tensor 'd' of deep.gguf has 3 dimensions; this build knows at most 2.");
}

}  // namespace
}  // namespace vivace::models
