// For tests of the panel GEMM: random checkpoint rows and activations with their exact values, guarded
// buffers, and kernels that run in the interpreter behind the address of a function.
#pragma once

#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "base/checked_math.h"
#include "codegen/interpreter.h"
#include "kernels/panel_functions.h"
#include "tensor/dequantize.h"
#include "tensor/float16.h"

namespace vivace::kernels {

/// FTZ and DAZ on this thread, as every worker has them.
class FlushDenormals {
 public:
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
  ~FlushDenormals() { _mm_setcsr(saved_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned saved_;
};

/// `count` elements at a 64-byte boundary between two lines that must not change. Starts as zeros.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::size_t count)
      : bytes_(count * sizeof(T)), storage_(bytes_ + 3 * kLine, std::byte{0}) {
    const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
    start_ = (address + kLine - 1) / kLine * kLine - address + kLine;
    std::memset(storage_.data() + start_ - kLine, kCanary, kLine);
    std::memset(storage_.data() + start_ + bytes_, kCanary, kLine);
  }
  T* data() { return reinterpret_cast<T*>(storage_.data() + start_); }
  const T* data() const { return reinterpret_cast<const T*>(storage_.data() + start_); }
  T& operator[](std::size_t i) { return data()[i]; }
  const T& operator[](std::size_t i) const { return data()[i]; }
  std::size_t bytes() const { return bytes_; }
  bool operator==(const Guarded& other) const {
    return bytes_ == other.bytes_ && std::memcmp(data(), other.data(), bytes_) == 0;
  }
  bool Intact() const {
    for (std::size_t i = 0; i < kLine; ++i) {
      if (storage_[start_ - kLine + i] != std::byte{kCanary} ||
          storage_[start_ + bytes_ + i] != std::byte{kCanary})
        return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kLine = 64;
  static constexpr unsigned char kCanary = 0xa5;
  std::size_t bytes_;
  std::vector<std::byte> storage_;
  std::size_t start_;
};

using Random = std::mt19937;

inline float Uniform(Random& random, float low, float high) {
  return std::uniform_real_distribution<float>(low, high)(random);
}
inline int UniformInt(Random& random, int low, int high) {
  return std::uniform_int_distribution<int>(low, high)(random);
}

inline std::vector<float> RandomFloats(Random& random, std::size_t count, float low = -1, float high = 1) {
  std::vector<float> values(count);
  for (float& v : values) v = Uniform(random, low, high);
  return values;
}

/// Rows [rows, k] as they lie in a checkpoint.
struct CheckpointRows {
  tensor::DType type;
  int rows, k;
  std::vector<std::byte> bytes;

  CheckpointRows(Random& random, tensor::DType type_of_rows, int row_count, int row_width)
      : type(type_of_rows),
        rows(row_count),
        k(row_width),
        bytes(tensor::RowBytes(type, std::int64_t{rows} * k)) {
    for (std::byte& b : bytes) b = static_cast<std::byte>(random() & 255u);
    const int block = tensor::Row(type).block_bytes;
    for (std::size_t at = 0; at < bytes.size(); at += block) Tame(random, &bytes[at]);
  }
  // Gives a block of random bytes scales that make values of about -0.06 .. 0.06.
  void Tame(Random& random, std::byte* block) const {
    using tensor::DType;
    if (tensor::Row(type).block_elements == 1) {
      const float value = Uniform(random, -0.06f, 0.06f);
      const auto bits = std::bit_cast<std::uint32_t>(value);
      const std::uint16_t half =
          type == DType::kF16 ? tensor::F32ToF16(value) : static_cast<std::uint16_t>(bits >> 16);
      if (type == DType::kF32) std::memcpy(block, &value, sizeof(value));
      if (type != DType::kF32) std::memcpy(block, &half, sizeof(half));
      return;
    }
    const bool pairs = type == DType::kQ4_K || type == DType::kQ5_K;  // with a factor of up to 63 each
    float scale = Uniform(random, 0.001f, 0.004f), minimum = Uniform(random, -0.03f, 0.0f);
    if (pairs) scale /= 32, minimum /= -32;
    if (type == DType::kQ6_K) scale /= 64;
    const std::uint16_t scale_bits = tensor::F32ToF16(scale), minimum_bits = tensor::F32ToF16(minimum);
    std::memcpy(block + (type == DType::kQ6_K ? 208 : 0), &scale_bits, 2);
    if (pairs || type == DType::kQ4_1 || type == DType::kQ5_1) std::memcpy(block + 2, &minimum_bits, 2);
  }
  std::vector<float> Values(int row) const {
    std::vector<float> values(k);
    const std::size_t row_bytes = tensor::RowBytes(type, k);
    tensor::DequantizeRow(type, bytes.data() + row * row_bytes, k, values.data());
    return values;
  }
};

/// All panels of `sources`.
inline Guarded<std::byte> Pack(const tensor::PanelLayout& layout, tensor::ColumnOrder order,
                               const std::vector<PackSource>& sources, int rope_rows = 0, int head_dim = 64) {
  Guarded<std::byte> panels(layout.bytes());
  PackPanels(layout, order, sources, rope_rows, head_dim, 0, layout.panels(), panels.data());
  return panels;
}

/// Random quantised rows, as a producer would leave them.
struct Activations {
  tensor::QuantizedRows layout;
  Guarded<std::byte> bytes;

  Activations(Random& random, int k, int rows)
      : layout{k}, bytes(static_cast<std::size_t>(layout.row_stride()) * rows) {
    for (int r = 0; r < rows; ++r) {
      std::byte* row = bytes.data() + r * layout.row_stride();
      for (int g = 0; g < layout.groups(); ++g) FillGroup(random, row, g);
    }
  }
  void FillGroup(Random& random, std::byte* row, int g) {
    const int zero = UniformInt(random, 0, 255);
    const float scale = UniformInt(random, 0, 15) == 0 ? 0.0f : Uniform(random, 0.001f, 0.02f);
    int sum = -32 * zero;
    for (int i = 0; i < 32; ++i) {
      const int value = UniformInt(random, 0, 255);
      row[32 * g + i] = static_cast<std::byte>(value);
      sum += value;
    }
    const std::uint32_t negated =
        (static_cast<std::uint32_t>(-zero) & 0xffffu) | static_cast<std::uint32_t>(sum) << 16;
    const float scaled_sum = scale * static_cast<float>(sum);
    std::memcpy(row + layout.scale_offset() + 4 * g, &scale, 4);
    std::memcpy(row + layout.word_offset() + 4 * g, &negated, 4);
    std::memcpy(row + layout.sum_offset() + 4 * g, &scaled_sum, 4);
  }
  const std::byte* Row(int r) const {
    return bytes.data() + static_cast<std::ptrdiff_t>(r) * layout.row_stride();
  }
};

/// Dequantised values of one row.
inline std::vector<double> RowValues(const tensor::QuantizedRows& layout, const std::byte* row) {
  std::vector<double> values(layout.k);
  for (int k = 0; k < layout.k; ++k) {
    float scale;
    std::int16_t negated;
    std::memcpy(&scale, row + layout.scale_offset() + k / 32 * 4, 4);
    std::memcpy(&negated, row + layout.word_offset() + k / 32 * 4, 2);
    values[k] = static_cast<double>(scale) * (static_cast<int>(row[k]) + negated);
  }
  return values;
}

inline double Dot(const std::vector<double>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * static_cast<double>(b[i]);
  return sum;
}

/// Functions that run in the interpreter behind a KernelFn. They live as long as the process; one name is one
/// function.
class InterpretedKernels {
 public:
  static void Clear() { Functions().clear(); }
  static codegen::KernelFn Address(const codegen::Function& function) {
    auto& functions = Functions();
    for (std::size_t i = 0; i < functions.size(); ++i) {
      if (functions[i].name == function.name) return Thunks(std::make_index_sequence<kCapacity>())[i];
    }
    EXPECT_LT(functions.size(), kCapacity);
    functions.push_back(function);
    return Thunks(std::make_index_sequence<kCapacity>())[functions.size() - 1];
  }
  static PanelGemmCode Resolve(const PanelGemmSpec& spec) {
    const auto functions = BuildPanelGemm(spec, codegen::HostTarget());
    EXPECT_TRUE(functions.ok()) << functions.status().message();
    return Addresses<PanelGemmCode>(*functions);
  }
  static FinishCode Resolve(const PanelEmbedSpec& spec) {
    const auto functions = BuildPanelEmbed(spec);
    EXPECT_TRUE(functions.ok()) << functions.status().message();
    return Addresses<FinishCode>(*functions);
  }
  static FinishCode Resolve(const RowStepsSpec& spec) {
    const auto functions = BuildRowStepsPhase(spec);
    EXPECT_TRUE(functions.ok()) << functions.status().message();
    return Addresses<FinishCode>(*functions);
  }

 private:
  static constexpr std::size_t kCapacity = 100;
  template <class Code, class Functions>
  static Code Addresses(const Functions& functions) {
    Code code{};
    ForEachMember(functions, code,
                  [](const codegen::Function& from, codegen::KernelFn& to) { to = Address(from); });
    return code;
  }
  static std::vector<codegen::Function>& Functions() {
    static std::vector<codegen::Function> functions;
    return functions;
  }
  template <std::size_t kIndex>
  static void Thunk(const std::int64_t* arguments) {
    codegen::Interpret(Functions()[kIndex], {arguments, 32});
  }
  template <std::size_t... kIndices>
  static const std::array<codegen::KernelFn, kCapacity>& Thunks(std::index_sequence<kIndices...>) {
    static constexpr std::array<codegen::KernelFn, kCapacity> thunks = {Thunk<kIndices>...};
    return thunks;
  }
};

}  // namespace vivace::kernels
