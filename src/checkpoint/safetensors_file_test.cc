#include "checkpoint/safetensors_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>

#include "checkpoint/safetensors_test_file.h"

namespace vivace::checkpoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(SafetensorsFile, GivesTensorsWithTheInnermostDimensionFirst) {
  const auto bytes =
      SafetensorsTestFile().Tensor("w", "BF16", "3,5,2", 60).Tensor("b", "F32", "4", 16).bytes();
  const auto file = SafetensorsFile::Parse(bytes, "m.safetensors");
  ASSERT_TRUE(file.ok()) << file.status().message();
  ASSERT_EQ(file->tensors().size(), 2u);
  const TensorView& w = file->tensors()[0];
  EXPECT_EQ(w.name, "w");
  EXPECT_EQ(w.type, tensor::DType::kBF16);
  EXPECT_EQ(w.dim_count, 3);
  EXPECT_THAT(w.dims, ElementsAre(2, 5, 3, 1));
  EXPECT_EQ(w.data.size(), 60u);
  EXPECT_EQ(w.data[1], std::byte{1});
  const TensorView& b = file->tensors()[1];
  EXPECT_EQ(b.type, tensor::DType::kF32);
  EXPECT_EQ(b.data[0], std::byte{60});
}

TEST(SafetensorsFile, ReadsWhatWritersWrite) {
  // White space, metadata, fields in another order, escapes, a scalar, a file without tensors.
  for (const char* header : {
           R"({"s":{"data_offsets":[0,4],"shape":[],"dtype":"F32"}}   )",
           "{\"__metadata__\":{\"format\":\"pt\",\"\\u00e9\":\"\"},\n\t\"s\" : {\"dtype\" : \"F32\", "
           "\"shape\" : [ 1 , 1 ] , \"data_offsets\" : [ 0 , 4 ] } }",
           R"({"\u0073":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"__metadata__":{}})",
       }) {
    const auto bytes = SafetensorsBytes(header, 4);
    const auto file = SafetensorsFile::Parse(bytes, "m.safetensors");
    ASSERT_TRUE(file.ok()) << header << "\n" << file.status().message();
    EXPECT_EQ(file->tensors()[0].name, "s");
    EXPECT_EQ(file->tensors()[0].elements(), 1);
  }
  EXPECT_TRUE(SafetensorsFile::Parse(SafetensorsBytes("{}", 0), "m.safetensors").ok());
}

TEST(SafetensorsFile, DecodesNamesAndKeepsThemWhenMoved) {
  const auto bytes =
      SafetensorsTestFile().Tensor(R"(\u0061\"\\\/\u00e9\u20ac\ud83d\ude00)", "F16", "1", 2).bytes();
  auto parsed = SafetensorsFile::Parse(bytes, "m.safetensors");
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const SafetensorsFile file = std::move(parsed).value();
  EXPECT_EQ(file.tensors()[0].name, "a\"\\/\u00e9\u20ac\U0001F600");
}

TEST(SafetensorsFile, ListsForeignTensorsWhenAsked) {
  const auto bytes = SafetensorsTestFile()
                         .Tensor("position_ids", "I64", "1,2", 16)
                         .Tensor("conv", "BF16", "1,1,1,1,3", 6)
                         .Tensor("none", "F32", "0,7", 0)
                         .Tensor("four", "F4", "3,2", 3)
                         .Tensor("w", "F16", "2", 4)
                         .bytes();
  const auto refused = SafetensorsFile::Parse(bytes, "m.safetensors");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kUnsupported);
  EXPECT_THAT(refused.status().message(), HasSubstr("tensor 'position_ids' is i64"));
  const auto listed = SafetensorsFile::Parse(bytes, "m.safetensors", ForeignTensors::kList);
  ASSERT_TRUE(listed.ok()) << listed.status().message();
  ASSERT_EQ(listed->tensors().size(), 1u);
  ASSERT_EQ(listed->foreign().size(), 4u);
  EXPECT_EQ(listed->foreign()[0].elements, 2);
  EXPECT_EQ(listed->foreign()[0].bytes, 16);
  EXPECT_EQ(listed->foreign()[1].type, "bf16 of 5 dimensions");
  EXPECT_EQ(listed->foreign()[2].type, "f32 without elements");
  EXPECT_EQ(listed->foreign()[3].bytes, 3);
}

TEST(SafetensorsFile, ReadsAHundredThousandTensorsQuickly) {
  SafetensorsTestFile writer;
  for (int i = 0; i < 100'000; ++i) {
    writer.Tensor("model.layers." + std::to_string(i) + ".mlp.experts.gate_proj.weight", "BF16", "1,2", 4);
  }
  const auto bytes = writer.bytes();
  const auto before = std::chrono::steady_clock::now();
  const auto file = SafetensorsFile::Parse(bytes, "m.safetensors");
  const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - before;
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file->tensors().size(), 100'000u);
  std::printf("[  parse   ] %.1f ms for a header of %.1f MB\n", spent.count(),
              static_cast<double>(bytes.size()) / 1e6);
  EXPECT_LT(spent.count(), 2000);
}

}  // namespace
}  // namespace vivace::checkpoint
