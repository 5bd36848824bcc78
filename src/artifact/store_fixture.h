// For tests of the store: a folder of its own for each test, and entries with known content.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "artifact/artifact.h"

namespace vivace::artifact {

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = testing::TempDir() + "artifact_test_" + std::to_string(::getpid()) + "_" + test->name();
    std::filesystem::remove_all(folder_);
  }
  ~StoreTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string Root() const { return folder_ + "/store"; }
  StoreConfig Config() const {
    StoreConfig config;
    config.root = Root();
    return config;
  }
  Store Open(StoreConfig config) const {
    auto store = Store::Open(std::move(config));
    EXPECT_TRUE(store.ok()) << store.status().message();
    return std::move(store).value();
  }
  Store Open() const { return Open(Config()); }

  static Key MakeKey(const std::string& model = "m", const std::string& activation = "auto") {
    return {{"model.headers", model}, {"activation", activation}, {"kv_cache", "f16"}};
  }
  // Bytes that follow from `seed`.
  static std::vector<std::byte> Weights(std::size_t bytes, unsigned seed = 1) {
    std::vector<std::byte> out(bytes);
    for (std::size_t i = 0; i < bytes; ++i)
      out[i] = static_cast<std::byte>((i * 31 + seed * 7 + i / 256) & 255);
    return out;
  }
  static void Write(const Store& store, const Key& key, std::size_t bytes = 5000, unsigned seed = 1) {
    auto writer = store.Begin(key);
    ASSERT_TRUE(writer.ok()) << writer.status().message();
    ASSERT_TRUE(writer->AddWeights(Weights(bytes, seed)).ok());
    ASSERT_TRUE(writer->Add("plan.txt", "phases " + std::to_string(seed)).ok());
    const Status status = writer->Commit();
    ASSERT_TRUE(status.ok()) << status.message();
  }
  // Why there is no entry of that key; empty when there is one.
  static std::string WhyNot(const Store& store, const Key& key) {
    std::string why_not;
    const auto entry = store.Find(key, why_not);
    EXPECT_TRUE(entry.ok());
    return entry->has_value() ? "" : why_not;
  }
  std::string PathOf(const Key& key, const std::string& file) const {
    return Root() + "/" + KeyName(key) + "/" + file;
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void WriteText(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  std::string folder_;
};

}  // namespace vivace::artifact
