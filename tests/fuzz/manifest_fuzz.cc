// The body of an artifact's manifest under a checksum that is right for it, and the bytes as they are:
// reading ends in a manifest that is written and read back alike, or in a Status.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "artifact/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using vivace::artifact::ReadManifest;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  static_cast<void>(ReadManifest(body, "").ok());
  const std::string rest = "\"hmac_sha256\": \"\",\n" + std::string(body);
  const auto manifest = ReadManifest("{\"sha256\": \"" + vivace::artifact::Sha256(rest) + "\",\n" + rest, "");
  if (!manifest.ok()) {
    if (manifest.status().message().empty()) __builtin_trap();
    return 0;
  }
  const std::string text = vivace::artifact::WriteManifest(*manifest, "");
  const auto again = ReadManifest(text, "");
  if (!again.ok() || vivace::artifact::WriteManifest(*again, "") != text) __builtin_trap();
  return 0;
}
