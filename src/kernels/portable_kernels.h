// The body of portable_v2.cc, portable_v3.cc and portable_v4.cc, which define VIVACE_PORTABLE_TABLE and are
// compiled for one instruction set each. Not a header to include elsewhere: see portable_tables.h for why
// nothing here may be shared between them.
#pragma once

#include "kernels/portable_attention.h"
#include "kernels/portable_linear.h"
#include "kernels/portable_quantize.h"
#include "kernels/portable_rows.h"
#include "kernels/portable_tables.h"

namespace vivace::kernels {

const PortableTable VIVACE_PORTABLE_TABLE = {
#define VIVACE_X(id, ...) Embed<types::id>,
    .embed = {VIVACE_WEIGHT_DTYPES(VIVACE_X)},
#undef VIVACE_X
#define VIVACE_X(id, ...) Linear<types::id>,
    .linear = {VIVACE_WEIGHT_DTYPES(VIVACE_X)},
#undef VIVACE_X
    .rms_norm = RmsNorm,
    .rope = Rope,
    .kv_append = KvAppend,
    .attention = Attention,
    .add = Add,
    .add_bias = AddBias,
    .scale = Scale,
    .softcap = Softcap,
    .silu_mul = SiluMul,
    .quantize = Quantize,
    .gelu_mul = GeluMul,
    .gather_rows = GatherRows,
};

}  // namespace vivace::kernels
