#include "family_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/status_macros.h"
#include "codegen/masked_target_fixture.h"
#include "models/model_families.h"

namespace vivace::conformance {
namespace {

constexpr int kMaxTokens = 64;

/// Takes values from the front of a golden's bytes.
template <class T>
std::vector<T> TakeValues(std::string_view& bytes, std::size_t count) {
  std::vector<T> values(count);
  EXPECT_GE(bytes.size(), count * sizeof(T));
  if (bytes.size() < count * sizeof(T)) return values;
  std::memcpy(values.data(), bytes.data(), count * sizeof(T));
  bytes.remove_prefix(count * sizeof(T));
  return values;
}

void AppendLogprobs(std::span<const float> logits, std::vector<float>& out) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - top);
  const double normaliser = top + std::log(sum);
  for (const float logit : logits) out.push_back(static_cast<float>(logit - normaliser));
}

}  // namespace

std::vector<std::int32_t> FamilyGolden::Tokens() const {
  std::vector<std::int32_t> tokens = prompt;
  tokens.insert(tokens.end(), greedy.begin(), greedy.end() - 1);
  return tokens;
}

std::span<const float> FamilyGolden::Row(int position) const {
  const bool prompt_row = static_cast<std::size_t>(position) < prompt.size();
  const auto row = static_cast<std::size_t>(prompt_row ? position : position + 1);
  const auto width = static_cast<std::size_t>(vocabulary);
  return std::span(logprobs).subspan(row * width, width);
}

FamilyGolden ReadFamilyGolden(const std::string& folder) {
  std::ifstream file(folder + "/golden.bin", std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string_view bytes = text;
  EXPECT_TRUE(bytes.starts_with("VFG1")) << folder;
  if (!bytes.starts_with("VFG1")) return {};
  bytes.remove_prefix(4);
  const std::vector<std::int32_t> sizes = TakeValues<std::int32_t>(bytes, 3);
  const auto prompt = static_cast<std::size_t>(sizes[0]), greedy = static_cast<std::size_t>(sizes[1]);
  FamilyGolden golden;
  golden.vocabulary = sizes[2];
  golden.prompt = TakeValues<std::int32_t>(bytes, prompt);
  golden.greedy = TakeValues<std::int32_t>(bytes, greedy);
  golden.margins = TakeValues<float>(bytes, greedy);
  golden.logprobs = TakeValues<float>(bytes, (prompt + greedy) * static_cast<std::size_t>(sizes[2]));
  EXPECT_TRUE(bytes.empty());
  return golden;
}

Result<std::unique_ptr<FamilyModel>> FamilyModel::Create(const checkpoint::Checkpoint& file, int level,
                                                         tensor::DType kv_type, const ChangeConfig& change) {
  return Create(
      file, compiler::CompileOptions{.level = level, .kv_type = kv_type, .target = codegen::MaskedTarget()},
      change);
}

Result<std::unique_ptr<FamilyModel>> FamilyModel::Create(const checkpoint::Checkpoint& file,
                                                         const compiler::CompileOptions& options,
                                                         const ChangeConfig& change) {
  VIVACE_ASSIGN_OR_RETURN(models::ModelConfig config, models::ReadConfig(file));
  VIVACE_ASSIGN_OR_RETURN(const auto weights, models::ReadWeights(file, config));
  if (change) change(config);
  VIVACE_ASSIGN_OR_RETURN(graph::Graph graph, models::BuildGraph(config, weights));
  std::unique_ptr<FamilyModel> model(new FamilyModel());
  VIVACE_ASSIGN_OR_RETURN(model->program_, compiler::Compile(std::move(graph), options, &model->report_));
  VIVACE_ASSIGN_OR_RETURN(runtime::WeightStore store,
                          runtime::WeightStore::Create(model->program_, file, model->team_));
  model->weights_ = std::make_unique<runtime::WeightStore>(std::move(store));
  runtime::ExecutorConfig executor;
  executor.max_rows = executor.max_logit_rows = executor.max_positions = kMaxTokens;
  executor.kv_blocks = kMaxTokens / tensor::KvLayout::kBlockTokens;
  VIVACE_ASSIGN_OR_RETURN(
      model->executor_, runtime::Executor::Create(model->program_, *model->weights_, model->team_, executor));
  // Blocks in reverse order, so that a wrong page shows.
  for (int i = executor.kv_blocks; i-- > 0;) model->blocks_.push_back(i);
  return model;
}

void FamilyModel::RunChunk(std::span<const std::int32_t> tokens, int first) {
  executor_->Run(step_.Prepare(tokens, first, blocks_));
}

std::vector<float> FamilyModel::Score(std::span<const std::int32_t> tokens, std::span<const int> chunks) {
  std::vector<float> logprobs;
  std::size_t next = 0;
  for (std::size_t first = 0; first < tokens.size();) {
    const auto rows = std::min(static_cast<std::size_t>(chunks[next]), tokens.size() - first);
    next = std::min(next + 1, chunks.size() - 1);
    RunChunk(tokens.subspan(first, rows), static_cast<int>(first));
    for (std::size_t row = 0; row < rows; ++row) {
      AppendLogprobs(executor_->Logits(static_cast<int>(row)), logprobs);
    }
    first += rows;
  }
  return logprobs;
}

}  // namespace vivace::conformance
