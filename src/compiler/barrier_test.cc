// The barriers that compiled programs cannot do without.
#include <gtest/gtest.h>

#include <algorithm>

#include "compiler/compiler.h"
#include "compiler/golden_test_file.h"
#include "program/program.h"

namespace vivace::compiler {
namespace {

/// By what the phases declare: without a barrier between them, one would read or write what the other
/// writes.
bool NeedBarrier(const program::Phase& one, const program::Phase& other) {
  const auto meets = [](const auto& list, const auto& written) {
    return std::find_first_of(list.begin(), list.end(), written.begin(), written.end()) != list.end();
  };
  const auto appends = [](const program::Phase& phase) {
    return phase.kind == program::PhaseKind::kKvAppend || HasStep(phase, kernels::StepKind::kKey) ||
           HasStep(phase, kernels::StepKind::kValue);
  };
  const auto attends = [](const program::Phase& phase) {
    return phase.kind == program::PhaseKind::kAttention || phase.kind == program::PhaseKind::kPagedAttention;
  };
  return meets(one.reads, other.writes) || meets(other.reads, one.writes) ||
         meets(one.writes, other.writes) || (appends(one) && attends(other)) ||
         (attends(one) && appends(other));
}

// Takes away one barrier of a program after the other: whatever was needed is missed.
TEST(Barriers, EveryBarrierThatIsTakenAwayIsMissedWhereItIsNeeded) {
  for (const char* name : {"tiny_llama.txt", "tiny_qwen3.txt", "tiny_gemma3.txt"}) {
    for (const int level : {0, 1, 2}) {
      CompileReport report;
      const Result<graph::Graph> graph = graph::Parse(ReadTestData(name));
      ASSERT_TRUE(graph.ok()) << graph.status().message();
      Result<program::Program> compiled = Compile(*graph, {.level = level, .machine_code = false}, &report);
      ASSERT_TRUE(compiled.ok()) << compiled.status().message();
      program::Program& program = *compiled;
      int needed = 0;
      for (program::Body& body : program.bodies) {
        for (std::size_t i = 0; i + 1 < body.phases.size(); ++i) {
          if (body.phases[i].joined) continue;
          std::size_t first = i, last = i + 1;
          while (first > 0 && body.phases[first - 1].joined) --first;
          while (body.phases[last].joined) ++last;
          bool need = false;
          for (std::size_t a = first; a <= i; ++a) {
            for (std::size_t b = i + 1; b <= last; ++b)
              need = need || NeedBarrier(body.phases[a], body.phases[b]);
          }
          body.phases[i].joined = true;
          EXPECT_EQ(program::Verify(program).ok(), !need)
              << name << " -O" << level << ", " << body.name << " after " << body.phases[i].label;
          body.phases[i].joined = false;
          needed += need ? 1 : 0;
        }
      }
      EXPECT_GE(needed, 4) << name << " -O" << level;
    }
  }
}

}  // namespace
}  // namespace vivace::compiler
