#include "program/tuning_table.h"

#include <gtest/gtest.h>

#include <random>

namespace vivace::program {
namespace {

constexpr std::string_view kText =
    R"(vivace tuning 1
host AuthenticAMD 25 17 avx2 avx512f l2 1048576
panel_gemm q4_1 u8g32 n 960 k 576 rows 1 1 threads 2 plan 1 0 2 rounds 4 us 103.500 99.125
panel_gemm q6_k i16g32 n 1536 k 576 rows 17 512 threads 64 plan 0 0 8 rounds 0 us 0.000 0.000
panel_gemm bf16 bf16 n 64 k 64 rows 9 9 threads 1 plan 9 1 1 rounds 2 us 1.000 0.025
)";

std::string With(std::string_view from, std::string_view to) {
  std::string text(kText);
  text.replace(text.find(from), from.size(), to);
  return text;
}
std::string ErrorOf(const std::string& text) {
  const auto table = ParseTuning(text);
  return table.ok() ? "" : table.status().message();
}

TEST(TuningTable, TextReadsBackToTheSameTable) {
  const auto table = ParseTuning(kText);
  ASSERT_TRUE(table.ok()) << table.status().message();
  EXPECT_EQ(Print(*table), kText);
  EXPECT_EQ(table->host, "AuthenticAMD 25 17 avx2 avx512f l2 1048576");
  ASSERT_EQ(table->results().size(), 3u);
  const TuningResult& last = table->results()[2];
  EXPECT_EQ(last.plan, (kernels::TilePlan{.direct_rows = 9, .expand = true, .task_units = 1}));
  EXPECT_EQ(last.key.type, tensor::WeightClass::kBF16);
  EXPECT_EQ(last.key.activation, tensor::ActivationType::kBF16);
}

TEST(TuningTable, AResultIsFoundByAllOfItsKeyAndReplacedByAnotherOne) {
  TuningTable table = *ParseTuning(kText);
  TuningKey key = table.results()[0].key;
  ASSERT_NE(table.Find(key), nullptr);
  EXPECT_EQ(table.Find(key)->plan.task_units, 2);
  TuningResult other{.key = key, .plan = {.direct_rows = 1, .task_units = 7}, .rounds = 8};
  table.Set(other);
  EXPECT_EQ(table.results().size(), 3u);
  EXPECT_EQ(table.Find(key)->plan.task_units, 7);
  for (int TuningKey::*member : {&TuningKey::n, &TuningKey::k, &TuningKey::last_rows, &TuningKey::threads}) {
    TuningKey wrong = key;
    wrong.*member += 1;
    EXPECT_EQ(table.Find(wrong), nullptr);
  }
}

TEST(TuningTable, TheOldestResultsGoWhenThereAreTooMany) {
  TuningTable table;
  for (int n = 1; n <= static_cast<int>(TuningTable::kMostResults) + 5; ++n)
    table.Set({.key = {.n = n, .k = 32}});
  EXPECT_EQ(table.results().size(), TuningTable::kMostResults);
  EXPECT_EQ(table.results().front().key.n, 6);
}

TEST(TuningTable, AHostileTextIsAnErrorWithItsLine) {
  EXPECT_EQ(ErrorOf(""), "line 1: expected 'vivace tuning 1', the text is empty");
  EXPECT_EQ(ErrorOf("vivace tuning 2\n"), "line 1: expected '1', at '2'");
  EXPECT_EQ(ErrorOf(With("q4_1", "q9_9")).substr(0, 43), "line 3: there is no weight class 'q9_9', at");
  EXPECT_EQ(ErrorOf(With("u8g32", "u9")).substr(0, 44), "line 3: there is no activation type 'u9', at");
  EXPECT_EQ(ErrorOf(With("plan 1 0 2", "plan 13 0 2")).substr(0, 45),
            "line 3: expected an integer from 0 to 12, at ");
  const std::pair<std::string_view, std::string_view> others[] = {{"plan 1 0 2", "plan 1 2 2"},
                                                                  {"plan 1 0 2", "plan -1 0 2"},
                                                                  {"plan 1 0 2", "plan 1 0 2147483647"},
                                                                  {"plan 1 0 2", "plan 1 0"},
                                                                  {"rows 17 512", "rows 17 16"},
                                                                  {"rows 17 512", "rows 0 16"},
                                                                  {"n 960", "n 99999999999999999999999"},
                                                                  {"k 576", "k 0"},
                                                                  {"threads 64", "threads 0"},
                                                                  {"99.125", "nan"},
                                                                  {"99.125", "-1"},
                                                                  {"99.125", "99.125 7"},
                                                                  {"us 103.500", "103.500"},
                                                                  {"panel_gemm q4_1", "linear q4_1"},
                                                                  {"host AuthenticAMD", "host \x01"}};
  for (const auto& [from, to] : others) {
    EXPECT_EQ(ErrorOf(With(from, to)).substr(0, 5), "line ") << from << " as " << to;
  }
}

TEST(TuningTable, NoChangedByteOfATextIsTrusted) {
  std::mt19937 random(1);
  for (int i = 0; i < 4000; ++i) {
    std::string text(kText);
    text[random() % text.size()] = static_cast<char>(random() % 256);
    if (i % 4 == 0) text.resize(random() % text.size());
    const auto table = ParseTuning(text);
    if (!table.ok()) continue;
    for (const TuningResult& result : table->results()) {
      EXPECT_LE(result.plan.direct_rows, kernels::kMaximumTileRows);
      EXPECT_LE(result.plan.task_units, TuningTable::kMostUnits);
      EXPECT_GE(std::min(result.plan.direct_rows, result.plan.task_units), 0);
    }
  }
}

}  // namespace
}  // namespace vivace::program
