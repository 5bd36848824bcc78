// --tier-up: a compiled model whose weights are packed on a thread of low priority while another program
// serves. Thread safety: made and destroyed on one thread; `ready` is called on the thread that packs.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "engine/engine_config.h"
#include "engine/model_runner.h"

namespace vivace::engine {

/// The config of the program that serves meanwhile: -O0, the length of `compiled`, and for its KV cache a
/// quarter of the other's, or what one request of that length needs: the two are held side by side for as
/// long as requests that began at -O0 run.
EngineConfig PortableConfig(const EngineConfig& config, const ModelRunner& compiled);

class TierUp {
 public:
  /// Begins to pack. `compiled` is prepared (ModelRunner::Prepare); file and config are copied or outlive
  /// this. When packing fails the log says why, and the engine stays on the program that serves.
  TierUp(std::unique_ptr<ModelRunner> compiled, const checkpoint::Checkpoint& file, EngineConfig config,
         base::Log log, std::function<void(std::unique_ptr<ModelRunner>)> ready);
  ~TierUp();  // as Wait
  /// Returns when the packing is done and `ready` was called.
  void Wait();

 private:
  void Pack();

  std::unique_ptr<ModelRunner> compiled_;
  const checkpoint::Checkpoint& file_;
  const EngineConfig config_;
  const base::Log log_;
  const std::function<void(std::unique_ptr<ModelRunner>)> ready_;
  std::thread thread_;  // last: begins when all else is there
};

}  // namespace vivace::engine
