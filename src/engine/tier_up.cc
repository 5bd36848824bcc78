#include "engine/tier_up.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/out_of_memory.h"

namespace vivace::engine {
namespace {

// Beside a busy team a thread of this niceness gets about a tenth of one core; on an idle machine all of one.
constexpr int kPackingNiceness = 10;
constexpr int kPortableShare = 4;  // of the KV cache: one in so many blocks

// Niceness belongs to threads on Linux. That the system refuses it costs speed and nothing else.
void LowerOwnPriority() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kPackingNiceness);
}

}  // namespace

EngineConfig PortableConfig(const EngineConfig& config, const ModelRunner& compiled) {
  EngineConfig portable = config;
  portable.compile.options.level = 0;
  portable.compile.options.dumps = {};
  portable.compile.options.enabled_passes.clear();
  portable.compile.options.disabled_passes.clear();
  portable.tuner = {};
  portable.compile_sizes_why.clear();
  portable.compile.capture = runtime::CaptureMode::kNone;
  portable.compile.capture_sizes.clear();
  portable.compile.capture_name = "NONE";
  portable.require_compiled = portable.perf_map = portable.fit_model_len = false;
  portable.max_model_len = compiled.max_model_len();
  const std::int64_t blocks = compiled.kv_bytes() / compiled.kv_block_bytes();
  const std::int64_t one_request =
      (compiled.max_model_len() + tensor::KvLayout::kBlockTokens - 1) / tensor::KvLayout::kBlockTokens;
  portable.kv_bytes = std::max(one_request, blocks / kPortableShare) * compiled.kv_block_bytes();
  return portable;
}

TierUp::TierUp(std::unique_ptr<ModelRunner> compiled, const checkpoint::Checkpoint& file, EngineConfig config,
               base::Log log, std::function<void(std::unique_ptr<ModelRunner>)> ready)
    : compiled_(std::move(compiled)),
      file_(file),
      config_(std::move(config)),
      log_(std::move(log)),
      ready_(std::move(ready)),
      thread_([this] { Pack(); }) {}

TierUp::~TierUp() {
  Wait();
}

void TierUp::Wait() {
  if (thread_.joinable()) thread_.join();
}

void TierUp::Pack() {
  LowerOwnPriority();
  Status status;
  try {
    StartLog start(log_);
    base::WorkerTeam alone(1);
    status = compiled_->Load(file_, config_, start, alone);
    if (status.ok()) {
      log_.Info(
          fmt::format("Tier-up: -O{} is ready after {} s of packing in the background; requests that begin "
                      "from now on run on it",
                      compiled_->level(), SecondsText(start.times().total())));
    }
  } catch (...) {
    status = base::CaughtExhaustion("they were packed");
  }
  if (status.ok()) return ready_(std::move(compiled_));
  base::IfMemoryLasts([&] {
    log_.Warning(fmt::format("--tier-up: the weights could not be packed ({}); serving goes on at -O0",
                             status.message()));
  });
}

}  // namespace vivace::engine
