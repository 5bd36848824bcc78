// TLS for the server's connections: the files of --ssl-*, read and checked once at the start.
// Threads: FromFiles from any; Wrap on the event loop. Streams share the context and keep it alive.
#pragma once

#include <memory>
#include <string>

#include "server/stream.h"
#include "vivace/status.h"

namespace vivace::server {

struct TlsFiles {
  std::string certificate = {};  // PEM: the certificate, then those that signed it; empty: no TLS
  std::string key = {};          // PEM; empty: in `certificate`
  std::string authorities = {};  // PEM: may have signed certificates of clients
  int client_certificate = 0;    // 0 not asked for, 1 checked when there is one, 2 needed
  std::string ciphers = {};      // of TLS 1.2, as OpenSSL's lists (ciphers(1)); empty: its default
};

class Tls {
 public:
  /// TLS 1.2 and 1.3. Errors name the option, the file and what is wrong with it. A key with a passphrase is
  /// refused: a server that starts by itself has nobody to ask.
  static Result<std::unique_ptr<Tls>> FromFiles(const TlsFiles& files);
  ~Tls();

  std::unique_ptr<Stream> Wrap(Stream::Socket socket) const;

 private:
  struct Impl;
  explicit Tls(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vivace::server
