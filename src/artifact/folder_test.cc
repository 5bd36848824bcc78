// Folders that somebody else may write to are not used; disks that say no are survived.
#include "artifact/folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>

#include "artifact/store_fixture.h"

namespace vivace::artifact {
namespace {

using testing::HasSubstr;

std::string WhyNotOpened(const std::string& root) {
  StoreConfig config;
  config.root = root;
  const auto store = Store::Open(config);
  EXPECT_TRUE(store.ok() || store.status().code() == StatusCode::kUnavailable);
  return store.ok() ? "" : store.status().message();
}

TEST_F(StoreTest, FoldersOfOthersAreRefused) {
  std::filesystem::create_directories(Root());
  ::chmod(Root().c_str(), 0700);
  EXPECT_EQ(WhyNotOpened(Root()), "");
  EXPECT_EQ(WhyNotOpened(Root() + "//"), "");
  for (const unsigned mode : {0720u, 0702u, 0777u}) {
    ::chmod(Root().c_str(), mode);
    EXPECT_EQ(WhyNotOpened(Root()),
              "'" + Root() + "' may be written to by others: chmod go-w '" + Root() + "'");
  }
  ::chmod(Root().c_str(), 0755);
  EXPECT_EQ(WhyNotOpened(Root()), "");
  std::filesystem::create_symlink(Root(), folder_ + "/link");
  EXPECT_EQ(WhyNotOpened(folder_ + "/link"), "'" + folder_ + "/link' is a link or no folder");
  EXPECT_NE(WhyNotOpened(folder_ + "/link/"), "");
  WriteText(folder_ + "/file", "x");
  EXPECT_EQ(WhyNotOpened(folder_ + "/file"), "'" + folder_ + "/file' is a link or no folder");
  EXPECT_NE(WhyNotOpened(folder_ + "/file/below"), "");
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(Root().c_str(), 12345, 12345), 0);
    EXPECT_EQ(WhyNotOpened(Root()), "'" + Root() + "' belongs to user 12345, neither this one nor root");
  }
}

TEST_F(StoreTest, FilesThatOthersMayWriteToAndLinksAreAMiss) {
  const Store store = Open();
  for (const std::string file : {"manifest.json", "weights.pack", "plan.txt"}) {
    Write(store, MakeKey());
    const std::string path = PathOf(MakeKey(), file);
    ::chmod(path.c_str(), 0622);
    EXPECT_THAT(WhyNot(store, MakeKey()), HasSubstr("may be written to by others")) << file;
    ::chmod(path.c_str(), 0644);
    EXPECT_EQ(WhyNot(store, MakeKey()), "");
    std::filesystem::rename(path, folder_ + "/elsewhere");
    std::filesystem::create_symlink(folder_ + "/elsewhere", path);
    EXPECT_THAT(WhyNot(store, MakeKey()), HasSubstr("is a link")) << file;
    std::filesystem::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_THAT(WhyNot(store, MakeKey()), HasSubstr("is no regular file")) << file;
  }
  Write(store, MakeKey());
  const std::string entry = Root() + "/" + KeyName(MakeKey());
  ::chmod(entry.c_str(), 0770);
  EXPECT_THAT(WhyNot(store, MakeKey()), HasSubstr("may be written to by others"));
}

TEST_F(StoreTest, AReadOnlyStoreIsReadAndNeverWritten) {
  StoreConfig config = Config();
  config.read_only = true;
  EXPECT_FALSE(Store::Open(config).ok());
  EXPECT_FALSE(std::filesystem::exists(Root()));
  Write(Open(), MakeKey());
  const Store store = Open(config);
  EXPECT_EQ(WhyNot(store, MakeKey()), "");
  EXPECT_EQ(store.Begin(MakeKey()).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(store.Replace(MakeKey(), "a", std::span<const std::byte>()).code(), StatusCode::kUnavailable);
  EXPECT_FALSE(store.LockBuild(MakeKey(), std::chrono::milliseconds(0)).held());
}

// A limit on the size of files is what a full disk is to a test.
TEST_F(StoreTest, ADiskThatIsFullIsAStatusAndLeavesNothing) {
  const Store store = Open();
  const pid_t child = ::fork();
  if (child == 0) {
    const struct rlimit limit { 100 << 10, 100 << 10 };
    ::setrlimit(RLIMIT_FSIZE, &limit);
    int wrong = 0;
    for (const std::size_t bytes : {std::size_t{1} << 20, std::size_t{20} << 20}) {
      auto writer = store.Begin(MakeKey());
      wrong += writer.ok() && writer->AddWeights(Weights(bytes)).code() == StatusCode::kUnavailable ? 0 : 1;
    }
    ::_exit(wrong);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(std::filesystem::is_empty(Root()));
}

TEST_F(StoreTest, TheLongestUnusedGoesFirstAndWhatIsInUseStays) {
  StoreConfig config = Config();
  config.max_bytes = 40000;
  const Store store = Open(config);
  const auto age = [&](const Key& key, int seconds) {
    const struct timespec times[2] = {{1000000 - seconds, 0}, {1000000 - seconds, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, PathOf(key, "manifest.json").c_str(), times, 0), 0);
  };
  for (const char* model : {"a", "b", "c"}) Write(store, MakeKey(model), 10000);
  age(MakeKey("a"), 300);
  age(MakeKey("b"), 200);
  age(MakeKey("c"), 100);
  std::string why_not;
  auto used = store.Find(MakeKey("b"), why_not);
  ASSERT_TRUE(used.ok() && used->has_value());
  age(MakeKey("b"), 400);
  Write(store, MakeKey("d"), 15000);
  EXPECT_NE(WhyNot(store, MakeKey("a")), "");
  EXPECT_EQ(WhyNot(store, MakeKey("c")), "");
  EXPECT_EQ(WhyNot(store, MakeKey("d")), "");
  EXPECT_EQ((*used)->weights().size(), 10000u);
  auto too_large = store.Begin(MakeKey("e"));
  EXPECT_THAT(too_large->AddWeights(Weights(50000)).message(), HasSubstr("give --cache-max-bytes"));
  const auto list = store.List();
  ASSERT_EQ(list.size(), 3u);
  for (const EntryInfo& info : list) {
    EXPECT_EQ(info.problem, "");
    EXPECT_EQ(info.in_use, info.key[0].value == "b");
    EXPECT_GT(info.bytes, 10000);
  }
  EXPECT_EQ(store.Remove(KeyName(MakeKey("b"))).status().code(), StatusCode::kUnavailable);
  ASSERT_TRUE(store.Clear().ok());
  EXPECT_EQ(store.List().size(), 1u);
  used->reset();
  ASSERT_TRUE(store.Clear().ok());
  EXPECT_TRUE(store.List().empty());
  EXPECT_EQ(store.Remove("../x").status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace vivace::artifact
