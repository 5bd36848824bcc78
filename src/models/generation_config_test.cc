#include "models/generation_config.h"

#include <gtest/gtest.h>

namespace vivace::models {
namespace {

TEST(GenerationDefaults, ReadsWhatTheMakersSay) {
  const auto d = ReadGenerationDefaults(
      R"({"bos_token_id": 1, "eos_token_id": [128001, 128009], "temperature": 0.6, "top_p": 0.9, "top_k": 20,
      "repetition_penalty": 1.05, "do_sample": true, "transformers_version": "4.57.0"})");
  ASSERT_TRUE(d.ok()) << d.status().message();
  EXPECT_EQ(d->end_tokens, (std::vector<std::int32_t>{128001, 128009}));
  EXPECT_EQ(d->begin_tokens, (std::vector<std::int32_t>{1}));
  EXPECT_EQ(d->temperature, 0.6);
  EXPECT_EQ(d->top_p, 0.9);
  EXPECT_EQ(d->top_k, 20);
  EXPECT_EQ(d->repetition_penalty, 1.05);
  EXPECT_FALSE(d->min_p || d->max_new_tokens);
}

TEST(GenerationDefaults, NoFileSetsNothing) {
  const auto d = ReadGenerationDefaults("");
  ASSERT_TRUE(d.ok());
  EXPECT_TRUE(d->end_tokens.empty());
  EXPECT_FALSE(d->temperature || d->top_p || d->top_k);
}

TEST(GenerationDefaults, ValuesOutOfRangeAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"temperature": -1})",
       "generation_config.json: temperature is -1; it must be a number from 0 to 100."},
      {R"({"temperature": "hot"})",
       "generation_config.json: temperature is \"hot\"; it must be a number from 0 to 100."},
      {R"({"top_p": 1.5})", "generation_config.json: top_p is 1.5; it must be a number from 0 to 1."},
      {R"({"top_k": -3})",
       "generation_config.json: top_k is -3; it must be a whole number from 0 to 2147483647."},
      {R"({"eos_token_id": [1, "x"]})",
       "generation_config.json: eos_token_id is [1,\"x\"]; each must be a whole number from 0 to "
       "2147483647."},
      {R"({"repetition_penalty": 0})",
       "generation_config.json: repetition_penalty is 0; it must be a number from 1e-06 to 100."},
      {"[]", "generation_config.json holds a list where an object is needed. Fetch the model again."},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(ReadGenerationDefaults(text).status().message(), message) << text;
  }
}

}  // namespace
}  // namespace vivace::models
