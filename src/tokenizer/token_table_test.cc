#include "tokenizer/token_table.h"

#include <gtest/gtest.h>

#include <string>

namespace vivace::tokenizer {
namespace {

TEST(TokenTable, FindsTextsOfEveryLength) {
  std::vector<std::string> texts = {""};  // all prefixes and suffixes of one text, and single changes of it
  const std::string base = "abcdefghijklmnopqrstuvwxyz0123456789";
  for (std::size_t length = 1; length <= base.size(); ++length) {
    texts.push_back(base.substr(0, length));
    texts.push_back(base.substr(base.size() - length).append("."));
    for (std::size_t i = 0; i < length; ++i) {
      texts.push_back(base.substr(0, length));
      texts.back()[i] = '#';
    }
  }
  texts.emplace_back("a\0", 2);  // lengths count, not only bytes
  texts.emplace_back("\0", 1);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto table = TokenTable::Create(views);
  ASSERT_TRUE(table.ok()) << table.status().message();
  for (std::size_t id = 0; id < texts.size(); ++id) {
    EXPECT_EQ(table->Find(texts[id]), static_cast<std::int32_t>(id)) << texts[id];
    EXPECT_EQ(table->Find(texts[id] + "?"), std::nullopt);
  }
}

}  // namespace
}  // namespace vivace::tokenizer
