#include "engine/explain_step.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "tensor/kv_layout.h"

namespace vivace::engine {
namespace {

using program::Phase;
using program::PhaseCost;

constexpr int kBlock = tensor::KvLayout::kBlockTokens;
constexpr int kCacheByte = 0x2c;  // small and normal as f16, bf16, f32, and as a byte with its scale

// A phase that was not told its rate is bound by its bytes alone.
double RateOf(const MachineRoof& roof, std::string_view arithmetic) {
  const std::pair<codegen::RegisterLoop, double> rates[] = {
      {codegen::RegisterLoop::kFma, roof.fma_per_s},
      {codegen::RegisterLoop::kDot4, roof.dot4_per_s},
      {codegen::RegisterLoop::kDotBf16, roof.dot_bf16_per_s}};
  for (const auto& [loop, rate] : rates) {
    if (codegen::kRegisterLoops[static_cast<std::size_t>(loop)].name == arithmetic) return rate;
  }
  return 0;
}

double Quotient(std::int64_t amount, double rate) {
  return rate > 0 ? static_cast<double>(amount) / rate : 0;
}

PhaseBound BoundOf(const PhaseExplanation& phase, bool measured) {
  if (!measured) return PhaseBound::kUnknown;
  if (2 * phase.ideal_seconds() >= phase.seconds)
    return phase.memory_seconds >= phase.arithmetic_seconds ? PhaseBound::kMemory : PhaseBound::kArithmetic;
  return 2 * phase.barrier_seconds >= phase.seconds ? PhaseBound::kLatency : PhaseBound::kOverhead;
}

void Add(const PhaseCost& cost, PhaseExplanation& facts) {
  facts.weight_bytes += cost.weight_bytes;
  facts.kv_bytes += cost.kv_bytes;
  facts.activation_bytes += cost.activation_bytes;
  facts.operations += cost.operations;
  if (cost.arithmetic)
    facts.arithmetic = codegen::kRegisterLoops[static_cast<std::size_t>(*cost.arithmetic)].name;
}

// Joins a phase to the row of the one before it.
void Name(const Phase& phase, bool joins, PhaseExplanation& facts) {
  facts.label += (joins ? " + " : "") + phase.label;
  facts.kind = program::Name(phase.kind);
  facts.portable |= program::IsPortable(phase);
}

}  // namespace

ExplainedStep::ExplainedStep(int tokens, int context, int vocabulary) {
  const int positions = context + tokens;
  for (int block = 0; block * kBlock < positions; ++block) blocks_.push_back(block);
  for (int i = 0; i < tokens; ++i) {
    token_ids_.push_back(static_cast<std::int32_t>((std::int64_t{i} * 7919 + 1) % vocabulary));
    positions_.push_back(context + i);
    kv_slots_.push_back(context + i);  // block i is the i-th: slot and position are the same
  }
  logit_row_ = tokens - 1;
  sequence_ = {.first_row = 0, .rows = tokens, .first_position = context, .blocks = blocks_.data()};
  view_.rows = tokens;
  view_.token_ids = token_ids_.data();
  view_.positions = positions_.data();
  view_.kv_slots = kv_slots_.data();
  view_.sequences = &sequence_;
  view_.sequence_count = 1;
  view_.logit_rows = &logit_row_;
  view_.logit_count = 1;
}

program::StepShape ExplainedStep::shape() const {
  return {.sequences = 1, .rows = view_.rows, .context = sequence_.first_position, .logit_rows = 1};
}

std::vector<PhaseRow> PhaseRows(const program::Program& program, const program::StepShape& shape) {
  std::vector<PhaseRow> rows;
  std::map<std::pair<int, std::size_t>, std::size_t> found;  // row of (body, first phase of an interval)
  std::size_t place = 0;
  for (const program::Layer& layer : program.layers) {
    const program::Body& body = program.bodies[static_cast<std::size_t>(layer.body)];
    std::size_t first = 0;  // of the interval
    for (std::size_t i = 0; i < body.phases.size(); ++i) {
      const Phase& phase = body.phases[i];
      const bool joins = i > 0 && body.phases[i - 1].joined;
      if (!joins) first = i;
      const auto [at, is_new] = found.try_emplace({layer.body, first}, rows.size());
      if (is_new) rows.emplace_back().facts.body = body.name;
      PhaseRow& row = rows[at->second];
      row.facts.count += joins ? 0 : 1;
      if (row.facts.count == 1) Name(phase, joins, row.facts);
      Add(program::CostOf(program, layer, phase, shape), row.facts);
      row.places.push_back(place++);
    }
  }
  return rows;
}

std::int64_t StepBytes(const std::vector<PhaseRow>& rows) {
  std::int64_t bytes = 0;
  for (const PhaseRow& row : rows) bytes += row.facts.weight_bytes + row.facts.kv_bytes;
  return bytes;
}

void HoldAgainst(const MachineRoof& roof, StepExplanation& step) {
  step.roof = roof;
  step.phases_seconds = step.ideal_seconds = 0;
  step.barriers = 0;
  for (PhaseExplanation& phase : step.phases) {
    phase.memory_seconds = Quotient(phase.weight_bytes + phase.kv_bytes, roof.read_bytes_per_s) +
                           Quotient(phase.activation_bytes, roof.cache_bytes_per_s);
    phase.arithmetic_seconds = Quotient(phase.operations, RateOf(roof, phase.arithmetic));
    phase.barrier_seconds = phase.count * roof.barrier_s;
    phase.bound = BoundOf(phase, roof.read_bytes_per_s > 0);
    step.phases_seconds += phase.seconds;
    step.ideal_seconds += phase.ideal_seconds();
    step.barriers += phase.count;
  }
  step.tokens_per_s = step.seconds > 0 ? step.tokens / step.seconds : 0;
}

void FillCache(runtime::Executor& executor, int context) {
  const tensor::KvLayout& kv = executor.kv();
  const auto blocks = static_cast<std::size_t>((context + kBlock - 1) / kBlock);
  for (int layer = 0; layer < kv.layers; ++layer) {
    std::byte* const first =
        executor.kv_memory().data() + static_cast<std::size_t>(layer) * kv.layer_stride();
    std::memset(first, kCacheByte, blocks * kv.block_stride());
  }
}

}  // namespace vivace::engine
