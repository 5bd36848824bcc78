// Broken and hostile files, group G of the reliability list: each ends in an error that says what is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "checkpoint/gguf_file.h"
#include "checkpoint/gguf_test_file.h"

namespace vivace::checkpoint {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint32_t kF32 = 0, kQ4_1 = 3, kQ2_K = 10;

struct HostileCase {
  const char* name;
  std::function<void(GgufTestFile&)> write;
  StatusCode code;
  const char* message;
};

class HostileGguf : public ::testing::TestWithParam<HostileCase> {};

TEST_P(HostileGguf, IsRefusedWithItsReason) {
  GgufTestFile bytes;
  GetParam().write(bytes);
  const auto file = GgufFile::Parse(bytes.bytes(), "m.gguf");
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.status().code(), GetParam().code) << file.status().message();
  EXPECT_THAT(file.status().message(), HasSubstr(GetParam().message));
  EXPECT_THAT(file.status().message(), HasSubstr("m.gguf: "));
}

// One tensor of the given shape and place, and `data` bytes behind it.
auto OneTensor(std::initializer_list<std::uint64_t> dims, std::uint32_t type, std::uint64_t offset,
               std::size_t data) {
  return [dims = std::vector<std::uint64_t>(dims), type, offset, data](GgufTestFile& f) {
    f.Header(1, 0).String("t").Put(static_cast<std::uint32_t>(dims.size()));
    for (const auto dim : dims) f.Put(dim);
    f.Put(type).Put(offset).Data(data);
  };
}

auto Alignment(std::uint32_t value) {
  return [value](GgufTestFile& f) {
    f.Header(1, 1).Key("general.alignment", GgufType::kUint32, value).Tensor("t", {4}, kF32, 0).Data(64);
  };
}

// A lambda's header promises more than it writes, so padding keeps the counts themselves believable.
constexpr std::size_t kPadding = 4096;
constexpr auto kBroken = StatusCode::kDataLoss;
constexpr auto kOther = StatusCode::kUnsupported;

const HostileCase kHeaderCases[] = {
    {"Empty", [](GgufTestFile&) {}, kOther, "instead of 'GGUF'"},
    {"MagicOnly", [](GgufTestFile& f) { f.Text("GGUF"); }, kBroken, "ends at byte 4 within its header"},
    {"OtherMagic", [](GgufTestFile& f) { f.Text("GGML").Data(100); }, kOther,
     "starts with 'GGML' instead of 'GGUF'"},
    {"GitLfsPointer", [](GgufTestFile& f) { f.Text("version https://git-lfs.github.com/spec/v1\n"); }, kOther,
     "git lfs pull"},
    {"WebPage", [](GgufTestFile& f) { f.Text("<!DOCTYPE html>"); }, kOther, "a web page"},
    {"Zip", [](GgufTestFile& f) { f.Text("PK\x03\x04").Data(64); }, kOther, "PyTorch"},
    {"Safetensors", [](GgufTestFile& f) { f.Put<std::uint64_t>(2).Text("{}"); }, kOther, "safetensors"},
    {"Version0", [](GgufTestFile& f) { f.Header(0, 0, 0); }, kOther, "GGUF version 0"},
    {"Version1", [](GgufTestFile& f) { f.Header(0, 0, 1); }, kOther, "GGUF version 1"},
    {"Version4", [](GgufTestFile& f) { f.Header(0, 0, 4); }, kOther, "GGUF version 4"},
    {"BigEndian", [](GgufTestFile& f) { f.Header(0, 0, 0x03000000); }, kOther, "big-endian"},
    {"HugeKeyCount", [](GgufTestFile& f) { f.Header(0, kHuge); }, kBroken,
     "18446744073709551615 metadata keys"},
    {"HugeTensorCount", [](GgufTestFile& f) { f.Header(kHuge, 0); }, kBroken, "18446744073709551615 tensors"},
    {"KeyCountPastFile", [](GgufTestFile& f) { f.Header(0, 9).Data(100); }, kBroken, "9 metadata keys"},
    {"TensorCountPastFile", [](GgufTestFile& f) { f.Header(9, 0).Data(100); }, kBroken, "9 tensors"},
    {"KeysMissing", [](GgufTestFile& f) { f.Header(0, 2).StringKey("k", std::string(100, 'x')); }, kBroken,
     "ends at byte"},
};

const HostileCase kKeyCases[] = {
    {"HugeKeyLength", [](GgufTestFile& f) { f.Header(0, 1).Put(kHuge).Data(kPadding); }, kBroken,
     "metadata key 1 of 1 is 18446744073709551615 bytes long"},
    {"KeyLengthPastFile", [](GgufTestFile& f) { f.Header(0, 1).Put<std::uint64_t>(60000).Data(kPadding); },
     kBroken, "metadata key 1 of 1 should be 60000 bytes long"},
    {"EmptyKey", [](GgufTestFile& f) { f.Header(0, 1).StringKey("", "v").Data(kPadding); }, kBroken,
     "is empty"},
    {"DuplicateKey", [](GgufTestFile& f) { f.Header(0, 2).StringKey("k", "v").StringKey("k", "w"); }, kBroken,
     "key 'k' is there twice"},
    {"KeyWithControlCharacters",
     [](GgufTestFile& f) { f.Header(0, 2).StringKey("a\n\x1b'", "v").StringKey("a\n\x1b'", "w"); }, kBroken,
     "'a\\x0a\\x1b\\x27'"},
    {"UnknownValueType",
     [](GgufTestFile& f) { f.Header(0, 1).String("k").Put<std::uint32_t>(13).Data(kPadding); }, kBroken,
     "key 'k' has value type 13"},
    {"HugeStringLength",
     [](GgufTestFile& f) { f.Header(0, 1).String("k").Type(GgufType::kString).Put(kHuge).Data(kPadding); },
     kBroken, "the value of key 'k' is 18446744073709551615 bytes long"},
    {"StringPastFile",
     [](GgufTestFile& f) {
       f.Header(0, 1).String("k").Type(GgufType::kString).Put<std::uint64_t>(kPadding).Data(100);
     },
     kBroken, "the value of key 'k'"},
    {"NestedArray", [](GgufTestFile& f) { f.Header(0, 1).ArrayKey("k", GgufType::kArray, 1).Data(kPadding); },
     kOther, "array of arrays"},
    {"UnknownArrayType",
     [](GgufTestFile& f) {
       f.Header(0, 1).String("k").Type(GgufType::kArray).Put<std::uint32_t>(99).Put<std::uint64_t>(1);
     },
     kBroken, "array of type 99"},
    {"ArraySizeWraps",
     [](GgufTestFile& f) {
       f.Header(0, 1).ArrayKey("k", GgufType::kUint64, (1ull << 61) + 1).Data(kPadding);
     },
     kBroken, "array of 2305843009213693953 uint64 values"},
    {"ArrayPastFile",
     [](GgufTestFile& f) { f.Header(0, 1).ArrayKey("k", GgufType::kInt8, kPadding * 2).Data(kPadding); },
     kBroken, "array of 8192 int8 values"},
    {"HugeStringArray",
     [](GgufTestFile& f) { f.Header(0, 1).ArrayKey("k", GgufType::kString, kHuge).Data(kPadding); }, kBroken,
     "array of 18446744073709551615 strings"},
    {"StringArrayPastFile",
     [](GgufTestFile& f) { f.Header(0, 1).ArrayKey("k", GgufType::kString, 600).Data(kPadding); }, kBroken,
     "array of 600 strings"},
    {"StringArrayItemPastFile",
     [](GgufTestFile& f) {
       f.Header(0, 1).ArrayKey("k", GgufType::kString, 2).String("x").Put(kHuge).Data(kPadding);
     },
     kBroken, "string 2 of 2 in the array of key 'k'"},
    {"Alignment0", Alignment(0), kBroken, "key 'general.alignment' is 0"},
    {"Alignment3", Alignment(3), kBroken, "key 'general.alignment' is 3"},
    {"Alignment2To31", Alignment(1u << 31), kBroken, "key 'general.alignment' is 2147483648"},
    {"AlignmentOfWrongType",
     [](GgufTestFile& f) { f.Header(0, 1).Key("general.alignment", GgufType::kUint64, std::uint64_t{32}); },
     kBroken, "it must be uint32"},
    {"AlignmentArray",
     [](GgufTestFile& f) {
       f.Header(0, 1).ArrayKey("general.alignment", GgufType::kUint32, 1).Put<std::uint32_t>(32);
     },
     kBroken, "it must be uint32"},
};

const HostileCase kTensorCases[] = {
    {"NoDims", [](GgufTestFile& f) { f.Header(1, 0).Tensor("t", {}, kF32, 0).Data(kPadding); }, kBroken,
     "has 0 dimensions"},
    {"FiveDims", OneTensor({1, 1, 1, 1, 1}, kF32, 0, 64), kBroken, "has 5 dimensions"},
    {"HugeDimCount",
     [](GgufTestFile& f) { f.Header(1, 0).String("t").Put<std::uint32_t>(~0u).Data(kPadding); }, kBroken,
     "has 4294967295 dimensions"},
    {"DimZero", OneTensor({4, 0}, kF32, 0, 64), kBroken, "dimension 2 of tensor 't' is 0"},
    {"DimNegative", OneTensor({kHuge}, kF32, 0, 64), kBroken, "dimension 1 of tensor 't'"},
    {"ProductWraps", OneTensor({(1ull << 42) + 1, 1ull << 42}, kF32, 0, 64), kBroken,
     "dimension 2 of tensor 't'"},
    {"BytesWrap", OneTensor({1ull << 62}, kF32, 0, 64), kBroken, "larger than any file"},
    {"OffsetPlusBytesWraps", OneTensor({4}, kF32, kHuge - 31, 64), kBroken, "larger than any file"},
    {"UnknownTensorType", OneTensor({4}, 1000, 0, 64), kOther, "type 1000 (unknown)"},
    {"TensorTypeMinusOne", OneTensor({4}, ~0u, 0, 64), kOther, "type 4294967295 (unknown)"},
    {"DeprecatedTensorType", OneTensor({4}, 4, 0, 64), kOther, "type 4 (unknown)"},
    {"OtherTensorType", OneTensor({256}, kQ2_K, 0, 256), kOther,
     "type 10 (q2_k); this build reads f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q5_k, q6_k, i32"},
    {"OffsetUnaligned", OneTensor({4}, kF32, 4, 64), kBroken,
     "offset 4, which is not a multiple of the alignment 32"},
    {"OffsetPastEnd", OneTensor({4}, kF32, 1 << 20, 64), kBroken,
     "but the file has 128: the file is cut off"},
    {"DataCutOff", OneTensor({17}, kF32, 0, 64), kBroken,
     "tensor 't' needs bytes 64..132 but the file has 128"},
    {"PartOfABlock", OneTensor({48}, kQ4_1, 0, 64), kBroken,
     "rows of 48 elements, q4_1 needs a multiple of 32"},
    {"Overlap",
     [](GgufTestFile& f) { f.Header(2, 0).Tensor("a", {16}, kF32, 0).Tensor("b", {4}, kF32, 32).Data(64); },
     kBroken, "tensors 'a' and 'b' overlap"},
    {"SamePlace",
     [](GgufTestFile& f) { f.Header(2, 0).Tensor("a", {4}, kF32, 0).Tensor("b", {4}, kF32, 0).Data(64); },
     kBroken, "overlap"},
    {"DuplicateTensor",
     [](GgufTestFile& f) { f.Header(2, 0).Tensor("a", {4}, kF32, 0).Tensor("a", {4}, kF32, 32).Data(64); },
     kBroken, "tensor 'a' is there twice"},
    {"LongTensorName",
     [](GgufTestFile& f) { f.Header(1, 0).Tensor(std::string(65, 'n'), {4}, kF32, 0).Data(64); }, kBroken,
     "the name of tensor 1 of 1 is 65 bytes long, the limit is 64"},
    {"EmptyTensorName", [](GgufTestFile& f) { f.Header(1, 0).Tensor("", {4}, kF32, 0).Data(64); }, kBroken,
     "has no name"},
    {"FieldsUnaligned",
     [](GgufTestFile& f) {
       f.Header(1, 1)
           .Key("general.alignment", GgufType::kUint32, std::uint32_t{1})
           .Tensor("t", {4}, kF32, 1)
           .Data(64, 4);
     },
     kBroken, "f32 needs a multiple of 4"},
};

std::string CaseName(const ::testing::TestParamInfo<HostileCase>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Header, HostileGguf, ::testing::ValuesIn(kHeaderCases), CaseName);
INSTANTIATE_TEST_SUITE_P(Keys, HostileGguf, ::testing::ValuesIn(kKeyCases), CaseName);
INSTANTIATE_TEST_SUITE_P(Tensors, HostileGguf, ::testing::ValuesIn(kTensorCases), CaseName);

TEST(HostileGgufLimits, BoundStringsOverAllArrays) {
  // 2^21 + 1 empty strings fit in 16 MiB of file; their views would be larger than the file.
  GgufTestFile bytes;
  constexpr std::uint64_t kCount = (1 << 21) + 1;
  bytes.Header(0, 1).ArrayKey("k", GgufType::kString, kCount);
  bytes.bytes().resize(bytes.bytes().size() + 8 * kCount);
  const auto file = GgufFile::Parse(bytes.bytes(), "m.gguf");
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(file.status().message(), HasSubstr("the limit is 2097152"));
}

TEST(HostileGgufLimits, LayerCountOutOfRangeIsRefusedByTheLookup) {
  for (const std::uint32_t layers : {0u, 1'000'000'000u}) {
    GgufTestFile bytes;
    bytes.Header(0, 1).Key("llama.block_count", GgufType::kUint32, layers);
    const auto file = GgufFile::Parse(bytes.bytes(), "m.gguf");
    ASSERT_TRUE(file.ok());
    EXPECT_THAT(file->Integer("llama.block_count", 1, 1024).status().message(),
                HasSubstr("it must be 1..1024"));
  }
}

}  // namespace
}  // namespace vivace::checkpoint
