// From a graph to a program's phases. Two ways that share the frame (program_frame.h): op by op on portable
// kernels, or one phase per fusion group on panels. Neither makes machine code.
#pragma once

#include "graph/graph.h"
#include "program/program.h"
#include "tensor/dtype.h"
#include "vivace/status.h"

namespace vivace::compiler {

/// -O0: one phase per node; weights as they lie in the checkpoint. kUnsupported names the node that no
/// portable kernel computes.
Result<program::Program> LowerPortable(const graph::Graph& graph, tensor::DType kv_type);

/// -O2: every node belongs to a group, and each group has the form of one fused phase kind. kUnsupported
/// names the node that does not fit. The graph is only read.
Result<program::Program> LowerFused(graph::Graph& graph, tensor::DType kv_type);

}  // namespace vivace::compiler
