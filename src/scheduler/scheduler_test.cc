#include "scheduler/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace vivace::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::int32_t> Prompt(int length, int first = 0) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(length));
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

SchedulerConfig Config(int blocks = 64) {
  SchedulerConfig config;
  config.blocks = blocks;
  config.max_model_len = 4096;
  config.program_fingerprint = "test";
  return config;
}

SequenceId Add(Scheduler& scheduler, const std::vector<std::int32_t>& prompt, int max_tokens,
               std::string_view salt = "", bool all_prompt_logits = false) {
  const auto id = scheduler.Add({prompt, max_tokens, salt, all_prompt_logits});
  EXPECT_TRUE(id.ok()) << id.status().message();
  return *id;
}

// Rows per sequence of the plan: (id, first position, rows).
std::vector<std::array<int, 3>> Shape(const Plan& plan) {
  std::vector<std::array<int, 3>> shape;
  for (const SequencePlan& entry : plan.sequences)
    shape.push_back({entry.id.value, entry.first_position, entry.rows});
  return shape;
}
using Row = std::array<int, 3>;

// Answers a plan: every sampled token is 1000; sequences in `finished` end.
void Commit(Scheduler& scheduler, const Plan& plan, const std::vector<SequenceId>& finished = {}) {
  std::vector<SequenceResult> results;
  for (const SequencePlan& entry : plan.sequences) {
    if (!entry.samples) continue;
    const bool ends = std::find(finished.begin(), finished.end(), entry.id) != finished.end();
    results.push_back({entry.id, 1000, ends});
  }
  scheduler.Commit({results});
  scheduler.CheckInvariants();
}

void Step(Scheduler& scheduler) {
  Commit(scheduler, scheduler.Next());
}

TEST(Scheduler, IsIdleWithoutSequences) {
  Scheduler scheduler(Config());
  EXPECT_TRUE(scheduler.idle());
  EXPECT_TRUE(scheduler.Next().empty());
  EXPECT_TRUE(scheduler.Next().empty());  // an empty plan wants no answer
}

TEST(Scheduler, ChoicesOfOnePromptShareItsBlocks) {
  Scheduler scheduler(Config());
  for (int i = 0; i < 3; ++i) Add(scheduler, Prompt(40), 3);
  const SequenceId other = Add(scheduler, Prompt(40, 500), 3);
  const Plan& first = scheduler.Next();
  EXPECT_THAT(Shape(first), ElementsAre(Row{0, 0, 40})) << "the others wait for its blocks";
  Commit(scheduler, first);
  const Plan& second = scheduler.Next();
  EXPECT_THAT(Shape(second),
              ElementsAre(Row{0, 40, 1}, Row{1, 32, 8}, Row{2, 32, 8}, Row{other.value, 0, 40}));
  EXPECT_EQ(second.sequences[1].cached_tokens, 32);
  Commit(scheduler, second);
  EXPECT_EQ(scheduler.stats().prefix_hits, 64);
}

TEST(Scheduler, PromptsThatBeginAlikeWaitOnlyWhereABlockIsAlike) {
  Scheduler scheduler(Config());
  std::vector<std::int32_t> fork = Prompt(40);
  fork[3] = 999;
  Add(scheduler, Prompt(40), 3);
  Add(scheduler, fork, 3);
  Add(scheduler, Prompt(16), 3);  // its only full block ends with its last token, which is always computed
  Add(scheduler, Prompt(40), 3, "salt");
  EXPECT_THAT(Shape(scheduler.Next()),
              ElementsAre(Row{0, 0, 40}, Row{1, 0, 40}, Row{2, 0, 16}, Row{3, 0, 40}));
  scheduler.Discard();
}

TEST(Scheduler, PrefillsThenDecodesThenFreesEverything) {
  Scheduler scheduler(Config());
  const SequenceId id = Add(scheduler, Prompt(20), 3);
  const Plan& prefill = scheduler.Next();
  EXPECT_THAT(Shape(prefill), ElementsAre(Row{0, 0, 20}));
  EXPECT_TRUE(prefill.sequences[0].samples);
  EXPECT_EQ(prefill.sequences[0].logit_rows, 1);
  EXPECT_EQ(prefill.sequences[0].blocks.size(), 2u);
  EXPECT_EQ(prefill.sequences[0].tokens[19], 19);
  Commit(scheduler, prefill);
  const Plan& decode = scheduler.Next();
  EXPECT_THAT(Shape(decode), ElementsAre(Row{0, 20, 1}));
  EXPECT_THAT(decode.sequences[0].tokens, ElementsAre(1000));
  Commit(scheduler, decode);
  EXPECT_EQ(scheduler.Tokens(id).size(), 22u);
  Commit(scheduler, scheduler.Next(), {id});
  EXPECT_TRUE(scheduler.idle());
  EXPECT_EQ(scheduler.pool().held_count(), 0);
  EXPECT_EQ(scheduler.stats().finished, 1);
}

TEST(Scheduler, DecodesComeFirstAndPromptsFillTheBudget) {
  SchedulerConfig config = Config();
  config.max_batched_tokens = 10;
  Scheduler scheduler(config);
  Add(scheduler, Prompt(4), 8);
  Step(scheduler);
  Add(scheduler, Prompt(15, 100), 8);
  Add(scheduler, Prompt(3, 200), 8);
  EXPECT_THAT(Shape(scheduler.Next()), ElementsAre(Row{0, 4, 1}, Row{1, 0, 9}));
  scheduler.Discard();
  const Plan& again = scheduler.Next();
  EXPECT_THAT(Shape(again), ElementsAre(Row{0, 4, 1}, Row{1, 0, 9}));
  EXPECT_FALSE(again.sequences[1].samples);
  EXPECT_EQ(again.sequences[1].logit_rows, 0);
  Commit(scheduler, again);
  const Plan& rest = scheduler.Next();
  EXPECT_THAT(Shape(rest), ElementsAre(Row{0, 5, 1}, Row{1, 9, 6}, Row{2, 0, 3}));
  EXPECT_TRUE(rest.sequences[1].samples);
  EXPECT_EQ(rest.rows, 10);
  EXPECT_EQ(rest.logit_rows, 3);
}

TEST(Scheduler, ChunksAreAtMostAsLargeAsAsked) {
  SchedulerConfig config = Config();
  config.max_chunk_tokens = 7;
  Scheduler scheduler(config);
  Add(scheduler, Prompt(16), 2);
  for (const Row& expected : {Row{0, 0, 7}, Row{0, 7, 7}, Row{0, 14, 2}}) {
    const Plan& plan = scheduler.Next();
    EXPECT_THAT(Shape(plan), ElementsAre(expected));
    Commit(scheduler, plan);
  }
}

TEST(Scheduler, RunsAtMostMaxNumSeqs) {
  SchedulerConfig config = Config();
  config.max_num_seqs = 2;
  Scheduler scheduler(config);
  for (int i = 0; i < 3; ++i) Add(scheduler, Prompt(2, 10 * i), 5);
  EXPECT_EQ(scheduler.Next().sequences.size(), 2u);
  scheduler.Discard();
  EXPECT_EQ(scheduler.stats().running, 2);
  EXPECT_EQ(scheduler.stats().waiting, 1);
  scheduler.Cancel({0});
  EXPECT_THAT(Shape(scheduler.Next()), ElementsAre(Row{1, 0, 2}, Row{2, 0, 2}));
}

TEST(Scheduler, SharesThePrefixOfAnotherSequence) {
  Scheduler scheduler(Config());
  const SequenceId first = Add(scheduler, Prompt(40), 5);
  Step(scheduler);
  Add(scheduler, Prompt(40), 5);
  const Plan& plan = scheduler.Next();
  ASSERT_THAT(Shape(plan), ElementsAre(Row{0, 40, 1}, Row{1, 32, 8}));
  EXPECT_EQ(plan.sequences[1].cached_tokens, 32);
  EXPECT_EQ(plan.sequences[1].blocks[1], plan.sequences[0].blocks[1]);
  EXPECT_NE(plan.sequences[1].blocks[2], plan.sequences[0].blocks[2]);
  Commit(scheduler, plan);
  EXPECT_EQ(scheduler.stats().prefix_hits, 32);
  EXPECT_EQ(scheduler.stats().prefix_queries, 80);
  scheduler.Cancel(first);
  scheduler.CheckInvariants();
  EXPECT_EQ(scheduler.pool().held_count(), 3);
}

TEST(Scheduler, EvictsTheEndOfAFinishedPrefixFirst) {
  Scheduler scheduler(Config(4));
  const SequenceId first = Add(scheduler, Prompt(48), 1);
  Commit(scheduler, scheduler.Next(), {first});
  const SequenceId second =
      Add(scheduler, Prompt(20, 100), 1);  // takes the blank block and one of the first's
  Commit(scheduler, scheduler.Next(), {second});
  Add(scheduler, Prompt(49), 1);
  EXPECT_EQ(scheduler.Next().sequences[0].cached_tokens, 32);
}

TEST(Scheduler, AlwaysComputesTheLastPromptToken) {
  Scheduler scheduler(Config());
  Add(scheduler, Prompt(32), 2);
  Step(scheduler);
  Add(scheduler, Prompt(32), 2);
  EXPECT_THAT(Shape(scheduler.Next()), ElementsAre(Row{0, 32, 1}, Row{1, 16, 16}));
}

TEST(Scheduler, DoesNotShareAcrossSaltsNorWithCachingOff) {
  for (const bool caching : {true, false}) {
    SchedulerConfig config = Config();
    config.prefix_caching = caching;
    Scheduler scheduler(config);
    Add(scheduler, Prompt(40), 5, "a");
    Step(scheduler);
    Add(scheduler, Prompt(40), 5, caching ? "b" : "a");
    EXPECT_THAT(Shape(scheduler.Next()), ElementsAre(Row{0, 40, 1}, Row{1, 0, 40}));
  }
}

TEST(Scheduler, PromptLogitsTakeNoHitAndCoverEveryPromptRow) {
  SchedulerConfig config = Config();
  config.max_chunk_tokens = 24;
  Scheduler scheduler(config);
  const SequenceId id = Add(scheduler, Prompt(40), 2);
  Step(scheduler);
  Step(scheduler);
  scheduler.Cancel(id);
  Add(scheduler, Prompt(40), 3, "", true);
  const Plan& first = scheduler.Next();
  EXPECT_THAT(Shape(first), ElementsAre(Row{0, 0, 24}));
  EXPECT_EQ(first.sequences[0].logit_rows, 24);
  EXPECT_FALSE(first.sequences[0].samples);
  Commit(scheduler, first);
  const Plan& second = scheduler.Next();
  EXPECT_EQ(second.sequences[0].logit_rows, 16);
  EXPECT_TRUE(second.sequences[0].samples);
  Commit(scheduler, second);
  EXPECT_EQ(scheduler.Next().sequences[0].logit_rows, 1);
}

TEST(Scheduler, PreemptsTheYoungestAndComputesItsTokensAgain) {
  SchedulerConfig config = Config(5);
  config.prefix_caching = false;
  Scheduler scheduler(config);
  Add(scheduler, Prompt(31), 40);       // 2 blocks, a third after two tokens
  Add(scheduler, Prompt(15, 100), 40);  // 1 block, a second after two tokens
  Step(scheduler);                      // 31 + 15
  EXPECT_EQ(scheduler.stats().running, 2);
  for (int i = 0; i < 18; ++i) Step(scheduler);  // lengths 50 and 34; 3 + 2 blocks are full: 5 held
  EXPECT_EQ(scheduler.stats().preemptions, 1);
  EXPECT_EQ(scheduler.stats().running, 1);
  EXPECT_EQ(scheduler.Tokens({1}).size(), 33u);  // its generated tokens are kept
  while (scheduler.Tokens({0}).size() < 70) Step(scheduler);
  Commit(scheduler, scheduler.Next(), {SequenceId{0}});
  EXPECT_THAT(Shape(scheduler.Next()), ElementsAre(Row{1, 0, 33}));
}

TEST(Scheduler, CountsCachedBlocksAsTakenWhenItAdmits) {
  Scheduler scheduler(Config(6));
  const SequenceId first = Add(scheduler, Prompt(33), 1);
  Commit(scheduler, scheduler.Next(), {first});  // leaves two cached blocks
  Add(scheduler, Prompt(33, 100), 9);            // holds three others
  Step(scheduler);
  Add(scheduler, Prompt(49), 1);  // the two cached ones and two more: three are free
  EXPECT_EQ(scheduler.Next().sequences.size(), 1u);
  EXPECT_EQ(scheduler.stats().waiting, 1);
}

TEST(Scheduler, LeavesRunningPromptsTheBlocksTheyStillNeed) {
  SchedulerConfig config = Config(8);
  config.max_chunk_tokens = 16;
  Scheduler scheduler(config);
  Add(scheduler, Prompt(96), 2);  // six blocks, one chunk each
  Step(scheduler);
  Add(scheduler, Prompt(32, 100), 2);
  EXPECT_EQ(scheduler.Next().sequences.size(), 1u);
  EXPECT_EQ(scheduler.stats().waiting, 1);
}

TEST(Scheduler, RefusesWhatCanNeverFit) {
  SchedulerConfig config = Config(4);
  config.max_model_len = 100;
  Scheduler scheduler(config);
  const auto prompt = Prompt(60);
  EXPECT_THAT(scheduler.Add({{}, 5}).status().message(), HasSubstr("the prompt is empty"));
  EXPECT_THAT(scheduler.Add({prompt, 0}).status().message(), HasSubstr("max_tokens is 0"));
  EXPECT_THAT(scheduler.Add({prompt, 41}).status().message(),
              HasSubstr("exceed the model length of 100 tokens"));
  EXPECT_THAT(scheduler.Add({prompt, 2'147'483'647}).status().message(),
              HasSubstr("exceed the model length"));
  EXPECT_THAT(scheduler.Add({prompt, 6}).status().message(),
              HasSubstr("need 5 KV cache blocks but there are 4"));
  EXPECT_EQ(scheduler.Add({prompt, 6}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(scheduler.Add({prompt, 5}).ok());  // 64 positions and a last token that needs none
  EXPECT_TRUE(scheduler.idle() == false && scheduler.stats().waiting == 1);
}

TEST(Scheduler, CancelFreesBlocksAtOnceAndIdsAreUsedAgain) {
  Scheduler scheduler(Config());
  const SequenceId running = Add(scheduler, Prompt(40), 5);
  Step(scheduler);
  const SequenceId waiting = Add(scheduler, Prompt(5), 5);
  EXPECT_NE(running, waiting);
  EXPECT_EQ(scheduler.pool().held_count(), 3);
  scheduler.Cancel(running);
  EXPECT_EQ(scheduler.pool().held_count(), 0);
  scheduler.Cancel(waiting);
  EXPECT_TRUE(scheduler.idle());
  EXPECT_EQ(scheduler.stats().cancelled, 2);
  scheduler.CheckInvariants();
  EXPECT_LE(Add(scheduler, Prompt(5), 5).value, 1);
}

// Answers a plan: `corrupt` ends, the others get a token.
void CommitCorrupt(Scheduler& scheduler, const Plan& plan, SequenceId corrupt) {
  std::vector<SequenceResult> results;
  for (const SequencePlan& entry : plan.sequences) {
    const bool ends = entry.id == corrupt;
    if (entry.samples) results.push_back({entry.id, 1000, ends, ends});
  }
  scheduler.Commit({results});
  scheduler.CheckInvariants();
}

TEST(Scheduler, BlocksOfACorruptSequenceAreSharedByNobodyAndCleanedBeforeTheNextStep) {
  Scheduler scheduler(Config());
  const SequenceId ill = Add(scheduler, Prompt(40), 3);
  const Plan& first = scheduler.Next();
  EXPECT_TRUE(first.blocks_to_clean.empty());
  const std::vector<kvcache::BlockId> blocks(first.sequences[0].blocks.begin(),
                                             first.sequences[0].blocks.end());
  CommitCorrupt(scheduler, first, ill);
  Add(scheduler, Prompt(40), 3);
  const Plan& second = scheduler.Next();
  EXPECT_THAT(Shape(second), ElementsAre(Row{ill.value, 0, 40})) << "no prefix hit";
  EXPECT_THAT(second.blocks_to_clean, ::testing::UnorderedElementsAreArray(blocks));
  scheduler.Discard();
  const Plan& again = scheduler.Next();
  EXPECT_EQ(again.blocks_to_clean.size(), blocks.size()) << "nobody knows whether the step cleaned them";
  Commit(scheduler, again);
  EXPECT_TRUE(scheduler.Next().blocks_to_clean.empty());
}

TEST(Scheduler, ASharedBlockOfACorruptSequenceIsCleanedAfterItsLastHolder) {
  Scheduler scheduler(Config());
  Add(scheduler, Prompt(40), 8);
  Step(scheduler);
  const SequenceId ill = Add(scheduler, Prompt(40), 8);
  const Plan& both = scheduler.Next();
  ASSERT_EQ(both.sequences[1].cached_tokens, 32);
  CommitCorrupt(scheduler, both, ill);
  const Plan& rest = scheduler.Next();
  EXPECT_EQ(rest.blocks_to_clean.size(), 1u) << "the one that it had alone";
  Commit(scheduler, rest, {rest.sequences[0].id});
  Add(scheduler, Prompt(40), 8);
  const Plan& third = scheduler.Next();
  EXPECT_EQ(third.blocks_to_clean.size(), 2u);
  EXPECT_EQ(third.sequences[0].cached_tokens, 0);
}

// Two compute the same block; the name goes to the first. When the second is corrupt, the first one's is
// suspect.
TEST(Scheduler, WhoComputedTheSameAsACorruptSequenceLosesItsNames) {
  Scheduler scheduler(Config());
  Add(scheduler, Prompt(40), 8, "", true);  // with prompt logits there is no waiting for one another
  const SequenceId ill = Add(scheduler, Prompt(40), 8, "", true);
  const Plan& both = scheduler.Next();
  ASSERT_EQ(both.sequences.size(), 2u);
  CommitCorrupt(scheduler, both, ill);
  const SequenceId next = Add(scheduler, Prompt(40), 8);
  const Plan& plan = scheduler.Next();
  ASSERT_EQ(plan.sequences.size(), 2u);
  EXPECT_EQ(plan.sequences[1].id, next);
  EXPECT_EQ(plan.sequences[1].cached_tokens, 0);
}

TEST(Scheduler, AddIsAllowedWhileAPlanIsOut) {
  Scheduler scheduler(Config(256));
  Add(scheduler, Prompt(5), 5);
  const Plan& plan = scheduler.Next();
  for (int i = 0; i < 50; ++i) Add(scheduler, Prompt(5, 10 * i), 5);
  EXPECT_EQ(plan.sequences[0].tokens[4], 4);
  Commit(scheduler, plan);
  EXPECT_EQ(scheduler.Next().sequences.size(), 51u);
}

TEST(Scheduler, MoreSequencesThanBudgetStillRunInTurn) {
  SchedulerConfig config = Config();
  config.max_batched_tokens = 2;  // also bounds the sequences
  Scheduler scheduler(config);
  for (int i = 0; i < 3; ++i) Add(scheduler, Prompt(3, 10 * i), 4);
  EXPECT_THAT(Shape(scheduler.Next()), ElementsAre(Row{0, 0, 2}));
  scheduler.Discard();
  for (int i = 0; i < 12; ++i) {
    const Plan& plan = scheduler.Next();
    EXPECT_LE(plan.rows, 2);
    EXPECT_GE(plan.rows, 1);
    Commit(scheduler, plan,
           scheduler.Tokens({0}).size() == 6 ? std::vector<SequenceId>{{0}} : std::vector<SequenceId>{});
    if (scheduler.stats().finished > 0) return;
  }
  FAIL() << "the oldest sequence did not finish";
}

}  // namespace
}  // namespace vivace::scheduler
