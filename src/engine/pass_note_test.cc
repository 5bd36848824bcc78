#include "engine/pass_note.h"

#include <gtest/gtest.h>

#include "compiler/pass_list.h"

namespace vivace::engine {
namespace {

TEST(PassNote, NamesThePassesThatChangedNothingAndTheirConditions) {
  compiler::CompileReport report;
  EXPECT_EQ(PassesNotTaken(report), "");
  report.passes = {{"fuse_qkv", false, 1}, {"fuse_residual", true, 1}, {"expand_norms", false, 1}};
  EXPECT_EQ(PassesNotTaken(report),
            "Passes with nothing to do in this model: fuse_qkv (for q, k and v from the same rows); "
            "expand_norms (for RMSNorm)");
}

TEST(PassNote, EveryPassHasACondition) {
  for (const compiler::PassRow& pass : compiler::PassList())
    EXPECT_FALSE(pass.condition.empty()) << pass.name;
}

}  // namespace
}  // namespace vivace::engine
