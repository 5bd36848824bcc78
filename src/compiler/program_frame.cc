#include "compiler/program_frame.h"

#include <algorithm>

#include "tensor/quantized_rows.h"

namespace vivace::compiler {

using graph::Op;
using graph::ValueId;
using program::BufferId;

bool IsKv(const graph::Type& type) {
  return type.kind == graph::Type::Kind::kKvCache;
}

std::vector<ValueId> CarriedInputs(const graph::Body& body) {
  std::vector<ValueId> ids;
  for (const ValueId id : body.inputs) {
    const graph::Type& type = body.value(id).type;
    if (!IsKv(type) && type.dtype != tensor::DType::kI32) ids.push_back(id);
  }
  return ids;
}

std::vector<ValueId> CarriedOutputs(const graph::Body& body) {
  std::vector<ValueId> ids;
  for (const ValueId id : body.outputs) {
    if (!IsKv(body.value(id).type)) ids.push_back(id);
  }
  return ids;
}

std::vector<int> LastUses(const graph::Body& body) {
  std::vector<int> last(body.values.size(), -1);
  for (std::size_t i = 0; i < body.nodes.size(); ++i) {
    for (const ValueId input : body.nodes[i].inputs) {
      last[static_cast<std::size_t>(input.value)] = static_cast<int>(i);
    }
  }
  for (const ValueId output : body.outputs) {
    last[static_cast<std::size_t>(output.value)] = static_cast<int>(body.nodes.size());
  }
  return last;
}

int BytesPerRow(const graph::Type& type) {
  if (const auto rows = tensor::ActivationOf(type.dtype)) {
    return tensor::QuantizedRows{type.width, *rows}.row_stride();
  }
  return 4 * std::max(type.width, 1);
}

namespace {

bool IsPackedAlike(const program::Weight& a, const program::Weight& b) {
  return a.form == b.form && a.sources == b.sources && a.layout.k == b.layout.k && a.order == b.order &&
         a.rope_rows == b.rope_rows && a.head_dim == b.head_dim && a.offset == b.offset;
}

}  // namespace

ProgramFrame::ProgramFrame(const graph::Graph& graph, int level) : graph_(graph) {
  program_.name = graph.name;
  program_.level = level;
  program_.vocabulary = graph.vocabulary;
  program_.hidden = graph.hidden;
  program_.max_positions = graph.max_positions;
}

Status ProgramFrame::ReadFacts(tensor::DType kv_type) {
  tensor::KvLayout& kv = program_.kv;
  kv.type = kv_type;
  for (const graph::Layer& layer : graph_.layers) {
    const graph::Body& body = graph_.body(layer.body);
    kv.layers += std::any_of(body.inputs.begin(), body.inputs.end(),
                             [&](ValueId id) { return IsKv(body.value(id).type); });
  }
  for (const graph::Body& body : graph_.bodies) {
    for (const graph::Node& node : body.nodes) {
      const graph::Attributes& a = node.attributes;
      bool alike = true;
      if (node.op == Op::kAttention) {
        alike = kv.kv_heads == 0 || (kv.kv_heads == a.kv_heads && kv.head_dim == a.head_dim);
        kv.kv_heads = a.kv_heads;
        kv.head_dim = a.head_dim;
      } else if (node.op == Op::kRope) {
        RopeOf(a);
      }
      if (alike) continue;
      return Unsupported("body '" + body.name + "', %" + body.value(node.output).name + " (" +
                         std::string(graph::Name(node.op)) +
                         "): other heads than elsewhere; this build takes one kind a model");
    }
  }
  return Status::Ok();
}

int ProgramFrame::RopeOf(const graph::Attributes& attributes) {
  tensor::RopeSpec spec{attributes.head_dim, attributes.theta, 1, {}};
  if (attributes.scaling > 0) {
    const graph::RopeScaling& scaling =
        graph_.rope_scalings[static_cast<std::size_t>(attributes.scaling) - 1];
    spec.attention_factor = scaling.attention_factor;
    spec.factors = scaling.factors;
  }
  const auto found = std::find(program_.ropes.begin(), program_.ropes.end(), spec);
  const auto index = static_cast<int>(found - program_.ropes.begin());
  if (found == program_.ropes.end()) program_.ropes.push_back(std::move(spec));
  return index;
}

BufferId ProgramFrame::Carried(const std::string& name, int bytes_per_row, bool logit_rows) {
  for (std::size_t i = 0; i < program_.buffers.size(); ++i) {
    program::Buffer& buffer = program_.buffers[i];
    if (buffer.name != name) continue;
    buffer.bytes_per_row = std::max(buffer.bytes_per_row, bytes_per_row);
    return BufferId{static_cast<std::int32_t>(i)};
  }
  program_.buffers.push_back({name, bytes_per_row, logit_rows});
  return BufferId{static_cast<std::int32_t>(program_.buffers.size()) - 1};
}

BufferId ProgramFrame::TakeScratch(int bytes_per_row, bool logit_rows, bool squares) {
  Scratch* best = nullptr;
  for (Scratch& scratch : scratch_) {
    const program::Buffer& buffer = program_.buffers[static_cast<std::size_t>(scratch.id.value)];
    if (!scratch.free || buffer.logit_rows != logit_rows || scratch.squares != squares) continue;
    const int best_bytes =
        best == nullptr ? 0 : program_.buffers[static_cast<std::size_t>(best->id.value)].bytes_per_row;
    const bool fits = buffer.bytes_per_row >= bytes_per_row, best_fits = best_bytes >= bytes_per_row;
    const bool better = fits ? !best_fits || buffer.bytes_per_row < best_bytes
                             : !best_fits && buffer.bytes_per_row > best_bytes;
    if (best == nullptr || better) best = &scratch;
  }
  if (best == nullptr) {
    const BufferId id{static_cast<std::int32_t>(program_.buffers.size())};
    program_.buffers.push_back({"scratch." + std::to_string(scratch_.size()), bytes_per_row, logit_rows});
    scratch_.push_back({id, false, squares});
    return id;
  }
  best->free = false;
  int& bytes = program_.buffers[static_cast<std::size_t>(best->id.value)].bytes_per_row;
  bytes = std::max(bytes, bytes_per_row);
  return best->id;
}

void ProgramFrame::Release(BufferId id) {
  for (Scratch& scratch : scratch_) {
    if (scratch.id == id) scratch.free = true;
  }
}

void ProgramFrame::ReleaseAll() {
  for (Scratch& scratch : scratch_) scratch.free = true;
}

program::WeightId ProgramFrame::AddWeight(program::Weight weight) {
  const program::WeightId fresh{static_cast<std::int32_t>(program_.weights.size())};
  const std::string name = weight.name;
  for (int i = 1;; ++i) {
    const auto [found, inserted] = weight_ids_.emplace(weight.name, fresh);
    if (inserted) break;
    const program::Weight& known = program_.weights[static_cast<std::size_t>(found->second.value)];
    if (IsPackedAlike(known, weight)) return found->second;
    weight.name = name + "." + std::to_string(i);
  }
  program_.weights.push_back(std::move(weight));
  return fresh;
}

void ProgramFrame::AddLayer(int body, bool has_kv, std::vector<program::WeightId> weights) {
  int kv_layer = -1;
  if (has_kv) {
    for (const program::Layer& layer : program_.layers) kv_layer = std::max(kv_layer, layer.kv_layer);
    ++kv_layer;
  }
  program_.layers.push_back({body, kv_layer, std::move(weights)});
}

}  // namespace vivace::compiler
