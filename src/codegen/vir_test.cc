// The text form of every operation, and every message of parser and verifier.
#include "codegen/vir.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vivace::codegen {
namespace {

// Every operation once, in the printed form.
constexpr const char* kEveryOperation = R"(kernel every vectors=4 scalars=3
  v0 = const 0x3f800000
  v1 = iota
  s0 = arg 0
  v2 = splat s0
  v3 = mov v2
  v0 = ld [s0 + 64]
  v0 = ld.f16 [s0]
  v0 = ld.bf16 [s0]
  v0 = ld.u8 [s0 - 16]
  v0 = ld.s8 [s0 + 2147483647]
  v0 = bc [s0 + 4]
  v0 = ld.n [s0 + 4], s0
  st [s0 + 128], v0
  st.f16 [s0], v1
  st.bf16 [s0], v1
  st.u8 [s0], v1
  st.n [s0 - 64], v1, s0
  pf0 [s0 + 1024]
  pf1 [s0 + 8192]
  v0 = add v1, v2
  v0 = sub v1, v2
  v0 = mul v1, v2
  v0 = div v1, v2
  v0 = min v1, v2
  v0 = max v1, v2
  v0 = sqrt v1
  v0 = fma v1, v2
  v0 = fnma v1, v2
  v3 = fma.bc v1, [s0 + 64]
  v0 = mul.bc v1, [s0]
  v0 = round v1
  v0 = f2i v1
  v0 = i2f v1
  v0 = sum v1
  v0 = hmax v1
  v0 = hmin v1
  v0 = sel.lt v0, v1, v2, v3
  v0 = sel.ilt v0, v1, v2, v3
  v0 = iadd v1, v2
  v0 = isub v1, v2
  v0 = imul v1, v2
  v0 = and v1, v2
  v0 = or v1, v2
  v0 = xor v1, v2
  v0 = shl v1, 31
  v0 = shr v1, 4
  v0 = sar v1, 31
  v0 = or.and v1, v2
  v0 = dp4 v1, v2
  v0 = dp2 v1, v2
  v0 = dp2.bc v1, [s0 + 4]
  v0 = dp4.n v1, v2
  v0 = dpb v1, v2
  v0 = dpb.bc v1, [s0 + 4]
  s1 = s.const -9223372036854775808
  s2 = s.mov s1
  s2 = s.ld64 [s0]
  s2 = s.ld32 [s0]
  s2 = s.ld16 [s0]
  s2 = s.ld8 [s0]
  s.st64 [s0], s1
  s.st32 [s0], s1
  s.st16 [s0 - 2], s1
  s.st8 [s0 - 1], s1
  s2 = s.add s0, s1
  s2 = s.sub s0, s1
  s2 = s.addi s0, -64
  s2 = s.muli s0, 3
  s2 = s.shl s0, 63
  s2 = s.shr s0, 1
  s2 = s.andi s0, 15
  s2 = s.min s0, s1
  s2 = s.max s0, s1
  loop s2
    loop s1
      v0 = add v0, v0
    end
  end
  t.cfg [s0 + 64]
  t1 = t.zero
  t2 = t.ld [s0 + 64], s1
  t7 = t.ld [s0], s1
  t1 = t.dp4 t2, t7
  t1 = t.dpb t2, t7
  t.st [s0 - 64], t1, s1
  t.free
)";

TEST(VirText, EveryOperationReadsBackTheSame) {
  const Result<Function> function = Parse(kEveryOperation);
  ASSERT_TRUE(function.ok()) << function.status().message();
  EXPECT_EQ(Print(*function), kEveryOperation);
  EXPECT_TRUE(Verify(*function).ok()) << Verify(*function).message();
  std::vector<bool> seen(kOpCount);
  for (const Instruction& instruction : function->code) seen[static_cast<std::size_t>(instruction.op)] = true;
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_TRUE(seen[i]) << Row(static_cast<Op>(i)).text;
}

TEST(VirText, BuilderWritesWhatPrintShows) {
  Builder builder("axpy");
  const Scalar x = builder.Arg(0);
  const Scalar count = builder.Arg(1);
  const Vec sum = builder.Const(0.5f);
  builder.Loop(count);
  const Vec values = builder.Load({x, 64});
  const Vec factor = builder.Broadcast({x});
  builder.Fma(sum, values, factor);
  builder.Bump(x, 128);
  builder.End();
  const Vec zero = builder.Const(0);
  builder.Store({x, -64}, builder.Max(sum, zero));
  EXPECT_EQ(Print(builder.Take()), R"(kernel axpy vectors=5 scalars=2
  s0 = arg 0
  s1 = arg 1
  v0 = const 0x3f000000
  loop s1
    v1 = ld [s0 + 64]
    v2 = bc [s0]
    v0 = fma v1, v2
    s0 = s.addi s0, 128
  end
  v3 = const 0x00000000
  v4 = max v0, v3
  st [s0 - 64], v4
)");
}

TEST(VirText, CommentsAndBlankLinesAreSkipped) {
  const Result<Function> function =
      Parse("; made by hand\nkernel k vectors=1 scalars=0\n\n  v0 = iota ; lanes\n");
  ASSERT_TRUE(function.ok()) << function.status().message();
  EXPECT_EQ(function->code.size(), 1u);
}

struct Refusal {
  const char* line;  // after a header with four vectors and three scalars
  const char* message;
};

TEST(VirText, ParseNamesTheLineAndTheMistake) {
  const std::vector<Refusal> refusals = {
      {"v0 = addd v1, v2", "there is no operation 'addd'"},
      {"add v1, v2", "the operation has a result: want 'register = ...'"},
      {"v0 = pf0 [s0]", "the operation has no result"},
      {"v0 = add v1", "'' is no register of the form vN"},
      {"v0 = add v1, v2, v3", "too many operands: 'v3'"},
      {"v0 = add v1, s2", "'s2' is no register of the form vN"},
      {"s0 = arg x", "'x' is no integer"},
      {"t0 = t.dp4 t1, v2", "'v2' is no register of the form tN"},
      {"v0 = ld s0", "'s0' is no address of the form [sN + OFFSET]"},
      {"v0 = ld [s0 * 4]", "'[s0 * 4]' is no address of the form [sN + OFFSET]"},
      {"v0 = ld [v0 + 4]", "'[v0 + 4]' is no address of the form [sN + OFFSET]"},
  };
  for (const Refusal& refusal : refusals) {
    const Result<Function> function = Parse(std::string("kernel k vectors=4 scalars=3\n") + refusal.line);
    ASSERT_FALSE(function.ok()) << refusal.line;
    EXPECT_EQ(function.status().message(),
              std::string("vector IR text, line 2 '") + refusal.line + "': " + refusal.message);
  }
}

TEST(VirText, ParseWantsAHeader) {
  EXPECT_EQ(Parse("").status().message(),
            "vector IR text, line 0 '': there is no 'kernel NAME vectors=N scalars=N' line");
  EXPECT_EQ(Parse("kernel k vectors=4\n").status().message(),
            "vector IR text, line 1 'kernel k vectors=4': want 'kernel NAME vectors=N scalars=N'");
  EXPECT_EQ(Parse("kernel k vectors=70000 scalars=0\n").status().code(), StatusCode::kInvalidArgument);
}

std::string VerifyText(const std::string& body) {
  const Result<Function> function = Parse("kernel k vectors=2 scalars=2\n" + body);
  if (!function.ok()) return "does not parse: " + function.status().message();
  return Verify(*function).message();
}

TEST(VirVerify, RefusesWithTheInstructionAndTheReason) {
  const std::vector<Refusal> refusals = {
      {"v0 = add v0, v1", "1 (add): v0 is read before it is written"},
      {"v0 = iota\nv0 = fma v0, v1", "2 (fma): v1 is read before it is written"},
      {"v1 = iota\nv0 = fma v1, v1", "2 (fma): v0 is read before it is written"},
      {"v0 = ld [s1]", "1 (ld): s1 is read before it is written"},
      {"v2 = iota", "1 (iota): v2 is out of range, the function has 2"},
      {"s7 = arg 0", "1 (arg): s7 is out of range, the function has 2"},
      {"s0 = arg 64", "1 (arg): argument index 64 is outside 0 .. 63"},
      {"s0 = arg -1", "1 (arg): argument index -1 is outside 0 .. 63"},
      {"v0 = const -1", "1 (const): constant -1 is outside 0 .. 4294967295"},
      {"v0 = iota\nv0 = shl v0, 32", "2 (shl): shift 32 is outside 0 .. 31"},
      {"v0 = iota\nv0 = sar v0, 32", "2 (sar): shift 32 is outside 0 .. 31"},
      {"s0 = arg 0\nv0 = ld.n [s0], s1", "2 (ld.n): s1 is read before it is written"},
      {"s0 = arg 0\ns0 = s.shr s0, 64", "2 (s.shr): shift 64 is outside 0 .. 63"},
      {"s0 = arg 0\ns0 = s.addi s0, 2147483648",
       "2 (s.addi): immediate 2147483648 is outside -2147483648 .. 2147483647"},
      {"s0 = arg 0\ns0 = s.andi s0, -1", "2 (s.andi): immediate -1 is outside 0 .. 2147483647"},
      {"s0 = arg 0\nv0 = ld [s0 + 2147483648]",
       "2 (ld): offset 2147483648 is outside -2147483648 .. 2147483647"},
      {"end", "1 (end): there is no loop to end"},
      {"t0 = t.zero", "1 (t.zero): the tiles have no shape yet (t.cfg)"},
      {"t.free", "1 (t.free): the tiles have no shape yet (t.cfg)"},
      {"s0 = arg 0\nt.cfg [s0]\nt8 = t.zero", "3 (t.zero): t8 is out of range, there are t0 .. t7"},
      {"s0 = arg 0\nt.cfg [s0]\nt.st [s0], t3, s0", "3 (t.st): t3 is read before it is written"},
      {"s0 = arg 0\nt.cfg [s0]\nt0 = t.zero\nt1 = t.zero\nt0 = t.dp4 t1, t1",
       "5 (t.dp4): wants three different tiles"},
      {"s0 = arg 0\nt.cfg [s0]", "3 (end of function): the tiles are not released (t.free)"},
      {"s0 = arg 0\nloop s0", "3 (end of function): 1 loop(s) without end"},
  };
  for (const Refusal& refusal : refusals) {
    EXPECT_EQ(VerifyText(refusal.line), std::string("vector IR 'k', instruction ") + refusal.message);
  }
}

TEST(VirVerify, RefusesLoopsThatAreTooDeep) {
  std::string body = "s0 = arg 0\n";
  for (int i = 0; i < 17; ++i) body += "loop s0\n";
  EXPECT_EQ(VerifyText(body), "vector IR 'k', instruction 18 (loop): loops are nested deeper than 16");
}

TEST(VirVerify, RefusesWhatOnlyAHandMadeFunctionCanHave) {
  Function function{"k", 1, 0, {}};
  function.code.push_back({Op::kIota, {0}, 5});
  EXPECT_EQ(Verify(function).message(), "vector IR 'k', instruction 1 (iota): takes no immediate, has 5");
  function.code[0] = {static_cast<Op>(200), {}, 0};
  EXPECT_EQ(Verify(function).message(),
            "vector IR 'k', instruction 1 (?): operation number 200 does not exist");
  function.code.clear();
  function.name = "two words";
  EXPECT_EQ(Verify(function).message(), "vector IR 'two words': a name is one word without ';'");
}

TEST(VirVerify, ALoopBodyCountsAsRunOnce) {
  EXPECT_EQ(VerifyText("s0 = arg 0\nloop s0\nv0 = iota\nend\nst [s0], v0"), "");
}

}  // namespace
}  // namespace vivace::codegen
