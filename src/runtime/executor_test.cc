#include "runtime/executor.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "runtime/executor_fixture.h"
#include "runtime/tiny_model.h"
#include "tensor/dequantize.h"

namespace vivace::runtime {
namespace {

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

// kProgram with its three projections joined, and specialisations of some sizes.
std::string Joined() {
  std::string text(kProgram);
  for (const std::string_view phase : {"q {k = 64, n = 64, type = q4_1", "k {k = 64, n = 32, type = q4_1"}) {
    text.insert(text.find(phase) + phase.size(), ", joined = 1");
  }
  return text;
}

TEST(Executor, JoinedPhasesGiveTheSameBitsWithAnyNumberOfWorkers) {
  const TinyCheckpoint checkpoint;
  const ExecutorConfig config{.max_rows = 64, .max_sequences = 4, .max_logit_rows = 8};
  Machine apart(kProgram, checkpoint, 1, config);
  const std::vector<float> expected = DecodeAll(apart.executor());
  for (const int workers : {1, 2, 3}) {
    Machine joined(Joined(), checkpoint, workers, config);
    EXPECT_EQ(DecodeAll(joined.executor()), expected) << workers;
  }
  Machine joined(Joined(), checkpoint, 2, config);
  Batch batch;
  batch.Add({5, 9, 200}, 0, 1);
  std::vector<double> seconds(joined.executor().phase_count(), -1.0);
  joined.executor().RunTimed(batch.View(), seconds);
  EXPECT_EQ(seconds[2] + seconds[3], 0) << "there is no barrier behind q and k";
  EXPECT_GT(seconds[4], 0);
}

TEST(Executor, SpecialisedStepsGiveTheSameBits) {
  const TinyCheckpoint checkpoint;
  const ExecutorConfig config{.max_rows = 64, .max_sequences = 4, .max_logit_rows = 8};
  Machine general(kProgram, checkpoint, 2, config);
  Machine special(Joined() + "specialise {first_rows = 1, last_rows = 1}\n  layer 1 {task_units = 2}\n" +
                      "specialise {first_rows = 2, last_rows = 40}\n  layer 2 {direct_rows = 1}\n",
                  checkpoint, 2, config);
  EXPECT_EQ(DecodeAll(special.executor()), DecodeAll(general.executor()));
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
