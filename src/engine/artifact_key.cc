#include "engine/artifact_key.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "artifact/digest.h"
#include "codegen/target.h"
#include "compiler/pass_list.h"
#include "tensor/dtype.h"

namespace vivace::engine {
namespace {

constexpr std::size_t kPages = 256, kPageBytes = 4096;

std::string HeadersOf(const checkpoint::Checkpoint& file) {
  std::string sums;
  for (const std::span<const std::byte> header : file.headers()) sums += artifact::Sha256(header) + "\n";
  const checkpoint::FolderTexts& texts = file.texts();
  for (const std::string* text : {&texts.config, &texts.generation_config, &texts.tokenizer,
                                  &texts.tokenizer_config, &texts.special_tokens_map, &texts.chat_template}) {
    sums += (text->empty() ? "" : artifact::Sha256(*text)) + "\n";
  }
  if (file.headers().empty()) {  // weights in memory: their names and shapes are the header
    for (const checkpoint::TensorView& tensor : file.tensors())
      sums += fmt::format("{} {} {}\n", tensor.name, tensor::Row(tensor.type).name, tensor.dims);
  }
  return artifact::Sha256(sums);
}

std::size_t TensorBytesOf(const checkpoint::Checkpoint& file) {
  std::size_t bytes = 0;
  for (const checkpoint::TensorView& tensor : file.tensors()) bytes += tensor.data.size();
  return bytes;
}

// Pages at even distances in all tensors one after another: gigabytes are not read for a name.
std::string PagesOf(const checkpoint::Checkpoint& file) {
  const std::size_t total = TensorBytesOf(file);
  const std::size_t step = std::max<std::size_t>(total / kPages, 1);
  std::string sample;
  std::size_t begin = 0, next = step / 2;  // of this tensor, of the next page
  for (const checkpoint::TensorView& tensor : file.tensors()) {
    for (; next < begin + tensor.data.size(); next += step) {
      const std::size_t at = next - begin, room = tensor.data.size();
      const std::size_t first = room > kPageBytes ? std::min(at, room - kPageBytes) : 0;
      const auto page = tensor.data.subspan(first, std::min(kPageBytes, room));
      sample.append(reinterpret_cast<const char*>(page.data()), page.size());
    }
    begin += tensor.data.size();
  }
  return artifact::Xxh3(std::as_bytes(std::span(sample)));
}

std::string PassesOf(const compiler::CompileOptions& options) {
  const auto has = [](const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::string passes;
  for (const compiler::PassRow& pass : compiler::PassList()) {
    const bool runs = has(options.enabled_passes, pass.name) ||
                      (pass.level <= options.level && !has(options.disabled_passes, pass.name));
    if (runs) passes += (passes.empty() ? "" : ",") + std::string(pass.name);
  }
  return passes;
}

std::string_view Name(compiler::ActivationDType type) {
  constexpr std::string_view kNames[] = {"auto", "uint8", "int16", "bfloat16", "float32"};
  return kNames[static_cast<std::size_t>(type)];
}

}  // namespace

artifact::Key ArtifactKey(const checkpoint::Checkpoint& file, const compiler::CompileOptions& options) {
  const codegen::Target& target = options.target ? *options.target : codegen::HostTarget();
  const std::string sizes =
      options.compile_sizes ? fmt::format("{}", fmt::join(*options.compile_sizes, ",")) : "default";
  return {{"model.headers", HeadersOf(file)},
          {"model.bytes", std::to_string(TensorBytesOf(file))},
          {"model.pages", PagesOf(file)},
          {"pack_format", std::to_string(kPackFormat)},
          {"plan_format", std::to_string(kPlanFormat)},
          {"isa", target.name},
          {"bf16_dot", target.bf16_dot ? "true" : "false"},
          {"activation", std::string(Name(options.activation))},
          {"kv_cache", std::string(tensor::Row(options.kv_type).name)},
          {"passes", PassesOf(options)},
          {"compile_sizes", sizes},
          {"compile_ranges", fmt::format("{}", fmt::join(options.compile_ranges_endpoints, ","))}};
}

}  // namespace vivace::engine
