// Parse: reads the text form back. Errors name the line. The result is not verified and has no machine code.

#include "program/program_parser.h"

#include <algorithm>
#include <iterator>

#include "program/text_tables.h"

namespace vivace::program {

Result<Program> Parser::Run() {
  if (!scan_.NextLine()) return InvalidArgument("the program's text is empty");
  VIVACE_RETURN_IF_ERROR(Header());
  bool more = scan_.NextLine();
  while (more) {
    if (scan_.Accept("rope")) {
      VIVACE_RETURN_IF_ERROR(Rope());
    } else if (scan_.Accept("kv")) {
      VIVACE_RETURN_IF_ERROR(Kv());
    } else if (scan_.Accept("buffer")) {
      VIVACE_RETURN_IF_ERROR(BufferLine());
    } else if (scan_.Accept("logits")) {
      VIVACE_ASSIGN_OR_RETURN(program_.logits, BufferByName());
    } else if (scan_.Accept("maxima")) {
      VIVACE_ASSIGN_OR_RETURN(program_.maxima, BufferByName());
    } else if (scan_.Accept("body")) {
      VIVACE_RETURN_IF_ERROR(ParseBody());  // leaves the scanner at the line after the body
      if (scan_.LineDone()) break;
      continue;
    } else if (scan_.Accept("run")) {
      VIVACE_RETURN_IF_ERROR(RunLine());  // likewise
      if (scan_.LineDone()) break;
      continue;
    } else if (scan_.Accept("specialise")) {
      VIVACE_RETURN_IF_ERROR(Specialise());  // likewise
      if (scan_.LineDone()) break;
      continue;
    } else {
      return scan_.Error("expected rope, kv, buffer, logits, maxima, body, run or specialise");
    }
    VIVACE_RETURN_IF_ERROR(scan_.ExpectLineDone());
    more = scan_.NextLine();
  }
  if (program_.buffers.empty()) return InvalidArgument("the program's text declares no buffer");
  return std::move(program_);
}

Status Parser::Header() {
  VIVACE_RETURN_IF_ERROR(scan_.Expect("program"));
  VIVACE_ASSIGN_OR_RETURN(program_.name, scan_.Word());
  VIVACE_RETURN_IF_ERROR(Attributes([&](std::string_view name) -> Status {
    for (const auto& [field, member] : kProgramFields) {
      if (field != name) continue;
      VIVACE_ASSIGN_OR_RETURN(program_.*member, Integer());
      return Status::Ok();
    }
    return scan_.Error("a program has no '" + std::string(name) + "'");
  }));
  return scan_.ExpectLineDone();
}

/// "rope {dim = 64, theta = 10000}", then the factors.
Status Parser::Rope() {
  tensor::RopeSpec rope;
  VIVACE_RETURN_IF_ERROR(Attributes([&](std::string_view name) -> Status {
    if (name == "dim") {
      VIVACE_ASSIGN_OR_RETURN(rope.dim, Integer());
      return Status::Ok();
    }
    float* field = name == "theta"              ? &rope.theta
                   : name == "attention_factor" ? &rope.attention_factor
                                                : nullptr;
    if (field == nullptr) return scan_.Error("a rope has no '" + std::string(name) + "'");
    VIVACE_ASSIGN_OR_RETURN(*field, scan_.Number());
    return Status::Ok();
  }));
  while (!scan_.LineDone()) {
    VIVACE_ASSIGN_OR_RETURN(const float factor, scan_.Number());
    rope.factors.push_back(factor);
  }
  program_.ropes.push_back(std::move(rope));
  return Status::Ok();
}

Status Parser::Kv() {
  return Attributes([&](std::string_view name) -> Status {
    tensor::KvLayout& kv = program_.kv;
    if (name == "type") {
      VIVACE_ASSIGN_OR_RETURN(kv.type, Type());
      return Status::Ok();
    }
    int* field = name == "layers"     ? &kv.layers
                 : name == "kv_heads" ? &kv.kv_heads
                 : name == "head_dim" ? &kv.head_dim
                                      : nullptr;
    if (field == nullptr) return scan_.Error("the KV cache has no '" + std::string(name) + "'");
    VIVACE_ASSIGN_OR_RETURN(*field, Integer());
    return Status::Ok();
  });
}

Status Parser::BufferLine() {
  Buffer buffer;
  VIVACE_ASSIGN_OR_RETURN(buffer.name, scan_.Word());
  for (const Buffer& other : program_.buffers) {
    if (other.name == buffer.name) return scan_.Error("buffer " + buffer.name + " is declared twice");
  }
  VIVACE_RETURN_IF_ERROR(Attributes([&](std::string_view name) -> Status {
    VIVACE_ASSIGN_OR_RETURN(const int value, Integer());
    if (name == "bytes_per_row") {
      buffer.bytes_per_row = value;
    } else if (name == "logit_rows") {
      buffer.logit_rows = value != 0;
    } else {
      return scan_.Error("a buffer has no '" + std::string(name) + "'");
    }
    return Status::Ok();
  }));
  program_.buffers.push_back(std::move(buffer));
  return Status::Ok();
}

Result<BufferId> Parser::BufferByName() {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
  for (std::size_t i = 0; i < program_.buffers.size(); ++i) {
    if (program_.buffers[i].name == name) return BufferId{static_cast<std::int32_t>(i)};
  }
  return scan_.Error("there is no buffer " + std::string(name));
}

Result<tensor::DType> Parser::Type() {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
  const std::optional<tensor::DType> type = tensor::DTypeFromName(name);
  if (!type) return scan_.Error("there is no element type '" + std::string(name) + "'");
  return *type;
}

Status Parser::ParseBody() {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
  VIVACE_RETURN_IF_ERROR(scan_.ExpectLineDone());
  for (const Body& other : program_.bodies) {
    if (other.name == name) return scan_.Error("body " + other.name + " is declared twice");
  }
  if (name == "specialise") return scan_.Error("no body can have this name");
  program_.bodies.push_back({std::string(name), {}, {}});
  slot_packing_.emplace_back();
  while (scan_.NextLine()) {
    if (scan_.Peek("body") || scan_.Peek("run") || scan_.Peek("specialise")) break;
    if (scan_.Accept("slot")) {
      VIVACE_RETURN_IF_ERROR(Slot());
    } else if (scan_.Accept("computes")) {
      VIVACE_RETURN_IF_ERROR(Computes());
    } else {
      VIVACE_RETURN_IF_ERROR(PhaseLine());
    }
    VIVACE_RETURN_IF_ERROR(scan_.ExpectLineDone());
  }
  return Status::Ok();
}

Status Parser::Slot() {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view slot_name, scan_.Word());
  Weight packing;
  VIVACE_RETURN_IF_ERROR(Attributes([&](std::string_view name) -> Status {
    if (packing.form == WeightForm::kPlain) packing.form = WeightForm::kPanel;
    if (name == "form") {
      packing.form = WeightForm::kVector;
      return scan_.Expect("vector");
    }
    if (name == "type") {
      VIVACE_ASSIGN_OR_RETURN(const tensor::DType type, Type());
      if (static_cast<int>(type) >= tensor::kWeightTypes) return scan_.Error("weights are not of this type");
      packing.layout.type = tensor::ClassOf(type);
      return Status::Ok();
    }
    if (name == "order") {
      VIVACE_ASSIGN_OR_RETURN(packing.order, Order());
      return Status::Ok();
    }
    if (name == "offset") {
      VIVACE_ASSIGN_OR_RETURN(packing.offset, scan_.Number());
      return Status::Ok();
    }
    int* field = name == "k"           ? &packing.layout.k
                 : name == "source_k"  ? &packing.layout.source_k
                 : name == "n"         ? &packing.layout.n
                 : name == "rope_rows" ? &packing.rope_rows
                 : name == "head_dim"  ? &packing.head_dim
                                       : nullptr;
    if (field == nullptr) return scan_.Error("a slot has no '" + std::string(name) + "'");
    VIVACE_ASSIGN_OR_RETURN(*field, Integer());
    return Status::Ok();
  }));
  body().slots.emplace_back(slot_name);
  slot_packing_.back().push_back(std::move(packing));
  return Status::Ok();
}

Status Parser::RunLine() {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
  Layer layer;
  layer.body = -1;
  for (std::size_t i = 0; i < program_.bodies.size(); ++i) {
    if (program_.bodies[i].name == name) layer.body = static_cast<int>(i);
  }
  if (layer.body < 0) return scan_.Error("there is no body '" + std::string(name) + "' above this line");
  int count = 1;
  if (scan_.Accept("x")) {
    VIVACE_ASSIGN_OR_RETURN(const std::int64_t value,
                            scan_.Integer(1, kMaxLayers - static_cast<int>(program_.layers.size())));
    count = static_cast<int>(value);
    for (const char* word : {"from", "kv", "layer"}) VIVACE_RETURN_IF_ERROR(scan_.Expect(word));
    VIVACE_ASSIGN_OR_RETURN(const std::int64_t first, scan_.Integer(0, kMaxLayers));
    layer.kv_layer = static_cast<int>(first);
  }
  VIVACE_RETURN_IF_ERROR(scan_.ExpectLineDone());
  std::vector<Weight> weights = slot_packing_[static_cast<std::size_t>(layer.body)];
  VIVACE_RETURN_IF_ERROR(Bindings(program_.bodies[static_cast<std::size_t>(layer.body)], weights));
  for (int i = 0; i < count; ++i) {
    AddLayer(layer, weights);
    ++layer.kv_layer;
  }
  return Status::Ok();
}

/// One line per slot, in the slots' order: name = source, or name = packed weight, from source, ...
Status Parser::Bindings(const Body& body, std::vector<Weight>& weights) {
  std::size_t slot = 0;
  while (scan_.NextLine()) {
    if (scan_.Peek("run") || scan_.Peek("body") || scan_.Peek("specialise")) break;
    if (slot == weights.size()) return scan_.Error("body '" + body.name + "' has no more slots");
    VIVACE_RETURN_IF_ERROR(scan_.Expect(body.slots[slot]));
    VIVACE_RETURN_IF_ERROR(scan_.Expect("="));
    Weight& weight = weights[slot++];
    VIVACE_ASSIGN_OR_RETURN(weight.name, scan_.Word());
    if (weight.form == WeightForm::kPlain) {
      weight.sources = {weight.name};
    } else {
      VIVACE_RETURN_IF_ERROR(scan_.Expect(","));
      VIVACE_RETURN_IF_ERROR(scan_.Expect("from"));
      do {
        VIVACE_ASSIGN_OR_RETURN(const std::string_view source, scan_.Word());
        weight.sources.emplace_back(source);
      } while (scan_.Accept(","));
    }
    VIVACE_RETURN_IF_ERROR(scan_.ExpectLineDone());
  }
  if (slot == weights.size()) return Status::Ok();
  return scan_.Error("body '" + body.name + "' needs a weight for slot " + body.slots[slot]);
}

void Parser::AddLayer(Layer layer, const std::vector<Weight>& weights) {
  for (Weight weight : weights) {
    if (layer.kv_layer >= 0) {
      weight.name = base::UnfoldNumber(weight.name, layer.kv_layer);
      for (std::string& source : weight.sources) source = base::UnfoldNumber(source, layer.kv_layer);
    }
    const WeightId fresh{static_cast<std::int32_t>(program_.weights.size())};
    const auto [found, inserted] = weight_ids_.emplace(weight.name, fresh);
    if (inserted) program_.weights.push_back(std::move(weight));
    layer.weights.push_back(found->second);
  }
  program_.layers.push_back(std::move(layer));
}

Result<Program> Parse(std::string_view text) {
  return Parser(text).Run();
}

}  // namespace vivace::program
