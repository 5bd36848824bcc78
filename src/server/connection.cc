#include "server/connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <new>
#include <utility>

#include "server/sse.h"

namespace vivace::server {
namespace {

constexpr std::chrono::milliseconds kLingerInDrain{200};

}  // namespace

Connection::Connection(std::unique_ptr<Stream> stream, std::string client, Service& service,
                       const ConnectionLimits& limits, BodyBudget& budget, ClosedCallback on_closed)
    : stream_(std::move(stream)),
      client_(std::move(client)),
      service_(service),
      limits_(limits),
      on_closed_(std::move(on_closed)),
      parser_(limits.http),
      budget_(budget),
      lease_(budget) {}

Connection::~Connection() {
  if (call_ != nullptr) call_->Abandon();
}

void Connection::Start() {
  boost::system::error_code ignored;
  stream_->socket().set_option(boost::asio::ip::tcp::no_delay(true), ignored);  // a Unix socket has no delay
  request_start_ = last_write_ = Clock::now();
  stream_->Open([self = shared_from_this()](boost::system::error_code error) {
    self->OrClose([&] { self->OnOpened(error); });
  });
}

void Connection::OnOpened(boost::system::error_code error) {
  if (state_ == State::kClosed) return;
  if (error || draining_) return Close();
  state_ = State::kReading;
  request_start_ = body_start_ = last_write_ = Clock::now();
  Read();
}

void Connection::StartRefused(const ApiError& error) {
  RefuseAndClose(ErrorReply(error));
  Read();
}

void Connection::BeginDrain() {
  draining_ = true;
  const bool waits_for_request = state_ == State::kOpening || (state_ == State::kReading && parser_.idle());
  if (waits_for_request || (state_ == State::kClosing && writes_.empty())) Close();
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  if (call_ != nullptr) std::exchange(call_, nullptr)->Abandon();
  stream_->Close();
  on_closed_(*this);
}

// What there is no memory for ends this connection and no other.
template <class Work>
void Connection::OrClose(Work work) {
  try {
    work();
  } catch (const std::bad_alloc&) {
    Close();
  }
}

// ---- reading ----

void Connection::Read() {
  if (reading_ || state_ == State::kClosed) return;
  // While an answer is under way only so much is read ahead; the client waits.
  if (state_ == State::kAnswering && parser_.buffered() >= limits_.pipelined_bytes) return;
  reading_ = true;
  stream_->ReadSome(boost::asio::buffer(read_buffer_),
                    [self = shared_from_this()](boost::system::error_code error, std::size_t bytes) {
                      self->OrClose([&] { self->OnRead(error, bytes); });
                    });
}

void Connection::OnRead(boost::system::error_code error, std::size_t bytes) {
  reading_ = false;
  if (state_ == State::kClosed) return;
  if (error) return Close();  // the client left, or half of it: nobody waits for the answer
  if (state_ != State::kClosing) {
    if (state_ == State::kReading && parser_.idle()) request_start_ = body_start_ = Clock::now();
    parser_.Append({read_buffer_.data(), bytes});
    if (state_ == State::kReading) Advance();
    if (!FitsBudget() && state_ == State::kReading) {
      RefuseAndClose(ErrorReply(FromStatus(
          ResourceExhausted("requests and answers of all clients hold " + std::to_string(budget_.held()) +
                            " bytes, of at most " + std::to_string(budget_.bytes()) + "; try again"))));
    }
  }
  Read();
}

void Connection::Advance() {
  const bool had_header = parser_.header_done();
  switch (parser_.Advance()) {
    case HttpParser::Progress::kContinue:
      Write("HTTP/1.1 100 Continue\r\n\r\n");
      [[fallthrough]];
    case HttpParser::Progress::kNeedMore:
      if (!had_header && parser_.header_done()) body_start_ = Clock::now();
      return;
    case HttpParser::Progress::kError:
      return RefuseAndClose(parser_.error());
    case HttpParser::Progress::kComplete:
      return StartRequest();
  }
}

void Connection::RefuseAndClose(const HttpReply& reply) {
  // What follows is not understood. The connection closes once the refusal is written, and what the client
  // still sends until then is dropped, so that it can read why.
  state_ = State::kClosing;
  keep_alive_ = false;
  answer_complete_ = true;
  request_start_ = Clock::now();
  std::string refusal = SerializeReply(reply, false, false);
  parser_.Drop();
  Write(std::move(refusal));
}

void Connection::StartRequest() {
  request_bytes_ = parser_.held();
  HttpRequest request = parser_.Take();
  state_ = State::kAnswering;
  answer_complete_ = false;
  streaming_ = false;
  keep_alive_ = request.keep_alive && !draining_;
  chunked_ = request.chunked_allowed;
  head_only_ = request.method == "HEAD";
  route_ = service_.FindRoute(request);
  request_line_ = request.method + " " + request.target + (chunked_ ? " HTTP/1.1" : " HTTP/1.0");
  extra_headers_ = service_.ExtraHeaders(request);
  last_write_ = Clock::now();
  auto call = service_.Handle(route_, std::move(request), *this);
  if (!answer_complete_ && state_ == State::kAnswering) call_ = std::move(call);
}

Clock::time_point Connection::ReadDeadline() const {
  if (parser_.idle()) return request_start_ + limits_.idle_timeout;
  if (!parser_.header_done()) return request_start_ + limits_.header_timeout;
  const auto earned =
      std::chrono::milliseconds(parser_.body_received() * 1000 / limits_.body_bytes_per_second);
  return body_start_ + limits_.body_grace + earned;
}

// How long a client may take to close after the last answer.
Clock::time_point Connection::CloseDeadline() const {
  return request_start_ + (draining_ ? kLingerInDrain : limits_.header_timeout);
}

void Connection::OnTick(Clock::time_point now) {
  if (state_ == State::kClosed) return;
  // Where nothing is read, nothing says that the client left.
  if (state_ == State::kAnswering && !reading_ && stream_->PeerLeft()) return Close();
  if (!writes_.empty()) {
    if (now > last_write_ + limits_.write_timeout) Close();
    return;
  }
  if (state_ == State::kOpening && now > request_start_ + limits_.header_timeout) return Close();
  if (state_ == State::kReading && now > ReadDeadline()) {
    if (parser_.idle()) return Close();
    return RefuseAndClose(ErrorReply(
        {.status = 408, .message = "the request did not arrive in time", .code = "request_timeout"}));
  }
  if (state_ == State::kClosing && now > CloseDeadline()) return Close();
  const bool pings = limits_.ping_interval.count() > 0;
  if (pings && state_ == State::kAnswering && streaming_ && now > last_write_ + limits_.ping_interval) {
    StreamWrite(kSsePing);
  }
}

// ---- answering ----

void Connection::Reply(HttpReply reply) {
  service_.CountAnswer(route_, reply.status, client_, request_line_);
  reply.headers.insert(reply.headers.end(), extra_headers_.begin(), extra_headers_.end());
  answer_complete_ = true;
  keep_alive_ = keep_alive_ && !draining_;
  Write(SerializeReply(reply, keep_alive_, head_only_));
}

void Connection::BeginStream() {
  service_.CountAnswer(route_, 200, client_, request_line_);
  streaming_ = true;
  keep_alive_ = keep_alive_ && !draining_ && chunked_;
  Write(StreamHeader(keep_alive_, chunked_, extra_headers_));
}

void Connection::StreamWrite(std::string_view data) {
  Write(chunked_ ? EncodeChunk(data) : std::string(data));
}

void Connection::EndStream() {
  answer_complete_ = true;
  streaming_ = false;
  Write(chunked_ ? std::string(kLastChunk) : std::string());
}

// The answer is written: the next request, or the end.
void Connection::AnswerDone() {
  call_ = nullptr;
  answer_complete_ = false;
  request_bytes_ = 0;
  FitsBudget();
  if (!keep_alive_ || draining_) {
    // What the client still sends is dropped until it has closed: a reset could take the answer from it.
    if (state_ != State::kClosing) request_start_ = Clock::now();
    state_ = State::kClosing;
    stream_->EndWrites([self = shared_from_this()](boost::system::error_code error) {
      if (error) self->Close();
    });
    return Read();
  }
  state_ = State::kReading;
  request_start_ = body_start_ = Clock::now();
  if (!parser_.idle()) Advance();
  Read();
}

void Connection::Write(std::string data) {
  if (state_ == State::kClosed) return;
  write_bytes_ += data.size();
  if (writes_.size() > 1 && writes_.back().size() < read_buffer_.size()) {
    writes_.back() += data;  // small pieces that wait travel together
  } else {
    writes_.push_back(std::move(data));
  }
  if ((!FitsBudget() || write_bytes_ > limits_.unread_bytes) && streaming_) {
    // The client asks for tokens and takes none. Not from inside the call that writes.
    boost::asio::post(stream_->socket().get_executor(), [self = shared_from_this()] { self->Close(); });
    return;
  }
  if (writes_.size() == 1) {
    last_write_ = Clock::now();
    WriteNext();
  }
}

// Whether what is held for this client, if more than before, fits.
bool Connection::FitsBudget() {
  return lease_.Resize(parser_.held() + request_bytes_ + write_bytes_);
}

void Connection::WriteNext() {
  stream_->WriteSome(boost::asio::buffer(writes_.front()) + front_written_,
                     [self = shared_from_this()](boost::system::error_code error, std::size_t bytes) {
                       self->OrClose([&] { self->OnWritten(error, bytes); });
                     });
}

void Connection::OnWritten(boost::system::error_code error, std::size_t bytes) {
  if (state_ == State::kClosed) return;
  if (error) return Close();
  last_write_ = Clock::now();  // a client that takes little at a time is slow, not gone
  front_written_ += bytes;
  if (front_written_ < writes_.front().size()) return WriteNext();
  write_bytes_ -= writes_.front().size();
  writes_.pop_front();
  front_written_ = 0;
  if (!writes_.empty()) return WriteNext();
  if (answer_complete_) AnswerDone();
}

}  // namespace vivace::server
