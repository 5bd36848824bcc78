// vivace::Engine: loads the parts, puts them together and passes calls on.
#include "vivace/engine.h"

#include <fmt/format.h>

#include <random>
#include <thread>
#include <utility>

#include "base/out_of_memory.h"
#include "base/status_macros.h"
#include "base/worker_team.h"
#include "codegen/compilation_meter.h"
#include "engine/artifact_use.h"
#include "engine/default_sampling.h"
#include "engine/engine_config.h"
#include "engine/engine_loop.h"
#include "engine/kv_cache_size.h"
#include "engine/model_opening.h"
#include "engine/model_runner.h"
#include "engine/model_text.h"
#include "engine/start_log.h"
#include "engine/stopwatch.h"
#include "engine/tier_up.h"

namespace vivace {

struct Engine::Impl {
  explicit Impl(std::unique_ptr<checkpoint::Checkpoint> opened) : file(std::move(opened)) {}
  ~Impl() {
    tier_up.reset();
    if (artifact) artifact->Wait();  // it reads what goes now
  }

  std::unique_ptr<checkpoint::Checkpoint> file;
  std::unique_ptr<engine::ArtifactUse> artifact;  // text and runner point into it
  codegen::CompilationMeter meter;
  std::unique_ptr<engine::ModelText> text;
  std::unique_ptr<base::WorkerTeam> team;  // with --tier-up: of both programs
  std::unique_ptr<engine::EngineLoop> loop;
  std::unique_ptr<engine::TierUp> tier_up;  // last: its thread offers to the loop
  ModelInfo info;
  SamplingParams default_sampling;
  std::optional<int> default_max_tokens;
  engine::StartTimes times;
  std::string capture_sizes;  // "1,2,4"
};

namespace {

std::uint64_t DrawSeed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

engine::LoopConfig MakeLoopConfig(const engine::EngineConfig& config, const engine::ModelRunner& runner) {
  engine::LoopConfig loop;
  loop.vocabulary = runner.vocabulary();
  loop.scheduler.max_model_len = runner.max_model_len();
  loop.scheduler.max_batched_tokens = config.max_batched_tokens;
  loop.scheduler.max_num_seqs = config.max_num_seqs;
  loop.scheduler.max_chunk_tokens = config.max_chunk_tokens;
  loop.scheduler.prefix_caching = config.prefix_caching;
  loop.max_queued = config.max_queued;
  loop.max_queued_tokens = config.max_queued_tokens;
  loop.recorder = config.recorder;
  loop.log_stats_s = config.log_stats_s;
  loop.counts_plans = config.cudagraph_metrics;
  loop.seed = config.seed ? static_cast<std::uint64_t>(*config.seed) : DrawSeed();
  return loop;
}

struct Runners {
  std::unique_ptr<engine::ModelRunner> serving;
  std::unique_ptr<engine::ModelRunner> prepared;  // with --tier-up: to be packed and to follow
};

// With --tier-up everything is compiled here, too; only packing is left for later. A model that cannot be
// compiled has nothing to follow, and one whose packed weights are kept has nothing to wait for.
Result<Runners> MakeRunners(const checkpoint::Checkpoint& file, const engine::EngineConfig& config,
                            engine::StartLog& start, engine::ArtifactUse& artifact,
                            std::unique_ptr<base::WorkerTeam>& team) {
  using engine::ModelRunner;
  Runners runners;
  if (!config.tier_up) {
    VIVACE_ASSIGN_OR_RETURN(runners.serving, ModelRunner::Create(file, config, start, &artifact));
    return runners;
  }
  team = std::make_unique<base::WorkerTeam>(config.workers);
  VIVACE_ASSIGN_OR_RETURN(runners.prepared, ModelRunner::Prepare(file, config, start, &artifact, team.get()));
  if (runners.prepared->level() == 0 || runners.prepared->has_image()) {
    start.log().Info(runners.prepared->level() == 0 ? "Tier-up: there is no compiled program to go up to"
                                                    : "Tier-up: the artifact has the weights packed already");
    runners.serving = std::move(runners.prepared);
    VIVACE_RETURN_IF_ERROR(runners.serving->Load(file, config, start, *team));
    return runners;
  }
  const engine::EngineConfig portable = engine::PortableConfig(config, *runners.prepared);
  VIVACE_ASSIGN_OR_RETURN(runners.serving, ModelRunner::Prepare(file, portable, start, nullptr, team.get()));
  VIVACE_RETURN_IF_ERROR(runners.serving->Load(file, portable, start, *team));
  return runners;
}

// Builds the tokenizer on a thread of its own while the model compiles and packs.
Status LoadParts(const checkpoint::Checkpoint& file, const engine::EngineConfig& config,
                 engine::StartLog& start, engine::ArtifactUse& artifact,
                 std::unique_ptr<base::WorkerTeam>& team, std::unique_ptr<engine::ModelText>& text,
                 Runners& runners) {
  Result<std::unique_ptr<engine::ModelText>> made_text = Internal("the tokenizer was not built");
  std::jthread thread([&] {
    try {
      const engine::Stopwatch watch;
      made_text = engine::ModelText::Create(file, artifact.TextImage());
      if (made_text.ok()) {
        start.log().Info(fmt::format("Tokenizer of {} tokens took {} seconds, beside the rest",
                                     engine::Grouped((*made_text)->tokenizer().size()),
                                     engine::SecondsText(watch.Seconds())));
      }
    } catch (const std::bad_alloc&) {
      made_text = base::OutOfMemory("the tokenizer was built");
    }
  });
  auto made_runners = MakeRunners(file, config, start, artifact, team);
  thread.join();
  start.End(engine::StartPhase::kTokenizer);
  VIVACE_ASSIGN_OR_RETURN(runners, std::move(made_runners));
  VIVACE_ASSIGN_OR_RETURN(text, std::move(made_text));
  return Status::Ok();
}

// The artifact's own profile chooses the compile sizes of -O3 where nobody named one.
void UseKeptProfile(const engine::ArtifactUse& artifact, engine::EngineConfig& config, const base::Log& log) {
  const auto text = artifact.Text(engine::kProfileText);
  if (!text || !engine::WantsProfile(config)) return;
  const auto profile = engine::ParseProfile(*text);
  if (!profile.ok()) {
    log.Warning(
        fmt::format("the artifact's {} is not used: {}", engine::kProfileText, profile.status().message()));
    return;
  }
  engine::UseProfile(*profile, "the artifact", config);
}

}  // namespace

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::Create(const Options& options) try {
  const engine::Stopwatch watch;
  VIVACE_ASSIGN_OR_RETURN(engine::EngineConfig config, engine::ResolveConfig(options));
  engine::StartLog start(base::Log(config.log), watch);
  for (const std::string& note : config.notes) start.log().Warning(note);
  if (config.cpu_quota) {
    start.log().Info(fmt::format("{}: {:.2f} cores' worth of CPU time, {} worker threads{}",
                                 config.cpu_quota->source, config.cpu_quota->cores, config.workers.workers,
                                 config.workers.rationed ? " that park while they wait" : ""));
  }
  VIVACE_ASSIGN_OR_RETURN(auto file, engine::OpenModel(options, checkpoint::Contents::kAll));
  start.Opened(config.model, file->tensors().size());
  auto impl = std::make_unique<Impl>(std::move(file));
  config.compile.options.meter = &impl->meter;
  VIVACE_RETURN_IF_ERROR(
      engine::ReadDefaults(*impl->file, config, impl->default_sampling, impl->default_max_tokens));
  VIVACE_ASSIGN_OR_RETURN(impl->artifact, engine::ArtifactUse::Open(*impl->file, config, start));
  UseKeptProfile(*impl->artifact, config, start.log());
  config.recorder.keep = [artifact = impl->artifact.get()](std::string text) {
    artifact->Keep(engine::kProfileText, std::move(text));
  };
  Runners runners;
  VIVACE_RETURN_IF_ERROR(
      LoadParts(*impl->file, config, start, *impl->artifact, impl->team, impl->text, runners));
  VIVACE_RETURN_IF_ERROR(impl->file->CheckUnchanged());
  const engine::ModelRunner& runner = *runners.serving;
  // Fewer tokens than rows are fine: vocabularies are padded, and a row without a token is never drawn.
  if (impl->text->tokenizer().size() > runner.vocabulary()) {
    return DataLoss(fmt::format("'{}' has {} tokens but its embedding has only {} rows: fetch it again",
                                config.model, impl->text->tokenizer().size(), runner.vocabulary()));
  }
  impl->info = {config.served_name,          config.model,
                runner.model().architecture, runner.max_model_len(),
                runner.vocabulary(),         runners.prepared ? runners.prepared->level() : runner.level()};
  const std::string ready =
      fmt::format("{} at -O{}, {} threads, {} tokens a request", config.served_name, runner.level(),
                  config.workers.workers, engine::Grouped(runner.max_model_len()));
  const engine::LoopConfig loop = MakeLoopConfig(config, runner);
  impl->loop =
      std::make_unique<engine::EngineLoop>(std::move(runners.serving), *impl->text, loop, start.log());
  start.Ready(ready);
  impl->times = start.times();
  impl->capture_sizes = fmt::format("{}", fmt::join(config.compile.capture_sizes, ","));
  impl->meter.Arm();
  if (runners.prepared) {
    impl->tier_up = std::make_unique<engine::TierUp>(
        std::move(runners.prepared), *impl->file, config, start.log(),
        [parts = impl.get(), log = start.log()](auto compiled) {
          parts->artifact->Save(compiled->program(), compiled->weights().image(), *parts->text, log);
          parts->loop->Offer(std::move(compiled));
        });
  } else {
    impl->artifact->Save(runner.program(), runner.weights().image(), *impl->text, start.log());
  }
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
} catch (...) {
  return base::CaughtExhaustion("the model was loaded");
}

const ModelInfo& Engine::model() const {
  return impl_->info;
}

EngineStats Engine::stats() const {
  EngineStats stats = impl_->loop->stats();
  stats.block_tokens = tensor::KvLayout::kBlockTokens;
  using engine::StartPhase;
  const engine::StartTimes& times = impl_->times;
  stats.load_s = times.total();
  stats.compile_s = times.of(StartPhase::kGraph) + times.of(StartPhase::kCompile);
  stats.pack_s = times.of(StartPhase::kWeights);
  stats.tune_s = times.of(StartPhase::kTuning);
  stats.artifact_s = times.of(StartPhase::kArtifact);
  stats.cache_s = times.of(StartPhase::kCache);
  stats.tokenizer_s = times.of(StartPhase::kTokenizer);
  stats.open_s = times.of(StartPhase::kOpen);
  stats.compilations = impl_->meter.compilations();
  stats.compilations_after_ready = impl_->meter.after_ready();
  base::IfMemoryLasts([&] { stats.capture_sizes = impl_->capture_sizes; });
  stats.artifact_hits = impl_->artifact->hits();
  stats.artifact_misses = impl_->artifact->misses();
  return stats;
}

Result<std::string> Engine::WaitForArtifact() try {
  if (impl_->tier_up) impl_->tier_up->Wait();
  return impl_->artifact->Finish();
} catch (...) {
  return base::CaughtExhaustion("the artifact was waited for");
}

Result<std::vector<std::int32_t>> Engine::Tokenize(std::string_view text, bool add_bos,
                                                   bool parse_special) const try {
  return impl_->text->Tokenize(text, add_bos, parse_special);
} catch (...) {
  return base::CaughtExhaustion("a text was tokenized");
}

std::string Engine::TokenText(std::int32_t token) const {
  return impl_->text->tokenizer().TokenText(token);
}

std::string Engine::Detokenize(const std::vector<std::int32_t>& tokens, bool skip_special) const {
  return impl_->text->tokenizer().Decode(tokens, skip_special);
}

Result<std::vector<std::vector<std::int32_t>>> Engine::EncodeBadWords(
    const std::vector<std::string>& words) const try {
  return impl_->text->EncodeBadWords(words);
} catch (...) {
  return base::CaughtExhaustion("bad_words were tokenized");
}

const SamplingParams& Engine::default_sampling() const {
  return impl_->default_sampling;
}

std::optional<int> Engine::default_max_tokens() const {
  return impl_->default_max_tokens;
}

Result<std::vector<std::int32_t>> Engine::RenderChat(const ChatPrompt& prompt) const try {
  return impl_->text->RenderChat(prompt);
} catch (...) {
  return base::CaughtExhaustion("the chat template was rendered");
}

Result<RequestId> Engine::Submit(Request request, OutputCallback on_output) try {
  return impl_->loop->Submit(std::move(request), std::move(on_output));
} catch (...) {
  return base::CaughtExhaustion("the request was queued");
}

void Engine::Cancel(RequestId id) {
  impl_->loop->Cancel(id);
}

bool Engine::Drain(double timeout_s) {
  const bool finished = impl_->loop->Drain(timeout_s);
  impl_->artifact->RequestStop();  // whoever drains wants to end
  return finished;
}

}  // namespace vivace
