// How much memory all clients together may make the server hold: requests until they are answered, answers
// until they are taken. A connection has a lease, and says how much it holds each time that changes. Threads:
// the event loop only. The budget outlives its leases.
#pragma once

#include <cstddef>

namespace vivace::server {

class BodyBudget {
 public:
  explicit BodyBudget(std::size_t bytes) : bytes_(bytes) {}
  std::size_t bytes() const { return bytes_; }
  std::size_t held() const { return held_; }

  class Lease {
   public:
    explicit Lease(BodyBudget& budget) : budget_(budget) {}
    ~Lease() { budget_.held_ -= bytes_; }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    /// From now on so many bytes. False when it holds more than before and there is no room for that: it is
    /// counted all the same, for the bytes are there until the connection closes.
    bool Resize(std::size_t bytes) {
      const bool grew = bytes > bytes_;
      budget_.held_ += bytes - bytes_;
      bytes_ = bytes;
      return !grew || budget_.held_ <= budget_.bytes_;
    }

   private:
    BodyBudget& budget_;
    std::size_t bytes_ = 0;
  };

 private:
  const std::size_t bytes_;
  std::size_t held_ = 0;
};

}  // namespace vivace::server
