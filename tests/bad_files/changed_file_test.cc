// Group M14: a model file that is cut off, written to or replaced while it is mapped. The process goes on,
// and nobody gets an answer that was computed from what is missing.
#include <gtest/gtest.h>

#include <thread>

#include "bad_file.h"
#include "base/file_fault.h"
#include "opened_model.h"
#include "runtime/tiny_model.h"

namespace vivace::bad_files {
namespace {

class ChangedFile : public ::testing::Test {
 protected:
  ChangedFile() {
    base::SurviveFileFaults();
    folder_.Write("m.gguf", good_).Write("other.gguf", good_);
  }
  std::unique_ptr<Engine> Open(const char* file) {
    auto engine = Engine::Create(TinyOptions(folder_.path(file)));
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    return std::move(engine).value();
  }

  const std::string good_ = runtime::TinyModel({}).Bytes();
  TestFolder folder_;
};

TEST_F(ChangedFile, CutOffWhileItServesEndsRequestsWithTheReason) {
  const auto engine = Open("m.gguf"), other = Open("other.gguf");
  EXPECT_TRUE(Answer(*engine).ok());
  std::filesystem::resize_file(folder_.path("m.gguf"), 8192);  // level 0 reads weights where they lie
  for (int i = 0; i < 3; ++i) {
    const Status status = Answer(*engine);
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_NE(status.message().find("m.gguf' became shorter or unreadable"), std::string::npos)
        << status.message();
  }
  EXPECT_TRUE(Answer(*other).ok());
  EXPECT_EQ(engine->stats().blocks_used, 0);
}

TEST_F(ChangedFile, ReplacedWhileItServesChangesNothing) {
  const auto engine = Open("m.gguf");
  folder_.Write("new", "no model");
  std::filesystem::rename(folder_.path("new"), folder_.path("m.gguf"));
  EXPECT_TRUE(Answer(*engine).ok());
}

// At whatever moment of the start it happens.
TEST_F(ChangedFile, CutOffWhileItIsLoadedIsRefused) {
  int refused = 0;
  for (int delay_us = 0; delay_us < 6000; delay_us += 200) {
    folder_.Write("m.gguf", good_);
    std::thread cutter([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
      std::filesystem::resize_file(folder_.path("m.gguf"), 8192);
    });
    Options options = TinyOptions(folder_.path("m.gguf"));
    EXPECT_TRUE(options.Set("optimization-level", "1").ok());
    const auto engine = Engine::Create(options);
    cutter.join();
    if (!engine.ok()) {
      ++refused;
      EXPECT_EQ(engine.status().code(), StatusCode::kDataLoss) << engine.status().message();
      continue;
    }
    const Status status = Answer(**engine);
    EXPECT_TRUE(status.ok() || status.code() == StatusCode::kDataLoss) << status.message();
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace vivace::bad_files
