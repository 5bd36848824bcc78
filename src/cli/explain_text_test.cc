#include "cli/explain_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <sstream>

namespace vivace::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

PhaseExplanation Phase(const std::string& body, const std::string& label, int count, double seconds) {
  PhaseExplanation phase;
  phase.body = body;
  phase.label = label;
  phase.kind = "panel_gemm";
  phase.count = count;
  phase.seconds = seconds;
  phase.memory_seconds = seconds / 2;
  phase.arithmetic_seconds = seconds / 4;
  phase.bound = PhaseBound::kMemory;
  return phase;
}

// A decode step of 2 ms: three phases of 1.8 ms in all, 0.9 ms at best.
Explanation Sample() {
  StepExplanation step;
  step.name = "decode";
  step.tokens = 1;
  step.context = 4096;
  step.rounds = 7;
  step.seconds = 2e-3;
  step.spread = 1.03;
  step.tokens_per_s = 500;
  step.phases_seconds = 1.8e-3;
  step.ideal_seconds = 0.9e-3;
  step.barriers = 61;
  step.roof = {.read_bytes_per_s = 40e9,
               .read_bytes = 80'000'000,
               .cache_bytes_per_s = 200e9,
               .fma_per_s = 120e9,
               .dot4_per_s = 480e9,
               .dot_bf16_per_s = 0,
               .barrier_s = 0.4e-6};
  step.phases = {Phase("layer", "qkv", 30, 0.4e-3), Phase("layer", "gate_up", 30, 1e-3),
                 Phase("epilogue", "logits", 1, 0.4e-3)};
  step.phases[1].weight_bytes = 43'000'000;
  step.phases[1].operations = 2'040'000'000;
  step.phases[1].arithmetic = "u8 x s8 dot";
  Explanation out;
  out.model = "m.gguf";
  out.level = 2;
  out.threads = 2;
  out.cpu = "A CPU";
  out.target = "avx2";
  out.steps.push_back(std::move(step));
  return out;
}

TEST(ExplainText, TimesAndAmountsAreShort) {
  EXPECT_EQ(TimeText(1.234e-6), "1.23 us");
  EXPECT_EQ(TimeText(999.4e-6), "999 us");
  EXPECT_EQ(TimeText(999.6e-6), "1.00 ms");
  EXPECT_EQ(TimeText(0.0456), "45.6 ms");
  EXPECT_EQ(TimeText(12.3), "12.3 s");
  EXPECT_EQ(AmountText(0, "B"), "-");
  EXPECT_EQ(AmountText(999, "B"), "999 B");
  EXPECT_EQ(AmountText(999.6, "B"), "1.00 kB");
  EXPECT_EQ(AmountText(43e6, "B"), "43.0 MB");
  EXPECT_EQ(AmountText(2.04e9, ""), "2.04 G");
}

TEST(ExplainText, ATableSaysWhatEachPhaseTakes) {
  const std::string text = ExplainText(Sample());
  EXPECT_THAT(text, HasSubstr("m.gguf at -O2 on 2 workers\nA CPU, machine code for avx2\n"));
  EXPECT_THAT(
      text,
      HasSubstr("decode: 1 token behind 4096\n2.00 ms, 500 tokens/s; at best 900 us (45 %); median of 7 "
                "rounds, half of them within 3 %\n61 barriers of 0.40 us; plain read of 80.0 MB 40.0 GB/s"));
  EXPECT_THAT(text, Not(HasSubstr("bf16"))) << "a limit that this machine lacks";
  EXPECT_THAT(
      text, HasSubstr("layer gate_up               x30  1.00 ms  50 %  43.0 MB        -        -   2.04 G   "
                      "500 us  50 %  memory\n"));
  EXPECT_THAT(text, HasSubstr("all phases                   61  1.80 ms  90 %  43.0 MB"));
  EXPECT_THAT(text, Not(HasSubstr("portable")));
}

TEST(ExplainText, NoLineIsWiderThanATerminal) {
  Explanation explanation = Sample();
  explanation.steps[0].phases[0].label = "query + key + value + something else that is long";
  explanation.steps[0].phases[0].portable = true;
  explanation.steps[0].phases[1].seconds = 0.9994;
  explanation.steps[0].phases[1].bound = PhaseBound::kArithmetic;
  std::istringstream text(ExplainText(explanation));
  for (std::string line; std::getline(text, line);) EXPECT_LE(line.size(), 110u) << line;
  EXPECT_THAT(text.str(), HasSubstr("layer query + key + v... * "));
  EXPECT_THAT(text.str(), HasSubstr("* on portable kernels: 1 of 3 rows, 22 % of the time\n"));
}

TEST(ExplainText, WithoutARoofNothingIsSaidOfIt) {
  Explanation explanation = Sample();
  StepExplanation& step = explanation.steps[0];
  step.roof = {.barrier_s = 1e-6};
  step.ideal_seconds = 0;
  for (PhaseExplanation& phase : step.phases) {
    phase.memory_seconds = phase.arithmetic_seconds = 0;
    phase.bound = PhaseBound::kUnknown;
  }
  const std::string text = ExplainText(explanation);
  EXPECT_THAT(text, HasSubstr("61 barriers of 1.00 us; no machine code runs here, so there is no roof\n"));
  EXPECT_THAT(text, HasSubstr("at best unknown"));
  EXPECT_THAT(text, HasSubstr("unknown\n"));
  EXPECT_THAT(ExplainHtml(explanation), HasSubstr("no roof"));
}

TEST(ExplainJson, HasTheDocumentedFieldsAndItsNumbersAddUp) {
  const boost::json::value parsed = boost::json::parse(ExplainJson(Sample()));
  EXPECT_EQ(parsed.at("model").as_string(), "m.gguf");
  EXPECT_EQ(parsed.at("optimization_level").as_int64(), 2);
  const boost::json::value& step = parsed.at("steps").at(0);
  EXPECT_EQ(step.at("tokens").as_int64(), 1);
  EXPECT_EQ(step.at("context").as_int64(), 4096);
  EXPECT_DOUBLE_EQ(step.at("barriers_seconds").to_number<double>(), 61 * 0.4e-6);
  EXPECT_DOUBLE_EQ(step.at("roof").at("u8_s8_dot_per_second").to_number<double>(), 480e9);
  double seconds = 0, ideal = 0;
  for (const boost::json::value& phase : step.at("phases").as_array()) {
    seconds += phase.at("seconds").to_number<double>();
    ideal += phase.at("ideal_seconds").to_number<double>();
    EXPECT_EQ(phase.at("bound").as_string(), "memory");
    EXPECT_DOUBLE_EQ(phase.at("roof_share").to_number<double>(), 0.5);
  }
  EXPECT_DOUBLE_EQ(seconds, step.at("phases_seconds").to_number<double>());
  EXPECT_DOUBLE_EQ(ideal, step.at("ideal_seconds").to_number<double>());
  EXPECT_EQ(step.at("phases").at(1).at("operations").as_int64(), 2'040'000'000);
}

TEST(ExplainHtml, NamesAreEscapedAndNothingIsFetched) {
  Explanation explanation = Sample();
  explanation.model = "<script>alert('a & b')</script>\".gguf";
  explanation.cpu = "<b>CPU</b>";
  explanation.steps[0].phases[0].label = "<img src=x>";
  const std::string page = ExplainHtml(explanation);
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;a &amp; b&#39;)&lt;/script&gt;&quot;.gguf"));
  EXPECT_THAT(page, HasSubstr("layer &lt;img src=x&gt;"));
  for (const char* const wrong : {"<script", "<img", "<b>CPU", "http", "url(", "@import", "src=\""}) {
    EXPECT_THAT(page, Not(HasSubstr(wrong)));
  }
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
}

TEST(ExplainHtml, BarsAreAsLongAsTheTimes) {
  const std::string page = ExplainHtml(Sample());
  EXPECT_THAT(page, HasSubstr("<i class=\"time memory\" style=\"width:100.00%\"></i><i class=\"memory\" "
                              "style=\"width:50.00%\"></i>"));
  EXPECT_THAT(page, HasSubstr("<i class=\"time memory\" style=\"width:40.00%\"></i><i class=\"memory\" "
                              "style=\"width:20.00%\"></i>"));
}

}  // namespace
}  // namespace vivace::cli
