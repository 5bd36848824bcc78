// The bytes of one client's connection, in clear or through TLS.
//
// Threads: the event loop only; at most one read and one write under way. What is under way ends with an
// error when the stream closes, and its handler must not outlive the stream's owner.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <functional>
#include <memory>

namespace vivace::server {

class Stream {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;  // of TCP or of a Unix socket
  using Done = std::function<void(boost::system::error_code)>;
  using Moved = std::function<void(boost::system::error_code, std::size_t bytes)>;

  virtual ~Stream() = default;
  /// Before the first read and write; `done` may be called at once.
  virtual void Open(Done done) = 0;
  virtual void ReadSome(boost::asio::mutable_buffer buffer, Moved moved) = 0;
  virtual void WriteSome(boost::asio::const_buffer bytes, Moved moved) = 0;
  /// Nothing is written after this; the other side is told so. `done` is called when reading is all that is
  /// left to do, at once or when the other side has answered.
  virtual void EndWrites(Done done) = 0;
  virtual Socket& socket() = 0;

  /// Drops what is under way.
  void Close();
  /// Whether the other side has gone, or will send nothing more; without reading what it sent before.
  bool PeerLeft();
};

std::unique_ptr<Stream> MakePlainStream(Stream::Socket socket);

}  // namespace vivace::server
