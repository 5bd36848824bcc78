// From a graph to a program's phases. Two ways that share the frame (program_frame.h) and the lowering of
// single nodes (body_lowering.h): op by op on portable kernels, or one phase per fusion group on panels where
// that fits. Neither makes machine code.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "program/program.h"
#include "tensor/dtype.h"
#include "vivace/status.h"

namespace vivace::compiler {

/// -O0: one phase per node; weights as they lie in the checkpoint. kUnsupported names the node that no
/// portable kernel computes.
Result<program::Program> LowerPortable(const graph::Graph& graph, tensor::DType kv_type);

/// A linear layer (or embedding) that stays on the checkpoint's own weight and on float rows.
struct RejectedWeight {
  std::string body, weight, why;
};

/// -O2: a group of nodes that has the form of a fused phase kind becomes one; other nodes become portable
/// phases. kUnsupported names what does not fit; when `rejected` is not empty then, the passes must run again
/// and leave those weights alone (PassContext). The graph is only read.
Result<program::Program> LowerFused(graph::Graph& graph, tensor::DType kv_type,
                                    std::vector<RejectedWeight>& rejected);

}  // namespace vivace::compiler
