#include "engine/model_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/checked_math.h"
#include "base/status_macros.h"
#include "codegen/kernel_library.h"
#include "compiler/compiler.h"
#include "engine/compile_dumps.h"
#include "engine/kv_cache_size.h"
#include "engine/pass_note.h"
#include "engine/perf_map.h"
#include "kernels/epilogue_spec.h"
#include "models/model_families.h"

namespace vivace::engine {
namespace {

constexpr int kLogitRows = 64;  // rows of logits that are kept at once: 12 MiB for a vocabulary of 49152

// --require-compiled: nothing may run on portable kernels.
Status CheckCompiled(const EngineConfig& config, const compiler::CompileReport& report) {
  if (!config.require_compiled) return Status::Ok();
  if (config.compile.options.level == 0)
    return InvalidArgument(
        "--require-compiled is given, but nothing is compiled at -O0: leave one of them out");
  if (report.notes.empty()) return Status::Ok();
  return Unsupported(fmt::format("--require-compiled: {}; leave the flag out to run that on portable kernels",
                                 report.notes[0]));
}

std::int64_t TensorBytes(const checkpoint::Checkpoint& file) {
  std::int64_t bytes = 0;
  for (const checkpoint::TensorView& tensor : file.tensors())
    bytes += static_cast<std::int64_t>(tensor.data.size());
  return bytes;
}

}  // namespace

Result<std::unique_ptr<ModelRunner>> ModelRunner::Create(const checkpoint::Checkpoint& file,
                                                         const EngineConfig& config, StartLog& start,
                                                         ArtifactUse* artifact) {
  VIVACE_ASSIGN_OR_RETURN(std::unique_ptr<ModelRunner> runner, Prepare(file, config, start, artifact));
  VIVACE_RETURN_IF_ERROR(runner->Load(file, config, start, runner->team_));
  return runner;
}

Result<std::unique_ptr<ModelRunner>> ModelRunner::Prepare(const checkpoint::Checkpoint& file,
                                                          const EngineConfig& config, StartLog& start,
                                                          ArtifactUse* artifact, base::WorkerTeam* team) {
  std::unique_ptr<ModelRunner> runner(new ModelRunner(config.workers, team));
  VIVACE_RETURN_IF_ERROR(runner->CheckDtype(file, config.dtype));
  VIVACE_RETURN_IF_ERROR(runner->Compile(file, config, start, artifact));
  VIVACE_RETURN_IF_ERROR(runner->ResolveLength(config));
  VIVACE_RETURN_IF_ERROR(runner->SizeCache(file, config, start.log()));
  start.End(StartPhase::kCache);
  runner->artifact_ = artifact;
  if (artifact != nullptr) {
    VIVACE_ASSIGN_OR_RETURN(runner->image_, artifact->Weights(runner->program_, runner->team_, start));
  }
  return runner;
}

Status ModelRunner::Load(const checkpoint::Checkpoint& file, const EngineConfig& config, StartLog& start,
                         base::WorkerTeam& packers) {
  auto weights = image_ ? runtime::WeightStore::CreateFrom(program_, file, *image_)
                        : runtime::WeightStore::Create(program_, file, packers, start.PackingLines());
  if (!weights.ok()) return weights.status();
  VIVACE_RETURN_IF_ERROR(file.CheckUnchanged());  // or zeros were packed
  file_ = &file;
  weights_ = std::make_unique<runtime::WeightStore>(std::move(*weights));
  start.LoadedWeights(static_cast<std::int64_t>(weights_->packed_bytes()), TensorBytes(file));

  runtime::ExecutorConfig executor;
  executor.max_rows = config.max_batched_tokens;
  executor.max_sequences = config.max_num_seqs;
  executor.max_logit_rows = std::min(config.max_batched_tokens, std::max(kLogitRows, config.max_num_seqs));
  executor.max_positions = max_model_len_;
  executor.capture = config.compile.capture;
  executor.capture_sizes = config.compile.capture_sizes;
  executor.kv_blocks = kv_blocks_;
  VIVACE_ASSIGN_OR_RETURN(executor_, runtime::Executor::Create(program_, *weights_, team_, executor));
  start.MadeCache(executor_->captured_plans(), executor_->capture_seconds(), config.compile.capture_sizes);
  // Tuning measures on the team that serves: in the background somebody else has it.
  if (&packers == &team_) TunePlans(config, start, artifact_);
  start.log().Info(fmt::format("Runs at -O{}: activations {}, captured plans {}", level(),
                               config.options.Text("activation-dtype"), config.compile.capture_name));
  return Status::Ok();
}

void ModelRunner::CleanBlocks(std::span<const kvcache::BlockId> blocks) {
  const tensor::KvLayout& kv = executor_->kv();
  std::byte* const memory = executor_->kv_memory().data();
  for (const kvcache::BlockId block : blocks) {
    const std::size_t offset = static_cast<std::size_t>(block.value) * kv.block_stride();
    for (int layer = 0; layer < kv.layers; ++layer)
      std::memset(memory + static_cast<std::size_t>(layer) * kv.layer_stride() + offset, 0,
                  kv.block_stride());
  }
}

std::optional<sampling::UnitMaxima> ModelRunner::Maxima(int index) {
  const std::span<const std::byte> row = executor_->Maxima(index);
  if (row.empty()) return std::nullopt;
  const kernels::MaximaRows layout{program_.vocabulary};
  const auto units = static_cast<std::size_t>(layout.units());
  const auto part = [&](int which) { return row.data() + which * layout.part_bytes(); };
  return sampling::UnitMaxima{{reinterpret_cast<const float*>(part(0)), units},
                              {reinterpret_cast<const std::int32_t*>(part(1)), units},
                              {reinterpret_cast<const float*>(part(2)), units}};
}

void ModelRunner::TunePlans(const EngineConfig& config, StartLog& start, ArtifactUse* artifact) {
  const std::string tuned = tuner_->Tune(*executor_, program_, team_.size(),
                                         {config.max_batched_tokens, config.max_num_seqs, max_model_len_});
  if (!tuned.empty()) start.Tuned(tuned);
  if (artifact == nullptr) return;
  std::string known = tuner_->TextFor(program_, team_.size());
  if (!known.empty() && artifact->Text(kTuningText) != known) artifact->Keep(kTuningText, std::move(known));
}

Status ModelRunner::Compile(const checkpoint::Checkpoint& file, const EngineConfig& config, StartLog& start,
                            const ArtifactUse* artifact) {
  VIVACE_ASSIGN_OR_RETURN(model_, models::ReadConfig(file));
  VIVACE_ASSIGN_OR_RETURN(const auto weights, models::ReadWeights(file));
  VIVACE_ASSIGN_OR_RETURN(graph::Graph graph, models::BuildGraph(model_, weights));
  start.BuiltGraph(graph.layers.size());
  compiler::CompileReport report;
  compiler::CompileOptions options = config.compile.options;
  tuner_ = std::make_unique<Tuner>(config.tuner, options.target.value_or(codegen::HostTarget()));
  std::string note;
  tuner_->Stored(note);
  const auto carried = artifact != nullptr ? artifact->Text(kTuningText) : std::nullopt;
  if (carried) tuner_->Add(*carried, note);
  options.tuning = tuner_->table();
  if (!note.empty()) start.log().Warning(note);
  if (!config.compile_sizes_why.empty()) start.log().Info(config.compile_sizes_why);
  VIVACE_ASSIGN_OR_RETURN(program_, compiler::Compile(std::move(graph), options, &report));
  for (const std::string& line : model_.notes) start.log().Warning(line);
  VIVACE_RETURN_IF_ERROR(CheckCompiled(config, report));
  start.FellBack(report);
  fingerprint_ = fmt::format("{} -O{} kv {} {}", file.name(), program_.level,
                             tensor::Row(config.compile.options.kv_type).name, fmt::ptr(this));
  if (config.perf_map && program_.library) VIVACE_RETURN_IF_ERROR(AppendPerfMap(program_.library->PerfMap()));
  VIVACE_RETURN_IF_ERROR(WriteDumps(config, report));
  start.Compiled(program_, report);
  if (const std::string idle = PassesNotTaken(report); !idle.empty()) start.log().Info(idle);
  return Status::Ok();
}

Status ModelRunner::CheckDtype(const checkpoint::Checkpoint& file, const std::string& wanted) const {
  using tensor::DType;
  if (wanted == "auto") return Status::Ok();
  const DType type = wanted == "bfloat16"                      ? DType::kBF16
                     : wanted == "float16" || wanted == "half" ? DType::kF16
                                                               : DType::kF32;
  for (const checkpoint::TensorView& tensor : file.tensors()) {
    if (tensor.dim_count < 2 || tensor.type == type) continue;
    return InvalidArgument(fmt::format(
        "--dtype is {}, but weights keep the type of the checkpoint, and '{}' is {}: leave the flag "
        "out (--activation-dtype says how activations are kept)",
        wanted, tensor.name, tensor::Row(tensor.type).name));
  }
  return Status::Ok();
}

Status ModelRunner::ResolveLength(const EngineConfig& config) {
  max_model_len_ = config.max_model_len.value_or(program_.max_positions);
  if (max_model_len_ <= program_.max_positions) return Status::Ok();
  return InvalidArgument(fmt::format("--max-model-len is {}: this model was made for at most {} tokens",
                                     max_model_len_, program_.max_positions));
}

Status ModelRunner::SizeCache(const checkpoint::Checkpoint& file, const EngineConfig& config,
                              const base::Log& log) {
  KvCacheNeeds needs;
  needs.block_tokens = tensor::KvLayout::kBlockTokens;
  needs.block_bytes = static_cast<std::int64_t>(program_.kv.block_stride()) * program_.kv.layers;
  needs.max_model_len = max_model_len_;
  needs.fit_length = config.fit_model_len;
  needs.max_num_seqs = config.max_num_seqs;
  needs.weight_bytes = TensorBytes(file);
  needs.kv_bytes = config.kv_bytes;
  needs.utilization = config.memory_utilization;
  VIVACE_ASSIGN_OR_RETURN(const KvCacheSize size, SizeKvCache(needs, ReadMemoryLimit()));
  if (size.max_model_len < max_model_len_)
    log.Info(fmt::format("--max-model-len auto: {} tokens, for so many fit into the KV cache",
                         Grouped(size.max_model_len)));
  max_model_len_ = size.max_model_len;
  kv_blocks_ = size.blocks;
  kv_bytes_ = size.blocks * needs.block_bytes;
  const std::int64_t tokens = std::int64_t{size.blocks} * needs.block_tokens;
  log.Info(fmt::format("Available KV cache memory: {:.2f} GiB ({})",
                       static_cast<double>(kv_bytes_) / static_cast<double>(std::int64_t{1} << 30),
                       config.kv_bytes ? "as asked for" : "of what the process may use, beside the weights"));
  log.Info(
      fmt::format("CPU KV cache size: {} tokens ({}), Maximum concurrency for {} tokens per request: {:.2f}x",
                  Grouped(tokens), MemoryText(kv_bytes_), Grouped(max_model_len_),
                  static_cast<double>(tokens) / max_model_len_));
  return Status::Ok();
}

}  // namespace vivace::engine
