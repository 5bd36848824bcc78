#include <algorithm>
#include <utility>

#include "base/out_of_memory.h"
#include "base/status_macros.h"
#include "compiler/compiler.h"
#include "compiler/pass_list.h"
#include "engine/compilation_keys.h"
#include "engine/engine_config.h"
#include "engine/model_opening.h"
#include "engine/option_list.h"
#include "models/model_families.h"
#include "vivace/options.h"

namespace vivace {
namespace {

// Shown where they are set only: each has another name that says the same.
constexpr std::string_view kOldNames[] = {
    "compilation-config.level",         "compilation-config.candidate-compile-sizes",
    "compilation-config.use-cudagraph", "compilation-config.full-cuda-graph",
    "cudagraph-capture-sizes",          "max-cudagraph-capture-size"};
constexpr std::string_view kSecrets[] = {"api-key", "hf-token"};

template <class Names>
bool Has(const Names& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

const compiler::PassRow* PassOf(std::string_view option) {
  if (!option.starts_with(engine::kPassKeyPrefix)) return nullptr;
  std::string name(option.substr(engine::kPassKeyPrefix.size()));
  std::replace(name.begin(), name.end(), '-', '_');
  for (const compiler::PassRow& pass : compiler::PassList()) {
    if (pass.name == name) return &pass;
  }
  return nullptr;
}

std::string ValueOf(const Options& options, const base::OptionRow& row) {
  if (!options.IsSet(row.name)) return "";
  if (Has(kSecrets, row.name)) return "***";
  if (row.type != base::OptionType::kList) return options.Text(row.name);
  std::string out;
  for (const std::string& item : options.List(row.name)) out += (out.empty() ? "" : ",") + item;
  return out;
}

ResolvedOption Resolved(const Options& options, const base::OptionRow& row) {
  ResolvedOption out;
  out.name = row.name;
  out.value = ValueOf(options, row);
  out.origin = options.Origin(row.name);
  out.asked = options.Asked(row.name);
  if (const compiler::PassRow* const pass = PassOf(row.name)) out.condition = pass->condition;
  return out;
}

// Compiles the graph of the model's headers, and says what became of each pass.
Status TryPasses(const engine::EngineConfig& config, ResolvedOptions& out) {
  VIVACE_ASSIGN_OR_RETURN(const auto file, engine::OpenModel(config.options, checkpoint::Contents::kHeaders));
  VIVACE_ASSIGN_OR_RETURN(const models::ModelConfig model, models::ReadConfig(*file));
  VIVACE_ASSIGN_OR_RETURN(const auto weights, models::ReadWeights(*file, model));
  VIVACE_ASSIGN_OR_RETURN(graph::Graph graph, models::BuildGraph(model, weights));
  compiler::CompileOptions options = config.compile.options;
  options.machine_code = false;
  options.dumps = {};
  compiler::CompileReport report;
  VIVACE_RETURN_IF_ERROR(compiler::Compile(std::move(graph), options, &report).status());
  out.level = report.level;
  out.notes.insert(out.notes.end(), model.notes.begin(), model.notes.end());
  out.notes.insert(out.notes.end(), report.notes.begin(), report.notes.end());
  for (ResolvedOption& row : out.rows) {
    const compiler::PassRow* const pass = PassOf(row.name);
    for (const compiler::PassRecord& record : report.passes) {
      if (pass != nullptr && record.name == pass->name) row.is_taken = record.changed;
    }
  }
  return Status::Ok();
}

}  // namespace

Result<ResolvedOptions> ResolveOptions(const Options& options) try {
  VIVACE_ASSIGN_OR_RETURN(const engine::EngineConfig config, engine::ResolveSettings(options));
  ResolvedOptions out;
  out.model = config.model;
  out.level = config.compile.options.level;
  out.max_tokens = config.max_batched_tokens;
  out.notes = config.notes;
  constexpr unsigned kShown = base::kModelOption | base::kServeOption;
  for (const base::OptionRow& row : engine::AllOptions()) {
    if ((row.scope & kShown) == 0 || row.type == base::OptionType::kObject) continue;
    if (Has(kOldNames, row.name) && !config.options.IsSet(row.name)) continue;
    out.rows.push_back(Resolved(config.options, row));
  }
  if (!out.model.empty()) VIVACE_RETURN_IF_ERROR(TryPasses(config, out));
  return out;
} catch (...) {
  return base::CaughtExhaustion("the options were resolved");
}

}  // namespace vivace
