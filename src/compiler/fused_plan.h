// The phases of one body before they have buffers: which nodes each computes, and in what order they run.
// Groups of the passes become phases as far as they fit; what does not fit is cut off and tried again, down
// to portable phases for single nodes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/body_uses.h"
#include "compiler/group_walk.h"
#include "compiler/tile_draft.h"
#include "graph/graph.h"
#include "vivace/status.h"

namespace vivace::compiler {

struct Draft {
  enum class Kind { kTiles, kAttention, kPortable } kind = Kind::kTiles;
  std::vector<graph::NodeId> nodes = {};  // in order; kPortable: one; kAttention: attention, perhaps quantize
  std::vector<TileDraft> tiles = {};
  std::optional<graph::ValueId> squares_of = {};  // for the squares of a value that no tiles made: no nodes
};

struct FusedPlan {
  std::vector<Draft> drafts;         // in the order in which they run
  std::vector<std::string> reasons;  // one for each portable phase
  std::vector<int> last_use;         // by value: the last draft that reads it; their number for outputs
  std::vector<int> last_norm;        // by value: the last draft that reads its squares
};

/// kUnsupported: phases need each other's results.
Result<FusedPlan> PlanPhases(const graph::Body& body, const BodyUses& uses, const WalkFacts& facts);

}  // namespace vivace::compiler
