#include "tokenizer/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vivace::tokenizer {
namespace {

using testing::HasSubstr;

TEST(JsonReader, StreamsObjectsAndArrays) {
  JsonReader reader(" {\"a\" : [1, -2 ,3] , \"b\":{}, \"c\":[ ]}\n", "x.json");
  std::string_view key;
  ASSERT_TRUE(reader.BeginObject());
  ASSERT_TRUE(reader.NextMember(key));
  EXPECT_EQ(key, "a");
  std::int64_t sum = 0;
  for (reader.BeginArray(); reader.NextItem();) sum += reader.Integer();
  EXPECT_EQ(sum, 2);
  ASSERT_TRUE(reader.NextMember(key));
  EXPECT_TRUE(reader.BeginObject());
  EXPECT_FALSE(reader.NextMember(key));
  ASSERT_TRUE(reader.NextMember(key));
  EXPECT_EQ(key, "c");
  reader.Skip();
  EXPECT_FALSE(reader.NextMember(key));
  EXPECT_TRUE(reader.Finish().ok());
}

TEST(JsonReader, StringsOfAnyLengthAndEscapes) {
  for (std::size_t length = 0; length < 70; ++length) {  // around the 16 bytes of a step
    const std::string plain(length, 'q');
    const std::string text = "\"" + plain + "\\n\\u00e9\\ud83d\\ude80\\/" + plain + "é\"";
    JsonReader reader(text, "x.json");
    EXPECT_EQ(reader.String(), plain + "\né🚀/" + plain + "é");
    EXPECT_TRUE(reader.Finish().ok());
  }
}

TEST(JsonReader, TreesKeepNumbersAsText) {
  JsonReader reader(R"({"n":12,"f":-1.5e3,"t":true,"z":null,"l":["x"]})", "x.json");
  const JsonValue value = reader.Value();
  ASSERT_TRUE(reader.Finish().ok());
  EXPECT_EQ(value.Find("n")->Integer(), 12);
  EXPECT_EQ(value.Find("f")->Number(), -1500.0);
  EXPECT_EQ(value.Find("f")->Integer(), std::nullopt);
  EXPECT_TRUE(value.Find("t")->boolean);
  EXPECT_EQ(value.Find("z"), nullptr);
  EXPECT_EQ(value.Find("l")->items[0].text, "x");
}

TEST(JsonReader, ErrorsNameFileAndByteAndStick) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "byte 0: a value is expected"},
      {"[1 2]", "byte 3: a comma or the end"},
      {"[1,]", "byte 3: a value is expected"},
      {"{\"a\" 1}", "byte 5: a colon is missing"},
      {"{\"a\":1", "a comma or the end of the list is missing"},
      {"\"a", "a string does not end"},
      {"\"a\tb\"", "a control character"},
      {"\"\\u12g4\"", "four hexadecimal digits"},
      {"\"\\udc00\"", "half of a surrogate pair"},
      {"\"\\ud800\\u0041\"", "half of a surrogate pair"},
      {"\"\xC3\"", "a string is not UTF-8"},
      {"tru", "a value is expected"},
      {"1e999", "a number is expected"},
      {"--1", "a number is expected"},
      {"{} x", "more text after the end"},
  };
  for (const auto& [text, message] : cases) {
    JsonReader reader(text, "x.json");
    reader.Skip();
    const Status status = reader.Finish();
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_THAT(status.message(), HasSubstr("x.json, byte ")) << text;
    EXPECT_THAT(status.message(), HasSubstr(message)) << text;
    EXPECT_EQ(reader.Peek(), JsonKind::kBad);
  }
}

TEST(JsonReader, DepthIsLimited) {
  const std::string text(100'000, '[');
  JsonReader deep(text, "x.json");
  deep.Skip();
  EXPECT_THAT(deep.status().message(), HasSubstr("nested more than 64 deep"));
}

TEST(JsonReader, NumbersOfTheStreamWithAndWithoutExponents) {
  const auto read = [](std::string_view text, double& number) {
    JsonReader reader(text, "test");
    number = reader.Number();
    return reader.ok();
  };
  double number = 0;
  EXPECT_TRUE(read("-13.5", number) && number == -13.5);
  EXPECT_TRUE(read("1.25e2", number) && number == 125);
  EXPECT_TRUE(read("0.1250000000000000000000000e2", number) && number == 12.5);
  for (const char* bad : {"-", "1.2.3", "1-2", "0.12345678901234567890123.4", "0.12345678901234567890123-"})
    EXPECT_FALSE(read(bad, number)) << bad;
}

}  // namespace
}  // namespace vivace::tokenizer
