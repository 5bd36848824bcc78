// For tests: writes a tiny random model of the Llama family as the bytes of a GGUF file, with a byte-level
// vocabulary and a chat template, so that no unit test needs a model of the world.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/dequantize.h"
#include "tensor/dtype.h"
#include "tensor/random_row.h"

namespace vivace::runtime {

struct TinyModelSpec {
  int layers = 2, hidden = 64, heads = 2, kv_heads = 1, ffn = 96, context = 256;
  tensor::DType matrix = tensor::DType::kQ4_1;  // of all matrices but the embedding
  tensor::DType embedding = tensor::DType::kQ8_0;
  std::string other_matrix;  // matrices whose name contains this (if not empty) are of other_type
  tensor::DType other_type = tensor::DType::kQ6_K;
  bool as_f32 = false;  // the same values, stored as f32
  std::uint64_t seed = 1;
  bool poisoned = false;  // the embedding of the token "!" is not a number, and the output has its own matrix
  std::string broken;  // the tensor of this name (if not empty) has `breaking` for its first value or scale
  float breaking = 0;
  static constexpr std::int32_t kEndOfText = 0, kStart = 1, kEnd = 2, kFirstByte = 3;
  static constexpr int kVocabulary = 3 + 256 + 2;
};

/// Appends little-endian fields as GGUF has them.
class GgufBytes {
 public:
  template <class T>
  void Put(T value) {
    const auto* bytes = reinterpret_cast<const char*>(&value);
    data_.append(bytes, sizeof(value));
  }
  void PutString(std::string_view text) {
    Put<std::uint64_t>(text.size());
    data_.append(text);
  }
  void PutKey(std::string_view key, std::uint32_t type) {
    PutString(key);
    Put(type);
  }
  void PutInteger(std::string_view key, int value) {
    PutKey(key, 4);
    Put<std::uint32_t>(static_cast<std::uint32_t>(value));
  }
  void PutFloat(std::string_view key, float value) {
    PutKey(key, 6);
    Put(value);
  }
  void PutText(std::string_view key, std::string_view value) {
    PutKey(key, 8);
    PutString(value);
  }
  void PutTexts(std::string_view key, const std::vector<std::string>& values) {
    PutKey(key, 9);
    Put<std::uint32_t>(8);
    Put<std::uint64_t>(values.size());
    for (const std::string& value : values) PutString(value);
  }
  void AlignTo(std::size_t alignment) {
    data_.resize((data_.size() + alignment - 1) / alignment * alignment);
  }
  std::string& data() { return data_; }

 private:
  std::string data_;
};

class TinyModel {
 public:
  explicit TinyModel(TinyModelSpec spec) : spec_(spec), state_(spec.seed) {}

  /// The whole file.
  std::string Bytes() {
    MakeTensors();
    GgufBytes file;
    file.Put<std::uint32_t>(0x46554747);
    file.Put<std::uint32_t>(3);
    file.Put<std::uint64_t>(tensors_.size());
    file.Put<std::uint64_t>(kKeys);
    PutMetadata(file);
    std::uint64_t offset = 0;
    for (const Tensor& tensor : tensors_) {
      file.PutString(tensor.name);
      file.Put<std::uint32_t>(tensor.rows > 0 ? 2 : 1);
      file.Put<std::uint64_t>(static_cast<std::uint64_t>(tensor.width));
      if (tensor.rows > 0) file.Put<std::uint64_t>(static_cast<std::uint64_t>(tensor.rows));
      file.Put<std::uint32_t>(static_cast<std::uint32_t>(tensor::Row(tensor.type).gguf_id));
      file.Put<std::uint64_t>(offset);
      offset += (tensor.data.size() + 31) / 32 * 32;
    }
    for (const Tensor& tensor : tensors_) {
      file.AlignTo(32);
      file.data() += tensor.data;
    }
    file.AlignTo(32);
    return file.data();
  }

  /// Writes the file; true when that worked.
  bool Write(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr) return false;
    const std::string bytes = Bytes();
    const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
    return std::fclose(file) == 0 && written;
  }

 private:
  struct Tensor {
    std::string name;
    tensor::DType type;
    int rows, width;  // rows 0: a vector
    std::string data;
  };
  static constexpr std::uint64_t kKeys = 17;

  std::uint64_t Next() {
    std::uint64_t value = state_ += 0x9E3779B97F4A7C15u;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    return value ^ (value >> 31);
  }
  float Uniform() { return static_cast<float>(Next() >> 40) / static_cast<float>(1 << 24); }

  void AddVector(const std::string& name, int width) {
    GgufBytes bytes;
    for (int i = 0; i < width; ++i) bytes.Put(0.5f + Uniform());
    tensors_.push_back({name, tensor::DType::kF32, 0, width, bytes.data()});
  }

  // Values of about `size`.
  void AddMatrix(const std::string& name, tensor::DType type, int rows, int width, float size) {
    if (!spec_.other_matrix.empty() && name.find(spec_.other_matrix) != std::string::npos)
      type = spec_.other_type;
    const std::size_t row_bytes = tensor::RowBytes(type, width);
    const std::uint64_t seed = Next();
    std::vector<std::byte> data(static_cast<std::size_t>(rows) * row_bytes);
    for (int row = 0; row < rows; ++row) {
      tensor::RandomRow(type, seed, static_cast<std::uint64_t>(row), width, 0.6f * size,
                        data.data() + static_cast<std::size_t>(row) * row_bytes);
    }
    if (spec_.as_f32) {
      std::vector<std::byte> values(static_cast<std::size_t>(rows) * width * sizeof(float));
      tensor::DequantizeRow(type, data.data(), static_cast<std::int64_t>(rows) * width,
                            reinterpret_cast<float*>(values.data()));
      data = std::move(values);
      type = tensor::DType::kF32;
    }
    tensors_.push_back(
        {name, type, rows, width, std::string(reinterpret_cast<const char*>(data.data()), data.size())});
  }

  void MakeTensors() {
    tensors_.clear();
    const int hidden = spec_.hidden, head_dim = hidden / spec_.heads;
    const float size = 1.5f / static_cast<float>(hidden / 8);
    AddMatrix("token_embd.weight", spec_.embedding, TinyModelSpec::kVocabulary, hidden, 1.0f);
    if (spec_.poisoned) {
      const std::size_t row_bytes = tensors_[0].data.size() / TinyModelSpec::kVocabulary;
      const std::uint16_t nan = 0x7e00;
      std::memcpy(tensors_[0].data.data() + (TinyModelSpec::kFirstByte + '!') * row_bytes, &nan, 2);
    }
    for (int layer = 0; layer < spec_.layers; ++layer) {
      const std::string name = "blk." + std::to_string(layer) + ".";
      AddVector(name + "attn_norm.weight", hidden);
      AddMatrix(name + "attn_q.weight", spec_.matrix, hidden, hidden, size);
      AddMatrix(name + "attn_k.weight", spec_.matrix, spec_.kv_heads * head_dim, hidden, size);
      AddMatrix(name + "attn_v.weight", spec_.matrix, spec_.kv_heads * head_dim, hidden, size);
      AddMatrix(name + "attn_output.weight", spec_.matrix, hidden, hidden, size);
      AddVector(name + "ffn_norm.weight", hidden);
      AddMatrix(name + "ffn_gate.weight", spec_.matrix, spec_.ffn, hidden, size);
      AddMatrix(name + "ffn_up.weight", spec_.matrix, spec_.ffn, hidden, size);
      AddMatrix(name + "ffn_down.weight", spec_.matrix, hidden, spec_.ffn, size);
    }
    AddVector("output_norm.weight", hidden);
    if (spec_.poisoned) {
      AddMatrix("output.weight", spec_.embedding, TinyModelSpec::kVocabulary, hidden, 1.0f);
    }
    for (Tensor& tensor : tensors_) {
      if (tensor.name == spec_.broken) Break(tensor);
    }
  }

  // Of the quantised types, those whose blocks begin with their f16 scale.
  void Break(Tensor& tensor) {
    if (tensor.type == tensor::DType::kF32) {
      std::memcpy(tensor.data.data(), &spec_.breaking, sizeof(float));
      return;
    }
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(spec_.breaking);
    const std::uint16_t sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
    const std::uint16_t half =
        static_cast<std::uint16_t>(sign | (spec_.breaking != spec_.breaking ? 0x7e00 : 0x7c00));
    std::memcpy(tensor.data.data(), &half, sizeof(half));
  }

  // A byte in the printable alphabet of byte-level BPE, as UTF-8.
  static std::string ByteText(int byte) {
    const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
    int code = byte;
    if (!printable(byte)) {
      code = 256;
      for (int b = 0; b < byte; ++b) code += printable(b) ? 0 : 1;
    }
    if (code < 128) return std::string(1, static_cast<char>(code));
    return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 63))};
  }

  void PutMetadata(GgufBytes& file) const {
    file.PutText("general.architecture", "llama");
    file.PutInteger("llama.block_count", spec_.layers);
    file.PutInteger("llama.context_length", spec_.context);
    file.PutInteger("llama.embedding_length", spec_.hidden);
    file.PutInteger("llama.feed_forward_length", spec_.ffn);
    file.PutInteger("llama.attention.head_count", spec_.heads);
    file.PutInteger("llama.attention.head_count_kv", spec_.kv_heads);
    file.PutFloat("llama.rope.freq_base", 10000.0f);
    file.PutFloat("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    file.PutText("tokenizer.ggml.model", "gpt2");
    file.PutText("tokenizer.ggml.pre", "smollm");
    std::vector<std::string> tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(ByteText(byte));
    tokens.push_back("th");
    tokens.push_back("the");
    file.PutTexts("tokenizer.ggml.tokens", tokens);
    file.PutKey("tokenizer.ggml.token_type", 9);
    file.Put<std::uint32_t>(5);
    file.Put<std::uint64_t>(tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) file.Put<std::int32_t>(i < 3 ? 3 : 1);
    file.PutTexts("tokenizer.ggml.merges", {"t h", "th e"});
    file.PutInteger("tokenizer.ggml.bos_token_id", TinyModelSpec::kStart);
    file.PutInteger("tokenizer.ggml.eos_token_id", TinyModelSpec::kEnd);
    file.PutText(
        "tokenizer.chat_template",
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + "
        "'<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' "
        "}}{% endif %}");
  }

  TinyModelSpec spec_;
  std::uint64_t state_;
  std::vector<Tensor> tensors_;
};

}  // namespace vivace::runtime
