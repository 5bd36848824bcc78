#include "server/stream.h"

#include <poll.h>

#include <boost/asio/ip/tcp.hpp>
#include <utility>

namespace vivace::server {
namespace {

class PlainStream : public Stream {
 public:
  explicit PlainStream(Socket socket) : socket_(std::move(socket)) {}

  void Open(Done done) override { done({}); }
  void ReadSome(boost::asio::mutable_buffer buffer, Moved moved) override {
    socket_.async_read_some(buffer, std::move(moved));
  }
  void WriteSome(boost::asio::const_buffer bytes, Moved moved) override {
    socket_.async_write_some(bytes, std::move(moved));
  }
  void EndWrites(Done done) override {
    boost::system::error_code error;
    socket_.shutdown(boost::asio::socket_base::shutdown_send, error);
    done(error);
  }
  Socket& socket() override { return socket_; }

 private:
  Socket socket_;
};

}  // namespace

void Stream::Close() {
  boost::system::error_code ignored;
  socket().shutdown(boost::asio::socket_base::shutdown_both, ignored);
  socket().close(ignored);
}

bool Stream::PeerLeft() {
  pollfd asked{.fd = socket().native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&asked, 1, 0) > 0;
}

std::unique_ptr<Stream> MakePlainStream(Stream::Socket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace vivace::server
