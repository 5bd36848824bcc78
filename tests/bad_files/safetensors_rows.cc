// Safetensors files, groups M1 to M13 and M21, as the weights of a folder whose other files are right.
#include <limits>
#include <span>

#include "bad_file.h"
#include "checkpoint/safetensors_test_file.h"

namespace vivace::bad_files {
namespace {

using checkpoint::SafetensorsBytes;

struct FileRow {
  const char* id;
  std::function<std::vector<std::byte>()> make;
  const char* text;
};

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

// The first bytes of a file: a stated header length and what follows.
auto Starts(std::uint64_t length, std::string text) {
  return [=] { return SafetensorsBytes(text, 0, length); };
}
auto Raw(std::string text) {
  return [=] {
    const auto bytes = std::as_bytes(std::span(text));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  };
}
auto Header(std::string header, std::size_t data = 8) {
  return [=] { return SafetensorsBytes(header, data); };
}
// One F32 tensor 't' with these texts for shape and offsets.
auto Entry(std::string shape, std::string offsets, std::size_t data = 8, std::string dtype = "\"F32\"") {
  return Header(R"({"t":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}",
                data);
}
// A good tensor of two floats of this name, as written between quotes.
auto Named(std::string name) {
  return Header("{\"" + name + R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})");
}

std::string ManyEntries(int count, const char* offsets) {
  std::string header = "{";
  for (int i = 0; i < count; ++i) {
    header += (i > 0 ? ",\"" : "\"") + std::to_string(i) + R"(":{"dtype":"F32","shape":[2],"data_offsets":)" +
              offsets + "}";
  }
  return header + "}";
}

const FileRow kPrefixCases[] = {
    {"M1_NoBytes", Raw(""), "is empty"},
    {"M1_OneByte", Raw("\x10"), "ends at byte 1"},
    {"M1_SevenBytes", Raw("\x10zzzzzz"), "ends at byte 7"},
    {"M1_LengthOnly", Starts(64, ""), "its header says it is 64 bytes long but 0 are left"},
    {"M2_HeaderLongerThanFile", Starts(99'999'999, "{}"),
     "its header says it is 99999999 bytes long but 2 are left"},
    {"M2_OneByteShort", Starts(3, "{}"), "but 2 are left"},
    {"M3_LengthOverLimit", Starts(100'000'001, "{}"), "the limit is 100000000"},
    {"M3_Length2To63", Starts(1ull << 63, "{}"), "says it is 9223372036854775808 bytes long"},
    {"M3_LengthMinusOne", Starts(kHuge, "{}"), "says it is 18446744073709551615 bytes long"},
    {"M3_LengthZero", Starts(0, "{}"), "does not begin with '{'"},
    {"M12_NotABrace", Header("[]"), "does not begin with '{'"},
    {"M12_SpaceFirst", Header(" {}"), "does not begin with '{'"},
    {"M12_ByteOrderMark", Header("\xef\xbb\xbf{}"), "does not begin with '{'"},
    {"M12_Depth100k", Header("{\"t\":" + std::string(100'000, '[')), "wanted the description of tensor 't'"},
    {"M12_DepthInMetadata", Header("{\"__metadata__\":{\"a\":" + std::string(100'000, '{')),
     "not an object of strings"},
    {"M12_Comment", Header("{/* x */}"), "wanted a key at byte 1"},
    {"M12_NaN", Entry("[NaN]", "[0,8]"), "the shape of tensor 't' is no list"},
    {"M12_TrailingComma", Header(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},})"),
     "wanted a key"},
    {"M12_TextAfterIt", Header("{}{}", 0), "wanted the end at byte 2"},
    {"M12_NotClosed", Header(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})"),
     "wanted ',' or '}'"},
    {"M12_SingleQuotes", Header("{'t':1}"), "wanted a key"},
    {"M21_GitLfsPointerAsWeights", Raw("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
     "run `git lfs pull`"},
    {"M21_WebPageAsWeights", Raw("<!DOCTYPE html><html><body>404</body></html>"), "a web page"},
    {"M21_WebPageAfterSpace", Raw("\n\n  <html><body>not found</body>"), "a web page"},
    {"M21_ZipAsWeights", Raw(std::string("PK\x03\x04", 4) + std::string(60, '\0')),
     "a zip archive, as PyTorch checkpoints are: convert the model to safetensors"},
    {"M21_PickleAsWeights", Raw("\x80\x02}q\x01X\x03" + std::string(20, 'x')),
     "a pickle, which can run code"},
    {"M21_PickleProtocol4", Raw(std::string("\x80\x04\x95\x00\x00\x00\x00\x00", 8) + std::string(20, 'x')),
     "a pickle, which can run code"},
    {"M21_Gguf", Raw(std::string("GGUF\x03\0\0\0", 8) + std::string(20, '\0')), "it is a GGUF file"},
    {"M21_JsonError", Raw(R"({"error":"Repository not found"})"), "a JSON text, not a model"},
};

const FileRow kEntryCases[] = {
    {"M4_TenMillionEntriesOver16Bytes",
     [] { return SafetensorsBytes(ManyEntries((1 << 18) + 1, "[0,8]"), 16); }, "more than 262144 tensors"},
    {"M5_Overlapping100k", [] { return SafetensorsBytes(ManyEntries(100'000, "[0,8]"), 8); },
     "begins at byte 0 of the data instead of 8: tensors overlap"},
    {"M5_PartlyOverlapping",
     Header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
            R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
            12),
     "tensor 'b' begins at byte 4 of the data instead of 8: tensors overlap"},
    {"M6_Hole",
     Header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
            R"("b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
            12),
     "tensor 'b' begins at byte 8 of the data instead of 4: tensors leave a hole"},
    {"M6_HoleInFront", Entry("[1]", "[4,8]"), "begins at byte 4 of the data instead of 0"},
    {"M6_TrailingBytes", Entry("[2]", "[0,8]", 9), "its tensors end at byte 8 of 9 bytes of data"},
    {"M6_DataWithoutTensors", Header("{}", 100), "its tensors end at byte 0 of 100"},
    {"M6_PolyglotZipAtTheEnd", Entry("[2]", "[0,8]", 512), "end at byte 8 of 512"},
    {"M7_BeginAfterEnd", Entry("[2]", "[8,0]"), "has bytes 8..0 of data"},
    {"M7_EndPastFile", Entry("[4]", "[0,16]"), "has bytes 0..16 of data but the file has 8"},
    {"M7_Negative", Entry("[2]", "[-8,0]"), "data_offsets of tensor 't' are not two whole numbers"},
    {"M7_Float", Entry("[2]", "[0.0,8.0]"), "not two whole numbers"},
    {"M7_Exponent", Entry("[2]", "[0,8e0]"), "not two whole numbers"},
    {"M7_1e400", Entry("[2]", "[0,1e400]"), "not two whole numbers"},
    {"M7_Strings", Entry("[2]", R"(["0","8"])"), "not two whole numbers"},
    {"M7_OneOffset", Entry("[2]", "[8]"), "not two whole numbers"},
    {"M7_ThreeOffsets", Entry("[2]", "[0,8,8]"), "not two whole numbers"},
    {"M7_Over64Bits", Entry("[2]", "[0,18446744073709551616]"), "not two whole numbers"},
    {"M7_AtMost64Bits", Entry("[2]", "[0,18446744073709551615]"), "has bytes 0..18446744073709551615"},
    {"M7_LeadingZero", Entry("[2]", "[00,8]"), "not two whole numbers"},
    {"M7_Null", Entry("[2]", "null"), "not two whole numbers"},
    {"M8_ShapeProductWraps", Entry("[4294967296,4294967296]", "[0,8]"),
     "the shape of tensor 't' has more elements than any file"},
    {"M8_BytesWrap", Entry("[4611686018427387906]", "[0,8]"), "more elements than any file"},
    {"M8_WrapsToZero", Entry("[4294967296,4294967296,0]", "[0,0]", 0), "more elements than any file"},
    {"M8_NegativeDimension", Entry("[-2]", "[0,8]"), "the shape of tensor 't' is no list"},
    {"M8_FloatDimension", Entry("[2.0]", "[0,8]"), "is no list of up to 32 whole numbers"},
    {"M8_33Dimensions", Entry("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]", "[0,8]"),
     "up to 32 whole numbers"},
    {"M8_ShapeIsNumber", Entry("2", "[0,8]"), "is no list"},
    {"M9_ShapeSmallerThanRange", Entry("[1]", "[0,8]"),
     "tensor 't' has 8 bytes of data, its shape needs 32 bits of F32"},
    {"M9_ShapeLargerThanRange", Entry("[3]", "[0,8]"), "its shape needs 96 bits of F32"},
    {"M9_TypeAgainstRange", Entry("[2]", "[0,8]", 8, "\"F16\""), "its shape needs 32 bits of F16"},
    {"M10_UnknownType", Entry("[2]", "[0,8]", 8, "\"F33\""), "tensor 't' has dtype 'F33', which the"},
    {"M10_LowerCaseType", Entry("[2]", "[0,8]", 8, "\"f32\""), "has dtype 'f32'"},
    {"M10_EmptyType", Entry("[2]", "[0,8]", 8, "\"\""), "has dtype ''"},
    {"M10_TypeIsNumber", Entry("[2]", "[0,8]", 8, "32"), "the dtype of tensor 't' is no plain string"},
    {"M10_Float8", Entry("[8]", "[0,8]", 8, "\"F8_E4M3\""),
     "tensor 't' is f8_e4m3; this build reads f32, f16 and bf16"},
    {"M10_Integers", Entry("[1]", "[0,8]", 8, "\"I64\""), "tensor 't' is i64; this build reads"},
    {"M10_OddCountOfF4", Entry("[3]", "[0,1]", 1, "\"F4\""), "its shape needs 12 bits of F4"},
    {"M10_OddCountOfF6", Entry("[3]", "[0,2]", 2, "\"F6_E2M3\""), "its shape needs 18 bits"},
    {"M10_FiveDimensions", Entry("[1,1,1,1,2]", "[0,8]"), "tensor 't' is f32 of 5 dimensions"},
    {"M10_NoElements", Entry("[0]", "[0,0]", 0), "tensor 't' is f32 without elements"},
};

const FileRow kKeyCases[] = {
    {"M11_DuplicateTensor",
     Header(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
            R"("t":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
            16),
     "tensor 't' is there twice"},
    {"M11_DuplicateByEscape",
     Header(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
            R"("\u0074":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
            16),
     "tensor 't' is there twice"},
    {"M11_DuplicateField", Header(R"({"t":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})"),
     "dtype of tensor 't' is there twice"},
    {"M11_DuplicateOffsets",
     Header(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"data_offsets":[0,4]}})"),
     "data_offsets of tensor 't' is there twice"},
    {"M11_UnknownField", Header(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})"),
     "tensor 't' has the field 'x'"},
    {"M11_MissingField", Header(R"({"t":{"dtype":"F32","shape":[2]}})"), "tensor 't' has no data_offsets"},
    {"M11_MissingType", Header(R"({"t":{"shape":[2],"data_offsets":[0,8]}})"), "tensor 't' has no dtype"},
    {"M11_EmptyName", Named(""), "the name of tensor 1 is ''"},
    {"M11_NameWithNul", Named("a\\u0000b"), "the name of tensor 1 is 'a\\x00b'"},
    {"M11_RawNul", Named(std::string("a\0b", 3)), "wanted a key"},
    {"M11_RawNewline", Named("a\nb"), "wanted a key"},
    {"M11_Name1MiB", Named(std::string(1 << 20, 'n')), "is 1048576 bytes long, the limit is 4096"},
    {"M11_EscapedName1MiB", Named("\\t" + std::string(1 << 20, 'n')), "wanted a key"},
    {"M11_InvalidUtf8", Named("a\xff"), "byte 3 of its header is not UTF-8"},
    {"M11_OverlongUtf8", Named("\xc0\xaf"), "byte 2 of its header is not UTF-8"},
    {"M11_LoneSurrogate", Named("\\ud800"), "wanted a key"},
    {"M11_BadEscape", Named("\\x41"), "wanted a key"},
    {"M11_CutEscape", Header("{\"\\u00"), "wanted a key"},
    {"M13_MetadataIsString", Header(R"({"__metadata__":"pt"})", 0), "not an object of strings"},
    {"M13_MetadataIsArray", Header(R"({"__metadata__":["a"]})", 0), "not an object of strings"},
    {"M13_MetadataNumber", Header(R"({"__metadata__":{"a":1}})", 0), "not an object of strings"},
    {"M13_MetadataNull", Header(R"({"__metadata__":{"a":null}})", 0), "not an object of strings"},
    {"M13_MetadataObject", Header(R"({"__metadata__":{"a":{}}})", 0), "not an object of strings"},
    {"M13_MetadataTwice", Header(R"({"__metadata__":{},"__metadata__":{}})", 0),
     "'__metadata__' is there twice"},
};

void Append(std::span<const FileRow> rows, std::vector<BadFile>& all) {
  for (const FileRow& row : rows) {
    all.push_back({row.id, "",
                   [make = row.make](TestFolder& folder) {
                     WriteTinyFolder(folder);
                     folder.Write("m/model.safetensors", make());
                   },
                   row.text});
  }
}

}  // namespace

std::vector<BadFile> SafetensorsRows() {
  std::vector<BadFile> all;
  Append(kPrefixCases, all);
  Append(kEntryCases, all);
  Append(kKeyCases, all);
  return all;
}

}  // namespace vivace::bad_files
