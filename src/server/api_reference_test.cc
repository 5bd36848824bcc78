#include "server/api_reference.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "server/field_shape.h"
#include "server/request_fields.h"

namespace vivace::server {
namespace {

TEST(ApiReference, ThePageIsFresh) {
  const std::string path = VIVACE_SOURCE_DIR "/docs/reference/api.md";
  if (std::getenv("VIVACE_UPDATE_GOLDENS") != nullptr) std::ofstream(path) << ApiReference();
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), ApiReference())
      << "docs/reference/api.md is out of date: run this test with VIVACE_UPDATE_GOLDENS=1";
}

TEST(RequestFields, EachIsOnceInAnEndpointAndExplained) {
  std::set<std::pair<std::string_view, unsigned>> seen;
  for (const RequestField& field : RequestFields()) {
    EXPECT_NE(field.endpoints, 0u) << field.name;
    EXPECT_FALSE(field.help.empty()) << field.name;
    EXPECT_FALSE(FieldTypeText(field).empty()) << field.name;
    for (unsigned bit = 1; bit <= kInDetokenize; bit *= 2) {
      if ((field.endpoints & bit) == 0) continue;
      EXPECT_TRUE(seen.emplace(field.name, bit).second) << field.name;
    }
  }
}

}  // namespace
}  // namespace vivace::server
