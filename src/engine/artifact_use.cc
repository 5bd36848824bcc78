#include "engine/artifact_use.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <utility>

#include "base/out_of_memory.h"
#include "base/status_macros.h"
#include "engine/artifact_key.h"
#include "engine/kv_cache_size.h"
#include "engine/option_list.h"

namespace vivace::engine {
namespace {

// How long a start waits for another process that packs the same weights.
constexpr auto kBuildPatience = std::chrono::seconds(60);

std::string FolderOf(const artifact::Store& store, const artifact::Key& key) {
  return store.config().root + "/" + artifact::KeyName(key);
}

}  // namespace

std::string ArtifactFolder(const Options& options) {
  if (options.Flag("no-cache")) return "";
  if (options.IsSet("cache-dir")) return options.Text("cache-dir");
  std::string root = options.IsSet("cache-root") ? options.Text("cache-root") : DefaultCacheRoot();
  return root.empty() ? "" : root + "/artifacts";
}

Result<artifact::Store> OpenArtifactStore(const Options& options, bool read_only) {
  artifact::StoreConfig config;
  config.root = ArtifactFolder(options);
  config.read_only = read_only;
  config.verify =
      options.Text("artifact-verify") == "manifest" ? artifact::Verify::kManifest : artifact::Verify::kFull;
  config.max_bytes = options.Integer("cache-max-bytes");
  config.hmac_key_file = options.Text("artifact-key-file");
  return artifact::Store::Open(std::move(config));
}

std::string PlanOf(const program::Program& program) {
  std::string text = program::Print(program);
  if (const std::size_t tiles = text.find("\nspecialise "); tiles != std::string::npos)
    text.resize(tiles + 1);
  return text;
}

Result<std::unique_ptr<ArtifactUse>> ArtifactUse::Open(const checkpoint::Checkpoint& file,
                                                       const EngineConfig& config, StartLog& start) {
  std::unique_ptr<ArtifactUse> use(new ArtifactUse());
  const Options& options = config.options;
  use->max_rows_ = config.max_batched_tokens;
  if (config.compile.options.level == 0) return use;  // nothing is packed
  use->is_required_ = options.Flag("require-artifact");
  const std::string folder = ArtifactFolder(options);
  if (folder.empty()) {
    if (use->is_required_)
      return InvalidArgument(
          "--require-artifact is given, but there is to be no cache: leave out --no-cache, or "
          "give --cache-dir");
    start.NoArtifact(options.Flag("no-cache") ? "--no-cache" : "there is no folder for it, give --cache-dir");
    return use;
  }
  auto store = OpenArtifactStore(options, use->is_required_);
  if (!store.ok()) {
    if (store.status().code() == StatusCode::kInvalidArgument) return store.status();
    if (use->is_required_)
      return NotFound(fmt::format("--require-artifact is given, but {}", store.status().message()));
    start.log().Warning(fmt::format("Runs without the artifact cache: {}", store.status().message()));
    return use;
  }
  use->is_verified_in_full_ = store->config().verify == artifact::Verify::kFull;
  use->key_ = ArtifactKey(file, config.compile.options);
  use->store_ = std::move(*store);
  std::string why_not;
  VIVACE_ASSIGN_OR_RETURN(use->entry_, use->store_->Peek(use->key_, why_not));
  if (!use->entry_ && !use->is_required_) {
    // Somebody who packs the same weights just now spares this process the work.
    use->lock_ = use->store_->LockBuild(use->key_, kBuildPatience);
    std::string again;
    VIVACE_ASSIGN_OR_RETURN(use->entry_, use->store_->Peek(use->key_, again));
    if (use->entry_) use->lock_ = artifact::BuildLock();
  }
  if (!use->entry_) VIVACE_RETURN_IF_ERROR(use->Miss(why_not, start));
  start.End(StartPhase::kArtifact);
  return use;
}

ArtifactUse::~ArtifactUse() {
  Wait();
}

void ArtifactUse::Wait() {
  if (thread_.joinable()) thread_.join();
}

Status ArtifactUse::Miss(std::string why, StartLog& start) {
  ++misses_;
  const std::string folder = FolderOf(*store_, key_);
  if (is_required_) {
    return NotFound(
        fmt::format("--require-artifact is given, but '{}' is no artifact of this start: {}; make it "
                    "with vivace compile and the same options",
                    folder, why));
  }
  start.MissedArtifact(folder, why);
  return Status::Ok();
}

std::span<const std::byte> ArtifactUse::TextImage() const {
  if (!entry_) return {};
  return entry_->Blob(kTextImage).value_or(std::span<const std::byte>());
}

std::optional<std::string_view> ArtifactUse::Text(std::string_view name) const {
  return entry_ ? entry_->Text(name) : std::nullopt;
}

Result<std::optional<std::span<const std::byte>>> ArtifactUse::Weights(const program::Program& program,
                                                                       base::WorkerTeam& team,
                                                                       StartLog& start) {
  using Found = std::optional<std::span<const std::byte>>;
  if (!entry_) return Found();
  Status status;
  if (entry_->Text(kPlanText) != PlanOf(program)) {
    status = DataLoss(fmt::format("{} is that of another program", kPlanText));
  } else if (is_verified_in_full_) {
    status = entry_->CheckWeights(&team);
  }
  if (!status.ok()) {
    VIVACE_RETURN_IF_ERROR(Miss(status.message(), start));
    return Found();
  }
  ++hits_;
  is_hit_ = true;
  const auto bytes = static_cast<std::int64_t>(entry_->weights().size());
  start.LoadedArtifact(FolderOf(*store_, key_), max_rows_,
                       fmt::format("{} of packed weights, {}", MemoryText(bytes),
                                   is_verified_in_full_ ? "verified" : "not verified"));
  return Found(entry_->weights());
}

Status ArtifactUse::WriteEntry(const std::string& plan, std::span<const std::byte> weights,
                               const ModelText& text) {
  VIVACE_ASSIGN_OR_RETURN(artifact::Writer writer, store_->Begin(key_));
  VIVACE_RETURN_IF_ERROR(writer.AddWeights(weights, &stop_));
  VIVACE_RETURN_IF_ERROR(writer.Add(kPlanText, plan));
  if (const std::string image = text.Image(); !image.empty())
    VIVACE_RETURN_IF_ERROR(writer.Add(kTextImage, image));
  const std::lock_guard guard(kept_mutex_);
  for (const auto& [name, value] : kept_) VIVACE_RETURN_IF_ERROR(writer.Add(name, value));
  VIVACE_RETURN_IF_ERROR(writer.Commit());
  is_written_ = true;
  return Status::Ok();
}

Status ArtifactUse::WriteText(const ModelText& text) {
  const std::string image = text.Image();
  if (image.empty()) return Status::Ok();
  return store_->Replace(key_, kTextImage, std::as_bytes(std::span(image)));
}

void ArtifactUse::Save(const program::Program& program, std::span<const std::byte> weights,
                       const ModelText& text, const base::Log& log) {
  if (!store_ || is_required_ || weights.empty()) return;
  if (is_hit_) {
    const std::lock_guard guard(kept_mutex_);
    is_written_ = true;
    if (text.from_image()) return;
  }
  try {
    thread_ = std::thread([this, &program, weights, &text, log] {
      ::setpriority(PRIO_PROCESS, 0, 19);  // of this thread alone
      WriteAll(program, weights, text, log);
    });
  } catch (...) {
    written_ = base::CaughtExhaustion("the artifact was to be written");
    lock_ = artifact::BuildLock();
    base::IfMemoryLasts(
        [&] { log.Warning(fmt::format("Runs without writing an artifact: {}", written_.message())); });
  }
}

void ArtifactUse::WriteAll(const program::Program& program, std::span<const std::byte> weights,
                           const ModelText& text, const base::Log& log) {
  const Stopwatch watch;
  try {
    written_ = is_hit_ ? WriteText(text) : WriteEntry(PlanOf(program), weights, text);
  } catch (...) {
    written_ = base::CaughtExhaustion("the artifact was written");
  }
  lock_ = artifact::BuildLock();
  base::IfMemoryLasts([&] {
    if (written_.ok()) {
      log.Info(fmt::format(
          "Cache the graph of compile range (1, {}) for later use (saving {} to '{}' took {} s)", max_rows_,
          is_hit_ ? "the tokenizer" : MemoryText(static_cast<std::int64_t>(weights.size())),
          FolderOf(*store_, key_), SecondsText(watch.Seconds())));
    } else if (written_.code() != StatusCode::kCancelled) {
      log.Warning(fmt::format("Runs without writing an artifact: {}", written_.message()));
    }
  });
}

Result<std::string> ArtifactUse::Finish() {
  Wait();
  if (!written_.ok()) return written_;
  const std::lock_guard guard(kept_mutex_);
  return is_written_ ? FolderOf(*store_, key_) : "";
}

void ArtifactUse::Keep(std::string_view name, std::string text) {
  if (text == Text(name).value_or("")) return;
  const std::lock_guard guard(kept_mutex_);
  if (!store_ || is_required_) return;
  if (is_written_ || is_hit_) {
    // Nobody depends on it: a disk that says no costs the next start some time.
    static_cast<void>(store_->Replace(key_, name, std::as_bytes(std::span(text))));
    return;
  }
  std::erase_if(kept_, [&](const auto& kept) { return kept.first == name; });
  kept_.emplace_back(name, std::move(text));
}

}  // namespace vivace::engine
