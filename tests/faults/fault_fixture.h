// For tests of faults: tiny models on disk, engines on them, one greedy answer, and the walk over every k.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/test_folder.h"
#include "fault_hook.h"
#include "vivace/engine.h"

namespace vivace::faults {

using Settings = std::vector<std::pair<std::string, std::string>>;

/// Gathers the pieces of one request. It takes no memory while it does, and may refuse some.
class Listener {
 public:
  OutputCallback Callback();
  /// The last piece came; false after a while that nothing lasts.
  bool Wait();
  /// The how many-th call, from 1, throws std::bad_alloc, and so many after it.
  void Refuse(int first, int count) { refused_first_ = first, refused_count_ = count; }

  std::vector<std::int32_t> tokens;
  RequestOutput last;

 private:
  void Take(RequestOutput output);
  std::mutex mutex_;
  std::condition_variable changed_;
  int calls_ = 0, refused_first_ = 0, refused_count_ = 0;
  bool done_ = false;
};

class FaultTest : public testing::Test {
 protected:
  FaultTest();
  ~FaultTest() override;

  /// With what both paths of models begin.
  std::string Model() const { return folder_.path("m"); }
  std::string Gguf() const { return folder_.path("m.gguf"); }
  std::string Folder() const { return Model(); }
  std::string Cache() const { return folder_.path("cache"); }
  void ClearCache() const;
  static Options MakeOptions(const std::string& model, int level, const Settings& settings = {});
  /// Without a fault, as it must be.
  static std::unique_ptr<Engine> Start(const Options& options);

  /// Greedy, with everything that takes memory: log-probabilities, penalties, stop strings.
  static Request Ask(int max_tokens = 5, int salt = 0);
  /// Submits and waits; an error of either as `status`.
  struct Answer {
    Status status;
    std::vector<std::int32_t> tokens;
  };
  static Answer Complete(Engine& engine, Request request);

  /// Calls attempt(fault) for each k: a first time without a fault, to count. `attempt` returns how many
  /// there were. Every so many k; VIVACE_LONG=1: all.
  static void ForEach(Kind kind, bool lasting, const std::function<long(const Fault&)>& attempt);

  checkpoint::TestFolder folder_;
};

}  // namespace vivace::faults
