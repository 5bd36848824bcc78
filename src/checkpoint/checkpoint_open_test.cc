// What Checkpoint::Open makes of files and folders of each kind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_test_file.h"
#include "checkpoint/safetensors_test_file.h"
#include "checkpoint/test_folder.h"

namespace vivace::checkpoint {
namespace {

using ::testing::HasSubstr;

constexpr std::uint32_t kF32 = 0, kQ2_K = 10;

std::vector<std::byte> Shard(const char* tensor) {
  return SafetensorsTestFile().Tensor(tensor, "F32", "2,3", 24).bytes();
}

// A model of two shards with its texts.
void WriteSharded(TestFolder& folder, const std::string& under = "") {
  folder.Write(under + "config.json", "{}")
      .Write(under + "model.safetensors.index.json",
             R"({"metadata":{"total_size":1,"x":[{"y":null},-1.5e3,true]},"weight_map":)"
             R"({"b":"model-00002-of-00002.safetensors","a":"model-00001-of-00002.safetensors"}})")
      .Write(under + "model-00001-of-00002.safetensors", Shard("a"))
      .Write(under + "model-00002-of-00002.safetensors", Shard("b"));
}

void ExpectSharded(const Result<std::unique_ptr<Checkpoint>>& model) {
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ((*model)->format(), Format::kSafetensors);
  EXPECT_EQ((*model)->texts().config, "{}");
  EXPECT_EQ((*model)->file_count(), 2);
  ASSERT_EQ((*model)->tensors().size(), 2u);
  const TensorView* b = (*model)->FindTensor("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->dims[0], 3);
  EXPECT_EQ(b->data[23], std::byte{23});
  (*model)->Release(*b);
}

TEST(CheckpointOpen, ReadsAFolderWithOneFile) {
  TestFolder folder;
  folder.Write("model.safetensors", Shard("w"))
      .Write("config.json", "c")
      .Write("generation_config.json", "g")
      .Write("tokenizer.json", "t")
      .Write("tokenizer_config.json", "tc")
      .Write("special_tokens_map.json", "s")
      .Write("chat_template.jinja", "j");
  const std::string dot = folder.path() + "/";
  for (const std::string& path :
       {folder.path(), dot, folder.path("model.safetensors"), folder.path("config.json")}) {
    const auto model = Checkpoint::Open(path);
    ASSERT_TRUE(model.ok()) << path << ": " << model.status().message();
    EXPECT_EQ((*model)->name(), path);
    EXPECT_NE((*model)->FindTensor("w"), nullptr);
    const FolderTexts& texts = (*model)->texts();
    EXPECT_EQ(texts.config + texts.generation_config + texts.tokenizer + texts.tokenizer_config +
                  texts.special_tokens_map + texts.chat_template,
              "cgttcsj");
    EXPECT_EQ((*model)->gguf(), nullptr);
  }
}

TEST(CheckpointOpen, ReadsAShardedFolderByAnyOfItsNames) {
  TestFolder folder;
  WriteSharded(folder);
  ExpectSharded(Checkpoint::Open(folder.path()));
  ExpectSharded(Checkpoint::Open(folder.path("model-00002-of-00002.safetensors")));
  ExpectSharded(Checkpoint::Open(folder.path("model.safetensors.index.json")));
}

TEST(CheckpointOpen, FollowsTheLinksOfAHuggingFaceCache) {
  TestFolder folder;
  const std::string snapshot = "models--a--b/snapshots/0123/";
  folder.Write("models--a--b/blobs/1", "{}")
      .Write("models--a--b/blobs/2", Shard("a"))
      .Write("models--a--b/blobs/3", Shard("b"))
      .Write(
          "models--a--b/blobs/4",
          R"({"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}})")
      .Link(snapshot + "config.json", "../../blobs/1")
      .Link(snapshot + "model-00001-of-00002.safetensors", "../../blobs/2")
      .Link(snapshot + "model-00002-of-00002.safetensors", "../../blobs/3")
      .Link(snapshot + "model.safetensors.index.json", "../../blobs/4")
      .Link("main", "models--a--b/snapshots/0123");
  ExpectSharded(Checkpoint::Open(folder.path(snapshot)));
  ExpectSharded(Checkpoint::Open(folder.path("main")));
}

TEST(CheckpointOpen, FollowsALinkThatTheUserNames) {
  TestFolder folder, elsewhere;
  elsewhere.Write("weights", Shard("w"));
  folder.Link("m.safetensors", elsewhere.path("weights"));
  EXPECT_TRUE(Checkpoint::Open(folder.path("m.safetensors")).ok());
  EXPECT_TRUE(Checkpoint::Open(elsewhere.path("weights")).ok());
}

TEST(CheckpointOpen, TakesTheOnlyModelOfAFolder) {
  TestFolder one, gguf;
  one.Write("other.safetensors", Shard("w"));
  EXPECT_TRUE(Checkpoint::Open(one.path()).ok());
  GgufTestFile bytes;
  bytes.Header(0, 1).StringKey("k", "v");
  gguf.Write("m.Q4_0.gguf", bytes.bytes()).Write("config.json", "{}");
  const auto model = Checkpoint::Open(gguf.path());
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_NE((*model)->gguf(), nullptr);
  EXPECT_EQ((*model)->texts().config, "");
}

TEST(CheckpointOpen, TextsNeedNoWeights) {
  TestFolder folder;
  folder.Write("tokenizer.json", "{}");
  EXPECT_FALSE(Checkpoint::Open(folder.path()).ok());
  for (const std::string& path : {folder.path(), folder.path("tokenizer.json")}) {
    const auto texts = Checkpoint::Open(path, Contents::kTexts);
    ASSERT_TRUE(texts.ok()) << texts.status().message();
    EXPECT_EQ((*texts)->texts().tokenizer, "{}");
  }
}

TEST(CheckpointOpen, AFolderWithoutTextsSaysWhichIsMissing) {
  TestFolder folder;
  EXPECT_EQ(Checkpoint::Open(folder.path(), Contents::kTexts).status().message(),
            "'" + folder.path() + "' has no tokenizer.json: fetch it with the model");
}

TEST(CheckpointOpen, AlignsWhatTheFileDoesNot) {
  // A header of odd length puts the floats at an odd address.
  TestFolder folder;
  folder.Write("m.safetensors",
               SafetensorsBytes(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]} })", 8));
  const auto model = Checkpoint::Open(folder.path("m.safetensors"));
  ASSERT_TRUE(model.ok()) << model.status().message();
  const TensorView* w = (*model)->FindTensor("w");
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(w->data.data()) % 4, 0u);
  EXPECT_EQ(w->data[7], std::byte{7});
  (*model)->Release(*w);
  EXPECT_EQ(w->data[7], std::byte{7});
}

// Part `number` (from 0) of a GGUF model with one tensor in each part.
std::vector<std::byte> Part(std::uint16_t number, std::uint16_t count, std::int32_t tensors,
                            const char* tensor, std::uint32_t type = kF32) {
  GgufTestFile file;
  file.Header(1, 3)
      .Key("split.no", GgufType::kUint16, number)
      .Key("split.count", GgufType::kUint16, count)
      .Key("split.tensors.count", GgufType::kInt32, tensors)
      .Tensor(tensor, {256}, type, 0)
      .Data(1024);
  return file.bytes();
}

TEST(CheckpointOpen, JoinsTheParts) {
  TestFolder folder;
  folder.Write("m-00001-of-00003.gguf", Part(0, 3, 3, "a"))
      .Write("m-00002-of-00003.gguf", Part(1, 3, 3, "b"))
      .Write("m-00003-of-00003.gguf", Part(2, 3, 3, "c"));
  for (const char* name : {"m-00001-of-00003.gguf", "m-00003-of-00003.gguf", ""}) {
    const auto model = Checkpoint::Open(folder.path(name));
    ASSERT_TRUE(model.ok()) << model.status().message();
    EXPECT_EQ((*model)->file_count(), 3);
    EXPECT_EQ(*(*model)->gguf()->Integer("split.no"), 0);
    ASSERT_EQ((*model)->tensors().size(), 3u);
    EXPECT_EQ((*model)->tensors()[2].name, "c");
    (*model)->Release((*model)->tensors()[2]);
    EXPECT_EQ((*model)->tensors()[2].data[9], std::byte{9});
  }
}

TEST(CheckpointOpen, AVocabularyAloneIsAModelWithoutTensors) {
  TestFolder folder;
  GgufTestFile file;
  file.Header(0, 1).ArrayKey("tokenizer.ggml.tokens", GgufType::kString, 2).String("a").String("b");
  folder.Write("vocab.gguf", file.bytes());
  const auto model = Checkpoint::Open(folder.path("vocab.gguf"));
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_TRUE((*model)->tensors().empty());
  EXPECT_EQ((*model)->gguf()->Strings("tokenizer.ggml.tokens")->size(), 2u);
}

TEST(CheckpointOpen, HeadersListTensorsOfForeignTypes) {
  TestFolder folder;
  folder.Write("m.gguf", Part(0, 1, 1, "a", kQ2_K));
  EXPECT_THAT(Checkpoint::Open(folder.path("m.gguf")).status().message(), HasSubstr("type 10 (q2_k)"));
  for (const Contents contents : {Contents::kHeaders, Contents::kTexts}) {
    const auto model = Checkpoint::Open(folder.path("m.gguf"), contents);
    ASSERT_TRUE(model.ok()) << model.status().message();
    ASSERT_EQ((*model)->foreign().size(), 1u);
    EXPECT_EQ((*model)->foreign()[0].type, "q2_k");
    EXPECT_EQ((*model)->foreign()[0].bytes, 84);
  }
}

}  // namespace
}  // namespace vivace::checkpoint
