#include "chat/rendering.h"

#include <limits>
#include <utility>

#include "base/status_macros.h"

namespace vivace::chat {
namespace {

/// Adds up the bytes of a value until they pass `limit`.
void Weigh(const Value& value, std::size_t limit, std::size_t& bytes) {
  if (bytes > limit) return;
  bytes += kBytesPerItem;
  if (value.is(Value::Kind::kString)) bytes += value.text().size();
  if (value.is(Value::Kind::kList)) {
    for (const Value& item : value.list()) {
      if (bytes > limit) return;
      Weigh(item, limit, bytes);
    }
  }
  if (value.is(Value::Kind::kDict)) {
    for (const auto& [key, item] : value.dict()) {
      if (bytes > limit) return;
      Weigh(key, limit, bytes);
      Weigh(item, limit, bytes);
    }
  }
}

}  // namespace

Status Rendering::Charge(std::size_t bytes) {
  constexpr std::size_t kTooMuch = std::size_t{1} << 40;
  const auto counted = static_cast<std::int64_t>(bytes < kTooMuch ? bytes : kTooMuch);
  steps_ += 1 + counted / static_cast<std::int64_t>(kBytesPerStep);
  made_bytes_ += counted;
  if (made_bytes_ / kMadePerOutput > budget_.output_bytes) {
    return ResourceExhausted("the template makes more text than its budget allows");
  }
  if (steps_ > budget_.steps) {
    return ResourceExhausted("the template takes more than " + std::to_string(budget_.steps) + " steps");
  }
  return Status::Ok();
}

Status Rendering::CheckLength(std::size_t bytes) const {
  if (bytes <= static_cast<std::size_t>(budget_.output_bytes)) return Status::Ok();
  return ResourceExhausted("the template makes more text than its budget allows");
}

Status Rendering::ChargeProduct(std::size_t count, std::size_t bytes) {
  std::size_t product = 0;
  if (__builtin_mul_overflow(count, bytes, &product)) product = std::numeric_limits<std::size_t>::max();
  return Charge(product);
}

Status Rendering::ChargeWhole(const Value& value) {
  if (value.is(Value::Kind::kString)) return Charge(value.text().size());
  if (!value.is(Value::Kind::kList) && !value.is(Value::Kind::kDict)) return Charge();
  std::size_t bytes = 0;
  Weigh(value, static_cast<std::size_t>(budget_.output_bytes) * static_cast<std::size_t>(kMadePerOutput),
        bytes);
  return Charge(bytes);
}

Status Rendering::Keep(std::shared_ptr<LinkedObject> object) {
  if (objects_.size() >= kMaxObjects) {
    return ResourceExhausted("the template makes more than " + std::to_string(kMaxObjects) +
                             " namespaces and macros");
  }
  objects_.push_back(std::move(object));
  return Status::Ok();
}

}  // namespace vivace::chat
