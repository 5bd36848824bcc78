#include "cli/commands.h"

#include <cstdio>

#include "base/cpu_features.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "cli/interrupt_watcher.h"
#include "vivace/engine.h"

namespace vivace::cli {
namespace {

constexpr std::string_view kBuild =
#if defined(__SANITIZE_ADDRESS__)
    "asan";
#elif defined(__SANITIZE_THREAD__)
    "tsan";
#elif defined(NDEBUG)
    "release";
#else
    "dev";
#endif

}  // namespace

std::string VersionText() {
  const base::CpuFeatures cpu = base::DetectCpuFeatures();
  std::string out = "vivace " + std::string(base::kVersion) + "\n";
  out += "build: g++ " __VERSION__ ", " + std::string(kBuild) + ", x86-64-v2\n";
  out += "CPU: " + (cpu.model.empty() ? cpu.vendor : cpu.model) + "\nfeatures:";
  for (const std::string_view name : cpu.Names()) out += " " + std::string(name);
  return out + "\n";
}

int ExitStatus(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return 0;
    case StatusCode::kInvalidArgument:
    case StatusCode::kNotFound:
    case StatusCode::kDataLoss:
    case StatusCode::kUnsupported:
      return 2;
    case StatusCode::kCancelled:
      return 130;
    case StatusCode::kResourceExhausted:
    case StatusCode::kUnavailable:
    case StatusCode::kInternal:
      break;
  }
  return 1;
}

Status RunCompile(const Invocation& invocation) {
  const InterruptWatcher watcher(ExitInterrupted);
  VIVACE_ASSIGN_OR_RETURN(const auto engine, Engine::Create(invocation.options));
  const EngineStats stats = engine->stats();
  std::printf("%s: -O%d, load %.1f ms, compile %.1f ms, pack %.1f ms\n", engine->model().name.c_str(),
              engine->model().level, stats.load_s * 1e3, stats.compile_s * 1e3, stats.pack_s * 1e3);
  VIVACE_ASSIGN_OR_RETURN(const std::string artifact, engine->WaitForArtifact());
  if (!artifact.empty())
    std::printf("artifact: %s%s\n", artifact.c_str(), stats.artifact_hits > 0 ? " (was there)" : "");
  return Status::Ok();
}

}  // namespace vivace::cli
