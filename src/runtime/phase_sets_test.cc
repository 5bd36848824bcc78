#include "runtime/phase_sets.h"

#include <gtest/gtest.h>

#include "runtime/executor_fixture.h"

namespace vivace::runtime {
namespace {

// An exact size, two ranges of which one lies in the other, and a range beyond the largest step. The plans
// stand at phases that can be told apart.
constexpr std::string_view kSpecialisations = R"(specialise {first_rows = 1, last_rows = 16}
  layer 1 {task_units = 1}
specialise {first_rows = 2, last_rows = 2}
  layer 2 {task_units = 2}
specialise {first_rows = 4, last_rows = 7}
  layer 3 {task_units = 3}
specialise {first_rows = 100, last_rows = 200}
  layer 3 {task_units = 3}
)";

class PhaseSetsTest : public testing::Test {
 protected:
  PhaseSetsTest() {
    for (const program::Buffer& buffer : machine_.program().buffers) {
      memory_.emplace_back(static_cast<std::size_t>(buffer.bytes_per_row) * 32);
      buffers_.push_back(memory_.back().data());
    }
    tables_.assign(machine_.program().ropes.size(), nullptr);
    kv_ = machine_.program().kv;
    kv_.blocks = 1;
    cache_.resize(kv_.bytes());
    const BindContext context{machine_.program(), machine_.weights(), buffers_, tables_, widened_, kv_,
                              cache_.data()};
    auto sets = PhaseSets::Bind(context, 32);
    EXPECT_TRUE(sets.ok()) << sets.status().message();
    sets_ = std::move(sets).value();
  }
  // The phases in which a set differs from the general one.
  std::vector<int> Own(int set) const {
    std::vector<int> own;
    for (std::size_t i = 0; i < sets_.facts().size(); ++i) {
      if (sets_.phases(set)[i] != sets_.phases(0)[i]) own.push_back(static_cast<int>(i));
    }
    return own;
  }

  const TinyCheckpoint checkpoint_;
  Machine machine_{std::string(kProgram) + std::string(kSpecialisations), checkpoint_, 1, {.max_rows = 32}};
  std::vector<std::vector<std::byte>> memory_;
  std::vector<std::byte*> buffers_;
  std::vector<const float*> tables_;
  WidenedVectors widened_;
  tensor::KvLayout kv_;
  std::vector<std::byte> cache_;
  PhaseSets sets_;
};

TEST_F(PhaseSetsTest, AnExactSizeWinsOverARangeAndANarrowRangeOverAWiderOne) {
  std::vector<int> own;  // the phase that is tiled otherwise, by rows; 0: none
  for (int rows = 1; rows <= 20; ++rows) {
    const std::vector<int> phases = Own(sets_.SetOf(rows));
    ASSERT_LE(phases.size(), 1u);
    own.push_back(phases.empty() ? 0 : phases[0]);
  }
  EXPECT_EQ(own, (std::vector<int>{2, 3, 2, 4, 4, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0}));
  EXPECT_EQ(sets_.size(), 4) << "no set for sizes that do not come";
}

TEST_F(PhaseSetsTest, KnowsWhatDecidesTheNumberOfTasks) {
  ASSERT_EQ(sets_.facts().size(), 12u);
  EXPECT_EQ(sets_.last_layer(), 10);
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(sets_.facts()[i].attention, i == 8) << i;
    EXPECT_EQ(sets_.facts()[i].last_layer, i >= 10) << i;
    EXPECT_FALSE(sets_.facts()[i].joined) << i;
  }
}

}  // namespace
}  // namespace vivace::runtime
