// The two steps of fuse_norm_quant that change the graph; the third only groups.
#pragma once

#include "graph/graph.h"

namespace vivace::compiler {

/// linear(quantize(mul(scale_rows(x, s), w))) with s = rms_scale(x) becomes
/// scale_rows(linear(quantize(mul(x, w))), s), where nothing but linear layers takes the rows.
bool DeferNorms(graph::Graph& graph);

/// mul and quantize of the value that a body takes from the one before it move to the end of that one. Bodies
/// are cloned where layers that share one are followed by different forms of rows.
bool CarryNorms(graph::Graph& graph);

}  // namespace vivace::compiler
