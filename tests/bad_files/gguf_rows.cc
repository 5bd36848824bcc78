// GGUF files, groups G1 to G13 and G18: wrong as containers.
#include <limits>
#include <span>

#include "bad_file.h"
#include "checkpoint/gguf_test_file.h"

namespace vivace::bad_files {
namespace {

using checkpoint::GgufTestFile;
using checkpoint::GgufType;

struct FileRow {
  const char* id;
  std::function<void(GgufTestFile&)> make;
  const char* text;
};

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint32_t kF32 = 0, kQ4_1 = 3, kQ2_K = 10;

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
const FileRow kHeaderCases[] = {
    {"G1_Empty", [](GgufTestFile&) {}, "is empty"},
    {"G1_MagicOnly", [](GgufTestFile& f) { f.Text("GGUF"); }, "ends at byte 4 within its header"},
    {"G1_OtherMagic", [](GgufTestFile& f) { f.Text("GGML").Data(100); },
     "starts with 'GGML' instead of 'GGUF'"},
    {"M21_GgufIsGitLfsPointer",
     [](GgufTestFile& f) { f.Text("version https://git-lfs.github.com/spec/v1\n"); }, "git lfs pull"},
    {"M21_GgufIsWebPage", [](GgufTestFile& f) { f.Text("<!DOCTYPE html>"); }, "a web page"},
    {"M21_GgufIsZip", [](GgufTestFile& f) { f.Text("PK\x03\x04").Data(64); }, "PyTorch"},
    {"M21_GgufIsSafetensors", [](GgufTestFile& f) { f.Put<std::uint64_t>(2).Text("{}"); },
     "config.json is empty"},
    {"G2_Version0", [](GgufTestFile& f) { f.Header(0, 0, 0); }, "GGUF version 0"},
    {"G2_Version1", [](GgufTestFile& f) { f.Header(0, 0, 1); }, "GGUF version 1"},
    {"G2_Version4", [](GgufTestFile& f) { f.Header(0, 0, 4); }, "GGUF version 4"},
    {"G2_BigEndian", [](GgufTestFile& f) { f.Header(0, 0, 0x03000000); }, "big-endian"},
    {"G3_HugeKeyCount", [](GgufTestFile& f) { f.Header(0, kHuge); }, "18446744073709551615 metadata keys"},
    {"G3_HugeTensorCount", [](GgufTestFile& f) { f.Header(kHuge, 0); }, "18446744073709551615 tensors"},
    {"G3_KeyCountPastFile", [](GgufTestFile& f) { f.Header(0, 9).Data(100); }, "9 metadata keys"},
    {"G3_TensorCountPastFile", [](GgufTestFile& f) { f.Header(9, 0).Data(100); }, "9 tensors"},
    {"G3_KeysMissing", [](GgufTestFile& f) { f.Header(0, 2).StringKey("k", std::string(100, 'x')); },
     "ends at byte"},
};

const FileRow kKeyCases[] = {
    {"G4_HugeKeyLength", [](GgufTestFile& f) { f.Header(0, 1).Put(kHuge).Data(kPadding); },
     "metadata key 1 of 1 is 18446744073709551615 bytes long"},
    {"G4_KeyLengthPastFile", [](GgufTestFile& f) { f.Header(0, 1).Put<std::uint64_t>(60000).Data(kPadding); },
     "metadata key 1 of 1 should be 60000 bytes long"},
    {"G4_EmptyKey", [](GgufTestFile& f) { f.Header(0, 1).StringKey("", "v").Data(kPadding); }, "is empty"},
    {"G4_DuplicateKey", [](GgufTestFile& f) { f.Header(0, 2).StringKey("k", "v").StringKey("k", "w"); },
     "key 'k' is there twice"},
    {"G4_KeyWithControlCharacters",
     [](GgufTestFile& f) { f.Header(0, 2).StringKey("a\n\x1b'", "v").StringKey("a\n\x1b'", "w"); },
     "'a\\x0a\\x1b\\x27'"},
    {"G5_UnknownValueType",
     [](GgufTestFile& f) { f.Header(0, 1).String("k").Put<std::uint32_t>(13).Data(kPadding); },
     "key 'k' has value type 13"},
    {"G6_HugeStringLength",
     [](GgufTestFile& f) { f.Header(0, 1).String("k").Type(GgufType::kString).Put(kHuge).Data(kPadding); },
     "the value of key 'k' is 18446744073709551615 bytes long"},
    {"G6_StringPastFile",
     [](GgufTestFile& f) {
       f.Header(0, 1).String("k").Type(GgufType::kString).Put<std::uint64_t>(kPadding).Data(100);
     },
     "the value of key 'k'"},
    {"G5_NestedArray",
     [](GgufTestFile& f) { f.Header(0, 1).ArrayKey("k", GgufType::kArray, 1).Data(kPadding); },
     "array of arrays"},
    {"G5_UnknownArrayType",
     [](GgufTestFile& f) {
       f.Header(0, 1).String("k").Type(GgufType::kArray).Put<std::uint32_t>(99).Put<std::uint64_t>(1);
     },
     "array of type 99"},
    {"G5_ArraySizeWraps",
     [](GgufTestFile& f) {
       f.Header(0, 1).ArrayKey("k", GgufType::kUint64, (1ull << 61) + 1).Data(kPadding);
     },
     "array of 2305843009213693953 uint64 values"},
    {"G5_ArrayPastFile",
     [](GgufTestFile& f) { f.Header(0, 1).ArrayKey("k", GgufType::kInt8, kPadding * 2).Data(kPadding); },
     "array of 8192 int8 values"},
    {"G5_HugeStringArray",
     [](GgufTestFile& f) { f.Header(0, 1).ArrayKey("k", GgufType::kString, kHuge).Data(kPadding); },
     "array of 18446744073709551615 strings"},
    {"G5_StringArrayPastFile",
     [](GgufTestFile& f) { f.Header(0, 1).ArrayKey("k", GgufType::kString, 600).Data(kPadding); },
     "array of 600 strings"},
    {"G5_StringArrayItemPastFile",
     [](GgufTestFile& f) {
       f.Header(0, 1).ArrayKey("k", GgufType::kString, 2).String("x").Put(kHuge).Data(kPadding);
     },
     "string 2 of 2 in the array of key 'k'"},
    {"G7_Alignment0", Alignment(0), "key 'general.alignment' is 0"},
    {"G7_Alignment3", Alignment(3), "key 'general.alignment' is 3"},
    {"G7_Alignment2To31", Alignment(1u << 31), "key 'general.alignment' is 2147483648"},
    {"G7_AlignmentOfWrongType",
     [](GgufTestFile& f) { f.Header(0, 1).Key("general.alignment", GgufType::kUint64, std::uint64_t{32}); },
     "it must be uint32"},
    {"G7_AlignmentArray",
     [](GgufTestFile& f) {
       f.Header(0, 1).ArrayKey("general.alignment", GgufType::kUint32, 1).Put<std::uint32_t>(32);
     },
     "it must be uint32"},
};

const FileRow kTensorCases[] = {
    {"G8_NoDims", [](GgufTestFile& f) { f.Header(1, 0).Tensor("t", {}, kF32, 0).Data(kPadding); },
     "has 0 dimensions"},
    {"G8_FiveDims", OneTensor({1, 1, 1, 1, 1}, kF32, 0, 64), "has 5 dimensions"},
    {"G8_HugeDimCount",
     [](GgufTestFile& f) { f.Header(1, 0).String("t").Put<std::uint32_t>(~0u).Data(kPadding); },
     "has 4294967295 dimensions"},
    {"G9_DimZero", OneTensor({4, 0}, kF32, 0, 64), "dimension 2 of tensor 't' is 0"},
    {"G9_DimNegative", OneTensor({kHuge}, kF32, 0, 64), "dimension 1 of tensor 't'"},
    {"G9_ProductWraps", OneTensor({(1ull << 42) + 1, 1ull << 42}, kF32, 0, 64), "dimension 2 of tensor 't'"},
    {"G9_BytesWrap", OneTensor({1ull << 62}, kF32, 0, 64), "larger than any file"},
    {"G12_OffsetPlusBytesWraps", OneTensor({4}, kF32, kHuge - 31, 64), "larger than any file"},
    {"G10_UnknownTensorType", OneTensor({4}, 1000, 0, 64), "type 1000 (unknown)"},
    {"G10_TensorTypeMinusOne", OneTensor({4}, ~0u, 0, 64), "type 4294967295 (unknown)"},
    {"G10_DeprecatedTensorType", OneTensor({4}, 4, 0, 64), "type 4 (unknown)"},
    {"G10_OtherTensorType", OneTensor({256}, kQ2_K, 0, 256),
     "type 10 (q2_k); this build reads f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q5_k, q6_k, i32"},
    {"G11_OffsetUnaligned", OneTensor({4}, kF32, 4, 64),
     "offset 4, which is not a multiple of the alignment 32"},
    {"G11_OffsetPastEnd", OneTensor({4}, kF32, 1 << 20, 64), "but the file has 128: the file is cut off"},
    {"G11_DataCutOff", OneTensor({17}, kF32, 0, 64), "tensor 't' needs bytes 64..132 but the file has 128"},
    {"G18_PartOfABlock", OneTensor({48}, kQ4_1, 0, 64), "rows of 48 elements, q4_1 needs a multiple of 32"},
    {"G11_Overlap",
     [](GgufTestFile& f) { f.Header(2, 0).Tensor("a", {16}, kF32, 0).Tensor("b", {4}, kF32, 32).Data(64); },
     "tensors 'a' and 'b' overlap"},
    {"G11_SamePlace",
     [](GgufTestFile& f) { f.Header(2, 0).Tensor("a", {4}, kF32, 0).Tensor("b", {4}, kF32, 0).Data(64); },
     "overlap"},
    {"G13_DuplicateTensor",
     [](GgufTestFile& f) { f.Header(2, 0).Tensor("a", {4}, kF32, 0).Tensor("a", {4}, kF32, 32).Data(64); },
     "tensor 'a' is there twice"},
    {"G13_LongTensorName",
     [](GgufTestFile& f) { f.Header(1, 0).Tensor(std::string(65, 'n'), {4}, kF32, 0).Data(64); },
     "the name of tensor 1 of 1 is 65 bytes long, the limit is 64"},
    {"G13_EmptyTensorName", [](GgufTestFile& f) { f.Header(1, 0).Tensor("", {4}, kF32, 0).Data(64); },
     "has no name"},
    {"G11_FieldsUnaligned",
     [](GgufTestFile& f) {
       f.Header(1, 1)
           .Key("general.alignment", GgufType::kUint32, std::uint32_t{1})
           .Tensor("t", {4}, kF32, 1)
           .Data(64, 4);
     },
     "f32 needs a multiple of 4"},
    {"G12_SumOfPaddedSizesWraps",
     [](GgufTestFile& f) {
       f.Header(2, 0).Tensor("a", {1ull << 60}, kF32, 0).Tensor("b", {1ull << 60}, kF32, 1ull << 62).Data(64);
     },
     "the file is cut off"},
    {"G9_ProductOfFourWraps", OneTensor({1 << 20, 1 << 20, 1 << 20, 1 << 20}, kF32, 0, 64), "tensor 't'"},
    {"G18_RowOfOneElement", OneTensor({1, 32}, kQ4_1, 0, 64), "rows of 1 elements"},
    {"G11_OffsetMinusOne", OneTensor({4}, kF32, kHuge, 64), "offset 18446744073709551615"},
};

void Append(std::span<const FileRow> rows, std::vector<BadFile>& all) {
  for (const FileRow& row : rows) {
    all.push_back({row.id, "m.gguf",
                   [make = row.make](TestFolder& folder) {
                     GgufTestFile file;
                     make(file);
                     folder.Write("m/m.gguf", file.bytes());
                   },
                   row.text});
  }
}

}  // namespace

std::vector<BadFile> GgufRows() {
  std::vector<BadFile> all;
  Append(kHeaderCases, all);
  Append(kKeyCases, all);
  Append(kTensorCases, all);
  return all;
}

}  // namespace vivace::bad_files
