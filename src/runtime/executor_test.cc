#include "runtime/executor.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "runtime/tiny_model.h"
#include "tensor/dequantize.h"

namespace vivace::runtime {
namespace {

constexpr int kHidden = 64;
constexpr int kVocabulary = TinyModelSpec::kVocabulary;

// One attention layer between embedding and output: enough to need the cache, the table and all row kinds.
constexpr std::string_view kProgram =
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
std::string WithoutLayer() {
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

std::vector<float> Copy(std::span<const float> values) {
  return {values.begin(), values.end()};
}

std::vector<float> EmbeddingRow(const TinyCheckpoint& checkpoint, int row) {
  const auto* tensor = checkpoint.file().FindTensor("token_embd.weight");
  const std::size_t bytes = tensor::RowBytes(tensor->type, kHidden);
  std::vector<float> out(kHidden);
  tensor::DequantizeRow(tensor->type, tensor->data.data() + static_cast<std::size_t>(row) * bytes, kHidden,
                        out.data());
  return out;
}

TEST(Executor, GivesTheLogitsOfTheRowsThatAreWanted) {
  const TinyCheckpoint checkpoint;
  Machine machine(WithoutLayer(), checkpoint, 2, {.max_rows = 8, .max_sequences = 4, .max_logit_rows = 4});
  Batch batch;
  batch.Add({5, 9, 200}, 0, 1);
  batch.Add({77, 3}, 0, 2);
  machine.executor().Run(batch.View());
  const int tokens[] = {200, 77, 3};
  for (int i = 0; i < 3; ++i) {
    const std::vector<float> x = EmbeddingRow(checkpoint, tokens[i]);
    const auto logits = machine.executor().Logits(i);
    ASSERT_EQ(logits.size(), static_cast<std::size_t>(kVocabulary));
    for (int row = 0; row < kVocabulary; ++row) {
      const std::vector<float> w = EmbeddingRow(checkpoint, row);
      const double expected = std::inner_product(x.begin(), x.end(), w.begin(), 0.0);
      ASSERT_NEAR(logits[static_cast<std::size_t>(row)], expected, 1e-4) << i << " " << row;
    }
  }
}

TEST(Executor, MoreRowsThanTheBufferHoldsComeInSlicesWithTheSameBits) {
  const TinyCheckpoint checkpoint;
  Machine wide(kProgram, checkpoint, 2, {.max_rows = 16, .max_sequences = 4, .max_logit_rows = 16});
  Machine narrow(kProgram, checkpoint, 2, {.max_rows = 16, .max_sequences = 4, .max_logit_rows = 3});
  Batch batch;
  batch.Add({5, 9, 200, 31, 7, 8, 9, 10}, 0, 8);
  batch.Add({77, 3, 12}, 0, 3);
  wide.executor().Run(batch.View());
  narrow.executor().Run(batch.View());
  for (int i = 0; i < 11; ++i) {
    EXPECT_EQ(Copy(wide.executor().Logits(i)), Copy(narrow.executor().Logits(i))) << i;
  }
  EXPECT_EQ(Copy(wide.executor().Logits(1)), Copy(narrow.executor().Logits(1))) << "and back";
}

TEST(Executor, ATimedRunHasTheSameBitsAndATimeForEachPhaseThatRan) {
  const TinyCheckpoint checkpoint;
  Machine machine(kProgram, checkpoint, 2, {.max_rows = 8, .max_sequences = 4, .max_logit_rows = 4});
  Executor& executor = machine.executor();
  Batch batch;
  batch.Add({5, 9, 200}, 0, 1);
  executor.Run(batch.View());
  const std::vector<float> untimed = Copy(executor.Logits(0));
  std::vector<double> seconds(executor.phase_count(), -1.0);
  ASSERT_EQ(seconds.size(), 12u);
  executor.RunTimed(batch.View(), seconds);
  EXPECT_EQ(Copy(executor.Logits(0)), untimed);
  for (const double phase : seconds) EXPECT_GT(phase, 0);
  Batch silent;
  silent.Add({5, 9, 200}, 0, 0);
  executor.RunTimed(silent.View(), seconds);
  EXPECT_GT(seconds[9], 0);
  EXPECT_EQ(seconds[10] + seconds[11], 0) << "the last layer is left out where no logits are wanted";
}

// Three prompts, then five decode steps of all three; the logits of every step in one row.
std::vector<float> DecodeAll(Executor& executor) {
  std::vector<float> all;
  const auto collect = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const auto logits = executor.Logits(i);
      all.insert(all.end(), logits.begin(), logits.end());
    }
  };
  Batch prompts;
  for (int i = 0; i < 3; ++i)
    prompts.Add(std::vector<std::int32_t>(static_cast<std::size_t>(9 + i), 40 + i), 0, 1);
  executor.Run(prompts.View());
  collect(3);
  for (int step = 0; step < 5; ++step) {
    Batch batch;
    for (int i = 0; i < 3; ++i) batch.Add({100 + step * 3 + i}, 9 + i + step, 1);
    executor.Run(batch.View());
    collect(3);
  }
  return all;
}

TEST(Executor, CaptureAndTheNumberOfWorkersChangeNoBit) {
  const TinyCheckpoint checkpoint;
  const ExecutorConfig captured{.max_rows = 64, .max_sequences = 4, .max_logit_rows = 8};
  ExecutorConfig counted = captured;
  counted.capture = CaptureMode::kNone;
  ExecutorConfig pieces = captured;
  pieces.capture = CaptureMode::kPiecewise;
  Machine one(kProgram, checkpoint, 1, captured);
  Machine two(kProgram, checkpoint, 2, captured);
  Machine three(kProgram, checkpoint, 3, pieces);
  Machine four(kProgram, checkpoint, 4, counted);
  const std::vector<float> expected = DecodeAll(one.executor());
  EXPECT_EQ(DecodeAll(two.executor()), expected);
  EXPECT_EQ(DecodeAll(three.executor()), expected);
  EXPECT_EQ(DecodeAll(four.executor()), expected);
}

// How steps of a prompt of 4, of 2 and 3 sequences that decode, and of 2 rows of one prompt run.
std::vector<PlanKind> KindsOf(CaptureMode mode, std::vector<int> sizes) {
  const TinyCheckpoint checkpoint;
  ExecutorConfig config{.max_rows = 8, .max_sequences = 4, .max_logit_rows = 4};
  config.capture = mode;
  config.capture_sizes = std::move(sizes);
  Machine machine(kProgram, checkpoint, 1, config);
  std::vector<PlanKind> kinds;
  const auto run = [&](int sequences, int rows) {
    Batch batch;
    for (int i = 0; i < sequences; ++i)
      batch.Add(std::vector<std::int32_t>(static_cast<std::size_t>(rows), 7), 0, 1);
    machine.executor().Run(batch.View());
    kinds.push_back(machine.executor().last_plan());
  };
  run(1, 4), run(2, 1), run(3, 1), run(1, 2);
  return kinds;
}

TEST(Executor, AStepRunsOnTheHighestPlanThatItsModeAndSizeHave) {
  using Kinds = std::vector<PlanKind>;
  constexpr PlanKind kCounted = PlanKind::kCounted, kPieces = PlanKind::kPiecewise, kFull = PlanKind::kFull;
  EXPECT_EQ(KindsOf(CaptureMode::kNone, {}), (Kinds{kCounted, kCounted, kCounted, kCounted}));
  EXPECT_EQ(KindsOf(CaptureMode::kPiecewise, {}), (Kinds{kPieces, kPieces, kPieces, kPieces}));
  EXPECT_EQ(KindsOf(CaptureMode::kFullDecodeOnly, {}), (Kinds{kCounted, kFull, kFull, kCounted}));
  EXPECT_EQ(KindsOf(CaptureMode::kFullAndPiecewise, {}), (Kinds{kPieces, kFull, kFull, kPieces}));
  EXPECT_EQ(KindsOf(CaptureMode::kFull, {}), (Kinds{kPieces, kFull, kFull, kPieces}));
  EXPECT_EQ(KindsOf(CaptureMode::kFullAndPiecewise, {2, 8, 9}), (Kinds{kCounted, kFull, kCounted, kPieces}))
      << "a size that is not captured is not padded to one that is";
}

TEST(Executor, APromptInChunksGivesTheSameBits) {
  const TinyCheckpoint checkpoint;
  const ExecutorConfig config{.max_rows = 64, .max_sequences = 4, .max_logit_rows = 8};
  Machine whole(kProgram, checkpoint, 2, config);
  Machine chunked(kProgram, checkpoint, 2, config);
  std::vector<std::int32_t> prompt(50);
  std::iota(prompt.begin(), prompt.end(), 3);
  Batch all;
  all.Add(prompt, 0, 1);
  whole.executor().Run(all.View());
  int done = 0;
  // The last chunk is one row, so that its attention tile is the simplest there is.
  for (const int rows : {1, 2, 17, 29, 1}) {
    Batch chunk;
    chunk.Add({prompt.begin() + done, prompt.begin() + done + rows}, done, done + rows == 50 ? 1 : 0);
    chunked.executor().Run(chunk.View());
    done += rows;
  }
  EXPECT_EQ(Copy(whole.executor().Logits(0)), Copy(chunked.executor().Logits(0)));
}

TEST(Executor, AWeightThatIsTooSmallIsAnErrorOfTheFile) {
  const TinyCheckpoint checkpoint;
  std::string text(kProgram);
  text.replace(text.find("  q = blk.0.attn_q.weight"), 25, "  q = blk.0.attn_k.weight");
  auto program = program::Parse(text);
  ASSERT_TRUE(program.ok());
  base::WorkerTeam team(1);
  auto weights = WeightStore::Create(*program, checkpoint.file(), team);
  ASSERT_TRUE(weights.ok());
  const Status status =
      Executor::Create(*program, *weights, team, {.max_positions = 16, .kv_blocks = 1}).status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), "phase q needs a weight of 2560 bytes of q4_1 and has 1280 bytes of q4_1");
}

TEST(WeightStore, WeightsThatAreNotPackedAreTheCheckpointsOwnBytes) {
  const TinyCheckpoint checkpoint;
  const auto program = program::Parse(kProgram);
  ASSERT_TRUE(program.ok());
  base::WorkerTeam team(2);
  const auto weights = WeightStore::Create(*program, checkpoint.file(), team);
  ASSERT_TRUE(weights.ok());
  EXPECT_EQ(weights->packed_bytes(), 0u);
  for (std::size_t i = 0; i < program->weights.size(); ++i) {
    const auto* tensor = checkpoint.file().FindTensor(program->weights[i].sources[0]);
    const WeightView& view = weights->view({static_cast<std::int32_t>(i)});
    EXPECT_EQ(view.data, tensor->data.data());
    EXPECT_EQ(view.type, tensor->type);
    EXPECT_EQ(view.form, program::WeightForm::kPlain);
  }
}

program::Program PackedProgram(const TinyModelSpec& spec) {
  program::Program program;
  program::Weight gate_up;
  gate_up.name = "blk.0.gate_up";
  gate_up.sources = {"blk.0.ffn_gate.weight", "blk.0.ffn_up.weight"};
  gate_up.form = program::WeightForm::kPanel;
  gate_up.layout = {tensor::WeightClass::kQ4_1, spec.hidden, 2 * spec.ffn};
  gate_up.order = tensor::ColumnOrder::kGateUpPairs;
  program::Weight embedding;
  embedding.name = "token_embd";
  embedding.sources = {"token_embd.weight"};
  embedding.form = program::WeightForm::kPanel;
  embedding.layout = {tensor::WeightClass::kQ8_0, spec.hidden, kVocabulary};
  program.weights = {gate_up, embedding};
  return program;
}

TEST(WeightStore, PacksAllPanelsOnAllWorkers) {
  TinyModelSpec spec;
  spec.layers = 1;
  spec.hidden = 1024;  // so wide that a weight is several jobs
  spec.heads = 16;
  const TinyCheckpoint checkpoint(spec);
  const program::Program program = PackedProgram(spec);
  base::WorkerTeam team(3);
  const auto weights = WeightStore::Create(program, checkpoint.file(), team);
  ASSERT_TRUE(weights.ok()) << weights.status().message();
  for (std::size_t i = 0; i < program.weights.size(); ++i) {
    const program::Weight& weight = program.weights[i];
    std::vector<kernels::PackSource> sources;
    for (const std::string& source : weight.sources) {
      const auto* tensor = checkpoint.file().FindTensor(source);
      sources.push_back({tensor->data.data(), static_cast<int>(tensor->rows())});
    }
    std::vector<std::byte> expected(weight.layout.bytes());
    kernels::PackPanels(weight.layout, weight.order, sources, 0, 0, 0, weight.layout.panels(),
                        expected.data());
    const WeightView& view = weights->view({static_cast<std::int32_t>(i)});
    ASSERT_EQ(view.bytes, expected.size());
    EXPECT_EQ(view.form, program::WeightForm::kPanel);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(view.data) % 64, 0u);
    EXPECT_EQ(std::memcmp(view.data, expected.data(), expected.size()), 0) << weight.name;
  }
}

TEST(WeightStore, ATensorOfAnotherShapeOrTypeIsNamed) {
  const TinyCheckpoint checkpoint;
  base::WorkerTeam team(1);
  program::Program program = PackedProgram(TinyModelSpec());
  program.weights[0].layout.k = 128;
  EXPECT_EQ(
      WeightStore::Create(program, checkpoint.file(), team).status().message(),
      "tensor blk.0.ffn_gate.weight is q4_1 with rows of 64, but blk.0.gate_up needs q4_1 with rows of 128");
  program = PackedProgram(TinyModelSpec());
  program.weights[0].layout.n = 100;
  EXPECT_EQ(WeightStore::Create(program, checkpoint.file(), team).status().message(),
            "the tensors of blk.0.gate_up have 192 rows together instead of 100");
  program = PackedProgram(TinyModelSpec());
  program.weights[1].sources = {"missing.weight"};
  EXPECT_NE(WeightStore::Create(program, checkpoint.file(), team).status().message().find("missing.weight"),
            std::string::npos);
}

}  // namespace
}  // namespace vivace::runtime
