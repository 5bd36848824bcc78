// Builds the chunk kernel of paged attention (see attention_builder.h). Scores with positions in the lanes,
// exponentials within the chunk, then the weighted sum of V with columns in the lanes. The order of additions
// of a query is fixed, whatever the tile: tiles only choose how many queries share a load of K or V.
//
// Scratch: scores [queries][256 + 16] f32 (rows apart by a line more than a power of two, so that they do not
// alias in L1) | running maxima by lanes [queries][16].
#include "kernels/attention_builder.h"

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/attention_elements.h"
#include "kernels/math_builders.h"
#include "tensor/dtype.h"

namespace vivace::kernels {
namespace {

using codegen::Builder;
using codegen::Mem;
using codegen::Op;
using codegen::Scalar;
using codegen::Vec;
using tensor::KvLayout;

constexpr int kLanes = 16;
constexpr int kVectorBytes = 64;
constexpr int kCacheLine = 64;
constexpr int kScoreBytes = KvLayout::kChunkTokens * 4 + kVectorBytes;  // of one query
constexpr int kDimUnroll = 8;
constexpr int kPositionUnroll = 2;

/// How many queries share a load of K or V, by the registers of the target.
struct TileLimits {
  int score_queries;  // two sums each
  int value_queries;  // one sum a vector of columns
  int value_accumulators;

  explicit TileLimits(int vectors)
      : score_queries(vectors >= 30 ? 12 : 3),
        value_queries(score_queries),
        value_accumulators(2 * score_queries) {}
};

class ChunkBuilder {
 public:
  ChunkBuilder(const PagedAttentionSpec& spec, int rows, const codegen::Target& target)
      : b_(Name(spec, rows, target)),
        spec_(spec),
        limits_(target.vectors),
        rows_(rows),
        group_(spec.heads / spec.kv.kv_heads),
        dim_(spec.kv.head_dim),
        element_(spec.kv.element_bytes()),
        lanes_offset_(rows * group_ * kScoreBytes) {}

  codegen::Function Build() {
    scratch_ = b_.Arg(kChunkScratch);
    table_ = b_.Arg(kChunkTable);
    blocks_ = b_.Arg(kChunkBlocks);
    ForQueryGroups(limits_.score_queries, [&](int first, int last) { Scores(first, last); });
    if (spec_.softcap > 0) CapScores();
    Softmax();
    ForQueryGroups(limits_.value_queries, [&](int first, int last) { Values(first, last); });
    return b_.Take();
  }

 private:
  static std::string Name(const PagedAttentionSpec& spec, int rows, const codegen::Target& target) {
    return "attention_" + std::to_string(rows) + "x" + std::to_string(spec.heads / spec.kv.kv_heads) + "x" +
           std::to_string(spec.kv.head_dim) + "_" + std::string(Row(spec.kv.type).name) +
           (spec.window > 0 ? "_window" : "") + (spec.softcap > 0 ? "_softcap" : "") +
           (target.vectors < 30 ? "_narrow" : "");
  }

  int queries() const { return rows_ * group_; }
  int token(int query) const { return query / group_; }
  bool prefetches() const { return rows_ == 1; }
  Mem Lanes(int query) const { return {scratch_, lanes_offset_ + query * kVectorBytes}; }
  /// Calls body(first, last) for near-equal ranges of at most `most` queries.
  template <class Body>
  void ForQueryGroups(int most, Body&& body) {
    const int groups = (queries() + most - 1) / most;
    for (int g = 0; g < groups; ++g) body(queries() * g / groups, queries() * (g + 1) / groups);
  }

  /// Where this KV head starts in the block whose number is at `entry` of the page table.
  Scalar BlockAddress(Scalar entry) {
    const Scalar address = b_.MulImm(b_.Load32({entry}), static_cast<std::int64_t>(spec_.kv.block_stride()));
    b_.BumpBy(address, b_.Arg(kChunkCache));
    return address;
  }
  int v_offset() const { return static_cast<int>(spec_.kv.v_offset()); }
  int codes_bytes() const { return static_cast<int>(spec_.kv.codes_bytes()); }

  /// Each x where token row `row` sees the 16 positions from `position` on, else `otherwise`.
  void Mask(std::vector<Vec>& xs, int row, Scalar position, Vec otherwise) {
    const Vec iota = b_.Iota();
    const Vec end = b_.Splat(b_.AddImm(b_.ScalarSub(b_.Arg(kChunkEnd), position), row));
    for (Vec& x : xs) x = b_.SelectLessInt(iota, end, x, otherwise);
    if (spec_.window == 0) return;
    const Vec begin = b_.Splat(b_.AddImm(b_.ScalarSub(b_.Arg(kChunkBegin), position), row));
    for (Vec& x : xs) x = b_.SelectLessInt(iota, begin, otherwise, x);
  }
  Vec MaskOne(Vec x, int row, Scalar position, Vec otherwise) {
    std::vector<Vec> one = {x};
    Mask(one, row, position, otherwise);
    return one[0];
  }

  /// Even and odd dimensions are summed apart, so that the additions of one query do not wait for one
  /// another.
  struct DotSums {
    Vec even, odd;
  };

  /// Half `half` of the next chunk (K or V of a block; halves of a block after each other, as they lie in
  /// memory, are the only order in which memory is as fast as in a plain read).
  Scalar AheadAddress(Scalar half) {
    const Scalar entry = b_.ScalarAdd(b_.ShiftLeft(b_.ShiftRight(half, 1), 2), b_.Arg(kChunkAhead));
    const Scalar block = b_.Load32({b_.ScalarMin(entry, b_.Arg(kChunkAheadLast))});
    const Scalar address = b_.MulImm(block, static_cast<std::int64_t>(spec_.kv.block_stride()));
    b_.BumpBy(address, b_.MulImm(b_.AndImm(half, 1), v_offset()));
    b_.BumpBy(address, b_.Arg(kChunkAheadCache));
    b_.Bump(half, 1);
    return address;
  }

  /// Leaves `keys` behind the codes: at the scales, where there are any. Prefetches at `ahead` when it is
  /// given.
  void Dots(int first, const std::vector<DotSums>& sums, Scalar keys, const Scalar* ahead) {
    const Scalar query = b_.Arg(kChunkQuery);
    for (const DotSums& sum : sums) {
      b_.ZeroTo(sum.even);
      b_.ZeroTo(sum.odd);
    }
    b_.Loop(dim_ / kDimUnroll);
    for (int d = 0; d < kDimUnroll; ++d) {
      if (ahead != nullptr && d * kLanes * element_ % kCacheLine == 0)
        b_.Prefetch1({*ahead, d * kLanes * element_});
      const Vec key = LoadKvElements(b_, spec_.kv.type, {keys, d * kLanes * element_});
      for (int i = 0; i < static_cast<int>(sums.size()); ++i) {
        const int row = token(first + i), head = (first + i) % group_;
        const int offset = (row * spec_.heads + head) * dim_ * 4 + d * 4;
        b_.FmaBroadcast(d % 2 == 0 ? sums[i].even : sums[i].odd, key, {query, offset});
      }
    }
    b_.Bump(keys, kDimUnroll * kLanes * element_);
    if (ahead != nullptr) b_.Bump(*ahead, kDimUnroll * kLanes * element_);
    b_.Bump(query, kDimUnroll * 4);
    b_.End();
  }

  /// scores = scale * q . K, masked outside of what the query sees (unless a cap comes first), and their
  /// maximum by lanes.
  void Scores(int first, int last) {
    const Vec masked = b_.Const(kAttentionMasked), scale = b_.Const(spec_.scale);
    for (int r = first; r < last; ++r) b_.Store(Lanes(r), masked);
    std::vector<DotSums> sums;
    for (int r = first; r < last; ++r) sums.push_back({b_.NewVec(), b_.NewVec()});
    const Scalar entry = b_.Copy(table_), scores = b_.Copy(scratch_), position = b_.ScalarConst(0);
    const bool prefetch = prefetches() && first == 0;
    Scalar half;
    if (prefetch) half = b_.ScalarConst(0);
    b_.Loop(blocks_);
    const Scalar keys = BlockAddress(entry);
    if (prefetch) {
      const Scalar ahead = AheadAddress(half);
      Dots(first, sums, keys, &ahead);
    } else {
      Dots(first, sums, keys, nullptr);
    }
    for (const DotSums& sum : sums) {
      b_.BinaryTo(Op::kAdd, sum.even, sum.even, sum.odd);
      if (spec_.kv.has_scales()) b_.BinaryTo(Op::kMul, sum.even, sum.even, b_.Load({keys}));
      b_.BinaryTo(Op::kMul, sum.even, sum.even, scale);
    }
    for (int r = first; r < last;) {
      const int row = token(r);
      std::vector<Vec> of_row;
      const int begin = r;
      for (; r < last && token(r) == row; ++r) of_row.push_back(sums[r - first].even);
      if (spec_.softcap == 0) Mask(of_row, row, position, masked);
      for (int i = begin; i < r; ++i) StoreScore(scores, i, of_row[i - begin]);
    }
    b_.Bump(position, kLanes);
    b_.Bump(scores, kVectorBytes);
    b_.Bump(entry, 4);
    b_.End();
  }

  void StoreScore(Scalar scores, int r, Vec score) {
    b_.Store({scores, r * kScoreBytes}, score);
    if (spec_.softcap > 0) return;
    b_.Store(Lanes(r), b_.Max(b_.Load(Lanes(r)), score));
  }

  /// scores = softcap * tanh(scores / softcap), then masked, and their maximum by lanes.
  void CapScores() {
    const SoftCapConstants k = MakeSoftCapConstants(b_, spec_.softcap);
    const Vec masked = b_.Const(kAttentionMasked);
    for (int row = 0; row < rows_; ++row) {
      const Scalar of_head = b_.AddImm(scratch_, row * group_ * kScoreBytes);
      const Scalar lanes = b_.AddImm(scratch_, lanes_offset_ + row * group_ * kVectorBytes);
      b_.Loop(group_);
      const Scalar scores = b_.Copy(of_head), position = b_.ScalarConst(0);
      b_.Loop(blocks_);
      const Vec capped = SoftCap(b_, k, b_.Load({scores}));
      const Vec score = MaskOne(capped, row, position, masked);
      b_.Store({scores}, score);
      b_.Store({lanes}, b_.Max(b_.Load({lanes}), score));
      b_.Bump(scores, kVectorBytes);
      b_.Bump(position, kLanes);
      b_.End();
      b_.Bump(of_head, kScoreBytes);
      b_.Bump(lanes, kVectorBytes);
      b_.End();
    }
  }

  /// Scores to exponentials relative to the chunk's maximum, times V's scale where it has one; maximum and
  /// sum to the partial.
  void Softmax() {
    const ExpConstants k = MakeExpConstants(b_);
    const Vec zero = b_.Const(0.0f);
    const Scalar partial = b_.AddImm(b_.Arg(kChunkPartial), dim_ * 4);
    const Scalar of_head = b_.Copy(scratch_), lanes = b_.AddImm(scratch_, lanes_offset_);
    for (int row = 0; row < rows_; ++row) {
      b_.Loop(group_);
      const Vec top = b_.Unary(Op::kMaxLanes, b_.Load({lanes}));
      b_.Store({partial}, top);
      const Vec sum = b_.NewVec();
      b_.ZeroTo(sum);
      const Scalar scores = b_.Copy(of_head), position = b_.ScalarConst(0), entry = b_.Copy(table_);
      b_.Loop(blocks_);
      const Vec score = b_.Load({scores}), exponential = Exp(b_, k, b_.Sub(score, top));
      b_.Fma(exponential, zero, score);  // Exp clamps: a score that is not finite must be seen
      const Vec weight = MaskOne(exponential, row, position, zero);
      b_.BinaryTo(Op::kAdd, sum, sum, weight);
      if (spec_.kv.has_scales()) {
        b_.BinaryTo(Op::kMul, weight, weight, b_.Load({BlockAddress(entry), v_offset() + codes_bytes()}));
        b_.Bump(entry, 4);
      }
      b_.Store({scores}, weight);
      b_.Bump(scores, kVectorBytes);
      b_.Bump(position, kLanes);
      b_.End();
      b_.Store({partial, kVectorBytes}, b_.Unary(Op::kSumLanes, sum));
      b_.Bump(of_head, kScoreBytes);
      b_.Bump(lanes, kVectorBytes);
      b_.Bump(partial, AttentionQueryBytes(spec_));
      b_.End();
    }
  }

  /// The queries [first, last) and columns [column, column + 16 * vectors) whose weighted sums of V are in
  /// registers.
  struct ValueTile {
    int first, last, column, vectors;
    std::vector<Vec> sums;  // [query][vector]
    bool prefetch;
  };

  /// Adds one position: V at `values` + offset, its weights at `weights` + weight_offset; for queries of
  /// token rows [first_row, end_row) only.
  void AddPosition(const ValueTile& tile, Scalar values, int offset, Scalar weights, int weight_offset,
                   int first_row, int end_row) {
    for (int v = 0; v < tile.vectors; ++v) {
      const int column = (tile.column + v * kLanes) * element_;
      const Vec value = LoadKvElements(b_, spec_.kv.type, {values, v_offset() + offset + column});
      for (int r = tile.first; r < tile.last; ++r) {
        if (token(r) < first_row || token(r) >= end_row) continue;
        b_.FmaBroadcast(tile.sums[(r - tile.first) * tile.vectors + v], value,
                        {weights, r * kScoreBytes + weight_offset});
      }
    }
  }

  /// Positions [from, from + count) of one block, for token rows [first_row, end_row). from is left alone.
  void AddWithinBlock(const ValueTile& tile, Scalar from, Scalar count, int first_row, int end_row) {
    b_.Loop(b_.ScalarMin(count, b_.ScalarConst(1)));  // the page table may end before a block of no positions
    const Scalar values = BlockAddress(b_.ScalarAdd(b_.ShiftLeft(b_.ShiftRight(from, 4), 2), table_));
    b_.BumpBy(values, b_.MulImm(b_.AndImm(from, KvLayout::kBlockTokens - 1), dim_ * element_));
    const Scalar weights = b_.ScalarAdd(b_.ShiftLeft(from, 2), scratch_);
    b_.Loop(count);
    AddPosition(tile, values, 0, weights, 0, first_row, end_row);
    b_.Bump(values, dim_ * element_);
    b_.Bump(weights, 4);
    b_.End();
    b_.End();
  }

  /// `blocks` whole blocks from position `from`, a multiple of 16, on.
  void AddBlocks(const ValueTile& tile, Scalar from, Scalar blocks) {
    const int bytes = kPositionUnroll * dim_ * element_;
    const Scalar weights = b_.ScalarAdd(b_.ShiftLeft(from, 2), scratch_);
    const Scalar entry = b_.ScalarAdd(b_.ShiftLeft(b_.ShiftRight(from, 4), 2), table_);
    Scalar half, ahead;
    if (tile.prefetch) half = b_.ScalarConst(KvLayout::kChunkTokens / KvLayout::kBlockTokens);
    b_.Loop(blocks);
    const Scalar values = BlockAddress(entry);
    if (tile.prefetch) ahead = AheadAddress(half);
    b_.Loop(KvLayout::kBlockTokens / kPositionUnroll);
    for (int at = 0; tile.prefetch && at < bytes; at += kCacheLine) b_.Prefetch1({ahead, at});
    for (int j = 0; j < kPositionUnroll; ++j)
      AddPosition(tile, values, j * dim_ * element_, weights, j * 4, 0, rows_);
    b_.Bump(values, bytes);
    if (tile.prefetch) b_.Bump(ahead, bytes);
    b_.Bump(weights, kPositionUnroll * 4);
    b_.End();
    b_.Bump(entry, 4);
    b_.End();
  }

  /// Where token row `row` begins, or ends, to see: clamped to the chunk's positions.
  Scalar Edge(AttentionChunkArgument argument, int row) {
    const Scalar clamped = b_.ScalarMin(b_.AddImm(b_.Arg(argument), row), b_.Arg(kChunkPositions));
    return b_.ScalarMax(clamped, b_.ScalarConst(0));
  }

  void ValueColumns(ValueTile& tile) {
    for (int i = 0; i < (tile.last - tile.first) * tile.vectors; ++i) tile.sums.push_back(b_.Const(0.0f));
    const Scalar at = spec_.window > 0 ? Edge(kChunkBegin, 0) : b_.ScalarConst(0);
    const int last_row = token(tile.last - 1);
    if (spec_.window > 0) {
      // What an earlier row sees, and the one after does not; then up to the next block.
      for (int row = 0; row + 1 < rows_; ++row) AdvanceTo(tile, at, Edge(kChunkBegin, row + 1), 0, row + 1);
      const Scalar next =
          b_.AndImm(b_.AddImm(at, KvLayout::kBlockTokens - 1), ~(KvLayout::kBlockTokens - 1) & 0x7fffffff);
      AdvanceTo(tile, at, b_.ScalarMin(next, Edge(kChunkEnd, 0)), 0, rows_);
    }
    const Scalar blocks =
        b_.ShiftRight(b_.ScalarMax(b_.ScalarSub(Edge(kChunkEnd, 0), at), b_.ScalarConst(0)), 4);
    AddBlocks(tile, at, blocks);
    b_.BumpBy(at, b_.ShiftLeft(blocks, 4));
    AdvanceTo(tile, at, Edge(kChunkEnd, 0), 0, rows_);
    for (int row = 1; row <= last_row; ++row) AdvanceTo(tile, at, Edge(kChunkEnd, row), row, rows_);
    const Scalar partial = b_.Arg(kChunkPartial);
    for (int r = tile.first; r < tile.last; ++r) {
      for (int v = 0; v < tile.vectors; ++v) {
        b_.Store({partial, r * AttentionQueryBytes(spec_) + (tile.column + v * kLanes) * 4},
                 tile.sums[(r - tile.first) * tile.vectors + v]);
      }
    }
  }

  /// Adds positions [at, to), all in one block, for the token rows that see them, and moves `at` there.
  void AdvanceTo(const ValueTile& tile, Scalar at, Scalar to, int first_row, int end_row) {
    if (token(tile.first) < end_row && token(tile.last - 1) >= first_row)
      AddWithinBlock(tile, at, b_.ScalarSub(to, at), first_row, end_row);
    b_.CopyTo(at, b_.ScalarMax(at, to));
  }

  void Values(int first, int last) {
    const int at_once = std::max(1, limits_.value_accumulators / (last - first));
    for (int v = 0; v < dim_ / kLanes; v += at_once) {
      ValueTile tile = {first,      last,
                        v * kLanes, std::min(at_once, dim_ / kLanes - v),
                        {},         prefetches() && first == 0 && v == 0};
      ValueColumns(tile);
    }
  }

  Builder b_;
  const PagedAttentionSpec& spec_;
  const TileLimits limits_;
  const int rows_, group_, dim_, element_, lanes_offset_;
  Scalar scratch_, table_, blocks_;
};

}  // namespace

codegen::Function BuildAttentionChunk(const PagedAttentionSpec& spec, int rows,
                                      const codegen::Target& target) {
  return ChunkBuilder(spec, rows, target).Build();
}

int AttentionChunkScratchBytes(const PagedAttentionSpec& spec, int rows) {
  return rows * (spec.heads / spec.kv.kv_heads) * (kScoreBytes + kVectorBytes);
}

}  // namespace vivace::kernels
