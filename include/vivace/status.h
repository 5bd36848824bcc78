// Status and Result<T>: the one error type of Vivace. A Status carries a code and one line for the person:
// the thing, its value, the remedy. Values; safe to move between threads.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace vivace {

/// What kind of failure; the server maps it to an HTTP status, the programs to an exit status.
enum class StatusCode {
  kOk,
  kInvalidArgument,    // the caller's mistake: flag, request field (HTTP 400, exit 2)
  kNotFound,           // a file or a model that is not there (HTTP 404, exit 2)
  kDataLoss,           // a file that is broken or cut off (exit 2)
  kUnsupported,        // well-formed, but of a kind that this build does not know (exit 2)
  kResourceExhausted,  // memory, queue or connections are full (HTTP 429 or 503)
  kUnavailable,        // loading, draining, port in use
  kCancelled,          // the client left
  kInternal,           // our bug
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status Ok() { return Status(); }
  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

inline Status InvalidArgument(std::string message) {
  return {StatusCode::kInvalidArgument, std::move(message)};
}
inline Status NotFound(std::string message) {
  return {StatusCode::kNotFound, std::move(message)};
}
inline Status DataLoss(std::string message) {
  return {StatusCode::kDataLoss, std::move(message)};
}
inline Status Unsupported(std::string message) {
  return {StatusCode::kUnsupported, std::move(message)};
}
inline Status ResourceExhausted(std::string message) {
  return {StatusCode::kResourceExhausted, std::move(message)};
}
inline Status Unavailable(std::string message) {
  return {StatusCode::kUnavailable, std::move(message)};
}
inline Status Internal(std::string message) {
  return {StatusCode::kInternal, std::move(message)};
}

/// Either a T or a Status that is not ok.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT: implicit on purpose
  Result(Status status) : status_(std::move(status)) {}  // NOLINT: implicit on purpose

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return std::move(*value_); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace vivace
