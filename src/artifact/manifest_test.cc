// Manifests of hostile origin: whatever they say is refused or means something sane.
#include "artifact/manifest.h"

#include <gmock/gmock.h>

#include <random>

namespace vivace::artifact {
namespace {

Manifest MakeManifest() {
  Manifest manifest;
  manifest.key = {{"model.headers", "a \"quoted\"\nvalue"}, {"activation", "auto"}};
  manifest.files = {{"plan.txt", "plan.txt", 3, Sha256("abc")}};
  manifest.weights = WeightsRecord{kChunkBytes + 1, ChunkDigest::kXxh3, {Xxh3({}), Xxh3({})}};
  return manifest;
}

// The same body under a checksum that is right for it.
std::string Sealed(const std::string& body) {
  const std::string rest = "\"hmac_sha256\": \"\",\n" + body;
  return "{\"sha256\": \"" + Sha256(rest) + "\",\n" + rest;
}
std::string BodyOf(const std::string& text) {
  return text.substr(text.find("\"format\""));
}

TEST(Digest, ValuesAreThoseOfTheSpecifications) {
  EXPECT_EQ(Sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HmacSha256("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");  // RFC 4231, case 2
  EXPECT_EQ(Xxh3({}), "99aa06d3014798d86001c324468d497f");
  EXPECT_TRUE(SameSecretText("ab", "ab"));
  EXPECT_FALSE(SameSecretText("ab", "ac"));
  EXPECT_FALSE(SameSecretText("ab", "abc"));
}

TEST(Manifest, IsReadBackAsItWasWritten) {
  const std::string text = WriteManifest(MakeManifest(), "");
  auto manifest = ReadManifest(text, "");
  ASSERT_TRUE(manifest.ok()) << manifest.status().message();
  EXPECT_EQ(WriteManifest(*manifest, ""), text);
  EXPECT_EQ(manifest->key[0].value, "a \"quoted\"\nvalue");
  EXPECT_EQ(manifest->Find("plan.txt")->bytes, 3);
  EXPECT_EQ(manifest->Find("x"), nullptr);
  EXPECT_EQ(Sealed(BodyOf(text)), text);
}

TEST(Manifest, WrongFieldsAreRefusedThoughTheChecksumIsRight) {
  const std::string body = BodyOf(WriteManifest(MakeManifest(), ""));
  const std::pair<const char*, const char*> edits[] = {
      {"\"format\": 1", "\"format\": 2"},
      {"\"format\": 1", "\"format\": 1.5"},
      {"\"key\": {", "\"keys\": {"},
      {"\"auto\"", "7"},
      {"\"files\": [", "\"file\": ["},
      {"\"name\": \"plan.txt\"", "\"name\": \"../plan.txt\""},
      {"\"file\": \"plan.txt\"", "\"file\": \"manifest.json\""},
      {"\"bytes\": 3", "\"bytes\": -3"},
      {"\"bytes\": 3", "\"bytes\": 99999999999999999999"},
      {"\"chunk_bytes\": 2097152", "\"chunk_bytes\": 0"},
      {"\"bytes\": 2097153", "\"bytes\": 4194305"},
      {"\"bytes\": 2097153", "\"bytes\": 0"},
      {"xxh3-128", "crc32"},
      {"xxh3-128", "sha-256"},
      {"]}}", "]}"},
  };
  for (const auto& [from, to] : edits) {
    std::string bad = body;
    const std::size_t at = bad.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    bad.replace(at, std::string_view(from).size(), to);
    EXPECT_EQ(ReadManifest(Sealed(bad), "").status().code(), StatusCode::kDataLoss) << to;
  }
  EXPECT_FALSE(ReadManifest(Sealed("\"format\": 1, \"key\": " + std::string(100000, '[')), "").ok());
  EXPECT_FALSE(ReadManifest("", "").ok());
  EXPECT_FALSE(ReadManifest(body, "").ok());
}

TEST(Manifest, RandomEditsNeverBreakTheReader) {
  const std::string body = BodyOf(WriteManifest(MakeManifest(), ""));
  std::mt19937 generator(3);
  const auto random = [&] { return static_cast<unsigned>(generator()); };
  for (int round = 0; round < 3000; ++round) {
    std::string bad = body;
    for (unsigned edits = 1 + random() % 4; edits > 0; --edits) {
      const std::size_t at = random() % bad.size();
      const unsigned kind = random() % 3;
      if (kind == 0) bad[at] = static_cast<char>(random());
      if (kind == 1) bad.erase(at, random() % 9);
      if (kind == 2) bad.insert(at, bad.substr(random() % bad.size(), random() % 9));
    }
    const auto manifest = ReadManifest(Sealed(bad), "");
    if (!manifest.ok()) continue;
    EXPECT_TRUE(ReadManifest(WriteManifest(*manifest, ""), "").ok()) << bad;
  }
}

}  // namespace
}  // namespace vivace::artifact
