#include "engine/tuner.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>
#include <sstream>

#include "compiler/specialise.h"
#include "engine/engine_config.h"
#include "engine/engine_fixture.h"
#include "engine/model_runner.h"
#include "runtime/tiny_model.h"
#include "vivace/tuning.h"

namespace vivace::engine {
namespace {

using kernels::TilePlan;

std::string Contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TuningMode ModeOf(const std::vector<std::pair<std::string, std::string>>& settings,
                  std::vector<std::string>* notes = nullptr) {
  Options options;
  std::vector<std::string> unwanted;
  for (const auto& [name, value] : settings) EXPECT_TRUE(options.Set(name, value).ok()) << name;
  EXPECT_TRUE(options.SetFromLevel().ok());
  const bool compiles = options.Text("compilation-config.mode") != "NONE";
  return ResolveTuner(options, compiles, notes != nullptr ? *notes : unwanted).mode;
}

TEST(Tuner, TheLevelSaysWhatIsDoneAndAnExplicitValueWins) {
  const std::string level = "optimization-level", key = "kernel-config.enable-flashinfer-autotune",
                    flag = "enable-flashinfer-autotune";
  EXPECT_EQ(ModeOf({{level, "0"}}), TuningMode::kOff);
  EXPECT_EQ(ModeOf({{level, "1"}}), TuningMode::kStored);
  EXPECT_EQ(ModeOf({{level, "2"}}), TuningMode::kSearch);
  EXPECT_EQ(ModeOf({{level, "3"}}), TuningMode::kExhaustive);
  for (const std::string& name : {key, flag}) {
    for (const std::string number : {"0", "1", "2", "3"})
      EXPECT_EQ(ModeOf({{level, number}, {name, "false"}}), TuningMode::kOff) << name << number;
    EXPECT_EQ(ModeOf({{level, "1"}, {name, "true"}}), TuningMode::kSearch);
    EXPECT_EQ(ModeOf({{level, "3"}, {name, "true"}}), TuningMode::kExhaustive);
    EXPECT_EQ(ModeOf({{level, "2"}, {"compilation-config.mode", "NONE"}, {name, "true"}}), TuningMode::kOff);
    EXPECT_EQ(ModeOf({{level, "0"}, {"compilation-config.mode", "3"}, {name, "true"}}), TuningMode::kSearch);
    std::vector<std::string> notes;
    EXPECT_EQ(ModeOf({{level, "0"}, {name, "true"}}, &notes), TuningMode::kOff);
    EXPECT_EQ(notes,
              (std::vector<std::string>{"enable_flashinfer_autotune has no effect: nothing is compiled"}));
  }
}

class TunedModelTest : public testing::Test {
 protected:
  TunedModelTest() : folder_(testing::TempDir() + "tuner_test_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
    runtime::TinyModelSpec spec;
    spec.hidden = 128, spec.heads = 4, spec.kv_heads = 2, spec.ffn = 192;
    EXPECT_TRUE(runtime::TinyModel(spec).Write(model()));
    auto file = checkpoint::Checkpoint::Open(model());
    EXPECT_TRUE(file.ok());
    file_ = std::move(file).value();
  }
  ~TunedModelTest() override { std::filesystem::remove_all(folder_); }

  std::string model() const { return folder_ + "/model.gguf"; }
  static bool HasMachineCode() { return codegen::HostTarget().CanRun(); }

  EngineConfig Config(TuningMode mode) const {
    EngineConfig config;
    config.compile.options.compile_sizes = std::vector<int>{1, 3, 8};
    config.compile.options.compile_ranges_endpoints = {16, 64};
    config.compile.options.threads = 2;
    config.workers.workers = 2;
    config.kv_bytes = 1 << 24;
    config.tuner = {.mode = mode, .folder = folder_ + "/tuning"};
    return config;
  }
  std::unique_ptr<ModelRunner> Make(TuningMode mode) const {
    StartLog start{base::Log()};
    auto runner = ModelRunner::Create(*file_, Config(mode), start);
    EXPECT_TRUE(runner.ok()) << runner.status().message();
    return runner.ok() ? std::move(runner).value() : nullptr;
  }
  std::string StoredFile() const {
    return Tuner(Config(TuningMode::kStored).tuner, codegen::HostTarget()).store().path();
  }

  const std::string folder_;
  std::unique_ptr<checkpoint::Checkpoint> file_;
};

// Logits of a prompt of each length in one step, and of decode steps of several sequences.
std::vector<float> AllLogits(ModelRunner& runner) {
  std::vector<float> out;
  for (const int rows : {1, 2, 3, 8, 15, 40}) {
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(rows)), positions(tokens.size()), slots,
        blocks(8), wanted;
    std::iota(tokens.begin(), tokens.end(), 5);
    std::iota(positions.begin(), positions.end(), 0);
    slots = wanted = positions;
    std::iota(blocks.begin(), blocks.end(), 0);
    const tensor::SequenceView sequence{0, rows, 0, blocks.data()};
    tensor::StepView step;
    step.rows = step.logit_count = rows;
    step.token_ids = tokens.data();
    step.positions = positions.data();
    step.kv_slots = slots.data();
    step.sequences = &sequence;
    step.sequence_count = 1;
    step.logit_rows = wanted.data();
    runner.Run(step);
    for (int row = 0; row < rows; ++row) {
      const std::span<const float> logits = runner.Logits(row);
      out.insert(out.end(), logits.begin(), logits.end());
    }
  }
  return out;
}

// Any legal plan: what a file that was edited by hand may say.
TilePlan RandomPlan(std::mt19937& random) {
  return {
      .direct_rows = static_cast<int>(random() % (kernels::kMaximumTileRows + 1)),
      .expand = random() % 2 == 0,
      .task_units = static_cast<int>(random() % 10 == 0 ? program::TuningTable::kMostUnits : random() % 12)};
}

TEST_F(TunedModelTest, TunedUntunedAndMistunedModelsGiveTheSameBits) {
  if (!HasMachineCode()) GTEST_SKIP() << "no kernels for this CPU";
  const auto plain = Make(TuningMode::kOff);
  const std::vector<float> expected = AllLogits(*plain);
  const auto tuned = Make(TuningMode::kExhaustive);
  EXPECT_GT(tuned->tuner().outcome().shapes, 5);
  EXPECT_EQ(AllLogits(*tuned), expected);
  std::mt19937 random(7);
  for (int i = 0; i < 30; ++i) {
    for (program::Specialisation one : plain->program().specialisations) {
      for (auto& body : one.plans) {
        for (TilePlan& plan : body) plan = RandomPlan(random);
      }
      plain->executor().Retile(one);
    }
    ASSERT_EQ(AllLogits(*plain), expected) << i;
  }
}

TEST_F(TunedModelTest, StepsThatNoSequenceIsLongEnoughForAreMadeOfSeveralOrLeftOut) {
  if (!HasMachineCode()) GTEST_SKIP() << "no kernels for this CPU";
  const auto runner = Make(TuningMode::kOff);
  const SearchLimits limits{.rounds = 1};
  EXPECT_NE(runner->Retune({512, 4, 20}, limits), "");
  EXPECT_EQ(runner->tuner().outcome().left, 0) << "64 rows are four sequences of 20 at most";
  const auto other = Make(TuningMode::kOff);
  other->Retune({512, 3, 20}, limits);
  EXPECT_GT(other->tuner().outcome().left, 0);
}

TEST_F(TunedModelTest, WhatOneStartFoundTheNextOneUses) {
  if (!HasMachineCode()) GTEST_SKIP() << "no kernels for this CPU";
  const auto first = Make(TuningMode::kExhaustive);
  EXPECT_EQ(first->tuner().outcome().left, 0);
  const std::string stored = Contents(StoredFile());
  EXPECT_NE(stored.find("\nhost "), std::string::npos);
  EXPECT_NE(stored.find(" rows 8 8 threads 2 plan "), std::string::npos) << stored;
  EXPECT_NE(stored.find(" rows 17 64 threads 2 plan "), std::string::npos) << stored;
  for (const TuningMode mode : {TuningMode::kStored, TuningMode::kSearch, TuningMode::kExhaustive}) {
    const auto next = Make(mode);
    EXPECT_EQ(next->tuner().outcome().shapes, 0) << "nothing is measured again";
    ASSERT_EQ(next->program().specialisations.size(), first->program().specialisations.size());
    for (std::size_t i = 0; i < next->program().specialisations.size(); ++i)
      EXPECT_EQ(next->program().specialisations[i].plans, first->program().specialisations[i].plans) << i;
  }
  EXPECT_EQ(Contents(StoredFile()), stored);
}

TEST_F(TunedModelTest, ResultsTravelWithAnArtifact) {
  if (!HasMachineCode()) GTEST_SKIP() << "no kernels for this CPU";
  const auto runner = Make(TuningMode::kExhaustive);
  const std::string text = runner->tuner().TextFor(runner->program(), 2);
  Tuner other({.mode = TuningMode::kSearch, .folder = ""}, codegen::HostTarget());
  std::string note;
  EXPECT_TRUE(other.Stored(note).empty());
  other.Add(text, note);
  EXPECT_EQ(note, "");
  EXPECT_EQ(other.TextFor(runner->program(), 2), text);
  EXPECT_EQ(other.TextFor(runner->program(), 3), "") << "nothing is known of so many threads";
  Tuner third({.mode = TuningMode::kSearch, .folder = ""}, codegen::HostTarget());
  third.Add("vivace tuning 1\nhost other\n" + text.substr(text.find("panel_gemm")), note);
  EXPECT_TRUE(third.table().empty()) << "another class of machines";
  third.Add("vivace tuning 1\nx", note);
  EXPECT_EQ(note, "tuning results of the artifact are not used: line 2: expected 'panel_gemm', at 'x'");
}

TEST_F(TunedModelTest, ASearchKeepsWithinItsTimeAndTheNextStartDoesNotSearchAgain) {
  if (!HasMachineCode()) GTEST_SKIP() << "no kernels for this CPU";
  const auto runner = Make(TuningMode::kOff);
  const SearchLimits limits{.seconds = 1e-9, .least_rounds = 0};
  const std::string line = runner->Retune({512, 64, 256}, limits);
  EXPECT_NE(line.find("0 shapes measured, 0 with another plan than the default, "), std::string::npos)
      << line;
  EXPECT_GT(runner->tuner().outcome().left, 5);
  EXPECT_EQ(runner->Retune({512, 64, 256}, limits), "all shapes were tuned before");
  EXPECT_EQ(runner->Retune({512, 64, 256}, {.seconds = 0, .rounds = 1, .least_rounds = 1}).find("0 shapes"),
            std::string::npos)
      << "an exhaustive search measures what was left out";
}

TEST_F(TunedModelTest, AFileThatCannotBeTrustedIsIgnoredWithOneLine) {
  const TunerConfig config = Config(TuningMode::kStored).tuner;
  const auto note_of = [&] {
    Tuner tuner(config, codegen::HostTarget());
    std::string note;
    EXPECT_TRUE(tuner.Stored(note).empty());
    return note;
  };
  EXPECT_EQ(note_of(), "") << "nothing is there yet";
  std::filesystem::create_directories(config.folder);
  std::filesystem::permissions(config.folder, std::filesystem::perms::owner_all);
  const std::string path = StoredFile(), host = Tuner(config, codegen::HostTarget()).store().host();
  const std::string start = "tuning results in '" + path + "' are not used: ";
  std::ofstream(path) << "vivace tuning 1\nhost " << host << "\npanel_gemm q4_1 u8g32 n 0";
  EXPECT_EQ(note_of(), start + "line 3: expected an integer from 1 to 16777216, at '0'");
  std::ofstream(path) << "vivace tuning 1\nhost another machine\n";
  EXPECT_EQ(note_of(), start + "they are of another class of machines");
  std::ofstream(path) << std::string(2 << 20, ' ');
  const std::string file = "'" + path.substr(path.rfind('/') + 1) + "'";
  EXPECT_EQ(note_of(), start + file + " is larger than 1048576 bytes");
  std::ofstream(path) << "vivace tuning 1\nhost " << host << "\n";
  EXPECT_EQ(note_of(), "");
  ::chmod(path.c_str(), 0666);
  EXPECT_EQ(note_of(), start + file + " may be written to by others: chmod go-w " + file);
  std::filesystem::remove(path);
  std::filesystem::create_symlink("/etc/passwd", path);
  EXPECT_EQ(note_of().substr(0, start.size()), start);
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(note_of(), start + file + " is no regular file");
}

TEST_F(TunedModelTest, AFolderThatCannotBeWrittenIsALineAndNoError) {
  TuningStore store("/proc/nowhere/tuning", "some host");
  const Status status = store.Save({});
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(status.message().substr(0, 48), "cannot write tuning results to '/proc/nowhere/tu");
  EXPECT_TRUE(TuningStore("", "some host").Save({}).ok());
}

TEST_F(TunedModelTest, TuneModelMeasuresAllAndShowsItAfterwards) {
  if (!HasMachineCode()) GTEST_SKIP() << "no kernels for this CPU";
  Options options;
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"model", model()},
                                                        {"cache-root", folder_},
                                                        {"no-cache", "false"},
                                                        {"threads", "2"},
                                                        {"log-level", "error"},
                                                        {"compilation-config.compile-sizes", "2,5"}}) {
    ASSERT_TRUE(options.Set(name, value).ok()) << name;
  }
  const auto nothing = TuneModel(options, {.show = true});
  ASSERT_TRUE(nothing.ok()) << nothing.status().message();
  for (const TunedShape& shape : nothing->shapes) EXPECT_EQ(shape.rounds, 0);
  const auto tuned = TuneModel(options, {});
  ASSERT_TRUE(tuned.ok()) << tuned.status().message();
  const auto shown = TuneModel(options, {.show = true});
  ASSERT_TRUE(shown.ok()) << shown.status().message();
  EXPECT_EQ(shown->line, "nothing was measured");
  ASSERT_EQ(shown->shapes.size(), nothing->shapes.size());
  ASSERT_GE(shown->shapes.size(), 8u);
  for (std::size_t i = 0; i < shown->shapes.size(); ++i) {
    const TunedShape &a = shown->shapes[i], &b = tuned->shapes[i];
    EXPECT_GE(a.rounds, 1) << a.label;
    EXPECT_GT(a.default_us, 0) << a.label;
    EXPECT_EQ(a.plan, b.plan);
    EXPECT_EQ(a.default_plan, nothing->shapes[i].plan);
    EXPECT_EQ(a.is_default, a.plan == a.default_plan);
  }
}

// Starts an engine at -O3, generates a token after another, and ends it. What was logged.
std::string RunOnce(const std::string& model, const std::string& cache_root, int tokens) {
  Options options;
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"model", model},
           {"optimization-level", "3"},
           {"cache-root", cache_root},
           {"no-cache", "false"},
           {"threads", "2"},
           {"log-batchsize-interval", "3600"},
           {"kernel-config.enable-flashinfer-autotune", "true"}}) {
    EXPECT_TRUE(options.Set(name, value).ok()) << name;
  }
  testing::internal::CaptureStderr();
  {
    auto engine = Engine::Create(options);
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    Collector collector;
    Request request;
    request.prompt = {3, 4, 5};
    request.sampling.max_tokens = tokens;
    request.sampling.ignore_eos = true;
    EXPECT_TRUE((*engine)->Submit(std::move(request), collector.Callback()).ok());
    collector.Wait();
    EXPECT_TRUE((*engine)->WaitForArtifact().ok());
  }
  return testing::internal::GetCapturedStderr();
}

TEST_F(TunedModelTest, AnArtifactInAnotherFolderBringsItsPlansAndItsProfile) {
  if (!HasMachineCode()) GTEST_SKIP() << "no kernels for this CPU";
  const std::string here = folder_ + "/here", there = folder_ + "/there";
  EXPECT_NE(RunOnce(model(), here, 230).find(" shapes measured, "), std::string::npos);
  std::filesystem::create_directories(there);
  std::filesystem::copy(here + "/artifacts", there + "/artifacts", std::filesystem::copy_options::recursive);
  const std::string log = RunOnce(model(), there, 5);
  EXPECT_NE(log.find("Compile sizes from the profile of the artifact: "), std::string::npos) << log;
  EXPECT_NE(log.find(" 1 ("), std::string::npos) << "the size that the other folder saw: " << log;
  // The prompt's step of three rows may be too short beside the others to get a size.
  const bool has_three = log.find(" 3 (") != std::string::npos;
  EXPECT_EQ(log.find(" shapes measured, ") != std::string::npos, has_three) << log;
  EXPECT_EQ(log.find(": 5 shapes measured, ") != std::string::npos, has_three)
      << "the plans of size 1 came along, only those of size 3 are new: " << log;
}

}  // namespace
}  // namespace vivace::engine
