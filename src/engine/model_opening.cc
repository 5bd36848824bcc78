#include "engine/model_opening.h"

#include <fmt/format.h>

#include "base/status_macros.h"
#include "engine/engine_config.h"
#include "engine/process_limits.h"
#include "models/dummy_checkpoint.h"
#include "models/known_shapes.h"

namespace vivace::engine {
namespace {

using checkpoint::Checkpoint;
using checkpoint::Contents;

Result<std::unique_ptr<Checkpoint>> OpenDummy(const Options& options, Contents contents) {
  models::DummyOptions dummy;
  if (const std::string type = options.Text("dummy-type"); type != "auto") {
    dummy.type = tensor::DTypeFromName(type).value_or(dummy.type);
  }
  dummy.seed = options.IsSet("seed") ? static_cast<std::uint64_t>(options.Integer("seed")) : 0;
  const auto threads = static_cast<int>(options.Integer("threads"));
  dummy.threads = threads == 0 ? AvailableCores() : threads;
  dummy.overrides = options.Text("hf-overrides");
  dummy.fill = contents == Contents::kAll;
  return models::MakeDummyCheckpoint(options.Text("model"), dummy);
}

}  // namespace

Result<std::unique_ptr<Checkpoint>> OpenModel(const Options& options, Contents contents) {
  const std::string model = options.Text("model");
  const std::string format = options.Text("load-format");
  if (format == "dummy") return OpenDummy(options, contents);
  if (!options.Text("hf-overrides").empty()) {
    return Unsupported(
        "--hf-overrides changes the shape of a model, which this build does for --load-format dummy only: "
        "leave the "
        "flag out, or edit the model's config.json");
  }
  auto opened = Checkpoint::Open(model, contents);
  if (!opened.ok()) {
    const bool known = opened.status().code() == StatusCode::kNotFound && models::KnownShapeConfig(model);
    if (!known) return opened;
    return NotFound(opened.status().message() +
                    "; its shape is known: --load-format dummy runs it with random weights");
  }
  const bool is_gguf = (*opened)->format() == checkpoint::Format::kGguf;
  if (format == "auto" || (format == "gguf") == is_gguf) return opened;
  return InvalidArgument(fmt::format("--load-format is {}, but '{}' is {}: leave the flag out", format, model,
                                     is_gguf ? "gguf" : "safetensors"));
}

}  // namespace vivace::engine
