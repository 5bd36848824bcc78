// One client's connection: reads requests one after another, hands each to the service, writes the answer.
// While an answer is under way it keeps reading, so that a client that leaves is seen at once. A client that
// ends its side only, and waits, counts as one that leaves.
//
// Threads: the event loop only. Ownership: kept alive by its socket operations under way; the server holds it
// until OnClosed. Deadlines are checked by the server's tick, not by a timer of each connection.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "server/body_budget.h"
#include "server/http_parser.h"
#include "server/service.h"
#include "server/stream.h"

namespace vivace::server {

using Clock = std::chrono::steady_clock;

struct ConnectionLimits {
  std::chrono::milliseconds header_timeout{
      10'000};  // from a request's first byte to the end of its headers; of TLS
  std::chrono::milliseconds body_grace{10'000};  // after that a body must come at the least rate
  std::size_t body_bytes_per_second = 1024;
  std::chrono::milliseconds idle_timeout{60'000};   // between two requests
  std::chrono::milliseconds write_timeout{30'000};  // a write that makes no progress
  std::chrono::milliseconds ping_interval{15'000};  // a comment in a silent stream; 0: none
  std::size_t unread_bytes = 16 << 20;              // written but not taken by the client
  std::size_t pipelined_bytes = 64 << 10;           // read ahead while an answer is under way
  HttpLimits http;
};

class Connection : public std::enable_shared_from_this<Connection>, private ReplySink {
 public:
  using ClosedCallback = std::function<void(Connection&)>;
  /// `client` is how the log calls the other side.
  Connection(std::unique_ptr<Stream> stream, std::string client, Service& service,
             const ConnectionLimits& limits, BodyBudget& budget, ClosedCallback on_closed);
  ~Connection() override;

  void Start();
  /// Instead of Start: says why no request is read, and closes.
  void StartRefused(const ApiError& error);
  /// Closes when a deadline has passed; keeps a silent stream alive.
  void OnTick(Clock::time_point now);
  /// No further request after the one under way; closes at once when there is none.
  void BeginDrain();
  /// Drops everything.
  void Close();

 private:
  enum class State { kOpening, kReading, kAnswering, kClosing, kClosed };

  void Reply(HttpReply reply) override;
  void BeginStream() override;
  void StreamWrite(std::string_view data) override;
  void EndStream() override;

  template <class Work>
  void OrClose(Work work);
  void OnOpened(boost::system::error_code error);
  void Read();
  void OnRead(boost::system::error_code error, std::size_t bytes);
  void Advance();
  void StartRequest();
  void AnswerDone();
  void Write(std::string data);
  void WriteNext();
  void OnWritten(boost::system::error_code error, std::size_t bytes);
  bool FitsBudget();
  void RefuseAndClose(const HttpReply& reply);
  Clock::time_point ReadDeadline() const;
  Clock::time_point CloseDeadline() const;

  const std::unique_ptr<Stream> stream_;
  const std::string client_;
  Service& service_;
  const ConnectionLimits& limits_;
  ClosedCallback on_closed_;
  HttpParser parser_;
  BodyBudget& budget_;
  BodyBudget::Lease lease_;
  std::array<char, 16 << 10> read_buffer_;
  std::deque<std::string> writes_;  // the first one is under way
  std::size_t front_written_ = 0;   // bytes of the first
  std::size_t write_bytes_ = 0;
  std::size_t request_bytes_ = 0;  // of the request under way
  State state_ = State::kOpening;
  std::shared_ptr<Call> call_;    // the answer under way, when it is not given at once
  Route route_;                   // of the request under way
  std::string request_line_;      // of it, as sent
  HeaderList extra_headers_;      // of its answer
  bool reading_ = false;          // a read is under way
  bool answer_complete_ = false;  // all of it is in writes_
  bool draining_ = false;
  bool keep_alive_ = true;
  bool chunked_ = true;
  bool head_only_ = false;
  bool streaming_ = false;
  Clock::time_point request_start_;  // or the start of waiting for one
  Clock::time_point body_start_;
  Clock::time_point last_write_;
};

}  // namespace vivace::server
