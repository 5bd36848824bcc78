// One packed contraction as the engine runs it, for benchmarks: a weight class, an activation type, a shape,
// and as many copies of the weights as one likes, so that they come from memory. Thread safety: none; Run
// uses the workers that it is given. A case borrows the memory of the weights.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/panel.h"
#include "roofline.h"

namespace vivace::bench {

struct GemmShape {
  int k;
  int n;
};
inline constexpr GemmShape kGemmShapes[] = {{4096, 4096}, {576, 1536}, {768, 3072}};
inline constexpr int kGemmRows[] = {1, 4, 8, 12, 16, 32, 128, 512};

/// A pair of types that a contraction may have.
struct GemmTypes {
  tensor::WeightClass weights;
  tensor::ActivationType activations;
};
std::string Name(const GemmTypes& types);
/// Every class with its own activations, and the optional ones: two-plane rows for the classes of u8 per 32,
/// rows per token for bytes per channel, bf16 rows for bf16 weights.
std::vector<GemmTypes> AllGemmTypes();
/// The loop whose rate bounds this arithmetic.
RegisterLoop LoopOf(const GemmTypes& types);
/// The share of the loop (rows 1: of the best plain read) that this project asks for, where it asks.
std::optional<double> BarOf(const GemmTypes& types, int rows);

class GemmCase {
 public:
  /// `weights` has room for `bytes`. kUnsupported where no kernel takes these types and this shape.
  static Result<std::unique_ptr<GemmCase>> Create(const GemmTypes& types, const GemmShape& shape,
                                                  const Memory& weights, std::size_t bytes);

  /// Many rows are quantised from f32 before each product, one copy of the weights a pass; few rows pass over
  /// all copies, or over enough of them to be measured.
  void Run(Workers& workers, int rows);
  /// The rows' quantisation alone; only where quantises(rows).
  void Quantise(Workers& workers, int rows);
  int PassCopies(int rows) const;
  double PassProducts(int rows) const;
  double PassBytes(int rows) const;
  std::size_t packed_bytes() const { return layout_.bytes(); }
  /// Packed bytes of all copies: what a read beside the rows-1 pass has to read.
  std::size_t all_bytes() const { return layout_.bytes() * static_cast<std::size_t>(copies_); }
  bool quantises(int rows) const { return rows >= kQuantisedRows && quantise_.has_value(); }

 private:
  // From here the rows' quantisation is part of the measurement.
  static constexpr int kQuantisedRows = 128;
  static constexpr int kMostRows = 512;

  GemmCase(const GemmTypes& types, const GemmShape& shape, const Memory& weights, std::size_t bytes);
  Status Compile();
  void FillInput();
  void RunTasks(Workers& workers, int rows, int first_copy, int copies);

  GemmTypes types_;
  tensor::PanelLayout layout_;
  tensor::QuantizedRows rows_;
  const std::byte* weights_;
  int copies_;
  int next_copy_ = 0;
  codegen::KernelLibrary library_;
  std::optional<codegen::KernelId> quantise_;
  Memory floats_, input_, output_, squares_;
  std::vector<float> norm_;
  std::vector<std::int32_t> numbers_;
  std::vector<kernels::PanelGemmArgs> args_;  // of each copy
};

}  // namespace vivace::bench
