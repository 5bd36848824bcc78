// Declarations of the passes, for the list only. What each does is told in pass_list.cc and in its own file.
#pragma once

#include "compiler/pass_list.h"

namespace vivace::compiler {

Result<bool> EliminateNoops(graph::Graph& graph, const PassContext& context);
Result<bool> QuantizeActivations(graph::Graph& graph, const PassContext& context);
Result<bool> FuseNormQuant(graph::Graph& graph, const PassContext& context);
Result<bool> CarryNormQuant(graph::Graph& graph, const PassContext& context);
Result<bool> FuseEmbed(graph::Graph& graph, const PassContext& context);
Result<bool> FuseQkv(graph::Graph& graph, const PassContext& context);
Result<bool> FuseRopeKvCache(graph::Graph& graph, const PassContext& context);
Result<bool> FuseAttnQuant(graph::Graph& graph, const PassContext& context);
Result<bool> FuseResidual(graph::Graph& graph, const PassContext& context);
Result<bool> FuseGateUp(graph::Graph& graph, const PassContext& context);
Result<bool> FuseActQuant(graph::Graph& graph, const PassContext& context);
Result<bool> FuseLmHead(graph::Graph& graph, const PassContext& context);

}  // namespace vivace::compiler
