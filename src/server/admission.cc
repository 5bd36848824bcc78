#include "server/admission.h"

#include <utility>

namespace vivace::server {
namespace {

constexpr std::size_t kRefusals = 64;  // at the same time

}  // namespace

Admission::Place::Place(Place&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)),
      kind_(other.kind_),
      client_(std::move(other.client_)) {}

Admission::Place::~Place() {
  if (admission_ == nullptr) return;
  if (kind_ == Kind::kRefused) --admission_->refused_;
  if (kind_ != Kind::kGuest) return;
  --admission_->guests_;
  const auto found = admission_->by_client_.find(client_);
  if (found != admission_->by_client_.end() && --found->second == 0) admission_->by_client_.erase(found);
}

Admission::Place Admission::Take(const std::string& client) {
  const auto found = by_client_.find(client);
  const bool has_all_its_own = found != by_client_.end() && per_client_ > 0 && found->second >= per_client_;
  if (guests_ < places_ && !has_all_its_own) {
    Place place(*this, Kind::kGuest, client);
    if (!client.empty()) ++by_client_[client];
    ++guests_;
    return place;
  }
  if (refused_ >= kRefusals) return Place(*this, Kind::kDropped, "");
  ++refused_;
  return Place(*this, Kind::kRefused, "");
}

}  // namespace vivace::server
