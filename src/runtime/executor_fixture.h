// What tests of the executor run: a small program as text, a checkpoint for it, a machine of both, and
// batches of steps.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/executor.h"
#include "runtime/tiny_model.h"

namespace vivace::runtime {

inline constexpr int kHidden = 64;
inline constexpr int kVocabulary = TinyModelSpec::kVocabulary;

// One attention layer between embedding and output: enough to need the cache, the table and all row kinds.
inline constexpr std::string_view kProgram =
    R"(program tiny {level = 0, vocabulary = 261, hidden = 64, max_positions = 256, attention_tile_rows = 4}
rope {dim = 32, theta = 10000}
kv {layers = 1, kv_heads = 1, head_dim = 32, type = f32}
buffer x {bytes_per_row = 256}
buffer normed {bytes_per_row = 256}
buffer q {bytes_per_row = 256}
buffer k {bytes_per_row = 128}
buffer v {bytes_per_row = 128}
buffer last {bytes_per_row = 256, logit_rows = 1}
buffer logits {bytes_per_row = 1044, logit_rows = 1}
logits logits
body prologue
  slot embedding
  embed x: -> x with embedding {n = 64, type = q8_0}
body layer
  slot norm
  slot q
  slot k
  slot v
  rms_norm n: x -> normed with norm {n = 64, eps = 1e-05}
  linear q: normed -> q with q {k = 64, n = 64, type = q4_1}
  linear k: normed -> k with k {k = 64, n = 32, type = q4_1}
  linear v: normed -> v with v {k = 64, n = 32, type = q4_1}
  rope q: q -> q {heads = 2, head_dim = 32, theta = 10000}
  rope k: k -> k {heads = 1, head_dim = 32, theta = 10000}
  kv_append kv: k, v ->
  attention a: q -> normed {heads = 2, head_dim = 32, scale = 0.25}
  add x2: x, normed -> x {n = 64}
body epilogue
  slot head
  gather_rows last: x -> last {n = 64}
  linear logits: last -> logits with head {k = 64, n = 261, type = q8_0, logit_rows = 1}
run prologue
  embedding = token_embd.weight
run layer x 1 from kv layer 0
  norm = blk.0.attn_norm.weight
  q = blk.0.attn_q.weight
  k = blk.0.attn_k.weight
  v = blk.0.attn_v.weight
run epilogue
  head = token_embd.weight
)";

// The program above without its attention layer.
inline std::string WithoutLayer() {
  const std::string text(kProgram);
  const std::size_t body = text.find("body layer"), epilogue = text.find("body epilogue");
  const std::size_t run = text.find("run layer"), last = text.find("run epilogue");
  return text.substr(0, body) + text.substr(epilogue, run - epilogue) + text.substr(last);
}

// A model's bytes, 8-byte aligned as the parser wants them.
class TinyCheckpoint {
 public:
  explicit TinyCheckpoint(TinyModelSpec spec = {}) {
    const std::string bytes = TinyModel(spec).Bytes();
    words_.resize((bytes.size() + 7) / 8);
    std::memcpy(words_.data(), bytes.data(), bytes.size());
    auto parsed = checkpoint::Checkpoint::Parse(std::as_bytes(std::span(words_)).first(bytes.size()), "tiny");
    EXPECT_TRUE(parsed.ok()) << parsed.status().message();
    file_ = std::move(parsed).value();
  }
  const checkpoint::Checkpoint& file() const { return *file_; }

 private:
  std::vector<std::uint64_t> words_;
  std::unique_ptr<checkpoint::Checkpoint> file_;
};

// A program with its weights, executor and team.
class Machine {
 public:
  Machine(std::string_view text, const TinyCheckpoint& checkpoint, int workers, ExecutorConfig config)
      : team_(workers) {
    auto program = program::Parse(text);
    EXPECT_TRUE(program.ok()) << program.status().message();
    program_ = std::make_unique<program::Program>(std::move(program).value());
    const Status verified = program::Verify(*program_);
    EXPECT_TRUE(verified.ok()) << verified.message();
    auto weights = WeightStore::Create(*program_, checkpoint.file(), team_);
    EXPECT_TRUE(weights.ok()) << weights.status().message();
    weights_ = std::make_unique<WeightStore>(std::move(weights).value());
    config.max_positions = 256;
    config.kv_blocks = 32;
    auto executor = Executor::Create(*program_, *weights_, team_, config);
    EXPECT_TRUE(executor.ok()) << executor.status().message();
    executor_ = std::move(executor).value();
  }
  Executor& executor() { return *executor_; }
  const program::Program& program() const { return *program_; }
  const WeightStore& weights() const { return *weights_; }

 private:
  base::WorkerTeam team_;
  std::unique_ptr<program::Program> program_;
  std::unique_ptr<WeightStore> weights_;
  std::unique_ptr<Executor> executor_;
};

// A batch of sequences; sequence i has blocks 8i .. 8i+7.
class Batch {
 public:
  void Add(std::vector<std::int32_t> tokens, int first_position, int logit_rows) {
    const auto sequence = static_cast<std::int32_t>(sequences_.size());
    std::vector<std::int32_t> blocks(8);
    std::iota(blocks.begin(), blocks.end(), sequence * 8);
    tables_.push_back(blocks);
    const auto first_row = static_cast<std::int32_t>(tokens_.size());
    const auto rows = static_cast<std::int32_t>(tokens.size());
    sequences_.push_back({first_row, rows, first_position, nullptr});
    for (int i = 0; i < rows; ++i) {
      const int position = first_position + i;
      tokens_.push_back(tokens[static_cast<std::size_t>(i)]);
      positions_.push_back(position);
      slots_.push_back(blocks[static_cast<std::size_t>(position / 16)] * 16 + position % 16);
      if (i >= rows - logit_rows) logits_.push_back(first_row + i);
    }
  }
  const tensor::StepView& View() {
    for (std::size_t i = 0; i < sequences_.size(); ++i) sequences_[i].blocks = tables_[i].data();
    view_.rows = static_cast<std::int32_t>(tokens_.size());
    view_.token_ids = tokens_.data();
    view_.positions = positions_.data();
    view_.kv_slots = slots_.data();
    view_.sequences = sequences_.data();
    view_.sequence_count = static_cast<std::int32_t>(sequences_.size());
    view_.logit_rows = logits_.data();
    view_.logit_count = static_cast<std::int32_t>(logits_.size());
    return view_;
  }

 private:
  std::vector<std::int32_t> tokens_, positions_, slots_, logits_;
  std::vector<std::vector<std::int32_t>> tables_;
  std::vector<tensor::SequenceView> sequences_;
  tensor::StepView view_;
};

inline std::vector<float> Copy(std::span<const float> values) {
  return {values.begin(), values.end()};
}

}  // namespace vivace::runtime
