// Builds the paged attention kernel. A tile is `rows` token rows x `group` query heads of one KV head:
// `queries` rows in all, query r = token r / group, head r % group. For each chunk of 256 positions: scores
// (positions in the lanes), softmax within the chunk, weighted sum of V (columns in the lanes), merge with
// the chunks before. All of it is fixed order for a query, whatever the tile.
//
// Scratch: scores [queries][256] f32 | maximum, sum, old factor, new factor [queries] vectors of one value |
// values [queries][head_dim] f32 | 64 bytes for the quantiser.
#include "kernels/attention_builder.h"

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/math_builders.h"
#include "kernels/quantize_builders.h"
#include "tensor/dtype.h"

namespace vivace::kernels {
namespace {

using codegen::Builder;
using codegen::Mem;
using codegen::Op;
using codegen::Scalar;
using codegen::Vec;
using tensor::KvLayout;

constexpr float kMasked = -3.0e38f;
constexpr int kVectorBytes = 64;
constexpr int kScoreBytes = KvLayout::kChunkTokens * 4;  // of one query
constexpr int kLanes = 16;
constexpr int kDimUnroll = 8;
constexpr int kPositionUnroll = 2;
constexpr int kGroupQueries = 6;  // queries whose scores, or values, are made at once
constexpr int kValueAccumulators = 24;

/// Byte offsets in scratch.
struct ScratchLayout {
  int maximum, sum, old_factor, new_factor, values, quantiser, bytes;

  ScratchLayout(int queries, int dim)
      : maximum(queries * kScoreBytes),
        sum(maximum + queries * kVectorBytes),
        old_factor(sum + queries * kVectorBytes),
        new_factor(old_factor + queries * kVectorBytes),
        values(new_factor + queries * kVectorBytes),
        quantiser(values + queries * dim * 4),
        bytes(quantiser + kVectorBytes) {}
};

class TileBuilder {
 public:
  TileBuilder(const PagedAttentionSpec& spec, int rows)
      : b_(Name(spec, rows)),
        spec_(spec),
        rows_(rows),
        group_(spec.heads / spec.kv.kv_heads),
        dim_(spec.kv.head_dim),
        element_(spec.kv.element_bytes()),
        scratch_layout_(rows * group_, dim_) {}

  codegen::Function Build() {
    scratch_ = b_.Arg(kAttentionScratch);
    ClearState();
    const Scalar table = b_.Arg(kAttentionTable);
    const Scalar blocks_left = b_.Arg(kAttentionBlocks);
    const Scalar base = b_.ScalarConst(0);  // the chunk's first position
    b_.Loop(b_.Arg(kAttentionChunks));
    {
      const Scalar blocks =
          b_.ScalarMin(blocks_left, b_.ScalarConst(KvLayout::kChunkTokens / KvLayout::kBlockTokens));
      ForQueryGroups([&](int first, int last) { Scores(first, last, table, blocks, base); });
      Softmax(blocks, base);
      ForQueryGroups([&](int first, int last) { Values(first, last, table, base); });
      b_.Bump(table, KvLayout::kChunkTokens / KvLayout::kBlockTokens * 4);
      b_.Bump(blocks_left, -KvLayout::kChunkTokens / KvLayout::kBlockTokens);
      b_.Bump(base, KvLayout::kChunkTokens);
    }
    b_.End();
    if (spec_.f32_output) {
      FinishFloats();
    } else {
      Finish();
    }
    return b_.Take();
  }

 private:
  static std::string Name(const PagedAttentionSpec& spec, int rows) {
    return "attention_" + std::to_string(rows) + "x" + std::to_string(spec.heads / spec.kv.kv_heads) + "x" +
           std::to_string(spec.kv.head_dim) + "_" + std::string(Row(spec.kv.type).name) +
           (spec.f32_output ? "_f32_output" : "");
  }

  int queries() const { return rows_ * group_; }
  int token(int query) const { return query / group_; }
  /// Calls body(first, last) for near-equal ranges of queries, as many as the registers take.
  template <class Body>
  void ForQueryGroups(Body&& body) {
    const int groups = (queries() + kGroupQueries - 1) / kGroupQueries;
    for (int g = 0; g < groups; ++g) body(queries() * g / groups, queries() * (g + 1) / groups);
  }

  Vec LoadElements(Mem m) { return element_ == 4 ? b_.Load(m) : b_.LoadF16(m); }
  /// Where this KV head starts in the block whose number is at `entry` of the page table.
  Scalar BlockAddress(Scalar entry) {
    const Scalar address = b_.MulImm(b_.Load32({entry}), static_cast<std::int64_t>(spec_.kv.block_stride()));
    b_.BumpBy(address, b_.Arg(kAttentionCache));
    return address;
  }
  /// Vector of positions base + 0 .. base + 15.
  Vec Positions(Scalar base) { return b_.AddInt(b_.Iota(), b_.Splat(base)); }
  /// Positions that token row `row` sees.
  Vec Limit(int row) { return b_.Splat(b_.AddImm(b_.Arg(kAttentionVisible), row)); }

  void ClearState() {
    const Vec zero = b_.Const(0.0f), masked = b_.Const(kMasked);
    for (int r = 0; r < queries(); ++r) {
      b_.Store({scratch_, scratch_layout_.maximum + r * kVectorBytes}, masked);
      b_.Store({scratch_, scratch_layout_.sum + r * kVectorBytes}, zero);
    }
    const Scalar values = b_.AddImm(scratch_, scratch_layout_.values);
    b_.Loop(queries() * dim_ / kLanes);
    b_.Store({values}, zero);
    b_.Bump(values, kVectorBytes);
    b_.End();
  }

  /// Even and odd dimensions are summed apart, so that the additions of one query do not wait for one
  /// another.
  struct DotSums {
    Vec even, odd;
  };

  void Dots(int first, const std::vector<DotSums>& sums, Scalar keys) {
    const Scalar query = b_.Arg(kAttentionQuery);
    for (const DotSums& sum : sums) {
      b_.ZeroTo(sum.even);
      b_.ZeroTo(sum.odd);
    }
    b_.Loop(dim_ / kDimUnroll);
    for (int d = 0; d < kDimUnroll; ++d) {
      const Vec key = LoadElements({keys, d * kLanes * element_});
      for (int i = 0; i < static_cast<int>(sums.size()); ++i) {
        const int row = token(first + i), head = (first + i) % group_;
        const int offset = (row * spec_.heads + head) * dim_ * 4 + d * 4;
        b_.FmaBroadcast(d % 2 == 0 ? sums[i].even : sums[i].odd, key, {query, offset});
      }
    }
    b_.Bump(keys, kDimUnroll * kLanes * element_);
    b_.Bump(query, kDimUnroll * 4);
    b_.End();
  }

  /// scores = scale * q . K, masked past what the query sees; their maximum by lanes to old_factor (free
  /// until Softmax).
  void Scores(int first, int last, Scalar table, Scalar blocks, Scalar base) {
    const Vec masked = b_.Const(kMasked), scale = b_.Const(spec_.scale), sixteen = b_.ConstInt(kLanes);
    const Vec position = Positions(base);
    std::vector<Vec> limits, maxima;
    std::vector<DotSums> sums;
    for (int row = 0; row < rows_; ++row) limits.push_back(Limit(row));
    for (int r = first; r < last; ++r) {
      maxima.push_back(b_.Const(kMasked));
      sums.push_back({b_.NewVec(), b_.NewVec()});
    }
    const Scalar entry = b_.Copy(table), scores = b_.Copy(scratch_);
    b_.Loop(blocks);
    Dots(first, sums, BlockAddress(entry));
    for (int r = first; r < last; ++r) {
      const Vec sum = b_.Mul(b_.Add(sums[r - first].even, sums[r - first].odd), scale);
      const Vec score = b_.SelectLessInt(position, limits[token(r)], sum, masked);
      b_.Store({scores, r * kScoreBytes}, score);
      b_.BinaryTo(Op::kMax, maxima[r - first], maxima[r - first], score);
    }
    b_.BinaryTo(Op::kAddInt, position, position, sixteen);
    b_.Bump(scores, kVectorBytes);
    b_.Bump(entry, 4);
    b_.End();
    for (int r = first; r < last; ++r)
      b_.Store({scratch_, scratch_layout_.old_factor + r * kVectorBytes}, maxima[r - first]);
  }

  /// Scores to exponentials relative to the chunk's maximum; then the running maximum and sum, and the
  /// factors of the merge.
  void Softmax(Scalar blocks, Scalar base) {
    const ExpConstants k = MakeExpConstants(b_);
    const Vec zero = b_.Const(0.0f), sixteen = b_.ConstInt(kLanes), sum = b_.NewVec();
    for (int r = 0; r < queries(); ++r) {
      const Vec position = Positions(base), limit = Limit(token(r));
      const Vec top =
          b_.Unary(Op::kMaxLanes, b_.Load({scratch_, scratch_layout_.old_factor + r * kVectorBytes}));
      b_.ZeroTo(sum);
      const Scalar scores = b_.AddImm(scratch_, r * kScoreBytes);
      b_.Loop(blocks);
      const Vec exponential = Exp(b_, k, b_.Sub(b_.Load({scores}), top));
      const Vec visible = b_.SelectLessInt(position, limit, exponential, zero);
      b_.Store({scores}, visible);
      b_.BinaryTo(Op::kAdd, sum, sum, visible);
      b_.BinaryTo(Op::kAddInt, position, position, sixteen);
      b_.Bump(scores, kVectorBytes);
      b_.End();
      MergeSums(k, r, top, b_.Unary(Op::kSumLanes, sum));
    }
  }

  void MergeSums(const ExpConstants& k, int r, Vec chunk_maximum, Vec chunk_sum) {
    const Mem maximum = {scratch_, scratch_layout_.maximum + r * kVectorBytes};
    const Mem sum = {scratch_, scratch_layout_.sum + r * kVectorBytes};
    const Vec before = b_.Load(maximum);
    const Vec top = b_.Max(before, chunk_maximum);
    const Vec old_factor = Exp(b_, k, b_.Sub(before, top));
    const Vec new_factor = Exp(b_, k, b_.Sub(chunk_maximum, top));
    const Vec merged = b_.Mul(chunk_sum, new_factor);
    b_.Fma(merged, b_.Load(sum), old_factor);
    b_.Store(maximum, top);
    b_.Store(sum, merged);
    b_.Store({scratch_, scratch_layout_.old_factor + r * kVectorBytes}, old_factor);
    b_.Store({scratch_, scratch_layout_.new_factor + r * kVectorBytes}, new_factor);
  }

  /// The queries [first, last) and columns [column, column + 16 * vectors) whose weighted sums of V are in
  /// registers.
  struct ValueTile {
    int first, last, column, vectors;
    std::vector<Vec> sums;  // [query][vector]
  };

  /// Adds one position: V at `values` + offset, its weight at `weights` + weight_offset; queries of token
  /// rows >= row only.
  void AddPosition(const ValueTile& tile, Scalar values, int offset, Scalar weights, int weight_offset,
                   int row) {
    for (int v = 0; v < tile.vectors; ++v) {
      const int column = (tile.column + v * kLanes) * element_;
      const Vec value = LoadElements({values, static_cast<int>(spec_.kv.v_offset()) + offset + column});
      for (int r = tile.first; r < tile.last; ++r) {
        if (token(r) < row) continue;
        b_.FmaBroadcast(tile.sums[(r - tile.first) * tile.vectors + v], value,
                        {weights, r * kScoreBytes + weight_offset});
      }
    }
  }

  /// Positions [0, count) of the chunk for all queries; returns with `entry` and `weights` at position
  /// `count` rounded down to a block.
  void AddPositions(const ValueTile& tile, Scalar entry, Scalar weights, Scalar count) {
    const int position_bytes = dim_ * element_;
    b_.Loop(b_.ShiftRight(count, 4));
    {
      const Scalar values = BlockAddress(entry);
      b_.Loop(KvLayout::kBlockTokens / kPositionUnroll);
      for (int j = 0; j < kPositionUnroll; ++j)
        AddPosition(tile, values, j * position_bytes, weights, j * 4, 0);
      b_.Bump(values, kPositionUnroll * position_bytes);
      b_.Bump(weights, kPositionUnroll * 4);
      b_.End();
      b_.Bump(entry, 4);
    }
    b_.End();
    const Scalar rest = b_.AndImm(count, KvLayout::kBlockTokens - 1);
    b_.Loop(b_.ScalarMin(rest, b_.ScalarConst(1)));  // the page table ends where the last block does
    {
      const Scalar values = BlockAddress(entry);
      b_.Loop(rest);
      AddPosition(tile, values, 0, weights, 0, 0);
      b_.Bump(values, position_bytes);
      b_.Bump(weights, 4);
      b_.End();
    }
    b_.End();
  }

  /// Positions of the chunk that token row `row` sees: clamp(visible + row - base, 0, 256).
  Scalar ChunkCount(int row, Scalar base) {
    const Scalar count = b_.AddImm(b_.ScalarSub(b_.Arg(kAttentionVisible), base), row);
    return b_.ScalarMax(b_.ScalarMin(count, b_.ScalarConst(KvLayout::kChunkTokens)), b_.ScalarConst(0));
  }

  void ValueColumns(ValueTile& tile, Scalar table, Scalar base) {
    for (int i = 0; i < (tile.last - tile.first) * tile.vectors; ++i) tile.sums.push_back(b_.Const(0.0f));
    const Scalar entry = b_.Copy(table), weights = b_.Copy(scratch_);
    const Scalar count = ChunkCount(0, base);
    AddPositions(tile, entry, weights, count);
    for (int row = 1; row < rows_ && row <= token(tile.last - 1);
         ++row) {  // what a later token row sees, and the one before does not
      const Scalar next = ChunkCount(row, base);
      b_.Loop(b_.ScalarSub(next, count));
      const Scalar values = BlockAddress(b_.ScalarAdd(b_.ShiftLeft(b_.ShiftRight(count, 4), 2), table));
      b_.BumpBy(values, b_.MulImm(b_.AndImm(count, KvLayout::kBlockTokens - 1), dim_ * element_));
      AddPosition(tile, values, 0, weights, 0, row);
      b_.Bump(weights, 4);
      b_.End();
      b_.CopyTo(count, next);
    }
    for (int r = tile.first; r < tile.last; ++r) MergeValues(tile, r);
  }

  void MergeValues(const ValueTile& tile, int r) {
    for (int v = 0; v < tile.vectors; ++v) {
      const Mem running = {scratch_, scratch_layout_.values + (r * dim_ + tile.column + v * kLanes) * 4};
      const Vec merged = b_.MulBroadcast(tile.sums[(r - tile.first) * tile.vectors + v],
                                         {scratch_, scratch_layout_.new_factor + r * kVectorBytes});
      b_.FmaBroadcast(merged, b_.Load(running), {scratch_, scratch_layout_.old_factor + r * kVectorBytes});
      b_.Store(running, merged);
    }
  }

  void Values(int first, int last, Scalar table, Scalar base) {
    const int at_once = std::max(1, kValueAccumulators / (last - first));
    for (int v = 0; v < dim_ / kLanes; v += at_once) {
      ValueTile tile = {first, last, v * kLanes, std::min(at_once, dim_ / kLanes - v), {}};
      ValueColumns(tile, table, base);
    }
  }

  /// Divides by the sums, quantises and writes the output rows.
  void Finish() {
    const tensor::QuantizedRows output = {spec_.heads * dim_};
    const QuantizeConstants k = MakeQuantizeConstants(b_);
    const Vec one = b_.Const(1.0f);
    const Scalar values = b_.Copy(scratch_), sums = b_.Copy(scratch_);
    for (int row = 0; row < rows_; ++row) {
      const Scalar bytes = b_.AddImm(b_.Arg(kAttentionBytes), row * output.row_stride());
      const Scalar parameters = b_.AddImm(b_.Arg(kAttentionParameters), row * output.row_stride());
      b_.Loop(group_);
      const Vec inverse = b_.Div(one, b_.Load({sums, scratch_layout_.sum}));
      for (int g = 0; g < dim_ / tensor::QuantizedRows::kGroup; ++g) {
        const int offset = scratch_layout_.values + g * tensor::QuantizedRows::kGroup * 4;
        const Vec v0 = b_.Mul(b_.Load({values, offset}), inverse);
        const Vec v1 = b_.Mul(b_.Load({values, offset + kVectorBytes}), inverse);
        QuantizeGroup(b_, k, v0, v1,
                      {.bytes = {bytes, g * tensor::QuantizedRows::kGroup},
                       .parameters = {parameters, g * 4},
                       .word_distance = output.word_offset() - output.scale_offset(),
                       .sum_distance = output.sum_offset() - output.scale_offset(),
                       .scratch = {scratch_, scratch_layout_.quantiser}});
      }
      b_.Bump(values, dim_ * 4);
      b_.Bump(sums, kVectorBytes);
      b_.Bump(bytes, dim_);
      b_.Bump(parameters, dim_ / tensor::QuantizedRows::kGroup * 4);
      b_.End();
    }
  }

  /// Divides by the sums and writes the output rows as floats.
  void FinishFloats() {
    const Vec one = b_.Const(1.0f);
    const Scalar values = b_.Copy(scratch_), sums = b_.Copy(scratch_);
    for (int row = 0; row < rows_; ++row) {
      const Scalar out = b_.AddImm(b_.Arg(kAttentionBytes), row * spec_.heads * dim_ * 4);
      b_.Loop(group_);
      const Vec inverse = b_.Div(one, b_.Load({sums, scratch_layout_.sum}));
      b_.Loop(dim_ / kLanes);
      b_.Store({out}, b_.Mul(b_.Load({values, scratch_layout_.values}), inverse));
      b_.Bump(values, kVectorBytes);
      b_.Bump(out, kVectorBytes);
      b_.End();
      b_.Bump(sums, kVectorBytes);
      b_.End();
    }
  }

  Builder b_;
  const PagedAttentionSpec& spec_;
  const int rows_, group_, dim_, element_;
  const ScratchLayout scratch_layout_;
  Scalar scratch_;
};

}  // namespace

codegen::Function BuildAttentionTile(const PagedAttentionSpec& spec, int rows) {
  return TileBuilder(spec, rows).Build();
}

int AttentionScratchBytes(const PagedAttentionSpec& spec, int rows) {
  return ScratchLayout(rows * spec.heads / spec.kv.kv_heads, spec.kv.head_dim).bytes;
}

}  // namespace vivace::kernels
