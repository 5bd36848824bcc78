#include "base/out_of_memory.h"

#include <gtest/gtest.h>

#include <system_error>

namespace vivace::base {
namespace {

TEST(OutOfMemory, SaysWhatWasBeingDone) {
  EXPECT_EQ(OutOfMemory("the model was loaded").message(), "memory ran out while the model was loaded");
  EXPECT_EQ(OutOfMemory().message(), "memory ran out");
  EXPECT_EQ(OutOfMemory().code(), StatusCode::kResourceExhausted);
}

TEST(OutOfMemory, BordersKnowMemoryAndThreadsAndNothingElse) {
  const auto caught = [](auto thrown) {
    try {
      throw thrown;
    } catch (...) {
      return CaughtExhaustion("it was tested");
    }
  };
  EXPECT_EQ(caught(std::bad_alloc()).message(), "memory ran out while it was tested");
  const Status thread = caught(std::system_error(EAGAIN, std::generic_category()));
  EXPECT_EQ(thread.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(
      thread.message(),
      "the system gave no thread while it was tested: Resource temporarily unavailable; raise the limit of "
      "processes (ulimit -u)");
  EXPECT_THROW(static_cast<void>(caught(1)), int);
}

TEST(OutOfMemory, WhatNobodyDependsOnIsLeftOut) {
  bool ran = false;
  IfMemoryLasts([&] {
    ran = true;
    throw std::bad_alloc();
  });
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace vivace::base
