#include "runtime/executor.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "base/checked_math.h"
#include "base/status_macros.h"

namespace vivace::runtime {
namespace {

constexpr std::uint64_t kCacheLine = 64;

}  // namespace

Executor::Executor(const program::Program& program, base::WorkerTeam& team, const ExecutorConfig& config)
    : program_(program),
      team_(team),
      config_(config),
      kv_(program.kv),
      decode_plans_(config.max_rows),
      piecewise_plans_(config.max_rows),
      ranges_{base::TaskRanges(team.size()), base::TaskRanges(team.size())} {
  kv_.blocks = config.kv_blocks;
}

Result<std::unique_ptr<Executor>> Executor::Create(const program::Program& program,
                                                   const WeightStore& weights, base::WorkerTeam& team,
                                                   const ExecutorConfig& config) {
  VIVACE_CHECK(config.max_rows >= 1 && config.max_logit_rows >= 1 && config.max_positions >= 1);
  std::unique_ptr<Executor> executor(new Executor(program, team, config));
  VIVACE_RETURN_IF_ERROR(executor->Allocate());
  VIVACE_RETURN_IF_ERROR(executor->Bind(weights));
  const auto start = std::chrono::steady_clock::now();
  executor->Capture();
  executor->capture_seconds_ =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return executor;
}

Status Executor::Allocate() {
  std::vector<std::uint64_t> offsets;
  base::SafeSize bytes = 0;
  for (const program::Buffer& buffer : program_.buffers) {
    const int rows = buffer.logit_rows ? config_.max_logit_rows : config_.max_rows;
    offsets.push_back(bytes.value().value_or(0));
    bytes = bytes + base::SafeSize(static_cast<std::uint64_t>(rows)) *
                        base::SafeSize(static_cast<std::uint64_t>(buffer.bytes_per_row));
    bytes = (bytes + base::SafeSize(kCacheLine)).AlignedUp(kCacheLine);
  }
  offsets.push_back(bytes.value().value_or(0));
  bytes = bytes +
          base::SafeSize(kernels::kScratchBytes) * base::SafeSize(static_cast<std::uint64_t>(team_.size()));
  const std::uint64_t splits_offset = bytes.value().value_or(0);
  splits_.threads = team_.size();
  splits_.bytes = SplitBytes();
  bytes = bytes + base::SafeSize(splits_.bytes);
  if (!bytes.valid()) return InvalidArgument("the activations of a step would not fit any memory");
  VIVACE_ASSIGN_OR_RETURN(workspace_,
                          AnonymousMemory::Map(*bytes.value(), PageHint::kSmall, "the activations"));
  for (std::size_t i = 0; i < program_.buffers.size(); ++i) {
    buffers_.push_back(workspace_.data() + offsets[i]);
  }
  scratch_ = workspace_.data() + offsets.back();
  if (splits_.bytes > 0) splits_.memory = workspace_.data() + splits_offset;
  VIVACE_ASSIGN_OR_RETURN(kv_memory_, AnonymousMemory::Map(kv_.bytes(), PageHint::kSmall, "the KV cache"));
  for (const tensor::RopeSpec& spec : program_.ropes) {
    VIVACE_ASSIGN_OR_RETURN(RopeTable table, RopeTable::Create(config_.max_positions, spec));
    ropes_.push_back(std::move(table));
  }
  tiles_.resize(static_cast<std::size_t>(config_.max_rows));
  return Status::Ok();
}

std::size_t Executor::SplitBytes() const {
  std::size_t bytes = 0;
  if (team_.size() == 1) return bytes;
  for (const program::Body& body : program_.bodies) {
    for (const program::Phase& phase : body.phases) {
      const auto* spec = std::get_if<kernels::PagedAttentionSpec>(&phase.spec);
      if (spec == nullptr) continue;
      bytes = std::max(bytes, kernels::AttentionSplitBytes(*spec, team_.size(), config_.max_positions));
    }
  }
  return bytes;
}

Status Executor::Bind(const WeightStore& weights) {
  std::vector<const float*> rope_tables;
  for (const RopeTable& table : ropes_) rope_tables.push_back(table.data());
  const BindContext context{program_, weights, buffers_,          rope_tables,
                            widened_, kv_,     kv_memory_.data(), splits_};
  VIVACE_CHECK(!program_.layers.empty());
  VIVACE_ASSIGN_OR_RETURN(sets_, PhaseSets::Bind(context, config_.max_rows));
  return Status::Ok();
}

void Executor::Capture() {
  for (int set = 0; set < sets_.size(); ++set) counted_.emplace_back(sets_.phases(set), sets_.facts());
  last_layer_interval_ = counted_.front().IntervalOf(sets_.last_layer());
  std::vector<int> sizes = config_.capture_sizes;
  if (sizes.empty()) {
    for (int rows = 1; rows <= config_.max_sequences; ++rows) sizes.push_back(rows);
  }
  for (const int rows : sizes) {
    if (rows >= 1 && rows <= config_.max_rows) CaptureRows(rows);
  }
}

// The plans of one size, those that the mode has.
void Executor::CaptureRows(int rows) {
  const CaptureMode mode = config_.capture;
  const bool pieces = mode != CaptureMode::kNone && mode != CaptureMode::kFullDecodeOnly;
  const bool whole = mode != CaptureMode::kNone && mode != CaptureMode::kPiecewise;
  const int largest_decode = std::min({config_.max_sequences, config_.max_rows, config_.max_logit_rows});
  tensor::StepView step;
  step.rows = step.sequence_count = step.attention_tile_count = step.logit_count = rows;
  const CapturedPlan& uncaptured = counted_[static_cast<std::size_t>(sets_.SetOf(rows))];
  if (pieces) {
    CapturedPlan plan = uncaptured;
    plan.Capture(PlanKind::kPiecewise, sets_.facts(), step);
    piecewise_plans_.Add(rows, std::move(plan));
  }
  if (whole && rows <= largest_decode) {
    CapturedPlan plan = uncaptured;
    plan.Capture(PlanKind::kFull, sets_.facts(), step);
    decode_plans_.Add(rows, std::move(plan));
  }
}

void Executor::Retile(const program::Specialisation& specialisation) {
  const int set = sets_.Retile(program_, specialisation);
  if (set < 0) return;
  counted_[static_cast<std::size_t>(set)] = CapturedPlan(sets_.phases(set), sets_.facts());
  for (int rows = specialisation.first_rows; rows <= std::min(specialisation.last_rows, config_.max_rows);
       ++rows) {
    const bool captured = piecewise_plans_.Find(rows) != nullptr || decode_plans_.Find(rows) != nullptr;
    if (captured && sets_.SetOf(rows) == set) CaptureRows(rows);
  }
}

void Executor::FillTiles(const tensor::StepView& step) {
  int count = 0;
  int last_position = 0;
  for (int i = 0; i < step.sequence_count; ++i) {
    const tensor::SequenceView& sequence = step.sequences[i];
    last_position = std::max(last_position, sequence.first_position + sequence.rows - 1);
    for (int row = 0; row < sequence.rows; row += program_.attention_tile_rows) {
      const int rows = std::min(program_.attention_tile_rows, sequence.rows - row);
      tiles_[static_cast<std::size_t>(count++)] = {i, sequence.first_row + row, rows};
    }
  }
  step_.attention_tiles = tiles_.data();
  step_.attention_tile_count = count;
  for (RopeTable& table : ropes_) table.Extend(last_position + 1);
}

CapturedPlan& Executor::PlanFor(const tensor::StepView& step) {
  const bool uniform_decode = step.sequence_count == step.rows && step.logit_count == step.rows;
  if (CapturedPlan* plan = uniform_decode ? decode_plans_.Find(step.rows) : nullptr) {
    last_plan_ = PlanKind::kFull;
    return *plan;
  }
  CapturedPlan* plan = piecewise_plans_.Find(step.rows);
  last_plan_ = plan != nullptr ? PlanKind::kPiecewise : PlanKind::kCounted;
  CapturedPlan& chosen = plan != nullptr ? *plan : counted_[static_cast<std::size_t>(sets_.SetOf(step.rows))];
  chosen.Count(step);
  return chosen;
}

void Executor::Run(const tensor::StepView& step) {
  VIVACE_CHECK(step.rows >= 1 && step.rows <= config_.max_rows);
  step_ = step;
  logit_rows_ = step.logit_rows;
  logit_count_ = step.logit_count;
  slice_first_ = 0;
  step_.logit_count = std::min(logit_count_, config_.max_logit_rows);
  FillTiles(step);
  // Without logits nothing of the last layer is wanted.
  const CapturedPlan& plan = PlanFor(step_);
  Walk(plan, 0, logit_count_ == 0 ? last_layer_interval_ : static_cast<int>(plan.intervals().size()));
}

void Executor::RunTimed(const tensor::StepView& step, std::span<double> seconds) {
  VIVACE_CHECK(seconds.size() == phase_count());
  std::fill(seconds.begin(), seconds.end(), 0.0);
  timing_ = seconds;
  Run(step);
  timing_ = {};
}

std::span<const float> Executor::Logits(int index) {
  const std::span<const std::byte> row = LogitRow(program_.logits, index);
  return {reinterpret_cast<const float*>(row.data()), static_cast<std::size_t>(program_.vocabulary)};
}

std::span<const std::byte> Executor::Maxima(int index) {
  return program_.maxima.value < 0 ? std::span<const std::byte>() : LogitRow(program_.maxima, index);
}

// A row of a buffer of the last layer; runs the slice that it is in when another one is there.
std::span<const std::byte> Executor::LogitRow(program::BufferId id, int index) {
  VIVACE_CHECK(index >= 0 && index < logit_count_);
  if (index < slice_first_ || index >= slice_first_ + step_.logit_count) {
    RunSlice(index / config_.max_logit_rows * config_.max_logit_rows);
  }
  const auto buffer = static_cast<std::size_t>(id.value);
  const auto bytes = static_cast<std::size_t>(program_.buffers[buffer].bytes_per_row);
  return {buffers_[buffer] + static_cast<std::size_t>(index - slice_first_) * bytes, bytes};
}

void Executor::RunSlice(int first_logit) {
  slice_first_ = first_logit;
  step_.logit_rows = logit_rows_ + first_logit;
  step_.logit_count = std::min(logit_count_ - first_logit, config_.max_logit_rows);
  CapturedPlan& plan = counted_.front();
  plan.Count(step_, sets_.last_layer());
  Walk(plan, last_layer_interval_, static_cast<int>(plan.intervals().size()));
}

void Executor::Walk(const CapturedPlan& plan, int first_interval, int last_interval) {
  if (first_interval == last_interval) return;
  ranges_[first_interval % 2].Reset(plan.intervals()[static_cast<std::size_t>(first_interval)].tasks);
  team_.Run([&](int worker) { WalkAs(worker, plan, first_interval, last_interval); });
}

void Executor::WalkAs(int worker, const CapturedPlan& plan, int first_interval, int last_interval) {
  const kernels::TaskContext context{step_,
                                     scratch_ + static_cast<std::size_t>(worker) * kernels::kScratchBytes};
  const PlanInterval* intervals = plan.intervals().data();
  const bool timed = worker == 0 && !timing_.empty();
  auto start = timed ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point();
  for (int i = first_interval; i < last_interval; ++i) {
    // The other ranges are idle: everyone has left the interval before. The barrier publishes the reset.
    if (worker == 0 && i + 1 < last_interval) ranges_[(i + 1) % 2].Reset(intervals[i + 1].tasks);
    const PlannedPhase* const first = &plan.phase(intervals[i].first);
    base::TaskRanges& ranges = ranges_[i % 2];
    for (int task = ranges.Take(worker); task >= 0; task = ranges.Take(worker)) {
      // Tasks of joined phases are numbered through.
      const PlannedPhase* phase = first;
      for (; task >= phase->tasks; ++phase) task -= phase->tasks;
      phase->kernel.run(phase->arguments, task, context);
    }
    team_.barrier().Wait();
    if (timed) {
      const auto now = std::chrono::steady_clock::now();
      timing_[static_cast<std::size_t>(intervals[i].last) - 1] =
          std::chrono::duration<double>(now - start).count();
      start = now;
    }
  }
}

}  // namespace vivace::runtime
