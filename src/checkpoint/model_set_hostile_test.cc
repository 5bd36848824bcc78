// Broken and hostile folders and sets of files, groups M14 to M17, M21 and G17 of the reliability list: each
// ends in an error that says what is wrong, without waiting for anything.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <functional>

#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_test_file.h"
#include "checkpoint/safetensors_test_file.h"
#include "checkpoint/test_folder.h"

namespace vivace::checkpoint {
namespace {

using ::testing::HasSubstr;

struct FolderCase {
  const char* name;
  const char* open;  // what is opened within the folder "m"; "/..." as it stands
  std::function<void(TestFolder&)> make;
  StatusCode code;
  const char* message;
};

constexpr auto kBroken = StatusCode::kDataLoss;
constexpr auto kOther = StatusCode::kUnsupported;
constexpr auto kWrong = StatusCode::kInvalidArgument;
constexpr auto kMissing = StatusCode::kNotFound;
constexpr const char* kIndex = "m/model.safetensors.index.json";

class HostileFolder : public ::testing::TestWithParam<FolderCase> {};

TEST_P(HostileFolder, IsRefusedWithItsReason) {
  TestFolder folder;
  std::filesystem::create_directory(folder.path("m"));
  GetParam().make(folder);
  const std::string open = GetParam().open;
  const auto before = std::chrono::steady_clock::now();
  const auto model =
      Checkpoint::Open(open.starts_with('/') ? open : folder.path("m" + (open.empty() ? open : "/" + open)));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.status().code(), GetParam().code) << model.status().message();
  EXPECT_THAT(model.status().message(), HasSubstr(GetParam().message));
}

std::vector<std::byte> Shard(const char* tensor) {
  return SafetensorsTestFile().Tensor(tensor, "F32", "2", 8).bytes();
}

void Nothing(TestFolder&) {}

// An index that maps 'a' to this file name, with a real file outside the folder that it could reach.
auto WeightMap(std::string file) {
  return [=](TestFolder& folder) {
    folder.Write("outside.safetensors", Shard("a")).Write(kIndex, R"({"weight_map":{"a":")" + file + "\"}}");
  };
}
auto Index(std::string text) {
  return [=](TestFolder& folder) { folder.Write(kIndex, text).Write("m/1.safetensors", Shard("a")); };
}
auto Model(std::string text) {
  return [=](TestFolder& folder) { folder.Write("m/model.safetensors", text); };
}

const FolderCase kFileCases[] = {
    {"M14_NoSuchFile", "x.safetensors", Nothing, kMissing, "no file at"},
    {"M14_NoSuchFolder", "x/y", Nothing, kMissing, "no file at"},
    {"M14_EmptyFile", "x.safetensors", [](TestFolder& f) { f.Write("m/x.safetensors", ""); }, kBroken,
     "is empty"},
    {"M14_Fifo", "x.safetensors",
     [](TestFolder& f) { ASSERT_EQ(::mkfifo(f.path("m/x.safetensors").c_str(), 0600), 0); }, kWrong,
     "is not a regular file"},
    {"M14_FifoNamedGguf", "x.gguf",
     [](TestFolder& f) { ASSERT_EQ(::mkfifo(f.path("m/x.gguf").c_str(), 0600), 0); }, kWrong,
     "is not a regular file"},
    {"M14_FifoInFolder", "",
     [](TestFolder& f) { ASSERT_EQ(::mkfifo(f.path("m/model.safetensors").c_str(), 0600), 0); }, kWrong,
     "is not a regular file"},
    {"M14_DevZero", "/dev/zero", Nothing, kWrong, "is not a regular file"},
    {"M14_DevRandom", "/dev/random", Nothing, kWrong, "is not a regular file"},
    {"M14_LinkToDevZero", "", [](TestFolder& f) { f.Link("m/model.safetensors", "/dev/zero"); }, kBroken,
     "'model.safetensors' is a link to a file outside this folder"},
    {"M14_Directory", "",
     [](TestFolder& f) { std::filesystem::create_directory(f.path("m/model.safetensors")); }, kWrong,
     "is a directory"},
    {"M14_LinkLoop", "x.safetensors", [](TestFolder& f) { f.Link("m/x.safetensors", "x.safetensors"); },
     kWrong, "Too many levels of symbolic links"},
    {"M14_LinkLoopInFolder", "", [](TestFolder& f) { f.Link("m/model.safetensors", "model.safetensors"); },
     kWrong, "Too many levels of symbolic links"},
    {"M14_LinkToNothing", "", [](TestFolder& f) { f.Link("m/model.safetensors", "gone"); }, kMissing,
     "has no file 'model.safetensors'"},
    {"M14_ConfigIsFifo", "",
     [](TestFolder& f) {
       f.Write("m/model.safetensors", Shard("a"));
       ASSERT_EQ(::mkfifo(f.path("m/config.json").c_str(), 0600), 0);
     },
     kWrong, "config.json' is not a regular file"},
    {"M14_ConfigIsDirectory", "",
     [](TestFolder& f) { f.Write("m/model.safetensors", Shard("a")).Write("m/config.json/x", ""); }, kWrong,
     "config.json' is a directory"},
    {"C1_ConfigOf5GB", "",
     [](TestFolder& f) {
       f.Write("m/model.safetensors", Shard("a")).Write("m/config.json", "{}");
       std::filesystem::resize_file(f.path("m/config.json"), 5'000'000'000);
     },
     kBroken, "config.json: is 5000000000 bytes long, the limit is 16777216"},
    {"M15_ConfigLeadsOutside", "",
     [](TestFolder& f) { f.Write("m/model.safetensors", Shard("a")).Link("m/config.json", "/etc/passwd"); },
     kBroken, "'config.json' is a link to a file outside this folder"},
    {"M21_GitLfsPointer", "", Model("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
     kOther, "run `git lfs pull`"},
    {"M21_WebPage", "", Model("<!doctype html><title>Sign in</title>"), kOther, "a web page"},
    {"M21_Zip", "", Model(std::string("PK\x03\x04") + std::string(99, 'x')), kOther, "a zip archive"},
    {"M21_Pickle", "", Model("\x80\x02" + std::string(99, 'x')), kOther, "a pickle"},
    {"M21_PickleByItsOwnName", "pytorch_model.bin",
     [](TestFolder& f) { f.Write("m/pytorch_model.bin", "\x80\x02" + std::string(99, 'x')); }, kOther,
     "a PyTorch checkpoint (a pickle, which can run code when it is read): convert it to safetensors"},
    {"M21_FolderWithPicklesOnly", "",
     [](TestFolder& f) { f.Write("m/pytorch_model.bin", "PK").Write("m/config.json", "{}"); }, kOther,
     "no weights in safetensors or GGUF but 'pytorch_model.bin'"},
    {"M21_FolderWithPtOnly", "", [](TestFolder& f) { f.Write("m/consolidated.00.pth", "PK"); }, kOther,
     "convert it to safetensors"},
    {"M21_EmptyFolder", "", Nothing, kMissing,
     "has no weights: looked for model.safetensors, model.safetensors.index.json, one other .safetensors "
     "file"},
    {"M21_FolderWithoutWeights", "",
     [](TestFolder& f) { f.Write("m/config.json", "{}").Write("m/tokenizer.json", "{}"); }, kMissing,
     "has no weights"},
    {"M21_SeveralModels", "", [](TestFolder& f) { f.Write("m/a.gguf", "GGUF").Write("m/b.gguf", "GGUF"); },
     kWrong, "has several models, 'a.gguf', 'b.gguf': name one of them"},
    {"M21_TextFile", "README.md", [](TestFolder& f) { f.Write("m/README.md", "# A model\n\nIt is good."); },
     kOther, "of an unknown kind: name a GGUF or a safetensors file"},
};

const FolderCase kSetCases[] = {
    {"M15_ParentFolder", "", WeightMap("../outside.safetensors"), kBroken,
     "'../outside.safetensors' is not the plain name of a file in this folder"},
    {"M15_FarAway", "", WeightMap("../../../../etc/passwd"), kBroken, "is not the plain name"},
    {"M15_Absolute", "", WeightMap("/etc/passwd"), kBroken, "'/etc/passwd' is not the plain name"},
    {"M15_DevZero", "", WeightMap("/dev/zero"), kBroken, "is not the plain name"},
    {"M15_SubFolder", "", WeightMap("sub/x.safetensors"), kBroken, "is not the plain name"},
    {"M15_BackSlash", "", WeightMap("..\\\\outside.safetensors"), kBroken, "is not the plain name"},
    {"M15_DotDot", "", WeightMap(".."), kBroken, "is not the plain name"},
    {"M15_Dot", "", WeightMap("."), kBroken, "is not the plain name"},
    {"M15_Empty", "", WeightMap(""), kBroken, "is not the plain name"},
    {"M15_Nul", "", WeightMap("1.safetensors\\u0000.txt"), kBroken, "is not the plain name"},
    {"M15_Newline", "", WeightMap("1\\n2"), kBroken, "is not the plain name"},
    {"M15_LongName", "", WeightMap(std::string(300, 'x')), kBroken, "is not the plain name"},
    {"M15_LinkLeadsOutside", "",
     [](TestFolder& f) {
       WeightMap("1.safetensors")(f);
       f.Link("m/1.safetensors", "../outside.safetensors");
     },
     kBroken, "'1.safetensors' is a link to a file outside this folder"},
    {"M15_LinkIntoFolderOfLikeName", "",
     [](TestFolder& f) {
       WeightMap("1.safetensors")(f);
       f.Write("m2/1.safetensors", Shard("a")).Link("m/1.safetensors", "../m2/1.safetensors");
     },
     kBroken, "is a link to a file outside this folder"},
    {"M15_LinkedFolderLeadsOutside", "",
     [](TestFolder& f) {
       f.Write("m/model.safetensors", Shard("a"));
       std::filesystem::remove(f.path("m/model.safetensors"));
       f.Write("o/blobs/x", Shard("a")).Link("m/model.safetensors", "../o/blobs/x");
     },
     kBroken, "outside this folder"},
    {"M16_ShardMissing", "",
     Index(R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors","c":"3.safetensors"}})"), kMissing,
     "2 of its 3 files are missing: '2.safetensors', '3.safetensors': fetch them"},
    {"M16_ShardTwiceByLink", "",
     [](TestFolder& f) {
       Index(R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})")(f);
       f.Link("m/2.safetensors", "1.safetensors");
     },
     kBroken, "'2.safetensors' is one of its other files under a second name"},
    {"M16_TensorInTwoShards", "",
     [](TestFolder& f) {
       Index(R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})")(f);
       f.Write("m/2.safetensors", Shard("a"));
     },
     kBroken, "tensor 'a' is in two of its files"},
    {"M16_TensorInAnotherShard", "",
     [](TestFolder& f) {
       Index(R"({"weight_map":{"a":"2.safetensors","b":"1.safetensors"}})")(f);
       f.Write("m/2.safetensors", Shard("b"));
     },
     kBroken, "tensor 'a' is not in '2.safetensors'"},
    {"M16_TensorInNoShard", "", Index(R"({"weight_map":{"a":"1.safetensors","b":"1.safetensors"}})"), kBroken,
     "tensor 'b' is not in '1.safetensors'"},
    {"M16_ShardBroken", "",
     [](TestFolder& f) {
       Index(R"({"weight_map":{"a":"1.safetensors"}})")(f);
       f.Write("m/1.safetensors", "version https://git-lfs.github.com/spec/v1\n");
     },
     kOther, "1.safetensors: not a safetensors file: it is a git-lfs pointer"},
    {"M16_PartWithoutIndex", "",
     [](TestFolder& f) { f.Write("m/model-00001-of-00002.safetensors", Shard("a")); }, kMissing,
     "has the part 'model-00001-of-00002.safetensors' of a model but no model.safetensors.index.json"},
    {"M17_IndexEmpty", "", Index(""), kBroken, "wanted '{' at byte 0"},
    {"M17_IndexIsArray", "", Index("[]"), kBroken, "wanted '{' at byte 0"},
    {"M17_NoWeightMap", "", Index("{}"), kBroken, "it has no 'weight_map', or an empty one"},
    {"M17_WeightMapEmpty", "", Index(R"({"weight_map":{}})"), kBroken, "or an empty one"},
    {"M17_WeightMapIsArray", "", Index(R"({"weight_map":[]})"), kBroken, "'weight_map' is not an object"},
    {"M17_WeightMapTwice", "", Index(R"({"weight_map":{"a":"1.safetensors"},"weight_map":{}})"), kBroken,
     "'weight_map' is there twice"},
    {"M17_FileIsNumber", "", Index(R"({"weight_map":{"a":1}})"), kBroken,
     "the file of tensor 'a' is no string"},
    {"M17_TensorTwice", "", Index(R"({"weight_map":{"a":"1.safetensors","\u0061":"1.safetensors"}})"),
     kBroken, "tensor 'a' is there twice"},
    {"M17_Depth100k", "", Index("{\"metadata\":" + std::string(100'000, '[')), kBroken, "wanted a value"},
    {"M17_DepthOfObjects", "",
     [](TestFolder& f) {
       std::string text = "{\"metadata\":";
       for (int i = 0; i < 1000; ++i) text += "{\"a\":";
       Index(text)(f);
     },
     kBroken, "wanted a value"},
    {"M17_InvalidUtf8", "", Index("{\"a\xff\":1}"), kBroken, "its byte 3 is not UTF-8"},
    {"M17_CutOff", "", Index(R"({"weight_map":{"a":"1.safet)"), kBroken,
     "the file of tensor 'a' is no string"},
    {"M17_IndexOf5GB", "",
     [](TestFolder& f) {
       Index("{}")(f);
       std::filesystem::resize_file(f.path(kIndex), 5'000'000'000);
     },
     kBroken, "is 5000000000 bytes long, the limit is 33554432"},
    {"M17_FiveThousandFiles", "",
     [](TestFolder& f) {
       std::string text = R"({"weight_map":{"x":"x")";
       for (int i = 0; i < 5000; ++i) text += ",\"" + std::to_string(i) + "\":\"" + std::to_string(i) + '"';
       Index(text + "}}")(f);
     },
     kBroken, "it lists more than 4096 files"},
};

// Part `number` (from 0) with one tensor.
std::vector<std::byte> Part(std::uint16_t number, std::uint16_t count, const char* tensor,
                            std::int32_t tensors = 2) {
  GgufTestFile file;
  file.Header(1, 3)
      .Key("split.no", GgufType::kUint16, number)
      .Key("split.count", GgufType::kUint16, count)
      .Key("split.tensors.count", GgufType::kInt32, tensors)
      .Tensor(tensor, {4}, 0, 0)
      .Data(32);
  return file.bytes();
}
auto Parts(std::vector<std::byte> first, std::vector<std::byte> second) {
  return [=](TestFolder& f) {
    f.Write("m/x-00001-of-00002.gguf", first).Write("m/x-00002-of-00002.gguf", second);
  };
}

const FolderCase kPartCases[] = {
    {"G17_LaterPartMissing", "x-00001-of-00002.gguf",
     [](TestFolder& f) { f.Write("m/x-00001-of-00002.gguf", Part(0, 2, "a")); }, kMissing,
     "x-00002-of-00002.gguf: is missing, part 2 of 2: fetch it"},
    {"G17_FirstPartMissing", "x-00002-of-00002.gguf",
     [](TestFolder& f) { f.Write("m/x-00002-of-00002.gguf", Part(1, 2, "a")); }, kMissing,
     "x-00001-of-00002.gguf: is missing, part 1 of 2"},
    {"G17_Renamed", "x.gguf", [](TestFolder& f) { f.Write("m/x.gguf", Part(0, 2, "a")); }, kBroken,
     "is part 1 of 2, so its name must end in -00001-of-00002.gguf"},
    {"G17_NameOfAnotherPart", "x-00002-of-00002.gguf", Parts(Part(0, 2, "a"), Part(0, 2, "b")), kBroken,
     "is part 1 of 2, so its name must end in -00001-of-00002.gguf"},
    {"G17_NameOfAnotherCount", "x-00001-of-00002.gguf", Parts(Part(0, 3, "a"), Part(1, 3, "b")), kBroken,
     "is part 1 of 3, so its name must end in -00001-of-00003.gguf"},
    {"G17_CountsDiffer", "x-00001-of-00002.gguf", Parts(Part(0, 2, "a"), Part(1, 3, "b")), kBroken,
     "says that it is part 2 of 3 instead of 2 of 2"},
    {"G17_NumberTwice", "x-00001-of-00002.gguf", Parts(Part(0, 2, "a"), Part(0, 2, "b")), kBroken,
     "says that it is part 1 of 2 instead of 2 of 2"},
    {"G17_NumberPastCount", "x-00001-of-00002.gguf", Parts(Part(2, 2, "a"), Part(1, 2, "b")), kBroken,
     "key 'split.no' is 2, it must be 0..1"},
    {"G17_TensorCountLies", "x-00001-of-00002.gguf", Parts(Part(0, 2, "a", 3), Part(1, 2, "b")), kBroken,
     "its parts have 2 tensors together instead of 3"},
    {"G17_TensorInTwoParts", "x-00001-of-00002.gguf", Parts(Part(0, 2, "a"), Part(1, 2, "a")), kBroken,
     "tensor 'a' is in two of its files"},
    {"G17_HugeCount", "x.gguf", [](TestFolder& f) { f.Write("m/x.gguf", Part(0, 65535, "a")); }, kBroken,
     "key 'split.count' is 65535, it must be 0..1024"},
    {"G17_OtherPartIsNoGguf", "x-00001-of-00002.gguf",
     [](TestFolder& f) {
       f.Write("m/x-00001-of-00002.gguf", Part(0, 2, "a")).Write("m/x-00002-of-00002.gguf", "<html>");
     },
     kOther, "x-00002-of-00002.gguf: starts with '<htm' instead of 'GGUF': it is a web page"},
};

std::string CaseName(const ::testing::TestParamInfo<FolderCase>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Files, HostileFolder, ::testing::ValuesIn(kFileCases), CaseName);
INSTANTIATE_TEST_SUITE_P(Sets, HostileFolder, ::testing::ValuesIn(kSetCases), CaseName);
INSTANTIATE_TEST_SUITE_P(Parts, HostileFolder, ::testing::ValuesIn(kPartCases), CaseName);

}  // namespace
}  // namespace vivace::checkpoint
