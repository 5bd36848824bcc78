// Which tile plans run a model's phases on this machine, and what measuring them found: for `vivace tune` and
// for embedders. Plain data and one function. A plan changes the speed of a step and no bit of its result.
#pragma once

#include <string>
#include <vector>

#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace {

/// Phases of one shape in steps of first_rows to last_rows token rows.
struct TunedShape {
  std::string label;                 // "qkv", of the first phase that has the shape
  std::string weights, activations;  // "q4_1", "u8g32"
  int n = 0, k = 0;                  // columns, and width of the rows that they are multiplied with
  int first_rows = 1, last_rows = 1;
  int threads = 1;
  std::string plan, default_plan;  // "12 rows direct, 2 units a task"
  bool is_default = true;
  int rounds = 0;                        // how often it was measured; 0: not at all
  double default_us = 0, chosen_us = 0;  // all these phases of a step, by either plan
};

struct TuningSummary {
  std::string file;  // where the results are kept; empty: nowhere
  std::string host;  // the class of machines that they are good for
  std::string line;  // what was done, in a sentence
  double seconds = 0;
  std::vector<TunedShape> shapes = {};  // exact sizes ascending, then ranges
};

struct TuneRequest {
  bool show = false;  // only what is known, nothing is measured
};

/// Loads the model that the options name and measures the tile plans of its compile sizes: every legal one at
/// -O3, below a few for each shape, however long it takes. The results are kept for later starts on machines
/// of the class. With `show` only the headers of the model are read. Errors are those of Engine::Create.
Result<TuningSummary> TuneModel(const Options& options, const TuneRequest& request);

}  // namespace vivace
