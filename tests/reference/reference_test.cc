// The real model against the float32 reference: tolerances, and mutations that must break them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "reference/golden_cases.h"
#include "reference/model_session.h"
#include "tensor/float16.h"

namespace vivace::reference {
namespace {

using tensor::DType;

// Float activations and a float32 cache: what a wrong angle, scale or permutation cannot pass.
bool WithinExact(const Distance& distance) {
  return distance.max_abs <= 1e-3 && distance.flip_margin < 0.01;
}

void Show(const Distance& distance) {
  std::printf("log-probabilities differ by up to %.2g; %d flips of %d, largest margin of a flip %.3g\n",
              distance.max_abs, distance.flips, distance.positions, distance.flip_margin);
}

class ReferenceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!ModelExists()) GTEST_SKIP() << "no model at " << ModelPath();
    cases_ = ReadGoldenCases();
    auto file = checkpoint::GgufFile::Open(ModelPath());
    ASSERT_TRUE(file.ok()) << file.status().message();
    file_ = std::make_unique<checkpoint::GgufFile>(std::move(file).value());
  }

  std::vector<GoldenCase> cases_;
  std::unique_ptr<checkpoint::GgufFile> file_;
};

TEST_F(ReferenceTest, PortableKernelsWithFloat32CacheAreExact) {
  const auto session = ModelSession::Make(*file_, 0, DType::kF32);
  ASSERT_NE(session, nullptr);
  const Distance distance = Compare(*session, cases_);
  Show(distance);
  EXPECT_GE(distance.positions, 20 * 64);
  EXPECT_LE(distance.max_abs, 1e-3);
  EXPECT_LT(distance.flip_margin, 0.01);
}

TEST_F(ReferenceTest, PortableKernelsWithFloat16CacheAreClose) {
  const auto session = ModelSession::Make(*file_, 0, DType::kF16);
  ASSERT_NE(session, nullptr);
  const Distance distance = Compare(*session, cases_);
  Show(distance);
  EXPECT_LE(distance.max_abs, 0.15);
  EXPECT_LT(distance.flip_margin, 0.2);
}

// What 8-bit activations cost, over whole distributions.
struct Divergence {
  double kl_sum = 0, kl_max = 0;
  int positions = 0, flips = 0;
  double flip_margin = 0;
};

void AddRow(std::span<const float> exact, std::span<const float> other, Divergence& divergence) {
  const double exact_total = LogSumExp(exact), other_total = LogSumExp(other);
  double kl = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double p = exact[i] - exact_total;
    kl += std::exp(p) * (p - (other[i] - other_total));
  }
  ++divergence.positions;
  divergence.kl_sum += kl;
  divergence.kl_max = std::max(divergence.kl_max, kl);
  const auto best = std::max_element(exact.begin(), exact.end());
  const auto other_best = std::max_element(other.begin(), other.end()) - other.begin();
  if (other_best == best - exact.begin()) return;
  ++divergence.flips;
  divergence.flip_margin =
      std::max<double>(divergence.flip_margin, *best - exact[static_cast<std::size_t>(other_best)]);
}

TEST_F(ReferenceTest, CompiledKernelsStayWithinTheToleranceOfEightBitActivations) {
  const auto exact = ModelSession::Make(*file_, 0, DType::kF32);
  const auto compiled = ModelSession::Make(*file_, 2, DType::kF16);
  ASSERT_TRUE(exact != nullptr && compiled != nullptr);
  if (compiled->level() != 2) GTEST_SKIP() << "this CPU does not run level 2";
  Divergence divergence;
  for (const GoldenCase& golden : cases_) {
    std::vector<std::int32_t> tokens = golden.ids;
    tokens.insert(tokens.end(), golden.greedy.begin(), golden.greedy.end());
    std::vector<std::vector<float>> rows;
    exact->Score(
        tokens, [&](int, std::span<const float> logits) { rows.emplace_back(logits.begin(), logits.end()); });
    compiled->Score(tokens, [&](int row, std::span<const float> logits) {
      AddRow(rows[static_cast<std::size_t>(row)], logits, divergence);
    });
  }
  const double mean = divergence.kl_sum / divergence.positions;
  std::printf("mean KL %.3g, max %.3g, %d flips of %d, largest margin of a flip %.3g\n", mean,
              divergence.kl_max, divergence.flips, divergence.positions, divergence.flip_margin);
  EXPECT_GE(divergence.positions, 1000);
  EXPECT_LE(mean, 1.8e-3);
  EXPECT_LE(divergence.flip_margin, 0.8);
}

// The model file in memory, to be changed.
class MutableModel {
 public:
  MutableModel() {
    std::ifstream file(ModelPath(), std::ios::binary | std::ios::ate);
    size_ = static_cast<std::size_t>(file.tellg());
    words_.resize((size_ + 7) / 8);
    file.seekg(0);
    file.read(data(), static_cast<std::streamsize>(size_));
  }
  char* data() { return reinterpret_cast<char*>(words_.data()); }
  std::span<const std::byte> bytes() { return std::as_bytes(std::span(words_)).first(size_); }
  checkpoint::GgufFile Parse() {
    auto file = checkpoint::GgufFile::Parse(bytes(), "mutated");
    EXPECT_TRUE(file.ok());
    return std::move(file).value();
  }
  std::span<char> Tensor(std::string_view name) {
    const checkpoint::GgufFile file = Parse();
    const auto tensor = file.FindTensor(name)->data;
    return {data() + (tensor.data() - bytes().data()), tensor.size()};
  }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_ = 0;
};

class MutationTest : public ReferenceTest {
 protected:
  // Three cases are enough to catch each mutation.
  bool Passes(MutableModel& model) {
    const checkpoint::GgufFile file = model.Parse();
    const auto session = ModelSession::Make(file, 0, DType::kF32);
    const std::vector<GoldenCase> few(cases_.end() - 3, cases_.end());
    return session != nullptr && WithinExact(Compare(*session, few));
  }
};

TEST_F(MutationTest, TheUnchangedModelPasses) {
  MutableModel model;
  EXPECT_TRUE(Passes(model));
}

TEST_F(MutationTest, ARotaryBaseThatIsOffByOnePercentIsCaught) {
  MutableModel model;
  constexpr std::string_view kKey = "llama.rope.freq_base";
  char* key = std::search(model.data(), model.data() + (1 << 20), kKey.begin(), kKey.end());
  char* value = key + kKey.size() + sizeof(std::uint32_t);
  float base = 0;
  std::memcpy(&base, value, sizeof(base));
  ASSERT_EQ(base, 100000.0f);
  base *= 1.01f;
  std::memcpy(value, &base, sizeof(base));
  EXPECT_FALSE(Passes(model));
}

TEST_F(MutationTest, ScalesOfOneMatrixThatAreOffByOnePercentAreCaught) {
  MutableModel model;
  const std::span<char> tensor = model.Tensor("blk.12.ffn_down.weight");
  constexpr std::size_t kBlockBytes = 20;  // q4_1: scale and minimum first
  for (std::size_t at = 0; at + kBlockBytes <= tensor.size(); at += kBlockBytes) {
    std::uint16_t halves[2];
    std::memcpy(halves, &tensor[at], sizeof(halves));
    for (std::uint16_t& half : halves) half = tensor::F32ToF16(tensor::F16ToF32(half) * 1.01f);
    std::memcpy(&tensor[at], halves, sizeof(halves));
  }
  EXPECT_FALSE(Passes(model));
}

TEST_F(MutationTest, TwoSwappedHeadsAreCaught) {
  MutableModel model;
  const std::span<char> tensor = model.Tensor("blk.4.attn_q.weight");
  const std::size_t head_bytes = tensor.size() / 9;
  std::swap_ranges(tensor.begin(), tensor.begin() + static_cast<std::ptrdiff_t>(head_bytes),
                   tensor.begin() + static_cast<std::ptrdiff_t>(head_bytes));
  EXPECT_FALSE(Passes(model));
}

}  // namespace
}  // namespace vivace::reference
