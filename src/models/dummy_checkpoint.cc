#include "models/dummy_checkpoint.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <functional>
#include <new>
#include <thread>
#include <vector>

#include "base/checked_math.h"
#include "base/status_macros.h"
#include "checkpoint/model_folder.h"
#include "models/config_overrides.h"
#include "models/dummy_tokenizer.h"
#include "models/known_shapes.h"
#include "models/model_config.h"
#include "tensor/random_row.h"

namespace vivace::models {
namespace {

using checkpoint::FolderTexts;
using checkpoint::OwnedTensor;
using tensor::DType;

// A run of rows of one tensor: the unit of work of a thread.
struct Job {
  std::size_t tensor = 0;
  std::int64_t first_row = 0, last_row = 0;
};

Result<FolderTexts> ReadTexts(const std::string& model) {
  struct stat info {};
  if (::stat(model.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    VIVACE_ASSIGN_OR_RETURN(const auto folder, checkpoint::ModelFolder::Open(model));
    VIVACE_ASSIGN_OR_RETURN(FolderTexts texts, checkpoint::ReadFolderTexts(folder));
    if (!texts.config.empty()) return texts;
    return NotFound(fmt::format("'{}' has no config.json, which says the shapes of dummy weights", model));
  }
  FolderTexts texts;
  if (const auto config = KnownShapeConfig(model)) {
    texts.config = *config;
    return texts;
  }
  return NotFound(
      fmt::format("'{}' is neither a folder with config.json nor a model whose shape is known: {}", model,
                  KnownShapeNames()));
}

DType TypeOf(const WeightInfo& weight, DType wanted) {
  if (weight.rows == 0) return DType::kF32;
  for (const DType type : {wanted, DType::kQ8_0}) {
    if (weight.width % tensor::Row(type).block_elements == 0) return type;
  }
  return DType::kF16;
}

std::size_t RowBytes(const OwnedTensor& tensor) {
  const tensor::DTypeRow& row = tensor::Row(tensor.type);
  return static_cast<std::size_t>(tensor.dims[0] / row.block_elements * row.block_bytes);
}

// Numbers 0 .. count-1 to `work`, on so many threads. False: memory ran out.
bool OnThreads(int threads, std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> exhausted{false};
  const auto run = [&] {
    try {
      for (std::size_t i = next.fetch_add(1); i < count && !exhausted; i = next.fetch_add(1)) work(i);
    } catch (const std::bad_alloc&) {
      exhausted = true;
    }
  };
  std::vector<std::jthread> others;
  try {
    for (int i = 1; i < threads; ++i) others.emplace_back(run);
  } catch (const std::exception&) {  // fewer do it, too
  }
  run();
  others.clear();
  return !exhausted;
}

// Norms are near what leaves a value as it is; biases are small around 0.
void FillVector(const ModelConfig& config, std::uint64_t seed, OwnedTensor& out) {
  tensor::RandomRow(DType::kF32, seed, 0, out.dims[0], 0.1f, out.data.data());
  if (!std::string_view(out.name).ends_with("norm.weight")) return;
  for (std::int64_t i = 0; i < out.dims[0]; ++i) {
    float value;
    std::byte* at = out.data.data() + static_cast<std::size_t>(i) * sizeof(value);
    std::memcpy(&value, at, sizeof(value));
    value += 1 - config.norm_offset;
    std::memcpy(at, &value, sizeof(value));
  }
}

std::vector<Job> MakeJobs(const std::vector<OwnedTensor>& tensors) {
  constexpr std::size_t kJobBytes = std::size_t{4} << 20;
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto step = static_cast<std::int64_t>(std::max<std::size_t>(1, kJobBytes / RowBytes(tensors[i])));
    for (std::int64_t row = 0; row < tensors[i].dims[1]; row += step) {
      jobs.push_back({i, row, std::min(row + step, tensors[i].dims[1])});
    }
  }
  return jobs;
}

Status Fill(const ModelConfig& config, const DummyOptions& options, std::vector<OwnedTensor>& tensors) {
  const auto too_large = [] {
    return ResourceExhausted("memory ran out while random weights were made: take a smaller model or type");
  };
  const int threads = std::max(1, options.threads);
  const bool allocated = OnThreads(threads, tensors.size(), [&](std::size_t i) {
    tensors[i].data.resize(static_cast<std::size_t>(tensors[i].dims[1]) * RowBytes(tensors[i]));
  });
  if (!allocated) return too_large();
  const std::vector<Job> jobs = MakeJobs(tensors);
  const bool filled = OnThreads(threads, jobs.size(), [&](std::size_t number) {
    const Job& job = jobs[number];
    OwnedTensor& out = tensors[job.tensor];
    // Each tensor has its own numbers: a checkpoint has fewer than 2^20 tensors.
    const std::uint64_t seed = options.seed << 20 | job.tensor;
    if (out.dim_count == 1) return FillVector(config, seed, out);
    const auto deviation = static_cast<float>(1 / std::sqrt(static_cast<double>(out.dims[0])));
    for (std::int64_t row = job.first_row; row < job.last_row; ++row) {
      tensor::RandomRow(out.type, seed, static_cast<std::uint64_t>(row), out.dims[0], deviation,
                        out.data.data() + static_cast<std::size_t>(row) * RowBytes(out));
    }
  });
  return filled ? Status::Ok() : too_large();
}

// The machine's memory is a bound, not a promise: other programs have their part of it.
Status CheckFits(const std::string& model, base::SafeSize bytes) {
  const auto page = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PAGESIZE)));
  const auto limit = page * static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  if (bytes.AtMost(limit)) return Status::Ok();
  constexpr double kGiB = 1 << 30;
  return ResourceExhausted(fmt::format(
      "the weights of '{}' take {:.1f} GiB of memory, this machine has {:.1f} GiB: take a smaller "
      "model or --dummy-type",
      model, static_cast<double>(bytes.value().value_or(~0ull)) / kGiB, static_cast<double>(limit) / kGiB));
}

/// Types that cannot be read can have no random weights either; others in their place are the user's choice.
Result<ModelConfig> ReadDummyConfig(const FolderTexts& texts) {
  auto config = ReadConfigJson(texts.config);
  if (config.ok() || config.status().message().find("quantization_config") == std::string::npos)
    return config;
  return Status(
      config.status().code(),
      config.status().message() +
          R"( --hf-overrides '{"quantization_config": null}' makes random weights of --dummy-type.)");
}

}  // namespace

Result<std::unique_ptr<checkpoint::Checkpoint>> MakeDummyCheckpoint(const std::string& model,
                                                                    const DummyOptions& options) {
  VIVACE_ASSIGN_OR_RETURN(FolderTexts texts, ReadTexts(model));
  if (!options.overrides.empty()) {
    VIVACE_ASSIGN_OR_RETURN(texts.config, OverrideConfig(texts.config, options.overrides));
  }
  VIVACE_ASSIGN_OR_RETURN(const ModelConfig config, ReadDummyConfig(texts));
  VIVACE_ASSIGN_OR_RETURN(const auto weights, RequiredWeights(config, config.tied.value_or(false)));
  std::vector<OwnedTensor> tensors;
  base::SafeSize bytes = 0;
  for (const WeightInfo& weight : weights) {
    OwnedTensor tensor;
    tensor.name = weight.in_checkpoint();
    tensor.type = TypeOf(weight, options.type);
    tensor.dim_count = weight.rows == 0 ? 1 : 2;
    tensor.dims = {weight.width, std::max<std::int64_t>(weight.rows, 1), 1, 1};
    bytes =
        bytes + base::SafeSize(static_cast<std::uint64_t>(tensor.dims[1])) * base::SafeSize(RowBytes(tensor));
    tensors.push_back(std::move(tensor));
  }
  if (options.fill) {
    VIVACE_RETURN_IF_ERROR(CheckFits(model, bytes));
    VIVACE_RETURN_IF_ERROR(Fill(config, options, tensors));
  }
  if (texts.tokenizer.empty()) AddDummyTokenizer(config, texts);
  return checkpoint::Checkpoint::FromTensors(model, std::move(texts), std::move(tensors));
}

}  // namespace vivace::models
