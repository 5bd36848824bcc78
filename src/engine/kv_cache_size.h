// How large the KV cache becomes. Pure: what the machine has comes in as numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/process_limits.h"
#include "vivace/status.h"

namespace vivace::engine {

struct KvCacheNeeds {
  std::int64_t block_bytes = 0;  // of one block of block_tokens tokens, all layers
  int block_tokens = 0;
  int max_model_len = 0;    // tokens
  bool fit_length = false;  // take a smaller max_model_len rather than fail
  int max_num_seqs = 0;
  std::int64_t weight_bytes = 0;         // of all tensors, whether they are in memory yet or not
  std::optional<std::int64_t> kv_bytes;  // asked for by --kv-cache-memory-bytes
  double utilization = 0.9;              // --gpu-memory-utilization
};

struct KvCacheSize {
  int blocks = 0;
  int max_model_len = 0;  // what was asked, or less with fit_length
};

/// The bytes asked for; or what fits beside the weights in `utilization` of the memory, but no more than
/// max_num_seqs requests of max_model_len tokens need. kInvalidArgument, with the numbers and what to do,
/// when not one request of max_model_len tokens fits.
Result<KvCacheSize> SizeKvCache(const KvCacheNeeds& needs, const MemoryLimit& memory);

/// "1.50 GiB", "24.0 MiB", "100 bytes".
std::string MemoryText(std::int64_t bytes);
/// "93,184".
std::string Grouped(std::int64_t number);

}  // namespace vivace::engine
