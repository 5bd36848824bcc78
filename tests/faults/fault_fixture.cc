#include "fault_fixture.h"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <new>

#include "bad_file.h"
#include "codegen/masked_target_fixture.h"
#include "runtime/tiny_model.h"

namespace vivace::faults {
namespace {

constexpr unsigned kHangSeconds = 600;  // of a whole test: SIGALRM ends it

std::size_t Wanted() {
  if (std::getenv("VIVACE_LONG") != nullptr) return std::size_t{1} << 40;
  return std::getenv("VIVACE_QUICK") != nullptr ? 20 : 150;
}

}  // namespace

OutputCallback Listener::Callback() {
  return [this](RequestOutput output) { Take(std::move(output)); };
}

void Listener::Take(RequestOutput output) {
  const Exempt own;
  const std::lock_guard lock(mutex_);
  ++calls_;
  if (calls_ >= refused_first_ && calls_ < refused_first_ + refused_count_) throw std::bad_alloc();
  tokens.insert(tokens.end(), output.token_ids.begin(), output.token_ids.end());
  done_ = output.finish_reason != FinishReason::kNone;
  last = std::move(output);
  changed_.notify_all();
}

bool Listener::Wait() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(30), [this] { return done_; });
}

FaultTest::FaultTest() {
  ::alarm(kHangSeconds);
  runtime::TinyModelSpec spec;
  spec.layers = 1;
  EXPECT_TRUE(runtime::TinyModel(spec).Write(Gguf()));
  bad_files::WriteTinyFolder(folder_);
}

FaultTest::~FaultTest() {
  ::alarm(0);
}

void FaultTest::ClearCache() const {
  std::filesystem::remove_all(Cache());
}

Options FaultTest::MakeOptions(const std::string& model, int level, const Settings& settings) {
  Options options;
  Settings all = {{"model", model},
                  {"optimization-level", std::to_string(level)},
                  {"log-level", "off"},
                  {"threads", "2"},
                  {"max-model-len", "auto"},
                  {"kv-cache-memory-bytes", "262144"},
                  {"kernel-config.enable-flashinfer-autotune", "false"}};
  if (const auto isa = codegen::MaskedTargetName()) all.emplace_back("cpu-isa", *isa);
  all.insert(all.end(), settings.begin(), settings.end());
  for (const auto& [name, value] : all) EXPECT_TRUE(options.Set(name, value).ok()) << name;
  return options;
}

std::unique_ptr<Engine> FaultTest::Start(const Options& options) {
  auto engine = Engine::Create(options);
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  return engine.ok() ? std::move(engine).value() : nullptr;
}

Request FaultTest::Ask(int max_tokens, int salt) {
  Request request;
  for (int i = 0; i < 20; ++i) request.prompt.push_back(3 + (i * 37 + salt * 101) % 256);
  request.sampling.temperature = 0;
  request.sampling.max_tokens = max_tokens;
  request.sampling.ignore_eos = true;
  request.sampling.logprobs = 3;
  request.sampling.prompt_logprobs = 1;
  request.sampling.repetition_penalty = 1.1f;
  request.sampling.stop = {"never in an answer of this model", "nor this one"};
  request.cache_salt = "a salt that is longer than what lies within a string";
  return request;
}

FaultTest::Answer FaultTest::Complete(Engine& engine, Request request) {
  Listener listener;
  const auto id = engine.Submit(std::move(request), listener.Callback());
  if (!id.ok()) return {id.status(), {}};
  EXPECT_TRUE(listener.Wait()) << "a request never ended";
  if (listener.last.finish_reason == FinishReason::kError) return {listener.last.status, {}};
  return {Status::Ok(), listener.tokens};
}

void FaultTest::ForEach(Kind kind, bool lasting, const std::function<long(const Fault&)>& attempt) {
  const auto begin = std::chrono::steady_clock::now();
  attempt({kind, 0, false});  // what is made once in a process is made now
  const long all = attempt({kind, 0, false});
  const long stride = std::max<long>(1, static_cast<long>(static_cast<std::size_t>(all) / Wanted()));
  long tried = 0;
  for (long k = 1; k <= all; k += stride, ++tried) {
    SCOPED_TRACE("the fault is at " + std::to_string(k) + " of " + std::to_string(all));
    attempt({kind, k, lasting});
    if (testing::Test::HasFatalFailure()) return;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::printf("  %ld of %ld %s%s failed, %.1f s\n", tried, all,
              kind == Kind::kAllocation ? "allocations"
              : kind == Kind::kCall     ? "calls"
                                        : "threads",
              lasting ? " and all after them" : "", seconds.count());
}

}  // namespace vivace::faults
