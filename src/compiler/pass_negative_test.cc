// What passes must leave alone: the input of a golden with one edit that breaks the pattern. The line that
// the pass would otherwise have changed stays as it is.

#include <gtest/gtest.h>

#include <ostream>

#include "compiler/golden_test_file.h"
#include "compiler/pass_list.h"

namespace vivace::compiler {
namespace {

struct Edit {
  std::string_view pass, file, why, from, to, stays;
};
void PrintTo(const Edit& edit, std::ostream* out) {
  *out << edit.pass << ": " << edit.why;
}

constexpr Edit kEdits[] = {
    {"expand_norms", "expand_norms.txt", "norms of heads stay", "", "", "%q_n: f32[T, 256] = head_norm"},
    {"fuse_attn_quant", "fuse_attn_quant.txt", "the result is used in float, too",
     "%attn_out: f32[T, 64] = linear %attn.rows, @attn_output",
     "%attn_raw: f32[T, 64] = linear %attn.rows, @attn_output\n"
     "  %attn_out: f32[T, 64] = add %attn, %attn_raw",
     "%attn.rows: u8g32[T, 64] = quantize %attn\n"},
    {"fuse_attn_quant", "fuse_attn_quant.txt", "one scale for the whole row",
     "u8g32[T, 64] = quantize %attn\n", "u8token[T, 64] = quantize %attn\n",
     "%attn.rows: u8token[T, 64] = quantize %attn\n"},
    {"fuse_act_quant", "fuse_act_quant.txt", "the activation is used in float, too",
     "[7] %down: f32[T, 256] = linear %act.rows, @ffn_down",
     "%down.part: f32[T, 256] = linear %act.rows, @ffn_down\n"
     "  [7] %down: f32[T, 256] = add %act, %down.part",
     "%act.rows: u8g32[T, 256] = quantize %act\n"},
    {"fuse_gate_up", "fuse_gate_up.txt", "weights of different types", "weight @ffn_up: q4_1[96, 64]",
     "weight @ffn_up: q8_0[96, 64]", "%act: f32[T, 96] = silu_mul"},
    {"fuse_gate_up", "fuse_gate_up.txt", "rows of different inputs", "linear %ffn_n.rows, @ffn_up",
     "linear %x.rows, @ffn_up", "%act: f32[T, 96] = silu_mul"},
    {"fuse_gate_up", "fuse_gate_up.txt", "the gate is used for something else",
     "%act.rows: u8g32[T, 96] = quantize %act",
     "%act.more: f32[T, 96] = add %act, %gate\n  %act.rows: u8g32[T, 96] = quantize %act.more",
     "%act: f32[T, 96] = silu_mul"},
    {"fuse_gate_up", "fuse_gate_up.txt", "one side has a soft-cap that the other has not",
     "%act: f32[T, 96] = silu_mul %gate, %up",
     "%up.cap: f32[T, 96] = softcap %up {softcap = 3}\n  %act: f32[T, 96] = silu_mul %gate, %up.cap",
     "%act: f32[T, 96] = silu_mul"},
    {"fuse_qkv", "fuse_qkv.txt", "v comes from other rows", "linear %x.rows, @attn_v",
     "linear %rows2, @attn_v", "[2] %v.raw: f32[T, 32] = linear"},
    {"fuse_qkv", "fuse_qkv.txt", "q is something else than a projection", "rope %q, ", "rope %qq, ",
     "[1] %k.raw: f32[T, 32] = linear"},
    {"enable_qk_norm_rope_fusion", "enable_qk_norm_rope_fusion.txt", "normed heads are not rotated",
     "= rope %k_n, ", "= rope %k, ", "%k_n: f32[T, 32] = head_norm"},
    {"fuse_rope_kvcache", "fuse_rope_kvcache.txt", "v comes from another phase",
     "[0] %v: f32[T, 32] = scale_rows", "[9] %v: f32[T, 32] = scale_rows", "[0] %q: f32[T, 64] = scale_rows"},
    {"fuse_rope_kvcache", "fuse_rope_kvcache.txt", "heads of half a tile",
     "heads = 2, kv_heads = 1, head_dim = 32, scale", "heads = 4, kv_heads = 2, head_dim = 16, scale",
     "%q_rope: f32[T, 64] = rope"},
    {"fuse_residual", "fuse_residual.txt", "the projection is used for something else",
     "[3] %x_attn: f32[T, 64] = add %x, %attn_out", "[3] %x_attn: f32[T, 64] = add %attn_out, %attn_out",
     "%attn_out: f32[T, 64] = linear"},
    {"fuse_residual", "fuse_residual.txt", "plain f32 rows", "linear %attn.rows, @attn_output",
     "linear %attn, @attn_output", "%attn_out: f32[T, 64] = linear"},
    {"fuse_norm_quant", "fuse_norm_quant.txt", "the normed rows are used in float, too",
     "%x_attn: f32[T, 64] = add %x, %attn_out", "%x_attn: f32[T, 64] = add %attn_n, %attn_out",
     "[0] %attn_n.unit: f32[T, 64] = scale_rows"},
    {"fuse_norm_quant", "fuse_norm_quant.txt", "a scale that is another value's",
     "scale_rows %x_attn, %ffn_n.scale", "scale_rows %x_attn, %attn_n.scale",
     "[4] %ffn_n.unit: f32[T, 64] = scale_rows"},
    {"fuse_embed", "fuse_embed.txt", "rows of a sum", "= mul %x, @next_norm", "= mul %xx, @next_norm",
     "[0] %next_n: f32[T, 256] = mul"},
    {"fuse_lm_head_sample", "fuse_lm_head_sample.txt", "plain f32 rows",
     "[0] %rows: u8g32[L, 256] = gather_rows %x.rows", "[0] %rows: f32[L, 256] = gather_rows %x",
     "%logits: f32[L, 100] = softcap"},
    {"fuse_act_padding", "fuse_act_padding.txt", "the activation is used without padding, too",
     "%act.pad: f32[T, 96] = pad %act",
     "%act.two: f32[T, 80] = add %act, %act\n  %act.pad: f32[T, 96] = pad %act",
     "%act.pad: f32[T, 96] = pad"},
    {"quantize_activations", "quantize_activations.txt", "no linear layer", "= linear %act, @ffn_down",
     "= linear %act, @ffn_down", "%act: f32[T, 96] = silu_mul %gate, %up\n"},
};

/// Values that some edits refer to.
void AddExtras(std::string& text) {
  const auto insert = [&](std::string_view use, std::string_view before, std::string_view line) {
    if (text.find(use) != std::string::npos) text.insert(text.find(before), line);
  };
  insert("%rows2,", "  [2] %v.raw", "  %rows2: u8g32[T, 64] = quantize %x\n");
  insert("%qq,", "  %q_rope", "  %qq: f32[T, 64] = add %q, %q\n");
  insert("%xx,", "  [0] %next_n:", "  %xx: f32[T, 256] = add %x, %x\n");
}

class PassLeavesAlone : public testing::TestWithParam<Edit> {};

TEST_P(PassLeavesAlone, TheLine) {
  const Edit& edit = GetParam();
  std::string text = ReadTestData(std::string(edit.file));
  text = text.substr(0, text.find("== changes =="));
  const std::size_t at = text.find(edit.from);
  ASSERT_NE(at, std::string::npos) << edit.from;
  text.replace(at, edit.from.size(), edit.to);
  AddExtras(text);
  Result<graph::Graph> graph = graph::Parse(text);
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  ASSERT_TRUE(graph::Verify(*graph).ok()) << graph::Verify(*graph).message();
  for (const PassRow& pass : PassList()) {
    if (pass.name != edit.pass) continue;
    ASSERT_TRUE(pass.run(*graph, PassContext{2}).ok());
  }
  EXPECT_TRUE(graph::Verify(*graph).ok()) << graph::Verify(*graph).message();
  const std::string after = graph::Print(*graph);
  EXPECT_NE(after.find("\n  " + std::string(edit.stays)), std::string::npos) << after;
}

INSTANTIATE_TEST_SUITE_P(All, PassLeavesAlone, testing::ValuesIn(kEdits));

}  // namespace
}  // namespace vivace::compiler
