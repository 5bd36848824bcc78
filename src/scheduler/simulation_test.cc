// Thousands of random runs of the scheduler against a model that shows every wrong cache read. After every
// operation the invariants are checked; every answer equals what the sequence would have got alone. 2,000
// runs and 100,000 with VIVACE_LONG=1; a run that fails, or aborts in a check of the code, prints its seed
// and what was done up to there. VIVACE_SIMULATION_SEED=N runs that seed alone.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>

#include "scheduler/fake_model.h"
#include "scheduler/scheduler.h"

namespace vivace::scheduler {
namespace {

struct Client {
  int arrival = 0;
  std::vector<std::int32_t> prompt;
  int max_tokens = 0;
  int salt = 0;
  bool all_prompt_logits = false;
  std::vector<std::int32_t> expected;
  std::vector<std::int32_t> answer;
  std::vector<int> logits_given;    // per prompt position
  bool scores_are_corrupt = false;  // some of those were no numbers
};

class Simulation {
 public:
  explicit Simulation(unsigned seed)
      : random_(seed),
        config_(RandomConfig()),
        vocabulary_(Pick(2, 50)),
        model_(config_.blocks, vocabulary_),
        scheduler_(config_) {}

  void Run() {
    int to_arrive = Pick(1, 20);
    while (to_arrive > 0 || !clients_.empty()) {
      while (to_arrive > 0 && (clients_.empty() || Pick(0, 3) == 0)) {
        Arrive();
        --to_arrive;
      }
      if (!clients_.empty() && Pick(0, 149) == 0) CancelOne();
      Step();
      if (::testing::Test::HasFatalFailure() || ::testing::Test::HasNonfatalFailure()) return;
    }
    Note("end");
    ASSERT_TRUE(scheduler_.idle());
    ASSERT_TRUE(scheduler_.Next().empty());
    ASSERT_EQ(scheduler_.pool().held_count(), 0);
  }

  SchedulerStats stats() const { return scheduler_.stats(); }
  int corrupt() const { return corrupt_; }
  const std::string& operations() const { return operations_; }

 private:
  template <class... Args>
  void Note(fmt::format_string<Args...> text, const Args&... args) {
    operations_ += fmt::vformat(text, fmt::make_format_args(args...));
    operations_ += '\n';
  }

  int Pick(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<unsigned>(high - low + 1));
  }

  SchedulerConfig RandomConfig() {
    SchedulerConfig config;
    config.blocks = Pick(1, 24);
    config.max_model_len = Pick(2, 300);
    config.max_batched_tokens = Pick(0, 1) == 0 ? Pick(1, 20) : Pick(20, 200);
    config.max_num_seqs = Pick(1, 8);
    config.max_chunk_tokens = Pick(0, 2) == 0 ? Pick(1, 40) : 0;
    config.prefix_caching = Pick(0, 4) != 0;
    config.program_fingerprint = "simulation";
    return config;
  }

  // Prompts are prefixes of a few texts, so that they often share blocks.
  std::vector<std::int32_t> RandomPrompt() {
    std::mt19937 text(static_cast<unsigned>(Pick(0, 2)));
    std::vector<std::int32_t> prompt(static_cast<std::size_t>(Pick(1, std::min(120, config_.max_model_len))));
    for (auto& token : prompt) token = static_cast<std::int32_t>(text() % static_cast<unsigned>(vocabulary_));
    if (Pick(0, 2) == 0) prompt.back() = Pick(0, vocabulary_ - 1);
    return prompt;
  }

  void Arrive() {
    Client client;
    client.arrival = arrivals_++;
    client.prompt = RandomPrompt();
    client.max_tokens = Pick(0, 1) == 0 ? Pick(1, 40) : Pick(40, 150);
    client.salt = Pick(0, 3) == 0 ? 1 : 0;
    client.all_prompt_logits = Pick(0, 5) == 0;
    client.logits_given.assign(client.prompt.size(), 0);
    const std::string salt = client.salt == 0 ? "" : "tenant";
    const auto id = scheduler_.Add({client.prompt, client.max_tokens, salt, client.all_prompt_logits});
    const int limit = static_cast<int>(client.prompt.size()) + client.max_tokens;
    ASSERT_EQ(id.ok(), limit <= config_.max_model_len && (limit - 1 + 15) / 16 <= config_.blocks);
    Note("add arrival {}: prompt of {}, max_tokens {}, salt {}, all_prompt_logits {} -> {}", client.arrival,
         client.prompt.size(), client.max_tokens, client.salt, client.all_prompt_logits,
         id.ok() ? id->value : -1);
    if (!id.ok()) return;
    client.expected =
        model_.Reference(client.prompt, client.max_tokens, static_cast<std::uint64_t>(client.salt));
    ASSERT_TRUE(clients_.emplace(*id, client).second) << "an id of a living sequence was given again";
    scheduler_.CheckInvariants();
  }

  void CancelOne() {
    const auto client = std::next(clients_.begin(), Pick(0, static_cast<int>(clients_.size()) - 1));
    const int held = scheduler_.pool().held_count();
    Note("cancel {}", client->first.value);
    scheduler_.Cancel(client->first);
    ASSERT_LE(scheduler_.pool().held_count(), held);
    clients_.erase(client);
    scheduler_.CheckInvariants();
  }

  void Step() {
    const Plan& plan = scheduler_.Next();
    scheduler_.CheckInvariants();
    ASSERT_EQ(plan.empty(), clients_.empty());
    if (plan.empty()) return;
    CheckPlan(plan);
    for (const kvcache::BlockId block : plan.blocks_to_clean) CleanBlock(block);
    if (Pick(0, 49) == 0) {
      Note("discard");
      scheduler_.Discard();
      scheduler_.CheckInvariants();
      return;
    }
    std::vector<SequenceResult> results;
    for (const SequencePlan& entry : plan.sequences) RunEntry(entry, results);
    scheduler_.Commit({results});
    scheduler_.CheckInvariants();
    for (const SequenceResult& result : results) {
      if (result.finished) clients_.erase(result.id);
    }
    ++steps_of_oldest_;
  }

  void CleanBlock(kvcache::BlockId block) {
    Note("clean block {}", block.value);
    model_.Clean(block);
    to_be_cleaned_.erase(block);
  }

  void CheckPlan(const Plan& plan) {
    Note("step of {} rows", plan.rows);
    int rows = 0;
    const auto arrival = [this](const auto& item) { return clients_.at(item).arrival; };
    int oldest = arrivals_, oldest_planned = arrivals_;
    for (const auto& [id, client] : clients_) oldest = std::min(oldest, client.arrival);
    CheckThatNobodyStarves(oldest);
    for (const SequencePlan& entry : plan.sequences) {
      ASSERT_EQ(clients_.count(entry.id), 1u);
      rows += entry.rows;
      oldest_planned = std::min(oldest_planned, arrival(entry.id));
      if (started_.insert({arrival(entry.id), true})
              .second) {  // its first step: nobody older may still wait for his
        for (const auto& [id, client] : clients_) {
          if (client.arrival < arrival(entry.id))
            first_steps_in_order_ &= started_.count(client.arrival) == 1 || Planned(plan, id);
        }
      }
      ASSERT_TRUE(config_.max_chunk_tokens == 0 || entry.rows <= config_.max_chunk_tokens);
    }
    ASSERT_TRUE(first_steps_in_order_);
    ASSERT_EQ(oldest_planned, oldest) << "the oldest sequence must advance in every step";
    ASSERT_EQ(rows, plan.rows);
    ASSERT_LE(rows, config_.max_batched_tokens);
    ASSERT_LE(static_cast<int>(plan.sequences.size()), config_.max_num_seqs);
  }

  // Whoever is the oldest advances in every step, so it is done after as many as it has tokens.
  void CheckThatNobodyStarves(int oldest) {
    if (oldest != oldest_) steps_of_oldest_ = 0;
    oldest_ = oldest;
    for (const auto& [id, client] : clients_) {
      if (client.arrival != oldest) continue;
      ASSERT_LT(steps_of_oldest_, static_cast<int>(client.prompt.size()) + client.max_tokens);
    }
  }

  static bool Planned(const Plan& plan, SequenceId id) {
    return std::any_of(plan.sequences.begin(), plan.sequences.end(),
                       [id](const SequencePlan& e) { return e.id == id; });
  }

  void RunEntry(const SequencePlan& entry, std::vector<SequenceResult>& results) {
    Client& client = clients_.at(entry.id);
    Note("  {}: rows {} to {}, {} cached, samples {}", entry.id.value, entry.first_position,
         entry.first_position + entry.rows - 1, entry.cached_tokens, entry.samples);
    for (int i = entry.first_position; i < entry.first_position + entry.rows; ++i) {
      const kvcache::BlockId block = entry.blocks[static_cast<std::size_t>(i / FakeModel::kBlockTokens)];
      ASSERT_EQ(to_be_cleaned_.count(block), 0u) << "block " << block.value << " was not cleaned";
    }
    const auto salt = static_cast<std::uint64_t>(client.salt);
    if (model_.ReadsPoison(entry)) return RunCorrupt(client, entry, results);
    ASSERT_TRUE(model_.PrefixIsRight(entry, scheduler_.Tokens(entry.id), salt));
    ASSERT_TRUE(!client.all_prompt_logits || entry.cached_tokens == 0);
    for (int row = entry.rows - entry.logit_rows; row < entry.rows; ++row) {
      const auto position = static_cast<std::size_t>(entry.first_position + row);
      if (position < client.prompt.size()) ++client.logits_given[position];
    }
    const std::uint64_t state = model_.Run(entry, salt);
    if (poisons_ && Pick(0, 399) == 0) {
      const int position = Pick(0, entry.first_position + entry.rows - 1);
      Note("  poison position {} of {}", position, entry.id.value);
      model_.Poison(entry, position);
    }
    if (!entry.samples) return;
    if (client.scores_are_corrupt) return EndCorrupt(entry, results);
    client.answer.push_back(model_.TokenAfter(state));
    const bool finished = client.answer.size() == client.expected.size() || Pick(0, 299) == 0;
    results.push_back({entry.id, client.answer.back(), finished});
    if (!finished) return;
    ASSERT_TRUE(std::equal(client.answer.begin(), client.answer.end(), client.expected.begin()));
    if (client.all_prompt_logits) {
      ASSERT_TRUE(std::all_of(client.logits_given.begin(), client.logits_given.end(),
                              [](int times) { return times == 1; }));
    }
  }

  // Where something is no number, the logits are none: the sequence ends as soon as it samples, also when it
  // was preempted between logits of its prompt and there, and what it computed again are numbers.
  void RunCorrupt(Client& client, const SequencePlan& entry, std::vector<SequenceResult>& results) {
    model_.Run(entry, static_cast<std::uint64_t>(client.salt));
    for (int i = 0; i < entry.rows; ++i) model_.Poison(entry, entry.first_position + i);
    if (entry.logit_rows > (entry.samples ? 1 : 0)) client.scores_are_corrupt = true;
    if (entry.samples) EndCorrupt(entry, results);
  }

  void EndCorrupt(const SequencePlan& entry, std::vector<SequenceResult>& results) {
    Note("  corrupt {}", entry.id.value);
    for (const kvcache::BlockId block : entry.blocks) {
      if (scheduler_.pool().references(block) == 1) to_be_cleaned_.insert(block);
    }
    results.push_back({entry.id, 0, true, true});
    ++corrupt_;
  }

  std::mt19937 random_;
  SchedulerConfig config_;
  int vocabulary_;
  FakeModel model_;
  Scheduler scheduler_;
  std::map<SequenceId, Client> clients_;
  std::map<int, bool> started_;
  bool first_steps_in_order_ = true;
  int arrivals_ = 0;
  int oldest_ = -1, steps_of_oldest_ = 0;
  const bool poisons_ = Pick(0, 3) == 0;
  std::set<kvcache::BlockId> to_be_cleaned_;  // of corrupt sequences that nobody else shared
  int corrupt_ = 0;
  std::string operations_;
};

// What runs, for the handler of an abort.
const Simulation* running = nullptr;
unsigned running_seed = 0;

void PrintRun() {
  const std::string text = fmt::format("simulation of seed {}:\n{}", running_seed, running->operations());
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

void OnAbort(int) {
  if (running != nullptr) PrintRun();
}

unsigned EnvironmentNumber(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? static_cast<unsigned>(std::atoi(text)) : otherwise;
}

TEST(SchedulerSimulation, EveryAnswerIsTheOneAlone) {
  const unsigned runs = EnvironmentNumber("VIVACE_LONG", 0) != 0 ? 100000 : 2000;
  const unsigned only = EnvironmentNumber("VIVACE_SIMULATION_SEED", runs);
  std::int64_t preemptions = 0, hits = 0, finished = 0, cancelled = 0, corrupt = 0;
  const auto previous = std::signal(SIGABRT, OnAbort);
  for (unsigned seed = only < runs ? only : 0; seed < runs; ++seed) {
    Simulation simulation(seed);
    running = &simulation;
    running_seed = seed;
    simulation.Run();
    if (HasFailure()) PrintRun();
    running = nullptr;
    if (HasFailure()) break;
    preemptions += simulation.stats().preemptions;
    hits += simulation.stats().prefix_hits;
    finished += simulation.stats().finished;
    cancelled += simulation.stats().cancelled;
    corrupt += simulation.corrupt();
    if (only < runs) break;
  }
  std::signal(SIGABRT, previous);
  std::printf(
      "[ simulated ] %ld finished, %ld of them corrupt, %ld cancelled, %ld preemptions, %ld tokens from the "
      "prefix cache\n",
      finished, corrupt, cancelled, preemptions, hits);
  if (HasFailure()) FAIL() << "seed " << running_seed;
  if (only < runs) return;
  // The runs must have been about something.
  EXPECT_GT(preemptions, 500);
  EXPECT_GT(hits, 10000);
  EXPECT_GT(finished, 4000);
  EXPECT_GT(cancelled, 300);
  EXPECT_GT(corrupt, 100);
}

// A pool for 1.2 requests: they run nearly one after the other, and each ends as if alone.
TEST(SchedulerSimulation, ThirtyTwoRequestsInAPoolForLittleMoreThanOneAllEndAsAlone) {
  constexpr int kPrompt = 100, kAnswer = 60, kRequests = 32;
  const int one = (kPrompt + kAnswer - 1 + 15) / 16;
  for (const bool shared : {false, true}) {
    SchedulerConfig config;
    config.blocks = one + one / 5;
    config.max_model_len = 200;
    config.max_batched_tokens = 64;
    config.program_fingerprint = "small pool";
    FakeModel model(config.blocks, 50);
    Scheduler scheduler(config);
    std::map<SequenceId, std::vector<std::int32_t>> expected, answers;
    std::vector<SequenceId> ended;
    for (int i = 0; i < kRequests; ++i) {
      std::vector<std::int32_t> prompt(kPrompt);
      for (int j = 0; j < kPrompt; ++j)
        prompt[static_cast<std::size_t>(j)] = (j * 7 + (shared && j < 90 ? 0 : i)) % 50;
      const auto id = scheduler.Add({prompt, kAnswer});
      ASSERT_TRUE(id.ok());
      expected[*id] = model.Reference(prompt, kAnswer, 0);
    }
    int steps = 0;
    for (; !scheduler.idle() && steps < kRequests * (kPrompt + kAnswer); ++steps) {
      const Plan& plan = scheduler.Next();
      scheduler.CheckInvariants();
      std::vector<SequenceResult> results;
      for (const SequencePlan& entry : plan.sequences) {
        const std::uint64_t state = model.Run(entry, 0);
        if (!entry.samples) continue;
        auto& answer = answers[entry.id];
        answer.push_back(model.TokenAfter(state));
        results.push_back({entry.id, answer.back(), answer.size() == kAnswer});
        if (answer.size() == kAnswer) ended.push_back(entry.id);
      }
      scheduler.Commit({results});
      scheduler.CheckInvariants();
    }
    EXPECT_TRUE(scheduler.idle()) << steps << " steps";
    EXPECT_EQ(answers, expected);
    EXPECT_EQ(ended.size(), static_cast<std::size_t>(kRequests));
    EXPECT_TRUE(std::is_sorted(ended.begin(), ended.end())) << "equal requests end as they came";
    EXPECT_EQ(scheduler.pool().held_count(), 0);
  }
}

}  // namespace
}  // namespace vivace::scheduler
