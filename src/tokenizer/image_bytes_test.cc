#include "tokenizer/image_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace vivace::tokenizer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

enum class Colour { kRed, kGreen, kBlue };
constexpr ImageKind kKind = {"TESTIMAG", 3, "a test image"};

struct Things {
  std::int32_t number = 0;
  bool flag = false;
  double score = 0;
  std::string text;
  std::optional<std::int32_t> some, none;
  Colour colour = Colour::kRed;
  std::vector<std::string> words;
  FlatTable<std::uint32_t> table;
  std::vector<std::int32_t> ids;
  std::array<std::uint8_t, 3> bytes{};

  template <class Image, class Self>
  static void Fields(Image& image, Self& self) {
    image.Field(self.number);
    image.Field(self.flag);
    image.Field(self.score);
    image.Field(self.text);
    image.Field(self.some);
    image.Field(self.none);
    image.Choice(self.colour, Colour::kBlue);
    image.List(self.words, [](auto& to, auto& word) { to.Field(word); });
    image.Field(self.table);
    image.Field(self.ids);
    image.Field(self.bytes);
  }
};

Things Sample() {
  Things things;
  things.number = -7;
  things.flag = true;
  things.score = 0.1;
  things.text = "nine char";
  things.some = -1;
  things.colour = Colour::kGreen;
  things.words = {"", "a", "12345678"};
  things.table = FlatTable<std::uint32_t>(std::vector<std::uint32_t>{1, 2, 3});
  things.ids = {4, 5};
  things.bytes = {7, 8, 9};
  return things;
}

std::string SampleImage() {
  const Things things = Sample();
  ImageWriter writer(kKind);
  Things::Fields(writer, things);
  return std::move(writer).Finish();
}

std::span<const std::byte> Bytes(const std::string& image) {
  return std::as_bytes(std::span(image));
}

TEST(ImageBytes, FieldsComeBackAndTablesStayWhereTheyAre) {
  const std::string image = SampleImage();
  ImageReader reader(kKind, Bytes(image));
  Things back;
  Things::Fields(reader, back);
  ASSERT_TRUE(reader.Finish().ok()) << reader.status().message();
  EXPECT_EQ(back.number, -7);
  EXPECT_TRUE(back.flag);
  EXPECT_EQ(back.score, 0.1);
  EXPECT_EQ(back.text, "nine char");
  EXPECT_EQ(back.some, -1);
  EXPECT_FALSE(back.none);
  EXPECT_EQ(back.colour, Colour::kGreen);
  EXPECT_THAT(back.words, ElementsAre("", "a", "12345678"));
  EXPECT_THAT(back.table.view(), ElementsAre(1u, 2u, 3u));
  EXPECT_THAT(back.ids, ElementsAre(4, 5));
  EXPECT_THAT(back.bytes, ElementsAre(7, 8, 9));
  const auto* at = reinterpret_cast<const char*>(back.table.data());
  EXPECT_TRUE(at >= image.data() && at < image.data() + image.size());
  EXPECT_EQ(SampleImage(), image) << "the same things give the same bytes";
}

TEST(ImageBytes, WhatIsLeftOrLackingIsAnError) {
  const std::string image = SampleImage();
  ImageReader early(kKind, Bytes(image));
  std::int32_t number = 0;
  early.Field(number);
  EXPECT_THAT(early.Finish().message(), HasSubstr("more fields are there than it has"));
  ImageReader late(kKind, Bytes(image));
  Things back;
  Things::Fields(late, back);
  late.Field(number);
  EXPECT_EQ(number, 0);
  EXPECT_THAT(late.Finish().message(), HasSubstr("its fields are cut off"));
}

TEST(ImageBytes, ValuesOutOfTheirRangeAreErrors) {
  const auto refuse = [](auto written, auto read) {
    ImageWriter writer(kKind);
    writer.Field(written);
    const std::string image = std::move(writer).Finish();
    ImageReader reader(kKind, Bytes(image));
    reader.Field(read);
    return reader.status().message();
  };
  EXPECT_THAT(refuse(std::int64_t{1} << 31, std::int32_t{0}), HasSubstr("out of its range"));
  EXPECT_EQ(refuse((std::int64_t{1} << 31) - 1, std::int32_t{0}), "");
  EXPECT_THAT(refuse(-1, std::size_t{0}), HasSubstr("out of its range"));
  EXPECT_THAT(refuse(2, false), HasSubstr("neither 0 nor 1"));
  EXPECT_THAT(refuse(1000, std::string()), HasSubstr("a text is cut off"));
  EXPECT_THAT(refuse(std::vector<std::uint8_t>(2), std::array<std::uint8_t, 3>()), HasSubstr("another size"));
}

TEST(ImageBytes, ArraysOutsideAreErrors) {
  const std::uint64_t places[][2] = {
      {64, 1}, {0, 17}, {1, 1}, {~std::uint64_t{0}, 1}, {0, ~std::uint64_t{0}}};
  for (const auto& [offset, count] : places) {  // 64 bytes of arrays are there: 16 elements
    ImageWriter writer(kKind);
    writer.Field(std::vector<std::uint32_t>{1});
    std::string image = std::move(writer).Finish();
    std::memcpy(image.data() + image.size() - 16, &offset, 8);
    std::memcpy(image.data() + image.size() - 8, &count, 8);
    ImageReader reader(kKind, Bytes(image));
    FlatTable<std::uint32_t> table;
    reader.Field(table);
    EXPECT_THAT(reader.status().message(), HasSubstr("an array is not inside")) << offset << ' ' << count;
    EXPECT_EQ(table.size(), 0u);
  }
}

TEST(ImageBytes, IdsAreCheckedAgainstTheVocabulary) {
  EXPECT_TRUE(CheckImageIds(std::vector<std::int32_t>{-1, 0, 4}, -1, 5).ok());
  EXPECT_FALSE(CheckImageIds(std::vector<std::int32_t>{-1}, 0, 5).ok());
  EXPECT_FALSE(CheckImageIds(std::vector<std::int32_t>{-2}, -1, 5).ok());
  EXPECT_FALSE(CheckImageIds(std::vector<std::int32_t>{5}, -1, 5).ok());
}

}  // namespace
}  // namespace vivace::tokenizer
