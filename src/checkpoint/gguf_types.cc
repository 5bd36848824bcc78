#include "checkpoint/gguf_types.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace vivace::checkpoint {
namespace {

template <class T>
T Load(const std::byte* data) {
  T value;
  std::memcpy(&value, data, sizeof(T));
  return value;
}

// By number, as in the GGUF specification; without a name where a number is out of use.
constexpr TensorTypeFacts kTensorTypes[] = {{"f32", 1, 4},
                                            {"f16", 1, 2},
                                            {"q4_0", 32, 18},
                                            {"q4_1", 32, 20},
                                            {},
                                            {},
                                            {"q5_0", 32, 22},
                                            {"q5_1", 32, 24},
                                            {"q8_0", 32, 34},
                                            {"q8_1", 32, 36},
                                            {"q2_k", 256, 84},
                                            {"q3_k", 256, 110},
                                            {"q4_k", 256, 144},
                                            {"q5_k", 256, 176},
                                            {"q6_k", 256, 210},
                                            {"q8_k", 256, 292},
                                            {"iq2_xxs", 256, 66},
                                            {"iq2_xs", 256, 74},
                                            {"iq3_xxs", 256, 98},
                                            {"iq1_s", 256, 50},
                                            {"iq4_nl", 32, 18},
                                            {"iq3_s", 256, 110},
                                            {"iq2_s", 256, 82},
                                            {"iq4_xs", 256, 136},
                                            {"i8", 1, 1},
                                            {"i16", 1, 2},
                                            {"i32", 1, 4},
                                            {"i64", 1, 8},
                                            {"f64", 1, 8},
                                            {"iq1_m", 256, 56},
                                            {"bf16", 1, 2},
                                            {},
                                            {},
                                            {},
                                            {"tq1_0", 256, 54},
                                            {"tq2_0", 256, 66},
                                            {},
                                            {},
                                            {},
                                            {"mxfp4", 32, 17}};

}  // namespace

std::optional<GgufType> GgufTypeFromNumber(std::uint32_t number) {
  switch (number) {
#define VIVACE_X(id, value, ...) \
  case value:                    \
    return GgufType::id;
    VIVACE_GGUF_TYPES(VIVACE_X)
#undef VIVACE_X
    default:
      return std::nullopt;
  }
}

std::string_view NameOf(GgufType type) {
  switch (type) {
#define VIVACE_X(id, value, name, bytes) \
  case GgufType::id:                     \
    return name;
    VIVACE_GGUF_TYPES(VIVACE_X)
#undef VIVACE_X
  }
  return "unknown";
}

std::size_t BytesOf(GgufType type) {
  switch (type) {
#define VIVACE_X(id, value, name, bytes) \
  case GgufType::id:                     \
    return bytes;
    VIVACE_GGUF_TYPES(VIVACE_X)
#undef VIVACE_X
  }
  return 0;
}

std::optional<std::int64_t> IntegerAt(GgufType type, const std::byte* data) {
  switch (type) {
    case GgufType::kUint8:
      return Load<std::uint8_t>(data);
    case GgufType::kInt8:
      return Load<std::int8_t>(data);
    case GgufType::kUint16:
      return Load<std::uint16_t>(data);
    case GgufType::kInt16:
      return Load<std::int16_t>(data);
    case GgufType::kUint32:
      return Load<std::uint32_t>(data);
    case GgufType::kInt32:
      return Load<std::int32_t>(data);
    case GgufType::kInt64:
      return Load<std::int64_t>(data);
    case GgufType::kUint64: {
      const auto value = Load<std::uint64_t>(data);
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
      return static_cast<std::int64_t>(value);
    }
    default:
      return std::nullopt;
  }
}

std::optional<double> NumberAt(GgufType type, const std::byte* data) {
  double value;
  if (type == GgufType::kFloat32) {
    value = Load<float>(data);
  } else if (type == GgufType::kFloat64) {
    value = Load<double>(data);
  } else {
    const auto integer = IntegerAt(type, data);
    if (!integer) return std::nullopt;
    value = static_cast<double>(*integer);
  }
  return std::isfinite(value) ? std::optional<double>(value) : std::nullopt;
}

std::string Quoted(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "'";
  for (const char c : text.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\'' && c != '\\') {
      out += c;
    } else {
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  if (text.size() > kLongest) out += "...";
  return out + "'";
}

TensorTypeFacts FactsOfTensorType(std::uint32_t gguf_id) {
  if (gguf_id >= std::size(kTensorTypes) || kTensorTypes[gguf_id].name.empty()) return {"unknown", 1, 0};
  return kTensorTypes[gguf_id];
}

}  // namespace vivace::checkpoint
