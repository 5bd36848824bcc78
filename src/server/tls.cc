#include "server/tls.h"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <utility>

#include "base/status_macros.h"

namespace vivace::server {
namespace ssl = boost::asio::ssl;

struct Tls::Impl {
  ssl::context context{ssl::context::tls_server};
};

namespace {

class TlsStream : public Stream {
 public:
  TlsStream(Socket socket, ssl::context& context) : stream_(std::move(socket), context) {}

  void Open(Done done) override { stream_.async_handshake(ssl::stream_base::server, std::move(done)); }
  void ReadSome(boost::asio::mutable_buffer buffer, Moved moved) override {
    stream_.async_read_some(buffer, std::move(moved));
  }
  void WriteSome(boost::asio::const_buffer bytes, Moved moved) override {
    stream_.async_write_some(bytes, std::move(moved));
  }
  void EndWrites(Done done) override { stream_.async_shutdown(std::move(done)); }
  Socket& socket() override { return stream_.next_layer(); }

 private:
  ssl::stream<Socket> stream_;
};

Status Wrong(const std::string& option, const std::string& path, const std::string& why) {
  return InvalidArgument("--" + option + " is '" + path + "': " + why);
}

Status Read(const std::string& option, const std::string& path, const boost::system::error_code& error) {
  if (!error) return Status::Ok();
  return Wrong(option, path, "it cannot be read as PEM (" + error.message() + ")");
}

Status ReadKey(const TlsFiles& files, ssl::context& context) {
  bool asked = false;
  boost::system::error_code error;
  context.set_password_callback(
      [&asked](std::size_t, ssl::context::password_purpose) {
        asked = true;
        return std::string();
      },
      error);
  const bool apart = !files.key.empty();
  const std::string option = apart ? "ssl-keyfile" : "ssl-certfile";
  const std::string& path = apart ? files.key : files.certificate;
  context.use_private_key_file(path, ssl::context::pem, error);
  const std::string reason = error.message();
  boost::system::error_code ignored;
  context.set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); },
                                ignored);
  if (!error) return Status::Ok();
  if (asked) return Wrong(option, path, "the key has a passphrase: give a file without one");
  if (reason.find("mismatch") != std::string::npos)
    return Wrong(option, path, "the key is not that of the certificate in '" + files.certificate + "'");
  return Wrong(option, path, "it holds no private key as PEM (" + reason + ")");
}

Status ReadClientRules(const TlsFiles& files, ssl::context& context) {
  boost::system::error_code error;
  if (!files.authorities.empty()) {
    context.load_verify_file(files.authorities, error);
    VIVACE_RETURN_IF_ERROR(Read("ssl-ca-certs", files.authorities, error));
  } else if (files.client_certificate > 0) {
    return InvalidArgument("--ssl-cert-reqs is " + std::to_string(files.client_certificate) +
                           ": give --ssl-ca-certs, the authorities that clients' certificates come from");
  }
  constexpr int kModes[] = {ssl::verify_none, ssl::verify_peer,
                            ssl::verify_peer | ssl::verify_fail_if_no_peer_cert};
  context.set_verify_mode(kModes[files.client_certificate], error);
  return Status::Ok();
}

Status Configure(const TlsFiles& files, ssl::context& context) {
  SSL_CTX* const raw = context.native_handle();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
  constexpr unsigned char kSessions[] =
      "vivace";  // clients with a certificate resume sessions only under a name
  SSL_CTX_set_session_id_context(raw, kSessions, sizeof kSessions - 1);
  boost::system::error_code error;
  context.use_certificate_chain_file(files.certificate, error);
  VIVACE_RETURN_IF_ERROR(Read("ssl-certfile", files.certificate, error));
  VIVACE_RETURN_IF_ERROR(ReadKey(files, context));
  if (!files.ciphers.empty() && SSL_CTX_set_cipher_list(raw, files.ciphers.c_str()) != 1) {
    return InvalidArgument("--ssl-ciphers is '" + files.ciphers +
                           "': OpenSSL knows no such list; `openssl ciphers` shows what it knows");
  }
  return ReadClientRules(files, context);
}

}  // namespace

Tls::Tls(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Tls::~Tls() = default;

Result<std::unique_ptr<Tls>> Tls::FromFiles(const TlsFiles& files) {
  auto impl = std::make_unique<Impl>();
  VIVACE_RETURN_IF_ERROR(Configure(files, impl->context));
  return std::unique_ptr<Tls>(new Tls(std::move(impl)));
}

std::unique_ptr<Stream> Tls::Wrap(Stream::Socket socket) const {
  return std::make_unique<TlsStream>(std::move(socket), impl_->context);
}

}  // namespace vivace::server
