// Processes that read, write, replace and remove the same entries while they are killed at random: whatever
// is found is right, and what they leave is swept. VIVACE_LONG=1 runs 16 processes on 200 keys.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <random>
#include <thread>

#include "artifact/store_fixture.h"

namespace vivace::artifact {
namespace {

class ConcurrencyTest : public StoreTest {
 protected:
  static constexpr int kWrong = 3;

  static Key KeyOf(int number) { return MakeKey("model " + std::to_string(number)); }
  static std::size_t BytesOf(int number) { return 1000 + static_cast<std::size_t>(number) * 997; }

  // False when an entry was found whose content is not that of its key.
  static bool IsRight(const Store& store, int number) {
    std::string why_not;
    const auto entry = store.Find(KeyOf(number), why_not);
    if (!entry.ok()) return false;
    if (!entry->has_value()) return true;
    const auto wanted = Weights(BytesOf(number), static_cast<unsigned>(number));
    const auto weights = (*entry)->weights();
    const auto tuning = (*entry)->Text("tuning.txt");
    return std::equal(wanted.begin(), wanted.end(), weights.begin(), weights.end()) &&
           (*entry)->Text("plan.txt") == "phases " + std::to_string(number) &&
           (!tuning || tuning->starts_with("tuning " + std::to_string(number) + " "));
  }

  static void WriteOne(const Store& store, int number) {
    auto writer = store.Begin(KeyOf(number));
    if (!writer.ok() || !writer->AddWeights(Weights(BytesOf(number), static_cast<unsigned>(number))).ok())
      return;
    if (!writer->Add("plan.txt", "phases " + std::to_string(number)).ok()) return;
    static_cast<void>(writer->Commit());
  }

  // What a child does until it is killed or has done enough.
  void Live(unsigned seed, int keys, int rounds) const {
    auto store = Store::Open(Config());
    if (!store.ok()) ::_exit(kWrong);
    std::mt19937 generator(seed);
    const auto random = [&] { return static_cast<unsigned>(generator()); };
    for (int round = 0; round < rounds; ++round) {
      const int number = static_cast<int>(random() % static_cast<unsigned>(keys));
      const unsigned action = random() % 16;
      if (action < 7) WriteOne(*store, number);
      if (action == 7) static_cast<void>(store->Remove(KeyName(KeyOf(number))));
      if (action == 8 || action == 9) {
        const std::string text = "tuning " + std::to_string(number) + " " + std::to_string(random());
        static_cast<void>(store->Replace(KeyOf(number), "tuning.txt", std::as_bytes(std::span(text))));
      }
      if (!IsRight(*store, number)) ::_exit(kWrong);
    }
    ::_exit(0);
  }

  pid_t Start(unsigned seed, int keys, int rounds) const {
    const pid_t child = ::fork();
    if (child == 0) Live(seed, keys, rounds);
    return child;
  }
};

TEST_F(ConcurrencyTest, KilledProcessesLeaveNothingThatIsTrusted) {
  const bool is_long = std::getenv("VIVACE_LONG") != nullptr;
  const int processes = is_long ? 16 : 4, keys = is_long ? 200 : 6, kills = is_long ? 1500 : 40;
  static_cast<void>(Open());
  std::mt19937 generator(7);
  const auto random = [&] { return static_cast<unsigned>(generator()); };
  unsigned seed = 1;
  std::vector<pid_t> children;
  for (int i = 0; i < processes; ++i) children.push_back(Start(seed++, keys, 1 << 20));
  for (int i = 0; i < kills; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20000));
    pid_t& child = children[random() % children.size()];
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == kWrong) << "a child saw a wrong result";
    child = Start(seed++, keys, 1 << 20);
  }
  for (const pid_t child : children) {
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == kWrong);
  }
  const Store store = Open();
  int found = 0;
  for (int number = 0; number < keys; ++number) {
    EXPECT_TRUE(IsRight(store, number)) << number;
    found += WhyNot(store, KeyOf(number)).empty() ? 1 : 0;
  }
  EXPECT_GT(found, 0);
  // The next writer sweeps what the dead have left: entries and locks remain.
  WriteOne(store, 0);
  for (const auto& entry : std::filesystem::directory_iterator(Root())) {
    const std::string name = entry.path().filename();
    EXPECT_TRUE(name.size() == 32 || name == ".locks") << name;
  }
}

}  // namespace
}  // namespace vivace::artifact
