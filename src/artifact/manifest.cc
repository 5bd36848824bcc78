#include "artifact/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/json_text.h"
#include "base/status_macros.h"

namespace vivace::artifact {
namespace {

namespace json = boost::json;

constexpr std::int64_t kFormat = 1;
constexpr std::string_view kShaStart = "{\"sha256\": \"", kHmacStart = "\"hmac_sha256\": \"",
                           kLineEnd = "\",\n";
constexpr std::size_t kDigits = 64;
constexpr std::size_t kMaxFactors = 256, kMaxFiles = 64;

void AppendText(std::string_view name, std::string_view value, std::string& out) {
  base::AppendJsonString(name, out);
  out += ": ";
  base::AppendJsonString(value, out);
}

std::string Body(const Manifest& manifest) {
  std::string out = fmt::format("\"format\": {},\n\"key\": {{", kFormat);
  for (std::size_t i = 0; i < manifest.key.size(); ++i) {
    out += i == 0 ? "\n  " : ",\n  ";
    AppendText(manifest.key[i].name, manifest.key[i].value, out);
  }
  out += "},\n\"files\": [";
  for (std::size_t i = 0; i < manifest.files.size(); ++i) {
    const FileRecord& file = manifest.files[i];
    out += i == 0 ? "\n  {" : ",\n  {";
    AppendText("name", file.name, out);
    out += ", ";
    AppendText("file", file.file, out);
    out += fmt::format(", \"bytes\": {}, \"sha256\": \"{}\"}}", file.bytes, file.sha256);
  }
  out += "]";
  if (manifest.weights) {
    out +=
        fmt::format(",\n\"weights\": {{\"bytes\": {}, \"chunk_bytes\": {}, \"digest\": \"{}\", \"chunks\": [",
                    manifest.weights->bytes, kChunkBytes, Name(manifest.weights->digest));
    for (std::size_t i = 0; i < manifest.weights->chunks.size(); ++i)
      out += fmt::format("{}\n  \"{}\"", i == 0 ? "" : ",", manifest.weights->chunks[i]);
    out += "]}";
  }
  return out + "}\n";
}

Status Wrong(std::string_view what) {
  return DataLoss(fmt::format("{} {}", kManifestFile, what));
}

// The value of a line START + value + LINE_END at the front of `text`, which loses it.
std::optional<std::string_view> TakeLine(std::string_view start, std::string_view& text) {
  if (!text.starts_with(start)) return std::nullopt;
  const std::size_t end = text.find(kLineEnd, start.size());
  if (end == std::string_view::npos || end - start.size() > kDigits) return std::nullopt;
  const std::string_view value = text.substr(start.size(), end - start.size());
  text.remove_prefix(end + kLineEnd.size());
  return value;
}

std::optional<std::string> TextOf(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

std::optional<std::int64_t> SizeOf(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return std::nullopt;
  return value->get_int64();
}

Status ReadKey(const json::object& root, Manifest& manifest) {
  const json::value* key = root.if_contains("key");
  if (key == nullptr || !key->is_object() || key->get_object().size() > kMaxFactors)
    return Wrong("has no key");
  for (const auto& factor : key->get_object()) {
    if (!factor.value().is_string()) return Wrong("has a factor of its key that is no text");
    manifest.key.push_back({std::string(factor.key()), std::string(factor.value().get_string())});
  }
  return Status::Ok();
}

Status ReadFiles(const json::object& root, Manifest& manifest) {
  const json::value* files = root.if_contains("files");
  if (files == nullptr || !files->is_array() || files->get_array().size() > kMaxFiles)
    return Wrong("has no list of files");
  for (const json::value& item : files->get_array()) {
    if (!item.is_object()) return Wrong("has a file that is no object");
    const json::object& object = item.get_object();
    const auto name = TextOf(object, "name"), file = TextOf(object, "file"),
               sha256 = TextOf(object, "sha256");
    const auto bytes = SizeOf(object, "bytes");
    if (!name || !file || !sha256 || !bytes || !IsFileName(*name) || !IsFileName(*file) ||
        !IsHex(*sha256, kDigits) || manifest.Find(*name) != nullptr) {
      return Wrong("has a file without a good name, size and checksum");
    }
    manifest.files.push_back({*name, *file, *bytes, *sha256});
  }
  return Status::Ok();
}

Status ReadWeights(const json::object& root, Manifest& manifest) {
  const json::value* value = root.if_contains("weights");
  if (value == nullptr) return Status::Ok();
  if (!value->is_object()) return Wrong("has weights that are no object");
  const json::object& object = value->get_object();
  const auto bytes = SizeOf(object, "bytes"), chunk_bytes = SizeOf(object, "chunk_bytes");
  const auto digest = TextOf(object, "digest");
  const json::value* chunks = object.if_contains("chunks");
  if (!bytes || *bytes == 0 || chunk_bytes != kChunkBytes || !digest || chunks == nullptr ||
      !chunks->is_array())
    return Wrong("has weights without size and checksums");
  WeightsRecord weights{
      *bytes, *digest == Name(ChunkDigest::kXxh3) ? ChunkDigest::kXxh3 : ChunkDigest::kSha256, {}};
  if (*digest != Name(weights.digest)) return Wrong("has weights with checksums of an unknown kind");
  const std::size_t digits = weights.digest == ChunkDigest::kXxh3 ? kDigits / 2 : kDigits;
  if (static_cast<std::int64_t>(chunks->get_array().size()) != (*bytes - 1) / kChunkBytes + 1)
    return Wrong("has another number of checksums than the weights have chunks");
  for (const json::value& chunk : chunks->get_array()) {
    if (!chunk.is_string() || !IsHex(std::string_view(chunk.get_string()), digits))
      return Wrong("has weights with a checksum that is none");
    weights.chunks.emplace_back(chunk.get_string());
  }
  manifest.weights = std::move(weights);
  return Status::Ok();
}

}  // namespace

FileRecord* Manifest::Find(std::string_view name) {
  const auto found =
      std::find_if(files.begin(), files.end(), [&](const FileRecord& f) { return f.name == name; });
  return found == files.end() ? nullptr : &*found;
}

bool IsFileName(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  };
  return !name.empty() && name.size() <= 96 && name.front() != '.' && name != kManifestFile &&
         name != kWeightsFile && std::all_of(name.begin(), name.end(), good);
}

std::string WriteManifest(const Manifest& manifest, std::string_view secret) {
  const std::string body = Body(manifest);
  const std::string signature = secret.empty() ? "" : HmacSha256(secret, body);
  const std::string rest = fmt::format("{}{}{}{}", kHmacStart, signature, kLineEnd, body);
  return fmt::format("{}{}{}{}", kShaStart, Sha256(rest), kLineEnd, rest);
}

Result<Manifest> ReadManifest(std::string_view text, std::string_view secret) {
  std::string_view rest = text;
  const auto sha256 = TakeLine(kShaStart, rest);
  if (!sha256 || *sha256 != Sha256(rest)) return Wrong("has another checksum than it says");
  const auto signature = TakeLine(kHmacStart, rest);
  if (!signature) return Wrong("has no line for a signature");
  if (!secret.empty() && !SameSecretText(*signature, HmacSha256(secret, rest)))
    return Wrong("is not signed with the secret of --artifact-key-file");
  json::parse_options options;
  options.max_depth = 4;
  boost::system::error_code error;
  const json::value root = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error || !root.is_object()) return Wrong("is no JSON object");
  if (SizeOf(root.get_object(), "format") != kFormat) return Wrong("is of another format");
  Manifest manifest;
  VIVACE_RETURN_IF_ERROR(ReadKey(root.get_object(), manifest));
  VIVACE_RETURN_IF_ERROR(ReadFiles(root.get_object(), manifest));
  VIVACE_RETURN_IF_ERROR(ReadWeights(root.get_object(), manifest));
  return manifest;
}

}  // namespace vivace::artifact
