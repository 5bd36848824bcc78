// Tiny models of each format, cut at each byte of their headers and texts and with each bit of them flipped:
// they are refused with a reason, or load and answer. Quick: every so many bytes and bits; VIVACE_LONG=1: all
// of them.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <cstring>

#include "bad_file.h"
#include "opened_model.h"
#include "runtime/tiny_model.h"

namespace vivace::bad_files {
namespace {

struct Counts {
  int refused = 0, answered = 0, failed = 0;
};

// Every how many of `all` variants are tried.
std::size_t Stride(std::size_t all) {
  if (std::getenv("VIVACE_LONG") != nullptr) return 1;
  const std::size_t wanted = std::getenv("VIVACE_QUICK") != nullptr ? 40 : 250;
  return std::max<std::size_t>(1, all / wanted) | 1;  // odd: every bit of a byte has its turn
}

void Try(const std::string& path, Counts& counts) {
  const auto begin = std::chrono::steady_clock::now();
  const auto engine = Engine::Create(TinyOptions(path));
  if (!engine.ok()) {
    ++counts.refused;
    EXPECT_FALSE(engine.status().message().empty());
    EXPECT_NE(engine.status().code(), StatusCode::kInternal) << engine.status().message();
  } else {
    ++(Answer(**engine).ok() ? counts.answered : counts.failed);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(seconds.count(), kHangSeconds);
}

// `file` of the folder holds `good`; the sweep is over its first `header` bytes. A file cut there never
// loads.
Counts Sweep(TestFolder& folder, const std::string& file, const std::string& open, const std::string& good,
             std::size_t header) {
  Counts counts;
  const std::size_t stride = Stride(header);
  for (std::size_t size = 0; size < header; size += stride) {
    SCOPED_TRACE(file + " cut at byte " + std::to_string(size));
    folder.Write(file, good.substr(0, size));
    Try(folder.path(open), counts);
  }
  EXPECT_EQ(counts.answered + counts.failed, 0) << file << ": a part of it was loaded";
  const std::size_t bit_stride = Stride(8 * header);
  for (std::size_t bit = 0; bit < 8 * header; bit += bit_stride) {
    SCOPED_TRACE(file + " with bit " + std::to_string(bit) + " flipped");
    std::string flipped = good;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    folder.Write(file, flipped);
    Try(folder.path(open), counts);
  }
  folder.Write(file, good);
  Counts untouched;
  Try(folder.path(open), untouched);
  EXPECT_EQ(untouched.answered, 1) << file;
  std::printf("  %s: %zu bytes of header, stride %zu: %d refused, %d answered, %d failed at a request\n",
              file.c_str(), header, bit_stride, counts.refused, counts.answered, counts.failed);
  return counts;
}

TEST(Sweep, Gguf) {
  runtime::TinyModelSpec spec;
  spec.layers = 1;
  const std::string good = runtime::TinyModel(spec).Bytes();
  // The data begins after the last tensor's entry: name, dimensions, type, offset.
  const std::size_t header = good.find("output_norm.weight") + 18 + 4 + 8 + 4 + 8;
  TestFolder folder;
  const Counts counts = Sweep(folder, "m/m.gguf", "m/m.gguf", good, header);
  EXPECT_GT(counts.refused, 0);
}

TEST(Sweep, Safetensors) {
  TestFolder folder;
  const std::string config = With(kTinyConfig, "num_hidden_layers", "1");
  WriteTinyFolder(folder, config);
  const std::string good = WeightsFile(TinyWeights(config));
  std::uint64_t header = 0;
  std::memcpy(&header, good.data(), 8);
  Sweep(folder, "m/model.safetensors", "m", good, 8 + header);
}

TEST(Sweep, Config) {
  TestFolder folder;
  WriteTinyFolder(folder);
  Sweep(folder, "m/config.json", "m", kTinyConfig, std::strlen(kTinyConfig));
}

TEST(Sweep, TokenizerJson) {
  TestFolder folder;
  WriteTinyFolder(folder);
  const std::string good = tokenizer::PlainTokenizerJson().Json();
  Sweep(folder, "m/tokenizer.json", "m", good, good.size());
}

}  // namespace
}  // namespace vivace::bad_files
