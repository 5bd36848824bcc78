// Where the time of a step goes, phase by phase, against what this machine could do at best: for `vivace
// explain` and for embedders. Plain data and one function.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace {

/// What a phase spends most of its time on.
enum class PhaseBound : std::uint8_t {
  kMemory,      // at least half of the time is what moving its bytes takes
  kArithmetic,  // at least half of the time is what its operations take
  kLatency,     // at least half of the time is the barrier behind it
  kOverhead,    // none of these
  kUnknown,     // this machine's limits could not be measured
};
/// "memory", "arithmetic", "latency", "overhead", "unknown".
std::string_view Name(PhaseBound bound);

/// What this machine does at best, all workers together, measured in turns with the steps (the roofline
/// model: Williams, Waterman, Patterson 2009). 0: not measured, for want of the instruction.
struct MachineRoof {
  double read_bytes_per_s = 0;   // plain read of `read_bytes`, again and again
  std::int64_t read_bytes = 0;   // as much as the step reads, within 4 to 256 MiB: caches help both alike
  double cache_bytes_per_s = 0;  // plain read of what fits a core's own cache
  double fma_per_s = 0;          // multiply-accumulates of f32 FMA from registers
  double dot4_per_s = 0;         // of u8 x s8 dot products
  double dot_bf16_per_s = 0;     // of bf16 dot products
  double barrier_s = 0;          // one barrier of all workers with nothing to do
};

/// One phase of a body; times, bytes and operations are sums over the layers that share the body.
struct PhaseExplanation {
  std::string body;   // "layer"
  std::string label;  // "qkv"; phases without a barrier between them are one: "q + k + v"
  std::string kind;   // "panel_gemm"
  bool portable = false;
  int count = 0;                      // layers
  double seconds = 0;                 // medians over the rounds
  std::int64_t weight_bytes = 0;      // each weight once
  std::int64_t kv_bytes = 0;          // each cached position once
  std::int64_t activation_bytes = 0;  // rows read and written
  std::int64_t operations = 0;        // multiply-accumulates
  std::string arithmetic;             // "u8 x s8 dot", "bf16 dot", "f32 fma"; empty without operations
  double memory_seconds = 0;          // weights and KV cache at the plain read, activations at the cache read
  double arithmetic_seconds = 0;      // operations at their rate
  double barrier_seconds = 0;
  PhaseBound bound = PhaseBound::kUnknown;

  /// The larger of memory and arithmetic: what the phase takes at best.
  double ideal_seconds() const {
    return memory_seconds > arithmetic_seconds ? memory_seconds : arithmetic_seconds;
  }
  /// 1 at the roof; 0 when nothing was measured.
  double roof_share() const { return seconds > 0 ? ideal_seconds() / seconds : 0; }
};

/// One step of `tokens` tokens of one sequence behind `context` tokens; the logits of the last one are
/// wanted.
struct StepExplanation {
  std::string name;  // "decode", "prefill"
  int tokens = 0, context = 0;
  int rounds = 0;             // how often it was run
  double seconds = 0;         // median of a whole step, without sampling
  double spread = 1;          // third quartile of the rounds by the first: 1 where the machine was left alone
  double phases_seconds = 0;  // sum over phases
  double ideal_seconds = 0;   // sum over phases of what each takes at best
  double tokens_per_s = 0;
  int barriers = 0;
  MachineRoof roof;
  std::vector<PhaseExplanation> phases;  // in execution order

  double roof_share() const { return seconds > 0 ? ideal_seconds / seconds : 0; }
};

struct Explanation {
  std::string model;   // as it was named
  int level = 0;       // -O
  int threads = 0;     // workers
  std::string cpu;     // "AMD EPYC 9655P"
  std::string target;  // what machine code was made for: "avx512-vnni-bf16"; "none"
  std::vector<StepExplanation> steps;
};

struct ExplainRequest {
  std::vector<int> tokens;  // of each step, 1 or more; empty: 1, and 512 or what the context leaves
  int context = 0;          // tokens in the cache before the step
  int rounds = 0;           // 0: as many as fit a second, at least 3
};

/// Loads and compiles the model that the options name and runs steps on it. The KV cache is as large as the
/// steps need and holds numbers without meaning. kInvalidArgument: steps longer than the model was made for;
/// and the errors of Engine::Create. Takes seconds; runs on the calling thread and the workers.
Result<Explanation> ExplainModel(const Options& options, const ExplainRequest& request);

}  // namespace vivace
