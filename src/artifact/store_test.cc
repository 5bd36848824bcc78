// What is stored comes back, and nothing else ever does.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <csignal>

#include "artifact/store_fixture.h"

namespace vivace::artifact {
namespace {

using testing::HasSubstr;

TEST_F(StoreTest, WhatIsWrittenComesBackMappedAndAligned) {
  const Store store = Open();
  const auto weights = Weights((std::size_t{5} << 20) + 77);
  auto writer = store.Begin(MakeKey());
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->Add("tokenizer.img", std::string("\0abc", 4)).ok());
  ASSERT_TRUE(writer->Add("empty.txt", "").ok());
  ASSERT_TRUE(writer->AddWeights(weights).ok());
  EXPECT_EQ(WhyNot(store, MakeKey()), "there is none of this model yet");
  ASSERT_TRUE(writer->Commit().ok());
  base::WorkerTeam team(2);
  std::string why_not;
  auto entry = store.Find(MakeKey(), why_not, &team);
  ASSERT_TRUE(entry.ok() && entry->has_value()) << why_not;
  EXPECT_TRUE(
      std::equal(weights.begin(), weights.end(), (*entry)->weights().begin(), (*entry)->weights().end()));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>((*entry)->weights().data()) % (2 << 20), 0u);
  EXPECT_EQ((*entry)->Text("tokenizer.img"), std::string_view("\0abc", 4));
  EXPECT_EQ((*entry)->Text("empty.txt"), "");
  EXPECT_FALSE((*entry)->Text("plan.txt").has_value());
  struct stat info {};
  ASSERT_EQ(::stat(Root().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(StoreTest, TheKeyNameDependsOnEveryNameAndValueAndTheirBorders) {
  const std::string name = KeyName(MakeKey());
  EXPECT_EQ(name.size(), 32u);
  EXPECT_EQ(name, KeyName(MakeKey()));
  for (std::size_t i = 0; i < MakeKey().size(); ++i) {
    Key other_value = MakeKey(), other_name = MakeKey();
    other_value[i].value += "x";
    other_name[i].name += "x";
    EXPECT_NE(KeyName(other_value), name);
    EXPECT_NE(KeyName(other_name), name);
  }
  EXPECT_NE(KeyName(Key{{"a", "b\n1:c=1:d"}}), KeyName(Key{{"a", "b"}, {"c", "d"}}));
}

TEST_F(StoreTest, AMissNamesTheFactorInWhichTheNearestEntryDiffers) {
  const Store store = Open();
  Write(store, MakeKey("m", "auto"));
  EXPECT_EQ(WhyNot(store, MakeKey("m", "int16")),
            "activation is 'int16' and not 'auto' as in the nearest one, " +
                KeyName(MakeKey("m", "auto")).substr(0, 8));
  Key two = MakeKey("m", "int16");
  two[2].value = "f32";
  EXPECT_THAT(WhyNot(store, two),
              HasSubstr("activation is 'int16' and not 'auto', kv_cache is 'f32' and not 'f16'"));
  Write(store, two);
  two[2].value = "f8";
  EXPECT_THAT(WhyNot(store, two), HasSubstr("kv_cache is 'f8' and not 'f32' as in"));
  EXPECT_EQ(WhyNot(store, MakeKey("other")), "there is none of this model yet");
}

// Each byte of each file, and each length.
TEST_F(StoreTest, EveryFlippedByteAndEveryCutIsDetected) {
  const Store store = Open();
  const Key key = MakeKey();
  Write(store, key, 700);
  for (const std::string file : {"manifest.json", "weights.pack", "plan.txt"}) {
    const std::string path = PathOf(key, file), good = Read(path);
    ASSERT_GT(good.size(), 0u);
    for (std::size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
      WriteText(path, bad);
      ASSERT_NE(WhyNot(store, key), "") << file << " byte " << i;
      WriteText(path, good.substr(0, i));
      ASSERT_NE(WhyNot(store, key), "") << file << " cut to " << i;
    }
    WriteText(path, good + "x");
    EXPECT_NE(WhyNot(store, key), "") << file;
    WriteText(path, good);
    EXPECT_EQ(WhyNot(store, key), "") << file;
  }
}

TEST_F(StoreTest, ADamagedEntryIsNamedAndWrittenAnew) {
  const Store store = Open();
  Write(store, MakeKey(), std::size_t{5} << 20);
  std::string bad = Read(PathOf(MakeKey(), "weights.pack"));
  bad[std::size_t{3} << 20] ^= 1;
  WriteText(PathOf(MakeKey(), "weights.pack"), bad);
  EXPECT_EQ(WhyNot(store, MakeKey()), "'weights.pack' has another checksum than it should in chunk 1 of 3");
  EXPECT_FALSE(store.VerifyEntry(KeyName(MakeKey())).ok());
  StoreConfig trusting = Config();
  trusting.verify = Verify::kManifest;
  EXPECT_EQ(WhyNot(Open(trusting), MakeKey()), "");
  Write(store, MakeKey(), std::size_t{5} << 20);
  EXPECT_EQ(WhyNot(store, MakeKey()), "");
  EXPECT_TRUE(store.VerifyEntry(KeyName(MakeKey())).ok());
}

TEST_F(StoreTest, AMissingFileIsAMissAndNotAnError) {
  const Store store = Open();
  for (const std::string file : {"manifest.json", "weights.pack", "plan.txt"}) {
    Write(store, MakeKey());
    std::filesystem::remove(PathOf(MakeKey(), file));
    EXPECT_NE(WhyNot(store, MakeKey()), "") << file;
  }
}

TEST_F(StoreTest, ASmallFileIsReplacedWhileOthersReadTheEntry) {
  const Store store = Open();
  const auto text = [](std::string_view value) { return std::as_bytes(std::span(value)); };
  EXPECT_EQ(store.Replace(MakeKey(), "tuning.txt", text("a")).code(), StatusCode::kNotFound);
  Write(store, MakeKey());
  std::string why_not;
  const auto before = store.Find(MakeKey(), why_not);
  ASSERT_TRUE(before.ok() && before->has_value());
  for (const std::string_view value : {"one", "two", "two", "three"}) {
    const Status status = store.Replace(MakeKey(), "tuning.txt", text(value));
    ASSERT_TRUE(status.ok()) << status.message();
    const auto now = store.Find(MakeKey(), why_not);
    ASSERT_TRUE(now.ok() && now->has_value()) << why_not;
    EXPECT_EQ((*now)->Text("tuning.txt"), value);
  }
  ASSERT_TRUE(store.Replace(MakeKey(), "plan.txt", text("other")).ok());
  EXPECT_EQ((*before)->Text("plan.txt"), "phases 1");
  EXPECT_EQ((*before)->weights().size(), 5000u);
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& file :
       std::filesystem::directory_iterator(Root() + "/" + KeyName(MakeKey())))
    ++files;
  EXPECT_EQ(files, 4u) << "manifest, weights, plan, tuning: no old ones";
}

TEST_F(StoreTest, AWriterThatGoesLeavesNothing) {
  const Store store = Open();
  {
    auto writer = store.Begin(MakeKey());
    ASSERT_TRUE(writer.ok() && writer->AddWeights(Weights(100)).ok());
    for (const char* name : {"", ".x", "a/b", "manifest.json", "weights.pack", "a b"})
      EXPECT_FALSE(writer->Add(name, "x").ok()) << name;
    std::atomic<bool> stop = true;
    auto stopped = store.Begin(MakeKey("n"));
    EXPECT_EQ(stopped->AddWeights(Weights(100), &stop).code(), StatusCode::kCancelled);
  }
  EXPECT_TRUE(std::filesystem::is_empty(Root()));
  EXPECT_EQ(WhyNot(store, MakeKey()), "there is none of this model yet");
}

TEST_F(StoreTest, OneBuildsAndTheOthersWaitForATime) {
  const Store store = Open();
  auto mine = store.LockBuild(MakeKey(), std::chrono::milliseconds(0));
  EXPECT_TRUE(mine.held());
  EXPECT_FALSE(store.LockBuild(MakeKey(), std::chrono::milliseconds(30)).held());
  EXPECT_TRUE(store.LockBuild(MakeKey("other"), std::chrono::milliseconds(0)).held());
  mine = BuildLock();
  EXPECT_TRUE(store.LockBuild(MakeKey(), std::chrono::milliseconds(0)).held());
}

TEST_F(StoreTest, SignedEntriesAreTrustedBySecretOnly) {
  std::filesystem::create_directories(folder_);
  const auto secret_file = [&](const std::string& name, const std::string& text) {
    WriteText(folder_ + "/" + name, text);
    ::chmod((folder_ + "/" + name).c_str(), 0600);
    return folder_ + "/" + name;
  };
  StoreConfig with_secret = Config(), with_other = Config();
  with_secret.hmac_key_file = secret_file("secret", "a secret");
  with_other.hmac_key_file = secret_file("other", "another");
  Write(Open(), MakeKey("unsigned"));
  Write(Open(with_secret), MakeKey("signed"));
  EXPECT_EQ(WhyNot(Open(with_secret), MakeKey("signed")), "");
  EXPECT_EQ(WhyNot(Open(), MakeKey("signed")), "");
  for (const auto& [config, model] : {std::pair{with_other, "signed"}, {with_secret, "unsigned"}}) {
    EXPECT_EQ(WhyNot(Open(config), MakeKey(model)),
              "manifest.json is not signed with the secret of --artifact-key-file");
  }
  EXPECT_THAT(Read(PathOf(MakeKey("signed"), "manifest.json")), HasSubstr("sha-256"));
  StoreConfig no_file = Config();
  no_file.hmac_key_file = folder_ + "/none";
  EXPECT_THAT(Store::Open(no_file).status().message(), HasSubstr("--artifact-key-file is '"));
}

}  // namespace
}  // namespace vivace::artifact
