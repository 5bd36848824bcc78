#include "compiler/compiler.h"

#include <chrono>
#include <optional>

#include "base/status_macros.h"
#include "compiler/lowering.h"
#include "compiler/make_kernels.h"
#include "compiler/pass_runner.h"
#include "compiler/portable_note.h"
#include "compiler/specialise.h"

namespace vivace::compiler {
namespace {

using Clock = std::chrono::steady_clock;

double MsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Status CheckOptions(const CompileOptions& options) {
  if (options.level < 0 || options.level > 2) {
    return InvalidArgument("there is no optimization level " + std::to_string(options.level) +
                           "; this build knows 0, 1 and 2");
  }
  for (const int size : options.compile_sizes.value_or(std::vector<int>())) {
    if (size < 1)
      return InvalidArgument("a compile size of " + std::to_string(size) + " rows; give 1 or more");
  }
  int last = 0;
  for (const int end : options.compile_ranges_endpoints) {
    if (end <= last) {
      return InvalidArgument("a compile range ends at " + std::to_string(end) + " rows after " +
                             std::to_string(last) + "; give ascending ends of 1 or more");
    }
    last = end;
  }
  if (options.kv_type != tensor::DType::kF16 && options.kv_type != tensor::DType::kF32) {
    return InvalidArgument("the KV cache cannot be " + std::string(tensor::Row(options.kv_type).name) +
                           "; this build knows f16 and f32");
  }
  return Status::Ok();
}

Result<program::Program> CompilePortable(const graph::Graph& graph, const CompileOptions& options,
                                         CompileReport& report) {
  const Clock::time_point start = Clock::now();
  VIVACE_ASSIGN_OR_RETURN(program::Program program, LowerPortable(graph, options.kv_type));
  VIVACE_RETURN_IF_ERROR(program::Verify(program));
  report.lower_ms = MsSince(start);
  return program;
}

codegen::Target TargetOf(const CompileOptions& options) {
  return options.target ? *options.target : codegen::HostTarget();
}

Result<program::Program> LowerWithPasses(graph::Graph graph, const CompileOptions& options,
                                         CompileReport& report) {
  const PassContext context{options.level, options.activation, options.kv_type, TargetOf(options)};
  const PassSelection selection{options.disabled_passes, options.enabled_passes};
  Clock::time_point start = Clock::now();
  VIVACE_ASSIGN_OR_RETURN(PassRun run, RunPasses(graph, context, PassList(), selection, options.dumps.graph));
  report.passes = std::move(run.records);
  report.graph_text = std::move(run.graph_text);
  report.passes_ms = MsSince(start);
  start = Clock::now();
  std::vector<std::string> reasons;
  VIVACE_ASSIGN_OR_RETURN(program::Program program,
                          LowerFused(graph, options.level, options.kv_type, reasons));
  report.lower_ms = MsSince(start);
  if (std::string note = PortableNote(program, reasons); !note.empty()) {
    report.notes.push_back(std::move(note));
    report.model_unsupported = true;
  }
  return program;
}

Result<program::Program> CompileFused(const graph::Graph& graph, const CompileOptions& options,
                                      CompileReport& report) {
  VIVACE_ASSIGN_OR_RETURN(program::Program program, LowerWithPasses(graph, options, report));
  VIVACE_RETURN_IF_ERROR(program::Verify(program));
  const Clock::time_point start = Clock::now();
  if (!options.machine_code) return program;
  VIVACE_RETURN_IF_ERROR(MakeKernels(program, TargetOf(options), options.meter));
  report.specialise_us = Specialise(program, options, TargetOf(options));
  report.kernels_ms = MsSince(start);
  report.kernels = program.library->size();
  for (int i = 0; i < report.kernels; ++i) {
    report.code_bytes += program.library->info(codegen::KernelId{i}).code_bytes;
  }
  return program;
}

/// Level 1 or 2, or nothing and a note when the graph or the CPU does not fit it.
Result<std::optional<program::Program>> TryFused(const graph::Graph& graph, const CompileOptions& options,
                                                 CompileReport& report) {
  const std::string level = "-O" + std::to_string(options.level);
  if (options.machine_code && !CanMakeKernels(TargetOf(options))) {
    report.notes.push_back(level + " needs a CPU with AVX2, FMA and F16C; running as -O0");
    return std::optional<program::Program>();
  }
  Result<program::Program> program = CompileFused(graph, options, report);
  if (program.ok()) return std::optional<program::Program>(std::move(program).value());
  if (program.status().code() != StatusCode::kUnsupported) return program.status();
  report.model_unsupported = true;
  report.notes.push_back(level + " cannot take this model, running as -O0: " + program.status().message());
  return std::optional<program::Program>();
}

void WriteDumps(const graph::Graph& graph, const program::Program& program, const DumpSet& dumps,
                CompileReport& report) {
  if (dumps.graph && report.graph_text.empty()) report.graph_text = graph::Print(graph);
  if (dumps.phase) report.phase_text = program::Print(program);
  if (dumps.vir) report.vir_text = VectorIrText(program);
  if (dumps.assembly) report.assembly_text = AssemblyText(program);
}

}  // namespace

Result<DumpSet> ParseDumpSet(std::string_view text) {
  DumpSet dumps;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    bool* flag = word == "graph"   ? &dumps.graph
                 : word == "phase" ? &dumps.phase
                 : word == "vir"   ? &dumps.vir
                 : word == "asm"   ? &dumps.assembly
                                   : nullptr;
    if (flag == nullptr) {
      return InvalidArgument("there is no dump '" + std::string(word) +
                             "'; give any of graph, phase, vir, asm, separated by commas");
    }
    *flag = true;
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return dumps;
}

Result<program::Program> Compile(graph::Graph graph, const CompileOptions& options, CompileReport* report) {
  const Clock::time_point start = Clock::now();
  CompileReport unwanted;
  CompileReport& out = report != nullptr ? *report : unwanted;
  out = CompileReport();
  VIVACE_RETURN_IF_ERROR(CheckOptions(options));
  VIVACE_RETURN_IF_ERROR(graph::Verify(graph));
  std::optional<program::Program> program;
  if (options.level > 0) {
    VIVACE_ASSIGN_OR_RETURN(program, TryFused(graph, options, out));
  }
  if (!program) {
    VIVACE_ASSIGN_OR_RETURN(program, CompilePortable(graph, options, out));
  }
  if (options.meter != nullptr) options.meter->Count();
  out.level = program->level;
  WriteDumps(graph, *program, options.dumps, out);
  out.total_ms = MsSince(start);
  return std::move(*program);
}

}  // namespace vivace::compiler
