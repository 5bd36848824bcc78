#include "engine/compile_dumps.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/status_macros.h"
#include "engine/option_list.h"

namespace vivace::engine {
namespace {

Status WriteDump(const std::string& directory, std::string_view name, const std::string& text) {
  if (text.empty()) return Status::Ok();
  const std::string path = fmt::format("{}/{}", directory, name);
  std::error_code ignored;  // a folder that is not there shows when the file is written
  std::filesystem::create_directories(directory, ignored);
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.flush();
  if (file) return Status::Ok();
  return InvalidArgument(
      fmt::format("cannot write '{}': --dump-dir must be a folder that can be written to", path));
}

// "fuse_qkv 12.3 us changed", in the order in which they ran; then the steps behind them.
std::string PassTimes(const compiler::CompileReport& report) {
  std::string text;
  for (const compiler::PassRecord& pass : report.passes) {
    fmt::format_to(std::back_inserter(text), "{:<32} {:>9.1f} us  {}\n", pass.name, pass.us,
                   pass.changed ? "changed" : "-");
  }
  for (const auto& [name, ms] : {std::pair{"all passes", report.passes_ms},
                                 {"lowering", report.lower_ms},
                                 {"kernels and tile plans", report.kernels_ms},
                                 {"total", report.total_ms}}) {
    fmt::format_to(std::back_inserter(text), "{:<32} {:>9.1f} us\n", name, ms * 1e3);
  }
  return text;
}

std::string ConfigText(const Options& options) {
  std::string text;
  for (const base::OptionRow& row : AllOptions()) {
    if (row.type == base::OptionType::kObject) continue;
    const bool secret = row.name == "api-key";
    fmt::format_to(std::back_inserter(text), "{} = {}  ({})\n", row.name,
                   secret && options.IsSet(row.name) ? "***" : options.Text(row.name),
                   Name(options.Origin(row.name)));
  }
  return text;
}

}  // namespace

Status WriteDumps(const EngineConfig& config, const compiler::CompileReport& report) {
  const std::string& directory = config.compile.dump_dir;
  VIVACE_RETURN_IF_ERROR(WriteDump(directory, "graph.txt", report.graph_text));
  VIVACE_RETURN_IF_ERROR(WriteDump(directory, "phase.txt", report.phase_text));
  VIVACE_RETURN_IF_ERROR(WriteDump(directory, "vir.txt", report.vir_text));
  VIVACE_RETURN_IF_ERROR(WriteDump(directory, "asm.txt", report.assembly_text));
  if (!config.options.IsSet("compilation-config.debug-dump-path")) return Status::Ok();
  VIVACE_RETURN_IF_ERROR(WriteDump(directory, "passes.txt", PassTimes(report)));
  return WriteDump(directory, "config.txt", ConfigText(config.options));
}

}  // namespace vivace::engine
