#include "models/config_overrides.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vivace::models {
namespace {

using ::testing::HasSubstr;

constexpr const char* kConfig = R"({"layers":4,"rope_scaling":{"type":"linear","factor":8.0},"tied":true})";

TEST(ConfigOverrides, TakeTheirPlaceKeyByKey) {
  EXPECT_EQ(*OverrideConfig(kConfig, R"({"layers": 1})"),
            R"({"layers":1,"rope_scaling":{"type":"linear","factor":8E0},"tied":true})");
  EXPECT_EQ(*OverrideConfig(kConfig, R"({"rope_scaling": {"factor": 2}})"),
            R"({"layers":4,"rope_scaling":{"type":"linear","factor":2},"tied":true})");
  EXPECT_EQ(*OverrideConfig(kConfig, R"({"rope_scaling": null, "sliding_window": 16})"),
            R"({"layers":4,"rope_scaling":null,"tied":true,"sliding_window":16})");
  EXPECT_EQ(*OverrideConfig(kConfig, "{}"),
            R"({"layers":4,"rope_scaling":{"type":"linear","factor":8E0},"tied":true})");
}

TEST(ConfigOverrides, NameWhatIsWrong) {
  EXPECT_THAT(OverrideConfig(kConfig, R"({"layer": 1})").status().message(),
              HasSubstr("--hf-overrides has 'layer', which the model's config.json has not; did you mean "
                        "'layers'?"));
  for (const char* wrong : {"", "1", "[1]", R"({"layers": 1)", "layers=1"}) {
    EXPECT_THAT(OverrideConfig(kConfig, wrong).status().message(), HasSubstr("it must be a JSON object"))
        << wrong;
  }
  const std::string deep = std::string(99, '[') + std::string(99, ']');
  EXPECT_FALSE(OverrideConfig(kConfig, R"({"layers": )" + deep + "}").ok());
}

}  // namespace
}  // namespace vivace::models
