#include "engine/kv_cache_size.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace vivace::engine {
namespace {

struct Room {
  std::int64_t bytes = 0;
  std::string why;  // how it comes about, for the error
};

Room FindRoom(const KvCacheNeeds& needs, const MemoryLimit& memory) {
  if (needs.kv_bytes) return {*needs.kv_bytes, "--kv-cache-memory-bytes"};
  const std::int64_t used = std::max(memory.resident, needs.weight_bytes);
  const auto share = [&](std::int64_t bytes) {
    return static_cast<std::int64_t>(needs.utilization * static_cast<double>(bytes));
  };
  const std::int64_t beside = share(memory.bytes) - used;
  const std::int64_t now = share(memory.available) - (used - memory.resident);  // weights not yet read count
  if (now < beside) {
    return {std::max<std::int64_t>(now, 0),
            fmt::format("{} of the {} that is free now", needs.utilization, MemoryText(memory.available))};
  }
  return {std::max<std::int64_t>(beside, 0),
          fmt::format("{} of {} ({}) less {} for weights and program", needs.utilization,
                      MemoryText(memory.bytes), memory.source, MemoryText(used))};
}

Status TooLittle(const KvCacheNeeds& needs, const Room& room, std::int64_t needed, std::int64_t tokens) {
  std::string remedy = "free memory";
  if (tokens > 0) remedy = fmt::format("use --max-model-len {} or less (or auto)", tokens);
  remedy += needs.kv_bytes ? ", or raise --kv-cache-memory-bytes"
                           : ", or raise --gpu-memory-utilization or set --kv-cache-memory-bytes";
  return InvalidArgument(fmt::format(
      "the KV cache of one request of {} tokens takes {}, but there is room for {} ({}): {}",
      Grouped(needs.max_model_len), MemoryText(needed), MemoryText(room.bytes), room.why, remedy));
}

}  // namespace

std::string MemoryText(std::int64_t bytes) {
  const auto amount = static_cast<double>(bytes);
  if (bytes >= std::int64_t{1} << 27) return fmt::format("{:.2f} GiB", amount / (1 << 30));
  if (bytes >= std::int64_t{1} << 17) return fmt::format("{:.1f} MiB", amount / (1 << 20));
  return fmt::format("{} bytes", bytes);
}

std::string Grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t end = text.size(); end > 3 && text[end - 4] != '-'; end -= 3) text.insert(end - 3, 1, ',');
  return text;
}

Result<KvCacheSize> SizeKvCache(const KvCacheNeeds& needs, const MemoryLimit& memory) {
  const std::int64_t tokens = needs.block_tokens;
  const std::int64_t per_request = (needs.max_model_len + tokens - 1) / tokens;
  const Room room = FindRoom(needs, memory);
  constexpr std::int64_t kMostTokens = std::numeric_limits<std::int32_t>::max();  // slots are 32-bit numbers
  std::int64_t blocks = std::min(room.bytes / needs.block_bytes, kMostTokens / tokens);
  if (!needs.kv_bytes) blocks = std::min(blocks, per_request * needs.max_num_seqs);
  if (blocks >= per_request) return KvCacheSize{static_cast<int>(blocks), needs.max_model_len};
  if (blocks < 1 || !needs.fit_length)
    return TooLittle(needs, room, per_request * needs.block_bytes, blocks * tokens);
  return KvCacheSize{static_cast<int>(blocks), static_cast<int>(blocks * tokens)};
}

}  // namespace vivace::engine
