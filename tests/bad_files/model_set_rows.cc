// Folders and sets of files, groups M14 to M17, M21 and G17: links, kinds, names, sizes, indices and parts.
#include <span>

#include "bad_file.h"
#include "checkpoint/gguf_test_file.h"
#include "checkpoint/safetensors_test_file.h"

namespace vivace::bad_files {
namespace {

using checkpoint::GgufTestFile;
using checkpoint::GgufType;
using checkpoint::SafetensorsTestFile;

struct FolderRow {
  const char* id;
  const char* open;
  std::function<void(TestFolder&)> make;
  const char* text;
};

constexpr const char* kIndex = "m/model.safetensors.index.json";

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

const FolderRow kFileCases[] = {
    {"M14_NoSuchFile", "x.safetensors", Nothing, "no file at"},
    {"M14_NoSuchFolder", "x/y", Nothing, "no file at"},
    {"M14_EmptyFile", "x.safetensors", [](TestFolder& f) { f.Write("m/x.safetensors", ""); }, "is empty"},
    {"M14_Fifo", "x.safetensors", [](TestFolder& f) { MakeFifo(f.path("m/x.safetensors")); },
     "is not a regular file"},
    {"M14_FifoNamedGguf", "x.gguf", [](TestFolder& f) { MakeFifo(f.path("m/x.gguf")); },
     "is not a regular file"},
    {"M14_FifoInFolder", "", [](TestFolder& f) { MakeFifo(f.path("m/model.safetensors")); },
     "is not a regular file"},
    {"M14_DevZero", "/dev/zero", Nothing, "is not a regular file"},
    {"M14_DevRandom", "/dev/random", Nothing, "is not a regular file"},
    {"M14_LinkToDevZero", "", [](TestFolder& f) { f.Link("m/model.safetensors", "/dev/zero"); },
     "'model.safetensors' is a link to a file outside this folder"},
    {"M14_Directory", "",
     [](TestFolder& f) { std::filesystem::create_directory(f.path("m/model.safetensors")); },
     "is a directory"},
    {"M14_LinkLoop", "x.safetensors", [](TestFolder& f) { f.Link("m/x.safetensors", "x.safetensors"); },
     "Too many levels of symbolic links"},
    {"M14_LinkLoopInFolder", "", [](TestFolder& f) { f.Link("m/model.safetensors", "model.safetensors"); },
     "Too many levels of symbolic links"},
    {"M14_LinkToNothing", "", [](TestFolder& f) { f.Link("m/model.safetensors", "gone"); },
     "has no file 'model.safetensors'"},
    {"M14_ConfigIsFifo", "",
     [](TestFolder& f) {
       f.Write("m/model.safetensors", Shard("a"));
       MakeFifo(f.path("m/config.json"));
     },
     "config.json' is not a regular file"},
    {"M14_ConfigIsDirectory", "",
     [](TestFolder& f) { f.Write("m/model.safetensors", Shard("a")).Write("m/config.json/x", ""); },
     "config.json' is a directory"},
    {"C1_ConfigOf5GB", "",
     [](TestFolder& f) {
       f.Write("m/model.safetensors", Shard("a")).Write("m/config.json", "{}");
       std::filesystem::resize_file(f.path("m/config.json"), 5'000'000'000);
     },
     "config.json: is 5000000000 bytes long, the limit is 16777216"},
    {"M15_ConfigLeadsOutside", "",
     [](TestFolder& f) { f.Write("m/model.safetensors", Shard("a")).Link("m/config.json", "/etc/passwd"); },
     "'config.json' is a link to a file outside this folder"},
    {"M21_GitLfsPointer", "", Model("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
     "run `git lfs pull`"},
    {"M21_WebPage", "", Model("<!doctype html><title>Sign in</title>"), "a web page"},
    {"M21_Zip", "", Model(std::string("PK\x03\x04") + std::string(99, 'x')), "a zip archive"},
    {"M21_Pickle", "", Model("\x80\x02" + std::string(99, 'x')), "a pickle"},
    {"M21_PickleByItsOwnName", "pytorch_model.bin",
     [](TestFolder& f) { f.Write("m/pytorch_model.bin", "\x80\x02" + std::string(99, 'x')); },
     "a PyTorch checkpoint (a pickle, which can run code when it is read): convert it to safetensors"},
    {"M21_FolderWithPicklesOnly", "",
     [](TestFolder& f) { f.Write("m/pytorch_model.bin", "PK").Write("m/config.json", "{}"); },
     "no weights in safetensors or GGUF but 'pytorch_model.bin'"},
    {"M21_FolderWithPtOnly", "", [](TestFolder& f) { f.Write("m/consolidated.00.pth", "PK"); },
     "convert it to safetensors"},
    {"M21_EmptyFolder", "", Nothing,
     "has no weights: looked for model.safetensors, model.safetensors.index.json, one other .safetensors "
     "file"},
    {"M21_FolderWithoutWeights", "",
     [](TestFolder& f) { f.Write("m/config.json", "{}").Write("m/tokenizer.json", "{}"); }, "has no weights"},
    {"M21_SeveralModels", "", [](TestFolder& f) { f.Write("m/a.gguf", "GGUF").Write("m/b.gguf", "GGUF"); },
     "has several models, 'a.gguf', 'b.gguf': name one of them"},
    {"M21_TextFile", "README.md", [](TestFolder& f) { f.Write("m/README.md", "# A model\n\nIt is good."); },
     "of an unknown kind: name a GGUF or a safetensors file"},
};

const FolderRow kSetCases[] = {
    {"M15_ParentFolder", "", WeightMap("../outside.safetensors"),
     "'../outside.safetensors' is not the plain name of a file in this folder"},
    {"M15_FarAway", "", WeightMap("../../../../etc/passwd"), "is not the plain name"},
    {"M15_Absolute", "", WeightMap("/etc/passwd"), "'/etc/passwd' is not the plain name"},
    {"M15_DevZero", "", WeightMap("/dev/zero"), "is not the plain name"},
    {"M15_SubFolder", "", WeightMap("sub/x.safetensors"), "is not the plain name"},
    {"M15_BackSlash", "", WeightMap("..\\\\outside.safetensors"), "is not the plain name"},
    {"M15_DotDot", "", WeightMap(".."), "is not the plain name"},
    {"M15_Dot", "", WeightMap("."), "is not the plain name"},
    {"M15_Empty", "", WeightMap(""), "is not the plain name"},
    {"M15_Nul", "", WeightMap("1.safetensors\\u0000.txt"), "is not the plain name"},
    {"M15_Newline", "", WeightMap("1\\n2"), "is not the plain name"},
    {"M15_LongName", "", WeightMap(std::string(300, 'x')), "is not the plain name"},
    {"M15_LinkLeadsOutside", "",
     [](TestFolder& f) {
       WeightMap("1.safetensors")(f);
       f.Link("m/1.safetensors", "../outside.safetensors");
     },
     "'1.safetensors' is a link to a file outside this folder"},
    {"M15_LinkIntoFolderOfLikeName", "",
     [](TestFolder& f) {
       WeightMap("1.safetensors")(f);
       f.Write("m2/1.safetensors", Shard("a")).Link("m/1.safetensors", "../m2/1.safetensors");
     },
     "is a link to a file outside this folder"},
    {"M15_LinkedFolderLeadsOutside", "",
     [](TestFolder& f) {
       f.Write("m/model.safetensors", Shard("a"));
       std::filesystem::remove(f.path("m/model.safetensors"));
       f.Write("o/blobs/x", Shard("a")).Link("m/model.safetensors", "../o/blobs/x");
     },
     "outside this folder"},
    {"M16_ShardMissing", "",
     Index(R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors","c":"3.safetensors"}})"),
     "2 of its 3 files are missing: '2.safetensors', '3.safetensors': fetch them"},
    {"M16_ShardTwiceByLink", "",
     [](TestFolder& f) {
       Index(R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})")(f);
       f.Link("m/2.safetensors", "1.safetensors");
     },
     "'2.safetensors' is one of its other files under a second name"},
    {"M16_TensorInTwoShards", "",
     [](TestFolder& f) {
       Index(R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})")(f);
       f.Write("m/2.safetensors", Shard("a"));
     },
     "tensor 'a' is in two of its files"},
    {"M16_TensorInAnotherShard", "",
     [](TestFolder& f) {
       Index(R"({"weight_map":{"a":"2.safetensors","b":"1.safetensors"}})")(f);
       f.Write("m/2.safetensors", Shard("b"));
     },
     "tensor 'a' is not in '2.safetensors'"},
    {"M16_TensorInNoShard", "", Index(R"({"weight_map":{"a":"1.safetensors","b":"1.safetensors"}})"),
     "tensor 'b' is not in '1.safetensors'"},
    {"M16_ShardBroken", "",
     [](TestFolder& f) {
       Index(R"({"weight_map":{"a":"1.safetensors"}})")(f);
       f.Write("m/1.safetensors", "version https://git-lfs.github.com/spec/v1\n");
     },
     "1.safetensors: not a safetensors file: it is a git-lfs pointer"},
    {"M16_PartWithoutIndex", "",
     [](TestFolder& f) { f.Write("m/model-00001-of-00002.safetensors", Shard("a")); },
     "has the part 'model-00001-of-00002.safetensors' of a model but no model.safetensors.index.json"},
    {"M17_IndexEmpty", "", Index(""), "wanted '{' at byte 0"},
    {"M17_IndexIsArray", "", Index("[]"), "wanted '{' at byte 0"},
    {"M17_NoWeightMap", "", Index("{}"), "it has no 'weight_map', or an empty one"},
    {"M17_WeightMapEmpty", "", Index(R"({"weight_map":{}})"), "or an empty one"},
    {"M17_WeightMapIsArray", "", Index(R"({"weight_map":[]})"), "'weight_map' is not an object"},
    {"M17_WeightMapTwice", "", Index(R"({"weight_map":{"a":"1.safetensors"},"weight_map":{}})"),
     "'weight_map' is there twice"},
    {"M17_FileIsNumber", "", Index(R"({"weight_map":{"a":1}})"), "the file of tensor 'a' is no string"},
    {"M17_TensorTwice", "", Index(R"({"weight_map":{"a":"1.safetensors","\u0061":"1.safetensors"}})"),
     "tensor 'a' is there twice"},
    {"M17_Depth100k", "", Index("{\"metadata\":" + std::string(100'000, '[')), "wanted a value"},
    {"M17_DepthOfObjects", "",
     [](TestFolder& f) {
       std::string text = "{\"metadata\":";
       for (int i = 0; i < 1000; ++i) text += "{\"a\":";
       Index(text)(f);
     },
     "wanted a value"},
    {"M17_InvalidUtf8", "", Index("{\"a\xff\":1}"), "its byte 3 is not UTF-8"},
    {"M17_CutOff", "", Index(R"({"weight_map":{"a":"1.safet)"), "the file of tensor 'a' is no string"},
    {"M17_IndexOf5GB", "",
     [](TestFolder& f) {
       Index("{}")(f);
       std::filesystem::resize_file(f.path(kIndex), 5'000'000'000);
     },
     "is 5000000000 bytes long, the limit is 33554432"},
    {"M17_FiveThousandFiles", "",
     [](TestFolder& f) {
       std::string text = R"({"weight_map":{"x":"x")";
       for (int i = 0; i < 5000; ++i) text += ",\"" + std::to_string(i) + "\":\"" + std::to_string(i) + '"';
       Index(text + "}}")(f);
     },
     "it lists more than 4096 files"},
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

const FolderRow kPartCases[] = {
    {"G17_LaterPartMissing", "x-00001-of-00002.gguf",
     [](TestFolder& f) { f.Write("m/x-00001-of-00002.gguf", Part(0, 2, "a")); },
     "x-00002-of-00002.gguf: is missing, part 2 of 2: fetch it"},
    {"G17_FirstPartMissing", "x-00002-of-00002.gguf",
     [](TestFolder& f) { f.Write("m/x-00002-of-00002.gguf", Part(1, 2, "a")); },
     "x-00001-of-00002.gguf: is missing, part 1 of 2"},
    {"G17_Renamed", "x.gguf", [](TestFolder& f) { f.Write("m/x.gguf", Part(0, 2, "a")); },
     "is part 1 of 2, so its name must end in -00001-of-00002.gguf"},
    {"G17_NameOfAnotherPart", "x-00002-of-00002.gguf", Parts(Part(0, 2, "a"), Part(0, 2, "b")),
     "is part 1 of 2, so its name must end in -00001-of-00002.gguf"},
    {"G17_NameOfAnotherCount", "x-00001-of-00002.gguf", Parts(Part(0, 3, "a"), Part(1, 3, "b")),
     "is part 1 of 3, so its name must end in -00001-of-00003.gguf"},
    {"G17_CountsDiffer", "x-00001-of-00002.gguf", Parts(Part(0, 2, "a"), Part(1, 3, "b")),
     "says that it is part 2 of 3 instead of 2 of 2"},
    {"G17_NumberTwice", "x-00001-of-00002.gguf", Parts(Part(0, 2, "a"), Part(0, 2, "b")),
     "says that it is part 1 of 2 instead of 2 of 2"},
    {"G17_NumberPastCount", "x-00001-of-00002.gguf", Parts(Part(2, 2, "a"), Part(1, 2, "b")),
     "key 'split.no' is 2, it must be 0..1"},
    {"G17_TensorCountLies", "x-00001-of-00002.gguf", Parts(Part(0, 2, "a", 3), Part(1, 2, "b")),
     "its parts have 2 tensors together instead of 3"},
    {"G17_TensorInTwoParts", "x-00001-of-00002.gguf", Parts(Part(0, 2, "a"), Part(1, 2, "a")),
     "tensor 'a' is in two of its files"},
    {"G17_HugeCount", "x.gguf", [](TestFolder& f) { f.Write("m/x.gguf", Part(0, 65535, "a")); },
     "key 'split.count' is 65535, it must be 0..1024"},
    {"G17_OtherPartIsNoGguf", "x-00001-of-00002.gguf",
     [](TestFolder& f) {
       f.Write("m/x-00001-of-00002.gguf", Part(0, 2, "a")).Write("m/x-00002-of-00002.gguf", "<html>");
     },
     "x-00002-of-00002.gguf: starts with '<htm' instead of 'GGUF': it is a web page"},
};

void Append(std::span<const FolderRow> rows, std::vector<BadFile>& all) {
  for (const FolderRow& row : rows) all.push_back({row.id, row.open, row.make, row.text});
}

}  // namespace

std::vector<BadFile> ModelSetRows() {
  std::vector<BadFile> all;
  Append(kFileCases, all);
  Append(kSetCases, all);
  Append(kPartCases, all);
  return all;
}

}  // namespace vivace::bad_files
