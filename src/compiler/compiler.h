// From graph to program: runs the passes of a level, lowers the result to phases and makes the kernels.
// Compile is a pure function of its arguments and of the CPU's features; it may run on any thread. Work is
// done once per body, not per layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/compilation_meter.h"
#include "codegen/target.h"
#include "graph/graph.h"
#include "program/program.h"
#include "program/tuning_table.h"
#include "tensor/dtype.h"
#include "vivace/status.h"

namespace vivace::compiler {

/// Texts of the stages that a compile can hand back.
struct DumpSet {
  bool graph = false;     // before the passes, and after each pass that changed something
  bool phase = false;     // the program
  bool vir = false;       // vector IR of every kernel
  bool assembly = false;  // machine code of every kernel
};
/// "graph,phase,vir,asm" in any selection. The error names the word and lists the known ones.
Result<DumpSet> ParseDumpSet(std::string_view text);

/// How the rows that linear layers take are rounded (design: activations by weight class).
enum class ActivationDType : std::uint8_t {
  kAuto,      // as each weight class has it by default
  kUint8,     // 8 bits with a zero point per 32 or 64
  kInt16,     // two planes of 8 bits per 32
  kBFloat16,  // bfloat16, for weights of bfloat16
  kFloat32,   // not at all
};

struct CompileOptions {
  /// 0: no passes, portable kernels; 1: fast fusions, general shape; 2: all passes, ranges and sizes.
  int level = 2;
  tensor::DType kv_type = tensor::DType::kF16;  // kF16 or kF32
  ActivationDType activation = ActivationDType::kAuto;
  /// Names of the pass list: passes that do not run though the level has them, and passes that run though it
  /// has not. A name in both is refused.
  std::vector<std::string> disabled_passes = {};
  std::vector<std::string> enabled_passes = {};
  /// Numbers of rows that get tile plans of their own; none given: the level's (-O2: 1, 2, 4).
  std::optional<std::vector<int>> compile_sizes = std::nullopt;
  /// Ascending ends of the ranges of rows that get tile plans: {16, 512} gives 1..16 and 17..512.
  std::vector<int> compile_ranges_endpoints = {};
  program::TuningTable tuning = {};                      // plans that win over kernels::PlanTiles
  int threads = 1;                                       // that will run the program
  std::optional<codegen::Target> target = std::nullopt;  // none: codegen::HostTarget()
  DumpSet dumps = {};
  codegen::CompilationMeter* meter = nullptr;  // counts the program and each kernel; may be null
  bool machine_code = true;  // false: stops before kernels are made; phases and their text are complete
};

struct PassRecord {
  std::string_view name;
  bool changed = false;
  double us = 0;  // with verification
};

struct CompileReport {
  int level = 0;                   // of the program, which may be lower than asked
  std::vector<std::string> notes;  // one line each, for the log: why a level is lower, or parts are portable
  bool model_unsupported = false;  // that is because of the model, not of the CPU
  std::vector<PassRecord> passes;  // those that ran, in order
  int kernels = 0;                 // distinct
  std::size_t code_bytes = 0;
  std::vector<double> specialise_us;  // of each of Program::specialisations, part of kernels_ms
  double passes_ms = 0, lower_ms = 0, kernels_ms = 0, total_ms = 0;
  std::string graph_text, phase_text, vir_text, assembly_text;  // as CompileOptions::dumps asks
};

/// kInvalidArgument: an unknown pass name, or a level, KV type or compile size that does not exist. A graph
/// that levels 1 and 2 cannot take (CPU, heads) is lowered as level 0, and report->notes says why.
Result<program::Program> Compile(graph::Graph graph, const CompileOptions& options,
                                 CompileReport* report = nullptr);

}  // namespace vivace::compiler
