// manifest.json of an entry: the key in clear text, the files with their checksums. Its first line holds the
// SHA-256 of all that follows, its second the HMAC of all after that, so that no byte of it is unchecked.
// Plain data and pure functions; texts may come from anywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/artifact.h"
#include "artifact/digest.h"

namespace vivace::artifact {

inline constexpr std::string_view kManifestFile = "manifest.json";
inline constexpr std::string_view kWeightsFile = "weights.pack";
inline constexpr std::int64_t kChunkBytes = std::int64_t{2} << 20;
inline constexpr std::int64_t kMaxManifestBytes = std::int64_t{64} << 20;

struct FileRecord {
  std::string name;  // what callers ask for
  std::string file;  // where it is: a file that was replaced has another name than before
  std::int64_t bytes = 0;
  std::string sha256;
};

struct WeightsRecord {
  std::int64_t bytes = 0;
  ChunkDigest digest = ChunkDigest::kXxh3;
  std::vector<std::string> chunks;  // of kChunkBytes each, the last one shorter
};

struct Manifest {
  Key key;
  std::vector<FileRecord> files;
  std::optional<WeightsRecord> weights;

  FileRecord* Find(std::string_view name);
};

/// `secret`: of the key file; empty: not signed.
std::string WriteManifest(const Manifest& manifest, std::string_view secret);
/// kDataLoss says what is wrong. With a `secret`, a manifest that was not signed with it is wrong.
Result<Manifest> ReadManifest(std::string_view text, std::string_view secret);

/// A name that a small file may have; see Writer::Add.
bool IsFileName(std::string_view name);

}  // namespace vivace::artifact
