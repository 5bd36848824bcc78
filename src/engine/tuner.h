// Tuning of a model at its start: which results count, whether a search is run, and where it is kept. The
// searching is in tile_search.h, the file in tuning_store.h. A Tuner serves one start on one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/tile_search.h"
#include "engine/tuning_store.h"
#include "vivace/options.h"

namespace vivace::engine {

enum class TuningMode {
  kOff,
  kStored,      // -O1: what is there counts, nothing is measured
  kSearch,      // -O2: what is missing is searched for a second at most, and kept
  kExhaustive,  // -O3: every legal candidate, as long as it takes, and kept
};

struct TunerConfig {
  TuningMode mode = TuningMode::kOff;
  std::string folder;  // of the files; empty: nothing is kept
};

/// What the options say: --kernel-config.enable-flashinfer-autotune is the switch at every level, and set
/// explicitly it also searches below -O2, where something is compiled. `options` has the defaults of its
/// level. `notes` gets a line for what has no effect.
TunerConfig ResolveTuner(const Options& options, bool compiles, std::vector<std::string>& notes);

class Tuner {
 public:
  Tuner(const TunerConfig& config, const codegen::Target& target);

  /// What is known before anything is measured. `note` says why a file was not used, if it was not.
  const program::TuningTable& Stored(std::string& note);
  /// Results in the text form that came with an artifact: they count where nothing else is known. Those of
  /// another class of machines are left out, and so is a text that is none, with a note.
  void Add(std::string_view text, std::string& note);
  /// What is known of a program's phases, in the text form: what an artifact carries to other folders.
  std::string TextFor(const program::Program& program, int threads) const;

  /// Searches as the mode says (or, with `limits`, as they say), keeps what was found, and gives the program
  /// and the executor their plans. A line for the log; empty: there was nothing to do.
  std::string Tune(runtime::Executor& executor, program::Program& program, int threads,
                   const StepLimits& steps);
  /// The same with other limits than the mode's.
  std::string Tune(runtime::Executor& executor, program::Program& program, int threads,
                   const StepLimits& steps, const SearchLimits& limits);

  const program::TuningTable& table() const { return table_; }
  const TuningStore& store() const { return store_; }
  const SearchOutcome& outcome() const { return outcome_; }

 private:
  const TunerConfig config_;
  const TuningStore store_;
  program::TuningTable table_;
  SearchOutcome outcome_;
};

}  // namespace vivace::engine
