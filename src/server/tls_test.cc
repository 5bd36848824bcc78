// TLS over real sockets, with certificates made here and OpenSSL's client.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdio>

#include "server/serve_config.h"
#include "server/server_fixture.h"

namespace vivace::server {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(std::FILE* file) const { std::fclose(file); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

/// A key and the certificate that it signed itself, as PEM files that go with it.
class Identity {
 public:
  explicit Identity(const std::string& name, const char* passphrase = nullptr)
      : certificate(::testing::TempDir() + "/vivace_" + name + ".pem"),
        key(::testing::TempDir() + "/vivace_" + name + ".key") {
    const Owned<EVP_PKEY> pair(EVP_EC_gen("P-256"));
    const Owned<X509> made(X509_new());
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
    X509_set_pubkey(made.get(), pair.get());
    X509_NAME* subject = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(made.get(), subject);
    X509_sign(made.get(), pair.get(), EVP_sha256());
    const Owned<std::FILE> certificate_file(std::fopen(certificate.c_str(), "wb"));
    PEM_write_X509(certificate_file.get(), made.get());
    const Owned<std::FILE> key_file(std::fopen(key.c_str(), "wb"));
    PEM_write_PrivateKey(key_file.get(), pair.get(), passphrase != nullptr ? EVP_aes_128_cbc() : nullptr,
                         reinterpret_cast<const unsigned char*>(passphrase),
                         passphrase != nullptr ? static_cast<int>(std::string_view(passphrase).size()) : 0,
                         nullptr, nullptr);
  }
  ~Identity() {
    std::remove(certificate.c_str());
    std::remove(key.c_str());
  }
  const std::string certificate, key;
};

/// A client that trusts `server` only.
class TlsClient {
 public:
  TlsClient(int port, const Identity& server, const Identity* own = nullptr, int newest = TLS1_3_VERSION)
      : socket_(port), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_max_proto_version(context_.get(), newest);
    if (newest < TLS1_2_VERSION) SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_load_verify_locations(context_.get(), server.certificate.c_str(), nullptr);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    if (own != nullptr) {
      SSL_CTX_use_certificate_file(context_.get(), own->certificate.c_str(), SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(context_.get(), own->key.c_str(), SSL_FILETYPE_PEM);
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_.socket());
    connected_ = SSL_connect(ssl_.get()) == 1;
  }
  bool connected() const { return connected_; }
  int version() const { return SSL_version(ssl_.get()); }
  void Post(const std::string& path, const std::string& body) {
    Send("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body);
  }
  void Send(const std::string& bytes) { SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())); }
  /// Up to and with `end`, or what came before the server closed; empty as well where the handshake failed.
  std::string ReadUntil(std::string_view end) {
    std::string received;
    std::array<char, 4096> buffer;
    while (received.find(end) == std::string::npos) {
      const int bytes = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
      if (bytes <= 0) break;
      received.append(buffer.data(), static_cast<std::size_t>(bytes));
    }
    return received;
  }
  void Leave() { socket_.Leave(); }

 private:
  Client socket_;
  Owned<SSL_CTX> context_;
  Owned<SSL> ssl_;
  bool connected_ = false;
};

class TlsTest : public ServerFixture {
 protected:
  void SetUp() override {}
  void StartTls(TlsFiles files) {
    ServerConfig config;
    config.connection.header_timeout = milliseconds(300);
    config.tls = std::move(files);
    Start(config);
  }
  const Identity server_identity_{"server"};
  const TlsFiles files_{.certificate = server_identity_.certificate, .key = server_identity_.key};
};

TEST_F(TlsTest, AnswersWholeAndStreamedAndSeesClientsLeave) {
  StartTls(files_);
  TlsClient client(port_, server_identity_);
  ASSERT_TRUE(client.connected());
  EXPECT_EQ(client.version(), TLS1_3_VERSION);
  client.Post("/v1/completions", R"({"prompt":"abc","max_tokens":3})");
  EXPECT_TRUE(Has(client.ReadUntil("}}"), R"("text":"abc")"));
  client.Post("/v1/completions", R"({"prompt":"abc","max_tokens":3,"stream":true})");
  EXPECT_TRUE(Has(client.ReadUntil("[DONE]"), R"("finish_reason":"length")"));
  client.Post("/v1/completions", R"({"prompt":"endless"})");
  ASSERT_TRUE(Eventually([&] { return backend_.running() == 1; }));
  client.Leave();
  EXPECT_TRUE(Eventually([&] { return backend_.running() == 0; }));
}

TEST_F(TlsTest, SpeaksTls12AndNothingOlder) {
  StartTls(files_);
  TlsClient newer(port_, server_identity_, nullptr, TLS1_2_VERSION);
  EXPECT_TRUE(newer.connected());
  EXPECT_EQ(newer.version(), TLS1_2_VERSION);
  EXPECT_FALSE(TlsClient(port_, server_identity_, nullptr, TLS1_1_VERSION).connected());
}

TEST_F(TlsTest, WhoSpeaksInClearOrNotAtAllIsClosedAndOthersGoOn) {
  StartTls(files_);
  Client clear(port_), silent(port_);
  clear.Get("/health");
  EXPECT_FALSE(Has(clear.ReadUntil("no end"), "HTTP/1.1 200"));
  EXPECT_EQ(silent.ReadSome(1), 0u);  // after the time for headers
  TlsClient client(port_, server_identity_);
  client.Send("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(client.ReadUntil("no end").starts_with("HTTP/1.1 200 "));
}

TEST_F(TlsTest, ClientsShowTheirCertificateWhereOneIsNeeded) {
  const Identity friendly("friend"), stranger("stranger");
  TlsFiles files = files_;
  files.authorities = friendly.certificate;
  files.client_certificate = 2;
  StartTls(files);
  const auto answer = [&](const Identity* own) {
    TlsClient client(port_, server_identity_, own);
    client.Send("GET /version HTTP/1.1\r\nHost: x\r\n\r\n");  // TLS 1.3 tells of a refusal only now
    return client.ReadUntil("}");
  };
  EXPECT_TRUE(answer(&friendly).starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(answer(nullptr), "");
  EXPECT_EQ(answer(&stranger), "");
}

TEST_F(TlsTest, FilesThatCannotServeAreRefusedByName) {
  const Identity other("other"), locked("locked", "secret");
  const auto error = [](TlsFiles files) {
    const auto made = Tls::FromFiles(files);
    return made.ok() ? "" : made.status().message();
  };
  const std::string certificate = server_identity_.certificate, key = server_identity_.key;
  EXPECT_EQ(error(files_), "");
  EXPECT_TRUE(Has(error({.certificate = "/no/such.pem", .key = key}), "--ssl-certfile is '/no/such.pem': "));
  EXPECT_TRUE(Has(error({.certificate = key, .key = key}), "--ssl-certfile is '" + key + "': "));
  EXPECT_TRUE(Has(error({.certificate = certificate}),
                  "--ssl-certfile is '" + certificate + "': it holds no private"));
  EXPECT_TRUE(Has(error({.certificate = certificate, .key = certificate}), "it holds no private key"));
  EXPECT_TRUE(
      Has(error({.certificate = certificate, .key = other.key}), "the key is not that of the certificate"));
  EXPECT_TRUE(Has(error({.certificate = locked.certificate, .key = locked.key}), "the key has a passphrase"));
  EXPECT_TRUE(
      Has(error({.certificate = certificate, .key = key, .ciphers = "none at all"}), "--ssl-ciphers is "));
  EXPECT_TRUE(
      Has(error({.certificate = certificate, .key = key, .client_certificate = 2}), "give --ssl-ca-certs"));
  EXPECT_TRUE(Has(error({.certificate = certificate, .key = key, .authorities = key}), "--ssl-ca-certs is "));
}

TEST(TlsOptions, NothingOfTlsIsLeftOutSilently) {
  for (const auto& [option, value] : {std::pair{"ssl-keyfile", "a.pem"}, std::pair{"ssl-ca-certs", "a.pem"},
                                      std::pair{"ssl-cert-reqs", "2"}, std::pair{"ssl-ciphers", "HIGH"}}) {
    Options options;
    ASSERT_TRUE(options.Set(option, value).ok());
    EXPECT_EQ(ServerConfigFrom(options).status().message(),
              "--" + std::string(option) + " is '" + value +
                  "': give --ssl-certfile, too; without a certificate there is no TLS");
    ASSERT_TRUE(options.Set("ssl-certfile", "c.pem").ok());
    const auto config = ServerConfigFrom(options);
    ASSERT_TRUE(config.ok());
    const TlsFiles& tls = config->tls;
    EXPECT_EQ(tls.key + tls.authorities + tls.ciphers + std::to_string(tls.client_certificate),
              std::string(value) == "2" ? value : std::string(value) + "0");
  }
}

}  // namespace
}  // namespace vivace::server
