// Names of full KV cache blocks: a chain of SHA-256 digests (first 128 bits) over root, then 16 tokens at a
// time, so that equal names mean equal whole prefixes even against someone who chooses prompts. A hasher
// serves one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace vivace::kvcache {

struct BlockHash {
  std::array<std::uint64_t, 2> words = {};
  bool operator==(const BlockHash&) const = default;
};

class BlockHasher {
 public:
  BlockHasher();
  ~BlockHasher();
  BlockHasher(BlockHasher&&) noexcept;
  BlockHasher& operator=(BlockHasher&&) noexcept;

  /// The start of every chain: what computes the cache (level, activation and KV types, model) and who may
  /// share it.
  BlockHash Root(std::string_view program_fingerprint, std::string_view tenant_salt);
  /// The name of the block of these tokens [KvLayout::kBlockTokens] after `parent`. Does not allocate.
  BlockHash Next(const BlockHash& parent, std::span<const std::int32_t> tokens);

 private:
  struct Digest;
  std::unique_ptr<Digest> digest_;
};

}  // namespace vivace::kvcache
