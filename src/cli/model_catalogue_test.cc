#include "cli/model_catalogue.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace vivace::cli {
namespace {

TEST(ModelCatalogue, TheTableOfTheScriptIsRead) {
  const auto catalogue = Catalogue();
  ASSERT_FALSE(catalogue.empty());
  EXPECT_EQ(catalogue[0].name, "smollm2-135m");
  EXPECT_EQ(catalogue[0].bytes, 98362432);
  EXPECT_EQ(catalogue[0].sha256.size(), 64u);
}

TEST(ModelCatalogue, APathIsItself) {
  EXPECT_EQ(ResolveModel("/dev/null", {"/nowhere"}).value(), "/dev/null");
}

TEST(ModelCatalogue, AFetchedModelIsFoundInAnyFolder) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "catalogue_test";
  std::filesystem::create_directories(folder);
  const auto path = folder / "smollm2-135m.gguf";
  std::ofstream(path).put('x');
  std::filesystem::resize_file(path, 98362432);  // sparse
  EXPECT_EQ(ResolveModel("smollm2-135m", {"/nowhere", folder.string()}).value(), path.string());
  std::filesystem::remove_all(folder);
}

TEST(ModelCatalogue, WhatIsNeitherAFileNorANameSaysSo) {
  const auto result = ResolveModel("smolm", {"/nowhere"});
  EXPECT_EQ(result.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(result.status().message(),
            "there is no file 'smolm', and no model of that name in the catalogue (smollm2-135m)");
  EXPECT_TRUE(
      ResolveModel("meta-llama/Meta-Llama-3-8B", {"/nowhere"})
          .status()
          .message()
          .ends_with("; models of a hub are not fetched; its shape is known: --load-format dummy runs "
                     "it with random weights"));
  EXPECT_EQ(ResolveModel("", {"/nowhere"}).status().code(), StatusCode::kInvalidArgument);
}

TEST(ModelCatalogue, TheServedNameIsWhatTheUserTyped) {
  Options options;
  ASSERT_TRUE(options.Set("model", "/dev/null").ok());
  ASSERT_TRUE(ResolveModelOption({"/nowhere"}, options).ok());
  EXPECT_EQ(options.Text("served-model-name"), "/dev/null");
}

TEST(ModelCatalogue, ADummyIsNotFetched) {
  Options options;
  ASSERT_TRUE(options.Set("model", "llama-3.2-1b").ok());
  ASSERT_TRUE(options.Set("load-format", "dummy").ok());
  ASSERT_TRUE(ResolveModelOption({"/nowhere"}, options).ok());
  EXPECT_EQ(options.Text("model"), "llama-3.2-1b");
}

}  // namespace
}  // namespace vivace::cli
