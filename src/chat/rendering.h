// What one rendering has used of its budget, and the objects that it has made. One thread. Owns the objects'
// references to each other: they may form circles, which end with the rendering.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chat/limits.h"
#include "chat/value.h"
#include "vivace/status.h"

namespace vivace::chat {

/// Bounds of one rendering; passing one is a Status.
struct Budget {
  std::int64_t steps = 2'000'000;        // evaluated expressions and statements
  std::int64_t output_bytes = 16 << 20;  // of the result, and of any string made on the way
};

/// An object whose content is set after it is made, so that it may come to hold itself.
class LinkedObject : public Object {
 public:
  /// Forgets all that it refers to.
  virtual void Release() = 0;
};

class Rendering {
 public:
  explicit Rendering(const Budget& budget) : budget_(budget) {}
  Rendering(const Rendering&) = delete;
  Rendering& operator=(const Rendering&) = delete;
  ~Rendering() {
    for (const auto& object : objects_) object->Release();
  }

  const Budget& budget() const { return budget_; }

  /// Counts one step, and the reading or making of `bytes`. Errors do not name the line: the caller adds it.
  Status Charge(std::size_t bytes = 0);
  /// A text of so many bytes is about to be made: no text may be longer than the whole result.
  Status CheckLength(std::size_t bytes) const;
  /// The same as Charge for `count` times `bytes`, which may be beyond all bounds.
  Status ChargeProduct(std::size_t count, std::size_t bytes);
  /// The same for all that is in a value, which may be far more than is in memory.
  Status ChargeWhole(const Value& value);

  /// Has `object` release its content at the end.
  Status Keep(std::shared_ptr<LinkedObject> object);

 private:
  const Budget& budget_;
  std::int64_t steps_ = 0;
  std::int64_t made_bytes_ = 0;
  std::vector<std::shared_ptr<LinkedObject>> objects_;
};

}  // namespace vivace::chat
