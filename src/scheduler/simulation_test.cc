// Thousands of random runs of the scheduler against a model that shows every wrong cache read. After every
// operation the invariants are checked; every answer equals what the sequence would have got alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
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
  std::vector<int> logits_given;  // per prompt position
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
    ASSERT_TRUE(scheduler_.idle());
    ASSERT_TRUE(scheduler_.Next().empty());
    ASSERT_EQ(scheduler_.pool().held_count(), 0);
  }

  SchedulerStats stats() const { return scheduler_.stats(); }

 private:
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
    if (!id.ok()) return;
    client.expected =
        model_.Reference(client.prompt, client.max_tokens, static_cast<std::uint64_t>(client.salt));
    ASSERT_TRUE(clients_.emplace(*id, client).second) << "an id of a living sequence was given again";
    scheduler_.CheckInvariants();
  }

  void CancelOne() {
    const auto client = std::next(clients_.begin(), Pick(0, static_cast<int>(clients_.size()) - 1));
    const int held = scheduler_.pool().held_count();
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
    if (Pick(0, 49) == 0) {
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
  }

  void CheckPlan(const Plan& plan) {
    int rows = 0;
    const auto arrival = [this](const auto& item) { return clients_.at(item).arrival; };
    int oldest = arrivals_, oldest_planned = arrivals_;
    for (const auto& [id, client] : clients_) oldest = std::min(oldest, client.arrival);
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

  static bool Planned(const Plan& plan, SequenceId id) {
    return std::any_of(plan.sequences.begin(), plan.sequences.end(),
                       [id](const SequencePlan& e) { return e.id == id; });
  }

  void RunEntry(const SequencePlan& entry, std::vector<SequenceResult>& results) {
    Client& client = clients_.at(entry.id);
    const auto salt = static_cast<std::uint64_t>(client.salt);
    ASSERT_TRUE(model_.PrefixIsRight(entry, scheduler_.Tokens(entry.id), salt));
    ASSERT_TRUE(!client.all_prompt_logits || entry.cached_tokens == 0);
    for (int row = entry.rows - entry.logit_rows; row < entry.rows; ++row) {
      const auto position = static_cast<std::size_t>(entry.first_position + row);
      if (position < client.prompt.size()) ++client.logits_given[position];
    }
    const std::uint64_t state = model_.Run(entry, salt);
    if (!entry.samples) return;
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

  std::mt19937 random_;
  SchedulerConfig config_;
  int vocabulary_;
  FakeModel model_;
  Scheduler scheduler_;
  std::map<SequenceId, Client> clients_;
  std::map<int, bool> started_;
  bool first_steps_in_order_ = true;
  int arrivals_ = 0;
};

TEST(SchedulerSimulation, EveryAnswerIsTheOneAlone) {
  std::int64_t preemptions = 0, hits = 0, finished = 0, cancelled = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    Simulation simulation(seed);
    simulation.Run();
    if (HasFailure()) FAIL() << "seed " << seed;
    preemptions += simulation.stats().preemptions;
    hits += simulation.stats().prefix_hits;
    finished += simulation.stats().finished;
    cancelled += simulation.stats().cancelled;
  }
  // The runs must have been about something.
  EXPECT_GT(preemptions, 500);
  EXPECT_GT(hits, 10000);
  EXPECT_GT(finished, 4000);
  EXPECT_GT(cancelled, 300);
  std::printf(
      "[ simulated ] %ld finished, %ld cancelled, %ld preemptions, %ld tokens from the prefix cache\n",
      finished, cancelled, preemptions, hits);
}

}  // namespace
}  // namespace vivace::scheduler
