// From graph to program: runs the passes of a level, lowers the result to phases and makes the kernels.
// Compile is a pure function of its arguments and of the CPU's features; it may run on any thread. Work is
// done once per body, not per layer.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "program/program.h"
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

struct CompileOptions {
  int level = 2;                                  // 0: no passes, portable kernels; 2: all passes, own code
  tensor::DType kv_type = tensor::DType::kF16;    // kF16 or kF32
  std::vector<std::string> disabled_passes = {};  // names of the pass list
  DumpSet dumps = {};
  bool machine_code = true;  // false: stops before kernels are made; phases and their text are complete
};

struct PassRecord {
  std::string_view name;
  bool changed = false;
  double us = 0;  // with verification
};

struct CompileReport {
  int level = 0;                   // of the program, which may be lower than asked
  std::vector<std::string> notes;  // one line each, for the log: why a level is lower
  std::vector<PassRecord> passes;  // those that ran, in order
  int kernels = 0;                 // distinct
  std::size_t code_bytes = 0;
  double passes_ms = 0, lower_ms = 0, kernels_ms = 0, total_ms = 0;
  std::string graph_text, phase_text, vir_text, assembly_text;  // as CompileOptions::dumps asks
};

/// kInvalidArgument: an unknown pass name, or a level or KV type that does not exist. A graph that level 2
/// cannot take (weight types, sizes, CPU) is lowered as level 0, and report->notes says why.
Result<program::Program> Compile(graph::Graph graph, const CompileOptions& options,
                                 CompileReport* report = nullptr);

}  // namespace vivace::compiler
