// Walks the catalogue of bad files through the engine's own entry, as `vivace serve`, `generate` and
// `explain` load a model, and through the two that read less of it (inspect, tokenize): nothing crashes,
// waits or grows, every error is the one that docs/reference/bad-files.md says, and it tells nothing of this
// machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>

#include "bad_file.h"
#include "cli/commands.h"
#include "opened_model.h"
#include "vivace/engine.h"
#include "vivace/inspect.h"
#include "vivace/text_model.h"

namespace vivace::bad_files {
namespace {

constexpr bool kMemoryIsMeasured = kHangSeconds < 10;  // sanitizers keep what was freed
constexpr std::int64_t kMaxGrowthMib = 64;             // over the size of the files

// What one row came to.
struct Seen {
  BadFile row;
  Status status;            // of the engine, or of what the outcome says
  std::string answer;       // of what loads
  double seconds = 0;       // of opening it, in all ways
  std::int64_t growth = 0;  // of resident memory at its peak, bytes, less the files'
};

std::int64_t StatusField(const std::string& field) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(field)) return std::atoll(line.c_str() + field.size()) << 10;
  }
  return 0;
}

std::int64_t FolderBytes(const std::string& path) {
  std::int64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path, error)) {
    if (entry.is_regular_file(error)) bytes += static_cast<std::int64_t>(entry.file_size(error));
  }
  return bytes;
}

// What the row's outcome asks of a model that loaded.
Status Use(Engine& engine, const BadFile& row, std::string& answer) {
  switch (row.outcome) {
    case Outcome::kChat: {
      ChatPrompt prompt;
      prompt.messages = {{"user", "hello"}};
      return engine.RenderChat(prompt).status();
    }
    case Outcome::kText:
      return engine.Tokenize(row.input, false, false).status();
    case Outcome::kLoads: {
      const auto ids = engine.Tokenize(row.input, false, false);
      if (!ids.ok()) return ids.status();
      answer = engine.Detokenize(*ids, true);  // a control token would be left out
      return Answer(engine);
    }
    default:
      return Answer(engine);
  }
}

Status OpenTextSide(const std::string& path, std::string& answer) {
  const auto text = TextModel::Open(path);
  if (!text.ok()) return text.status();
  for (std::int32_t token = 0; token < std::min(16, (*text)->vocabulary()); ++token) {
    answer += (*text)->Detokenize({token}, false).value() + "\n";
  }
  return Status::Ok();
}

std::string GroupOf(const std::string& id) {
  return id.substr(0, id.find('_'));
}

// The files are sound and contradict each other: describing the model gives the reason, too.
bool IsOfDescription(const std::string& group) {
  return group == "M18" || group == "M20" || group == "G14";
}

Seen See(const BadFile& row) {
  TestFolder folder;
  std::filesystem::create_directory(folder.path("m"));
  row.make(folder);
  const bool elsewhere = row.open.starts_with('/');
  const std::string path = elsewhere ? row.open : folder.path(row.open.empty() ? "m" : "m/" + row.open);
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const std::int64_t before = StatusField("VmRSS:");
  const auto begin = std::chrono::steady_clock::now();
  Seen seen{row, {}, {}};
  const Options options = TinyOptions(path);
  const auto summary = InspectModel(options);
  if (row.outcome == Outcome::kRefused && IsOfDescription(GroupOf(row.id))) {
    EXPECT_TRUE(summary.ok() && !summary->supported);
    EXPECT_THAT(summary->unsupported_reason, testing::HasSubstr(row.text));
  }
  std::string answer;
  const Status text_side = OpenTextSide(path, answer);
  if (row.outcome == Outcome::kTextSide || row.outcome == Outcome::kTextSideLoads) {
    EXPECT_FALSE(Engine::Create(options).ok());
    seen.status = text_side;
    seen.answer = answer;
  } else if (const auto engine = Engine::Create(options); engine.ok()) {
    EXPECT_NE(row.outcome, Outcome::kRefused) << "it was loaded";
    seen.status = Use(**engine, row, seen.answer);
  } else {
    EXPECT_EQ(row.outcome, Outcome::kRefused) << engine.status().message();
    seen.status = engine.status();
  }
  seen.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  seen.growth = StatusField("VmHWM:") - before - FolderBytes(folder.path("m")) -
                static_cast<std::int64_t>(row.input.size());
  std::string message = seen.status.message();
  for (std::size_t at; (at = message.find(folder.path("m"))) != std::string::npos;) {
    message.replace(at, folder.path("m").size(), "MODEL");
  }
  seen.status = Status(seen.status.code(), message);
  return seen;
}

const std::vector<Seen>& All() {
  static const std::vector<Seen> all = [] {
    std::vector<Seen> seen;
    for (const BadFile& row : AllRows()) {
      SCOPED_TRACE(row.id);
      seen.push_back(See(row));
    }
    return seen;
  }();
  return all;
}

TEST(BadFiles, EachIsRefusedByItsReasonOrLoads) {
  for (const Seen& seen : All()) {
    SCOPED_TRACE(seen.row.id);
    const bool loads = seen.row.outcome == Outcome::kLoads || seen.row.outcome == Outcome::kTextSideLoads;
    EXPECT_EQ(seen.status.ok(), loads) << seen.status.message();
    const std::string& said = loads ? seen.answer : seen.status.message();
    EXPECT_NE(said.find(seen.row.text), std::string::npos) << said.substr(0, 400);
    if (loads) continue;
    EXPECT_LT(said.size(), 600u) << "a person reads it";
    if (seen.row.outcome == Outcome::kRefused || seen.row.outcome == Outcome::kTextSide) {
      EXPECT_EQ(cli::ExitStatus(seen.status), 2);
    }
  }
}

TEST(BadFiles, NoneTakesLongOrMuchMemory) {
  for (const Seen& seen : All()) {
    EXPECT_LT(seen.seconds, kHangSeconds) << seen.row.id;
    if (kMemoryIsMeasured) {
      EXPECT_LT(seen.growth >> 20, kMaxGrowthMib) << seen.row.id << ", MiB";
    }
  }
}

// Neither an address, nor where the folder lies, nor anything of a file outside of it.
TEST(BadFiles, ErrorsTellNothingOfThisMachine) {
  const std::regex address("0x[0-9a-f]{6,}");
  for (const Seen& seen : All()) {
    const std::string& message = seen.status.message();
    EXPECT_FALSE(std::regex_search(message, address)) << seen.row.id << ": " << message;
    for (const char* outside : {"vivace-", VIVACE_SOURCE_DIR, "root:", "/proc/", ".cc:"}) {
      EXPECT_EQ(message.find(outside), std::string::npos) << seen.row.id << ": " << message;
    }
    for (const char c : message)
      EXPECT_GE(static_cast<unsigned char>(c), 0x20) << seen.row.id << ": " << message;
  }
}

// The program itself, on a sample: exit code 2 and one line.
TEST(BadFiles, TheProgramExitsWith2AndOneLine) {
  int rows = 0;
  for (const BadFile& row : AllRows()) {
    const bool sample = GroupOf(row.id) == "M14" || GroupOf(row.id) == "M15" || rows % 12 == 0;
    ++rows;
    if (row.outcome != Outcome::kRefused || !sample) continue;
    TestFolder folder;
    std::filesystem::create_directory(folder.path("m"));
    row.make(folder);
    const std::string model =
        row.open.starts_with('/') ? row.open : folder.path(row.open.empty() ? "m" : "m/" + row.open);
    const std::string command = std::string("timeout 20 ") + VIVACE_PROGRAM + " generate '" + model +
                                "' --prompt a --log-level off >'" + folder.path("out") + "' 2>'" +
                                folder.path("err") + "' </dev/null";
    const int status = std::system(command.c_str());
    std::ifstream file(folder.path("err"));
    const std::string said(std::istreambuf_iterator<char>(file), {});
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 2) << row.id << ": " << status << ", " << said;
    EXPECT_TRUE(said.starts_with("vivace: error: ")) << row.id << ": " << said;
    const bool is_searched = row.id.starts_with("M14_NoSuch") || row.id == "M14_LinkLoop";
    if (!is_searched) {  // what is no file may be a name of the catalogue
      EXPECT_NE(said.find(row.text), std::string::npos) << row.id << ": " << said;
    }
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << row.id << ": " << said;
    EXPECT_EQ(std::filesystem::file_size(folder.path("out")), 0u) << row.id;
  }
}

TEST(BadFiles, EveryGroupHasRowsOfItsOwn) {
  std::map<std::string, int> groups;
  std::set<std::string> ids;
  for (const Seen& seen : All()) {
    ++groups[GroupOf(seen.row.id)];
    EXPECT_TRUE(ids.insert(seen.row.id).second) << seen.row.id << " is there twice";
  }
  for (const auto& [letter, count] : std::map<std::string, int>{{"M", 22}, {"G", 18}, {"C", 12}, {"T", 16}}) {
    for (int i = 1; i <= count; ++i) EXPECT_GE(groups[letter + std::to_string(i)], 1) << letter << i;
  }
  EXPECT_GE(ids.size(), 200u);
}

// "M1_NoBytes": "no bytes".
std::string Words(const std::string& id) {
  std::string words;
  for (const char c : id.substr(id.find('_') + 1)) {
    const bool capital = c >= 'A' && c <= 'Z';
    if (capital && !words.empty()) words += ' ';
    words += capital ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return words;
}

std::string Cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, 1, '\\');
  return text;
}

std::string Page() {
  std::map<Outcome, std::string> where = {{Outcome::kChat, "a chat: "},
                                          {Outcome::kText, "a prompt: "},
                                          {Outcome::kNumerical, "a request: "},
                                          {Outcome::kTextSide, "its tokenizer: "},
                                          {Outcome::kTextSideLoads, "its tokenizer: "}};
  std::string page =
      "# Bad model files and what a person sees\n\nWritten by `vivace_bad_files_test` from the table in "
      "`tests/bad_files/`, which makes each of these files and opens it. MODEL is the path that was given. "
      "Files that "
      "are refused give exit code 2. Where the model loads, the line says when the error comes.\n\n"
      "| id | file | error |\n|---|---|---|\n";
  for (const Seen& seen : All()) {
    const std::string said = seen.status.ok() ? "loads" : "`" + Cell(seen.status.message()) + "`";
    page += "| " + seen.row.id.substr(0, seen.row.id.find('_')) + " | " + Cell(Words(seen.row.id)) + " | " +
            where[seen.row.outcome] + said + " |\n";
  }
  return page;
}

TEST(BadFiles, TheCommittedPageIsFresh) {
  const std::string path = VIVACE_SOURCE_DIR "/docs/reference/bad-files.md";
  const std::string page = Page();
  if (std::getenv("VIVACE_UPDATE_GOLDENS") != nullptr) std::ofstream(path) << page;
  std::ifstream file(path);
  const std::string committed(std::istreambuf_iterator<char>(file), {});
  EXPECT_TRUE(committed == page)
      << "docs/reference/bad-files.md is out of date: run this test with VIVACE_UPDATE_GOLDENS=1";
}

}  // namespace
}  // namespace vivace::bad_files
