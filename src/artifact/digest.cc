#include "artifact/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <xxhash.h>
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>
#endif

#include <algorithm>

#include "base/out_of_memory.h"

namespace vivace::artifact {
namespace {

std::string Hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace

std::string Sha256(std::span<const std::byte> bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  base::CheckMemory(EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) == 1);
  return Hex({digest, size});
}

std::string Sha256(std::string_view text) {
  return Sha256(std::as_bytes(std::span(text)));
}

std::string HmacSha256(std::string_view secret, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  base::CheckMemory(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest,
                         &size) != nullptr);
  return Hex({digest, size});
}

std::string Xxh3(std::span<const std::byte> bytes) {
#if defined(__x86_64__)
  const XXH128_hash_t hash =
      XXH3_128bits_dispatch(bytes.data(), bytes.size());  // the widest vectors there are
#else
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
#endif
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  return Hex(canonical.digest);
}

std::string_view Name(ChunkDigest digest) {
  return digest == ChunkDigest::kXxh3 ? "xxh3-128" : "sha-256";
}

std::string DigestOf(ChunkDigest digest, std::span<const std::byte> chunk) {
  return digest == ChunkDigest::kXxh3 ? Xxh3(chunk) : Sha256(chunk);
}

bool SameSecretText(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool IsHex(std::string_view text, std::size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace vivace::artifact
