// Feeds every file of this folder, and every seed of tests/fuzz, to its reader: the body of the fuzz target
// of that name, which ends the process where a promise of the reader does not hold. A file says by its name
// which reader it is for: <reader>-<what went wrong>.<ending>.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#define READER(name) extern "C" int Read_##name(const std::uint8_t* data, std::size_t size);
#include "readers.inc"
#undef READER

namespace vivace {
namespace {

using Reader = int (*)(const std::uint8_t*, std::size_t);

const std::map<std::string, Reader>& Readers() {
#define READER(name) {#name, Read_##name},
  static const std::map<std::string, Reader> readers = {
#include "readers.inc"
  };
#undef READER
  return readers;
}

const std::filesystem::path kFolder = std::filesystem::path(VIVACE_SOURCE_DIR) / "tests/regressions";

std::string Content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool IsInput(const std::filesystem::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  return entry.is_regular_file() && name != "README.md" && name != "CMakeLists.txt" && !name.ends_with(".cc");
}

std::string ReaderOf(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.substr(0, name.find('-'));
}

/// A hang, not a measure of speed; sanitizers take several times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::chrono::seconds kHang{20};
#else
constexpr std::chrono::seconds kHang{2};
#endif

void Feed(Reader reader, const std::filesystem::path& path) {
  const std::string bytes = Content(path);
  const auto before = std::chrono::steady_clock::now();
  reader(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  EXPECT_LT(std::chrono::steady_clock::now() - before, kHang) << path;
}

TEST(Regressions, EveryFileIsReadOrRefusedByItsReader) {
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (!IsInput(entry)) continue;
    SCOPED_TRACE(entry.path().filename().string());
    const auto reader = Readers().find(ReaderOf(entry.path()));
    ASSERT_NE(reader, Readers().end())
        << "a file is named <reader>-<what>.<ending>; readers are the fuzz targets";
    Feed(reader->second, entry.path());
  }
}

TEST(Regressions, EveryFileHasALineInTheList) {
  const std::string list = Content(kFolder / "README.md");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (!IsInput(entry)) continue;
    ++files;
    EXPECT_NE(list.find("| `" + entry.path().filename().string() + "` |"), std::string::npos)
        << entry.path().filename() << " has no line in tests/regressions/README.md";
  }
  std::istringstream lines(list);
  int listed = 0;
  for (std::string line; std::getline(lines, line);) listed += line.starts_with("| `") ? 1 : 0;
  EXPECT_EQ(listed, files) << "a line of tests/regressions/README.md names a file that is not there";
}

TEST(Regressions, SeedsOfTheFuzzTargetsAreReadOrRefused) {
  for (const auto& [name, reader] : Readers()) {
    const auto seeds = std::filesystem::path(VIVACE_SOURCE_DIR) / "tests/fuzz/seeds" / name;
    if (!std::filesystem::is_directory(seeds)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(seeds)) {
      SCOPED_TRACE(name + "/" + entry.path().filename().string());
      if (entry.is_regular_file()) Feed(reader, entry.path());
    }
  }
}

}  // namespace
}  // namespace vivace
