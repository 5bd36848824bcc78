// -O1 and -O2: phases of tiles for what fits, portable ones elsewhere; body by body (fused_plan.h,
// fused_body.h).

#include <set>

#include "base/status_macros.h"
#include "compiler/fused_body.h"
#include "compiler/lowering.h"
#include "kernels/paged_attention.h"

namespace vivace::compiler {
namespace {

using graph::Op;

std::vector<const graph::Layer*> LayersOf(const graph::Graph& graph) {
  std::vector<const graph::Layer*> layers{&graph.prologue};
  for (const graph::Layer& layer : graph.layers) layers.push_back(&layer);
  layers.push_back(&graph.epilogue);
  return layers;
}

/// Sources of the weights that linear layers on plain f32 rows read, as the checkpoint has them.
std::set<std::string> PlainSources(const graph::Graph& graph) {
  std::set<std::string> sources;
  for (const graph::Layer* layer : LayersOf(graph)) {
    const graph::Body& body = graph.body(layer->body);
    for (const graph::Node& node : body.nodes) {
      if (node.op != Op::kLinear || body.value(node.inputs[0]).type.dtype != tensor::DType::kF32) continue;
      for (const graph::Binding& binding : layer->bindings) {
        if (binding.weight == node.inputs[1]) sources.insert(binding.source);
      }
    }
  }
  return sources;
}

/// By value of a body: whether some layer binds one of `sources` to it.
std::vector<char> BoundTo(const graph::Graph& graph, graph::BodyId body,
                          const std::set<std::string>& sources) {
  std::vector<char> bound(graph.body(body).values.size(), 0);
  if (sources.empty()) return bound;
  for (const graph::Layer* layer : LayersOf(graph)) {
    if (layer->body != body) continue;
    for (const graph::Binding& binding : layer->bindings) {
      if (sources.count(binding.source) != 0) bound[static_cast<std::size_t>(binding.weight.value)] = 1;
    }
  }
  return bound;
}

/// Rows of an attention tile: the best for the model's heads. Phases take tiles of any size.
int TileRows(const graph::Graph& graph, const tensor::KvLayout& kv) {
  for (const graph::Body& body : graph.bodies) {
    for (const graph::Node& node : body.nodes) {
      if (node.op == Op::kAttention && kv.kv_heads > 0 && node.attributes.heads >= kv.kv_heads)
        return kernels::AttentionTileRows({node.attributes.heads, kv, 1});
    }
  }
  return 1;
}

}  // namespace

Result<program::Program> LowerFused(const graph::Graph& graph, int level, tensor::DType kv_type,
                                    std::vector<std::string>& reasons) {
  ProgramFrame frame(graph, level);
  VIVACE_RETURN_IF_ERROR(frame.ReadFacts(kv_type));
  frame.program().attention_tile_rows = TileRows(graph, frame.program().kv);
  const std::set<std::string> plain = PlainSources(graph);
  const std::vector<char> carried_squares = CarriedSquares(graph);
  std::vector<PackedSlots> slots;
  for (std::size_t i = 0; i < graph.bodies.size(); ++i) {
    const graph::Body& body = graph.bodies[i];
    const BodyUses uses(body, carried_squares);
    const WalkFacts facts{graph.hidden, frame.program().kv,
                          BoundTo(graph, graph::BodyId{static_cast<std::int32_t>(i)}, plain)};
    VIVACE_ASSIGN_OR_RETURN(FusedPlan plan, PlanPhases(body, uses, facts));
    FusedBody fused(body, uses, frame, plan);
    VIVACE_RETURN_IF_ERROR(fused.Run());
    frame.AddBody(fused.Take());
    slots.push_back(fused.slots());
    reasons.insert(reasons.end(), plan.reasons.begin(), plan.reasons.end());
  }
  AddLayers(graph, slots, frame);
  return frame.Take();
}

}  // namespace vivace::compiler
