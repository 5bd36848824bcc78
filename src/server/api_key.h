// The keys that clients must show. Only digests are kept and compared, in time that does not depend on where
// they differ. Immutable; any thread.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace vivace::server {

class ApiKeys {
 public:
  /// No keys: everybody may come in.
  explicit ApiKeys(const std::vector<std::string>& keys);

  bool empty() const { return digests_.empty(); }
  /// Whether the value of an Authorization header is "Bearer KEY" with one of the keys.
  bool Allow(std::string_view authorization) const;

 private:
  using Digest = std::array<unsigned char, 32>;
  static Digest DigestOf(std::string_view text);
  std::vector<Digest> digests_;
};

}  // namespace vivace::server
