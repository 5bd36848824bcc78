// What one start of an engine does with the artifact cache: looks up, verifies, hands out what is kept, and
// writes what was made, after the engine is ready, on a thread of low priority. A cache that cannot be used
// is a warning and nothing else. Ownership: holds the entry, which texts and weights point into, so it
// outlives both. Thread safety: all but TextImage on the thread that makes the engine.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "artifact/artifact.h"
#include "base/worker_team.h"
#include "engine/engine_config.h"
#include "engine/model_text.h"
#include "engine/start_log.h"
#include "program/program.h"
#include "vivace/status.h"

namespace vivace::engine {

inline constexpr std::string_view kPlanText = "plan.txt";
inline constexpr std::string_view kTextImage = "tokenizer.img";
inline constexpr std::string_view kTuningText = "tuning.txt";
inline constexpr std::string_view kProfileText = "profile.txt";

/// Where the options say that artifacts are; empty: there is to be no cache.
std::string ArtifactFolder(const Options& options);
/// The store that the options name.
Result<artifact::Store> OpenArtifactStore(const Options& options, bool read_only);
/// The phases as text, without what threads and tuning choose: equal for programs that use equal images.
std::string PlanOf(const program::Program& program);

class ArtifactUse {
 public:
  /// Looks up the artifact of this start and checks its small files. kNotFound: --require-artifact is given,
  /// and there is none; kInvalidArgument: it is given, and there is to be no cache.
  static Result<std::unique_ptr<ArtifactUse>> Open(const checkpoint::Checkpoint& file,
                                                   const EngineConfig& config, StartLog& start);
  ~ArtifactUse();

  /// The image of the model's text; empty when there is none.
  std::span<const std::byte> TextImage() const;
  /// The packed weights of `program`, verified in full unless the options say otherwise, and mapped for as
  /// long as this lives; nothing on a miss, which is logged with its reason. Errors as Open.
  Result<std::optional<std::span<const std::byte>>> Weights(const program::Program& program,
                                                            base::WorkerTeam& team, StartLog& start);

  /// Starts to write what is not kept yet. `program`, `weights` and `text` must outlive Finish.
  void Save(const program::Program& program, std::span<const std::byte> weights, const ModelText& text,
            const base::Log& log);
  /// Waits until that is done, and no more.
  void Wait();
  /// The same. The entry's folder, or nothing when nothing is kept; errors say why it could
  /// not be written.
  Result<std::string> Finish();
  /// Gives up what is not written yet: for a process that ends.
  void RequestStop() { stop_ = true; }

  /// A small file of this start's entry ("tuning.txt"), as it was found.
  std::optional<std::string_view> Text(std::string_view name) const;
  /// Keeps a small file, at once or with what Save writes; nothing to do when it is as it was found. Any
  /// thread.
  void Keep(std::string_view name, std::string text);

  bool active() const { return store_.has_value(); }
  int hits() const { return hits_; }
  int misses() const { return misses_; }

 private:
  ArtifactUse() = default;
  Status Miss(std::string why, StartLog& start);
  Status WriteEntry(const std::string& plan, std::span<const std::byte> weights, const ModelText& text);
  Status WriteText(const ModelText& text);
  void WriteAll(const program::Program& program, std::span<const std::byte> weights, const ModelText& text,
                const base::Log& log);

  std::optional<artifact::Store> store_;  // none: no cache
  artifact::Key key_;
  std::optional<artifact::Entry> entry_;  // its weights are good when is_hit_
  bool is_hit_ = false, is_required_ = false, is_verified_in_full_ = true;
  int max_rows_ = 0, hits_ = 0, misses_ = 0;
  artifact::BuildLock lock_;  // held from a miss until it is written
  std::atomic<bool> stop_ = false;
  std::mutex kept_mutex_;
  std::vector<std::pair<std::string, std::string>> kept_;  // guarded by kept_mutex_
  bool is_written_ = false;                                // guarded by kept_mutex_
  Status written_;                                         // of the thread
  std::thread thread_;
};

}  // namespace vivace::engine
