// From a graph to a program's phases. Two ways that share the frame (program_frame.h) and the lowering of
// single nodes (body_lowering.h): op by op on portable kernels, or phases of tiles where that fits. Neither
// makes machine code.
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

/// -O1 and -O2: a group of nodes becomes one phase as far as it has a source of tiles and steps on them, any
/// other node a phase of its own, portable where tiles do not take it; `reasons` gets a line for each of
/// those. How the passes grouped nodes changes no bit. kUnsupported names what has no phase at all.
Result<program::Program> LowerFused(const graph::Graph& graph, int level, tensor::DType kv_type,
                                    std::vector<std::string>& reasons);

}  // namespace vivace::compiler
