// A right model folder, small enough to be written for every row, and the parts of it that rows change.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "bad_file.h"
#include "tensor/dequantize.h"
#include "tensor/dtype.h"
#include "tensor/random_row.h"

namespace vivace::bad_files {

std::string With(std::string_view text, const std::string& key, const std::string& value) {
  std::string out(text);
  const std::string quoted = "\"" + key + "\": ";
  const std::size_t at = out.find(quoted);
  if (at == std::string::npos) return out.substr(0, out.rfind('}')) + ", " + quoted + value + "}";
  const std::size_t start = at + quoted.size();
  std::size_t end = start;
  for (int depth = 0; depth > 0 || (out[end] != ',' && out[end] != '}'); ++end) {
    depth += (out[end] == '[' || out[end] == '{') - (out[end] == ']' || out[end] == '}');
  }
  return out.replace(start, end - start, value);
}

std::vector<models::WeightInfo> TinyWeights(std::string_view config) {
  const auto facts = models::ReadConfigJson(config);
  EXPECT_TRUE(facts.ok()) << facts.status().message();
  auto weights = models::RequiredWeights(*facts, facts->tied.value_or(false));
  EXPECT_TRUE(weights.ok()) << weights.status().message();
  return std::move(weights).value();
}

std::string WeightsFile(const std::vector<models::WeightInfo>& weights, std::uint64_t seed) {
  std::string header = "{", data;
  for (const models::WeightInfo& w : weights) {
    const bool matrix = w.rows > 0;
    const tensor::DType type = matrix ? tensor::DType::kBF16 : tensor::DType::kF32;
    const std::size_t row_bytes = tensor::RowBytes(type, w.width), begin = data.size();
    for (std::int64_t row = 0; row < std::max<std::int64_t>(w.rows, 1); ++row) {
      std::string bytes(row_bytes, '\0');
      tensor::RandomRow(type, seed++, static_cast<std::uint64_t>(row), w.width, 0.2f,
                        reinterpret_cast<std::byte*>(bytes.data()));
      data += bytes;
    }
    header += header.size() > 1 ? ",\"" : "\"";
    header += w.in_checkpoint() + R"(":{"dtype":")" + (matrix ? "BF16" : "F32") + R"(","shape":[)" +
              (matrix ? std::to_string(w.rows) + "," : "") + std::to_string(w.width) +
              R"(],"data_offsets":[)" + std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + header + data;
}

void WriteTinyFolder(TestFolder& folder, std::string_view config,
                     const tokenizer::TokenizerJsonParts& tokenizer) {
  folder.Write("m/config.json", config).Write("m/tokenizer.json", tokenizer.Json());
  const bool right = models::ReadConfigJson(config).ok();
  folder.Write("m/model.safetensors", WeightsFile(TinyWeights(right ? config : kTinyConfig)));
}

void MakeFifo(const std::string& path) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
}

}  // namespace vivace::bad_files
