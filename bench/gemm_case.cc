#include "gemm_case.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/status_macros.h"
#include "kernels/gemm_epilogue.h"

namespace vivace::bench {
namespace {

using tensor::ActivationType;
using tensor::QuantizedRows;
using tensor::WeightClass;

// A pass of this many products takes a few milliseconds.
constexpr double kPassProducts = 0.4e9;
constexpr int kQuantisedBlock = 16;  // rows of one task

// Rows as a quantiser leaves them: any codes, a small scale, a zero point of 128.
void FillRow(const QuantizedRows& layout, std::byte* row) {
  FillNumbers(row, static_cast<std::size_t>(layout.row_stride()));
  if (layout.is_float()) return;
  const float scale = 0.01f, sum = 0.5f;
  const std::int32_t word = 0xff80, zero = 128;
  if (layout.type == ActivationType::kU8Token) {
    std::memcpy(row + layout.scale_offset(), &scale, 4);
    std::memcpy(row + layout.scale_offset() + 4, &zero, 4);
    return;
  }
  for (int g = 0; g < layout.groups(); ++g) {
    std::memcpy(row + layout.scale_offset() + 4 * g, &scale, 4);
    for (int plane = 0; plane < layout.planes(); ++plane)
      std::memcpy(row + layout.word_offset(plane) + 4 * g, &word, 4);
    std::memcpy(row + layout.sum_offset() + 4 * g, &sum, 4);
  }
}

// Rows that a kernel makes from f32; those of one scale per token and of f32 come as they are.
bool HasQuantiser(ActivationType type) {
  return type != ActivationType::kU8Token && type != ActivationType::kF32;
}

// Units of 32 columns that a call of the quantiser takes at once.
int QuantisedUnits(ActivationType type) {
  return type == ActivationType::kU8Group64 ? 2 : 1;
}

// Packed weights, with scales that are numbers wherever they lie.
void FillPanels(std::byte* data, std::size_t bytes) {
  FillNumbers(data, bytes);
}

}  // namespace

std::string Name(const GemmTypes& types) {
  return std::string(tensor::Row(types.weights).name) + " x " +
         std::string(tensor::Row(types.activations).name);
}

std::vector<GemmTypes> AllGemmTypes() {
  std::vector<GemmTypes> all;
  for (const tensor::WeightClassRow& row : tensor::kWeightClassRows) {
    if (row.id == WeightClass::kBF16 && codegen::HostTarget().bf16_dot)
      all.push_back({row.id, ActivationType::kBF16});
    all.push_back({row.id, row.activation});
    if (row.activation == ActivationType::kU8Group32) all.push_back({row.id, ActivationType::kI16Group32});
    if (row.id == WeightClass::kInt8Channel) all.push_back({row.id, ActivationType::kU8Token});
  }
  return all;
}

RegisterLoop LoopOf(const GemmTypes& types) {
  if (types.activations == ActivationType::kF32) return RegisterLoop::kFma;
  return types.activations == ActivationType::kBF16 ? RegisterLoop::kDotBf16 : RegisterLoop::kDot4;
}

std::optional<double> BarOf(const GemmTypes& types, int rows) {
  if (rows == 1) return 0.95;
  if (rows == 12 && types.activations == ActivationType::kU8Group32) return 0.45;
  if (rows != 512) return std::nullopt;
  switch (types.activations) {
    case ActivationType::kU8Group32:
      return types.weights == WeightClass::kQ6_K ? 0.45 : 0.55;
    case ActivationType::kU8Group64:
      return 0.62;
    case ActivationType::kU8Token:
      return 0.85;
    case ActivationType::kI16Group32:
      return 0.28;
    case ActivationType::kBF16:
      return 0.75;
    case ActivationType::kF32:
      return 0.82;
  }
  return std::nullopt;
}

GemmCase::GemmCase(const GemmTypes& types, const GemmShape& shape, const Memory& weights, std::size_t bytes)
    : types_(types),
      layout_{types.weights, shape.k, shape.n},
      rows_{shape.k, types.activations},
      weights_(weights.data()),
      copies_(static_cast<int>(bytes / layout_.bytes())),
      floats_(sizeof(float) * kMostRows * static_cast<std::size_t>(shape.k)),
      input_(kMostRows * static_cast<std::size_t>(rows_.row_stride())),
      output_(sizeof(float) * kMostRows * static_cast<std::size_t>(shape.n)),
      squares_(sizeof(float) * kMostRows * static_cast<std::size_t>(kernels::SquareStride(shape.k))),
      norm_(static_cast<std::size_t>(shape.k), 1.0f),
      numbers_(kMostRows) {
  std::iota(numbers_.begin(), numbers_.end(), 0);
}

Result<std::unique_ptr<GemmCase>> GemmCase::Create(const GemmTypes& types, const GemmShape& shape,
                                                   const Memory& weights, std::size_t bytes) {
  const tensor::WeightClassRow& row = tensor::Row(types.weights);
  if (shape.k % row.block_k != 0) {
    return Unsupported("width " + std::to_string(shape.k) + " is no multiple of " +
                       std::to_string(row.block_k));
  }
  std::unique_ptr<GemmCase> made(new GemmCase(types, shape, weights, bytes));
  if (made->copies_ < 1) return InvalidArgument("the weights do not fit the memory given");
  VIVACE_RETURN_IF_ERROR(made->Compile());
  FillPanels(weights.data(), made->all_bytes());
  made->FillInput();
  return made;
}

Status GemmCase::Compile() {
  kernels::PanelGemmSpec spec{.type = types_.weights,
                              .k = layout_.k,
                              .activation = types_.activations,
                              .epilogue = {.n = layout_.n, .steps = kernels::FloatsSteps()}};
  VIVACE_ASSIGN_OR_RETURN(const kernels::PanelGemmKernels kernels, CompilePanelGemm(spec, library_));
  if (HasQuantiser(types_.activations)) {
    VIVACE_ASSIGN_OR_RETURN(quantise_,
                            library_.Compile(kernels::BuildRowSteps(
                                kernels::NormQuantSteps()[0],
                                {.units = QuantisedUnits(rows_.type), .hidden = rows_.k, .output = rows_})));
  }
  VIVACE_RETURN_IF_ERROR(library_.Seal());
  kernels::PanelGemmArgs args{};
  args.spec = spec;
  args.code = Resolve(kernels, library_);
  args.input = input_.data();
  args.out.floats[0] = output_.floats();
  for (int copy = 0; copy < copies_; ++copy) {
    args.weights = weights_ + static_cast<std::size_t>(copy) * layout_.bytes();
    args_.push_back(args);
  }
  return Status::Ok();
}

void GemmCase::FillInput() {
  FillNumbers(floats_.data(), sizeof(float) * kMostRows * static_cast<std::size_t>(layout_.k));
  for (int r = 0; r < kMostRows; ++r) FillRow(rows_, input_.data() + r * rows_.row_stride());
}

int GemmCase::PassCopies(int rows) const {
  if (rows == 1) return copies_;
  const double products = static_cast<double>(layout_.k) * layout_.n * rows;
  return std::clamp(static_cast<int>(kPassProducts / products), 1, copies_);
}

double GemmCase::PassProducts(int rows) const {
  return static_cast<double>(layout_.k) * layout_.n * rows * PassCopies(rows);
}

double GemmCase::PassBytes(int rows) const {
  return static_cast<double>(layout_.bytes()) * PassCopies(rows);
}

void GemmCase::Quantise(Workers& workers, int rows) {
  const int blocks = (rows + kQuantisedBlock - 1) / kQuantisedBlock;
  const codegen::KernelFn quantise = library_.Get(*quantise_);
  workers.RunTasks(blocks, [&](int block, int worker) {
    for (std::ptrdiff_t r = block * kQuantisedBlock; r < std::min(rows, (block + 1) * kQuantisedBlock); ++r) {
      std::byte* output = input_.data() + r * rows_.row_stride();
      std::int64_t a[kernels::kEpilogueArguments] = {};
      a[kernels::kResult] = Address(floats_.floats() + r * layout_.k);
      a[kernels::kRows] = layout_.k / (32 * QuantisedUnits(rows_.type));
      a[kernels::kNormWeight] = Address(norm_.data());
      a[kernels::kSquares] = Address(squares_.floats() + r * kernels::SquareStride(layout_.k));
      a[kernels::kBytes] = Address(output);
      a[kernels::kParameters] = Address(output + rows_.scale_offset());
      a[kernels::kLaneScratch] = Address(workers.scratch(worker));
      quantise(a);
    }
  });
}

void GemmCase::RunTasks(Workers& workers, int rows, int first_copy, int copies) {
  tensor::StepView step;
  step.rows = step.logit_count = rows;
  step.positions = step.kv_slots = step.logit_rows = numbers_.data();
  const kernels::TaskKernel kernel = kernels::PanelGemmKernel();
  const int tasks = kernel.grid(args_.data(), step);
  workers.RunTasks(tasks * copies, [&](int task, int worker) {
    const kernels::PanelGemmArgs& args =
        args_[static_cast<std::size_t>((first_copy + task / tasks) % copies_)];
    kernel.run(&args, task % tasks, {step, workers.scratch(worker)});
  });
}

void GemmCase::Run(Workers& workers, int rows) {
  const int copies = PassCopies(rows);
  if (quantises(rows)) {
    for (int copy = 0; copy < copies; ++copy) {
      Quantise(workers, rows);
      RunTasks(workers, rows, next_copy_ + copy, 1);
    }
  } else {
    RunTasks(workers, rows, next_copy_, copies);
  }
  next_copy_ = (next_copy_ + copies) % copies_;
}

}  // namespace vivace::bench
