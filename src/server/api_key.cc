#include "server/api_key.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

namespace vivace::server {

ApiKeys::ApiKeys(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    if (!key.empty()) digests_.push_back(DigestOf(key));
  }
}

ApiKeys::Digest ApiKeys::DigestOf(std::string_view text) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

bool ApiKeys::Allow(std::string_view authorization) const {
  if (digests_.empty()) return true;
  constexpr std::string_view kScheme = "bearer ";  // the scheme's name has no case (RFC 9110 section 11.1)
  const bool has_scheme =
      authorization.size() > kScheme.size() &&
      std::equal(kScheme.begin(), kScheme.end(), authorization.begin(), [](char want, char is) {
        return want == is || (is >= 'A' && is <= 'Z' && want == (is | 0x20));
      });
  if (!has_scheme) return false;
  const Digest given = DigestOf(authorization.substr(kScheme.size()));
  bool found = false;
  for (const Digest& digest : digests_) {
    found = (CRYPTO_memcmp(digest.data(), given.data(), digest.size()) == 0) || found;
  }
  return found;
}

}  // namespace vivace::server
