// Which clients may connect: so many in all, so many of one address, and a few more that hear why not.
// Threads: the event loop only. The admission outlives its places.
#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace vivace::server {

class Admission {
 public:
  enum class Kind {
    kGuest,    // is served
    kRefused,  // hears why it is not
    kDropped   // not even that: too many are being refused
  };

  /// `per_client` 0: one address may have all places.
  Admission(std::size_t places, std::size_t per_client) : places_(places), per_client_(per_client) {}

  /// Held as long as the connection is.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept;
    Place& operator=(Place&& other) = delete;
    ~Place();
    Kind kind() const { return kind_; }

   private:
    friend class Admission;
    Place(Admission& admission, Kind kind, std::string client)
        : admission_(&admission), kind_(kind), client_(std::move(client)) {}
    Admission* admission_ = nullptr;
    Kind kind_ = Kind::kDropped;
    std::string client_;
  };

  /// `client` is the address without the port; empty for clients that have none, which share the places only.
  Place Take(const std::string& client);
  std::size_t guests() const { return guests_; }

 private:
  const std::size_t places_, per_client_;
  std::size_t guests_ = 0, refused_ = 0;
  std::map<std::string, std::size_t> by_client_;
};

}  // namespace vivace::server
