// The second start uses what the first has kept, answers the same, and never believes what is damaged.
#include "engine/artifact_use.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "checkpoint/checkpoint.h"
#include "engine/artifact_key.h"
#include "engine/engine_fixture.h"

namespace vivace {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using Settings = std::vector<std::pair<std::string, std::string>>;

struct Started {
  std::vector<std::int32_t> tokens;
  int hits = 0, misses = 0;
  std::string folder, error;
};

class ArtifactUseTest : public testing::Test {
 protected:
  ArtifactUseTest() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    base_ = testing::TempDir() + "artifact_use_" + std::to_string(::getpid()) + "_" + test->name();
    fs::remove_all(base_);
    fs::create_directories(base_);
    EXPECT_TRUE(TinyModel(TinyModelSpec{}).Write(Model()));
  }
  ~ArtifactUseTest() override { fs::remove_all(base_); }

  std::string Model() const { return base_ + "/model.gguf"; }
  std::string Cache() const { return base_ + "/cache"; }

  Options MakeOptions(const Settings& settings) const {
    Options options;
    Settings all = {{"model", Model()},     {"optimization-level", "2"},
                    {"log-level", "off"},   {"threads", "2"},
                    {"cache-dir", Cache()}, {"kernel-config.enable-flashinfer-autotune", "false"}};
    if (const auto isa = codegen::MaskedTargetName()) all.emplace_back("cpu-isa", *isa);
    all.insert(all.end(), settings.begin(), settings.end());
    for (const auto& [name, value] : all) EXPECT_TRUE(options.Set(name, value).ok()) << name << " " << value;
    return options;
  }

  Started Start(const Settings& settings = {}) const {
    Started out;
    auto engine = Engine::Create(MakeOptions(settings));
    if (!engine.ok()) {
      out.error = engine.status().message();
      return out;
    }
    Request request;
    request.prompt = std::vector<std::int32_t>{1, 2, 3, 4, 5};
    request.sampling.temperature = 0;
    request.sampling.max_tokens = 6;
    request.sampling.ignore_eos = true;
    Collector collector;
    EXPECT_TRUE((*engine)->Submit(std::move(request), collector.Callback()).ok());
    out.tokens = collector.Wait().tokens;
    const auto folder = (*engine)->WaitForArtifact();
    EXPECT_TRUE(folder.ok()) << folder.status().message();
    if (folder.ok()) out.folder = *folder;
    out.hits = (*engine)->stats().artifact_hits;
    out.misses = (*engine)->stats().artifact_misses;
    return out;
  }

  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  std::string base_;
};

TEST_F(ArtifactUseTest, TheSecondStartHitsAndAnswersTheSame) {
  const Started first = Start();
  EXPECT_EQ(first.misses, 1);
  EXPECT_EQ(first.hits, 0);
  ASSERT_TRUE(fs::exists(first.folder + "/weights.pack"));
  const Started second = Start();
  EXPECT_EQ(second.hits, 1);
  EXPECT_EQ(second.misses, 0);
  EXPECT_EQ(second.tokens, first.tokens);
  EXPECT_EQ(second.folder, first.folder);
  const Started without = Start({{"no-cache", "true"}});
  EXPECT_EQ(without.hits + without.misses, 0);
  EXPECT_EQ(without.folder, "");
  EXPECT_EQ(without.tokens, first.tokens);
}

TEST_F(ArtifactUseTest, AnArtifactIsCarriedToAnotherFolderAndAnotherModelPath) {
  const Started first = Start();
  const std::string other = base_ + "/elsewhere";
  fs::create_directories(other);
  fs::copy(Cache(), other, fs::copy_options::recursive);
  fs::remove_all(Cache());
  fs::copy_file(Model(), base_ + "/same.gguf");
  const Started carried =
      Start({{"cache-dir", other}, {"require-artifact", "true"}, {"model", base_ + "/same.gguf"}});
  EXPECT_EQ(carried.error, "");
  EXPECT_EQ(carried.hits, 1);
  EXPECT_EQ(carried.tokens, first.tokens);
}

TEST_F(ArtifactUseTest, RequireArtifactFailsInsteadOfPacking) {
  const Started none = Start({{"require-artifact", "true"}});
  EXPECT_THAT(none.error, HasSubstr("--require-artifact is given, but cannot open '" + Cache()));
  EXPECT_FALSE(fs::exists(Cache()));
  Start();
  EXPECT_THAT(Start({{"require-artifact", "true"}, {"activation-dtype", "int16"}}).error,
              HasSubstr("activation is 'int16' and not 'auto' as in the nearest one"));
  EXPECT_THAT(Start({{"require-artifact", "true"}, {"no-cache", "true"}}).error,
              HasSubstr("leave out --no-cache"));
  EXPECT_EQ(Start({{"require-artifact", "true"}}).hits, 1);
}

// Damage anywhere is found, the artifact is made again, and the answer is the same. VIVACE_LONG: every byte.
TEST_F(ArtifactUseTest, DamageIsFoundAndMendedWithTheSameAnswer) {
  const Started first = Start();
  const bool is_long = std::getenv("VIVACE_LONG") != nullptr;
  for (const std::string file : {"manifest.json", "plan.txt", "weights.pack"}) {
    const std::string path = first.folder + "/" + file, good = Read(path);
    const std::size_t step = is_long ? 1 : good.size() / 3 + 1;
    for (std::size_t i = 0; i < good.size(); i += step) {
      for (const bool is_cut : {false, true}) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 0x10);
        Write(path, is_cut ? good.substr(0, i) : bad);
        const Started mended = Start();
        ASSERT_EQ(mended.misses, 1) << file << " " << i << (is_cut ? " cut" : " flipped");
        ASSERT_EQ(mended.tokens, first.tokens);
        ASSERT_EQ(Read(path), good);
      }
    }
  }
  EXPECT_EQ(Start().hits, 1);
}

TEST_F(ArtifactUseTest, ACacheThatCannotBeUsedIsNoError) {
  const Started first = Start();
  ::chmod(Cache().c_str(), 0777);
  const Started unsafe = Start();
  EXPECT_EQ(unsafe.error, "");
  EXPECT_EQ(unsafe.hits + unsafe.misses, 0);
  EXPECT_EQ(unsafe.tokens, first.tokens);
  Write(base_ + "/file", "x");
  EXPECT_EQ(Start({{"cache-dir", base_ + "/file"}}).tokens, first.tokens);
  EXPECT_EQ(Start({{"cache-dir", "/proc/none"}}).tokens, first.tokens);
  ::chmod(Cache().c_str(), 0700);
  const Started portable = Start({{"optimization-level", "0"}});
  EXPECT_EQ(portable.hits + portable.misses, 0);
}

// What the bytes depend on changes the key; nothing else does.
TEST_F(ArtifactUseTest, EachFactorMakesAnotherKeyAndNothingElseDoes) {
  const auto key_name = [&](const Settings& settings) {
    const auto config = engine::ResolveConfig(MakeOptions(settings));
    EXPECT_TRUE(config.ok()) << config.status().message();
    const auto file = checkpoint::Checkpoint::Open(config->model);
    EXPECT_TRUE(file.ok());
    return artifact::KeyName(engine::ArtifactKey(**file, config->compile.options));
  };
  const std::string base = key_name({});
  std::map<std::string, std::string> seen = {{base, "base"}};
  const Settings factors[] = {{{"activation-dtype", "int16"}},
                              {{"activation-dtype", "float32"}},
                              {{"optimization-level", "1"}},
                              {{"compilation-config.pass-config.fuse-qkv", "false"}},
                              {{"compilation-config.compile-sizes", "1,2,3"}},
                              {{"compilation-config.compile-ranges-endpoints", "16,64"}}};
  for (const Settings& settings : factors) {
    const auto [at, is_new] = seen.emplace(key_name(settings), settings[0].first + settings[0].second);
    EXPECT_TRUE(is_new) << settings[0].first << " has the key of " << at->second;
  }
  fs::copy_file(Model(), base_ + "/moved.gguf");
  const Settings others[] = {{{"model", base_ + "/moved.gguf"}},
                             {{"port", "9"}},
                             {{"threads", "1"}},
                             {{"log-level", "debug"}},
                             {{"log-format", "json"}},
                             {{"seed", "5"}},
                             {{"max-num-seqs", "7"}},
                             {{"max-model-len", "32"}},
                             {{"cache-dir", "/x"}},
                             {{"artifact-verify", "manifest"}},
                             {{"served-model-name", "x"}}};
  for (const Settings& settings : others) EXPECT_EQ(key_name(settings), base) << settings[0].first;
  ::setenv("VIVACE_SOME_VARIABLE", "1", 1);
  EXPECT_EQ(key_name({}), base);
  ::unsetenv("VIVACE_SOME_VARIABLE");
  // The model: a byte of its header, of its weights, its length.
  const std::string good = Read(Model());
  TinyModelSpec wider;
  ASSERT_TRUE(TinyModel(wider).Write(Model()));
  EXPECT_EQ(key_name({}), base) << "the same model written again";
  std::string other_weights = good;
  other_weights[good.size() - 40] = static_cast<char>(other_weights[good.size() - 40] ^ 1);
  Write(Model(), other_weights);
  EXPECT_TRUE(seen.emplace(key_name({}), "other weights").second);
}

TEST_F(ArtifactUseTest, FactorsThatOptionsDoNotReachMakeAnotherKey) {
  const auto file = checkpoint::Checkpoint::Open(Model());
  ASSERT_TRUE(file.ok());
  compiler::CompileOptions options;
  const std::string base = artifact::KeyName(engine::ArtifactKey(**file, options));
  options.kv_type = tensor::DType::kF32;
  EXPECT_NE(artifact::KeyName(engine::ArtifactKey(**file, options)), base);
  options = {};
  options.target = codegen::HostTarget();
  EXPECT_EQ(artifact::KeyName(engine::ArtifactKey(**file, options)), base);
  options.target->name += "-x";
  EXPECT_NE(artifact::KeyName(engine::ArtifactKey(**file, options)), base);
  options.target = codegen::HostTarget();
  options.target->bf16_dot = !options.target->bf16_dot;
  EXPECT_NE(artifact::KeyName(engine::ArtifactKey(**file, options)), base);
  options = {};
  options.threads = 7;
  options.dumps.graph = true;
  EXPECT_EQ(artifact::KeyName(engine::ArtifactKey(**file, options)), base);
}

TEST_F(ArtifactUseTest, TheFolderComesFromTheOptionsAndNeverFromElsewhere) {
  Options options;
  EXPECT_TRUE(options.Set("cache-root", "/r").ok());
  EXPECT_EQ(engine::ArtifactFolder(options), "/r/artifacts");
  EXPECT_TRUE(options.Set("compilation_config.cache_dir", "/d").ok());
  EXPECT_EQ(engine::ArtifactFolder(options), "/d");
  EXPECT_TRUE(options.Set("no-cache", "true").ok());
  EXPECT_EQ(engine::ArtifactFolder(options), "");
  for (const char* name : {"VIVACE_CACHE_ROOT", "VLLM_CACHE_ROOT", "TORCHINDUCTOR_CACHE_DIR"}) {
    ::setenv(name, "/from", 1);
    Options from_environment;
    EXPECT_TRUE(from_environment.SetFromEnvironment().ok());
    EXPECT_EQ(from_environment.Text("cache-root"), "/from") << name;
    ::unsetenv(name);
  }
  ::setenv("VLLM_DISABLE_COMPILE_CACHE", "1", 1);
  EXPECT_EQ(engine::ArtifactFolder(Options()), "");
}

}  // namespace
}  // namespace vivace
