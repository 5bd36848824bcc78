// A file descriptor that is closed when it goes, whatever happens on the way.
#pragma once

#include <unistd.h>

namespace vivace::base {

class Descriptor {
 public:
  /// Negative: there is none, as open() says it.
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }

 private:
  const int value_;
};

}  // namespace vivace::base
