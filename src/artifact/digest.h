// Checksums of artifacts: SHA-256 and its HMAC for what is small, XXH3-128 for gigabytes. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace vivace::artifact {

/// 64 hexadecimal digits.
std::string Sha256(std::span<const std::byte> bytes);
std::string Sha256(std::string_view text);
/// HMAC-SHA-256 (RFC 2104), 64 hexadecimal digits.
std::string HmacSha256(std::string_view secret, std::string_view text);
/// XXH3 with 128 bits in its canonical form (the xxHash specification), 32 hexadecimal digits.
std::string Xxh3(std::span<const std::byte> bytes);

/// What the chunks of weights.pack are checked by. SHA-256 where entries are signed: XXH3 finds accidents and
/// is no match for somebody who means it.
enum class ChunkDigest { kXxh3, kSha256 };
std::string_view Name(ChunkDigest digest);
std::string DigestOf(ChunkDigest digest, std::span<const std::byte> chunk);

/// Equality in a time that does not depend on where the texts differ.
bool SameSecretText(std::string_view a, std::string_view b);
/// True for `digits` small hexadecimal digits.
bool IsHex(std::string_view text, std::size_t digits);

}  // namespace vivace::artifact
