#include "checkpoint/safetensors_index.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/status_macros.h"
#include "checkpoint/gguf_types.h"
#include "checkpoint/json_cursor.h"

namespace vivace::checkpoint {

/// One pass over the text; used once.
class SafetensorsIndexParser {
 public:
  explicit SafetensorsIndexParser(SafetensorsIndex& index) : index_(index), cursor_(*index.text_) {}

  Status Run() {
    if (const auto at = FindInvalidUtf8(*index_.text_)) {
      return Broken(fmt::format("its byte {} is not UTF-8", *at));
    }
    if (!cursor_.Take('{')) return BrokenJson("'{'");
    if (!cursor_.Take('}')) {
      do {
        VIVACE_RETURN_IF_ERROR(ReadField());
      } while (cursor_.Take(','));
      if (!cursor_.Take('}')) return BrokenJson("',' or '}'");
    }
    if (!cursor_.AtEnd()) return BrokenJson("the end");
    if (index_.entries_.empty()) return Broken("it has no 'weight_map', or an empty one");
    return Sort();
  }

 private:
  Status Broken(std::string_view what) const {
    return DataLoss(fmt::format("{}: {}: the file is broken; fetch it again", index_.name_, what));
  }
  Status BrokenJson(std::string_view wanted) const {
    return Broken(fmt::format("wanted {} at byte {}", wanted, cursor_.position()));
  }

  Status ReadField() {
    const auto key = cursor_.String(index_.decoded_);
    if (!key || !cursor_.Take(':')) return BrokenJson("a key and ':'");
    if (*key != "weight_map") return cursor_.Skip() ? Status::Ok() : BrokenJson("a value");
    if (has_map_) return Broken("'weight_map' is there twice");
    has_map_ = true;
    if (!cursor_.Take('{')) return Broken("'weight_map' is not an object");
    if (cursor_.Take('}')) return Status::Ok();
    do {
      VIVACE_RETURN_IF_ERROR(ReadEntry());
    } while (cursor_.Take(','));
    return cursor_.Take('}') ? Status::Ok() : BrokenJson("',' or '}'");
  }

  Status ReadEntry() {
    const auto tensor = cursor_.String(index_.decoded_);
    if (!tensor || !cursor_.Take(':')) return BrokenJson("a tensor's name and ':'");
    scratch_.clear();
    const auto file = cursor_.String(scratch_);
    if (!file) return Broken(fmt::format("the file of tensor {} is no string", Quoted(*tensor)));
    if (index_.entries_.size() == SafetensorsIndex::kMaxTensors) {
      return Broken(fmt::format("it lists more than {} tensors", SafetensorsIndex::kMaxTensors));
    }
    auto known = files_.find(*file);
    if (known == files_.end()) {
      if (files_.size() == SafetensorsIndex::kMaxFiles) {
        return Broken(fmt::format("it lists more than {} files", SafetensorsIndex::kMaxFiles));
      }
      known = files_.emplace(std::string(*file), static_cast<std::int32_t>(files_.size())).first;
    }
    index_.entries_.push_back({*tensor, known->second});
    return Status::Ok();
  }

  // Files by name, so that errors and tensors come in one order whatever the order of the text.
  Status Sort() {
    std::vector<std::int32_t> place(files_.size());
    for (const auto& [file, number] : files_) {
      place[static_cast<std::size_t>(number)] = static_cast<std::int32_t>(index_.files_.size());
      index_.files_.push_back(file);
    }
    for (auto& entry : index_.entries_) entry.file = place[static_cast<std::size_t>(entry.file)];
    std::sort(index_.entries_.begin(), index_.entries_.end(),
              [](const auto& a, const auto& b) { return a.tensor < b.tensor; });
    const auto twice = std::adjacent_find(index_.entries_.begin(), index_.entries_.end(),
                                          [](const auto& a, const auto& b) { return a.tensor == b.tensor; });
    if (twice == index_.entries_.end()) return Status::Ok();
    return Broken(fmt::format("tensor {} is there twice", Quoted(twice->tensor)));
  }

  SafetensorsIndex& index_;
  JsonCursor cursor_;
  bool has_map_ = false;
  std::map<std::string, std::int32_t, std::less<>> files_;
  std::deque<std::string> scratch_;
};

Result<SafetensorsIndex> SafetensorsIndex::Parse(std::string text, std::string name) {
  SafetensorsIndex index;
  index.name_ = std::move(name);
  index.text_ = std::make_unique<std::string>(std::move(text));
  VIVACE_RETURN_IF_ERROR(SafetensorsIndexParser(index).Run());
  return index;
}

}  // namespace vivace::checkpoint
