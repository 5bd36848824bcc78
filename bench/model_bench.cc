// Times steps of whole models without sampling, on demand: a script (model_compare.py) asks for one
// measurement after the other, in turns with a peer, and does the statistics. Usage: model_bench MODEL
// VARIANT...
//   VARIANT: NAME[:option=value,..]   ("O2:optimization-level=2,activation-dtype=int16"); every one is loaded
//   at once
// Reads lines from standard input and answers each with one line:
//   NAME prefill ROWS CONTEXT         seconds of ROWS tokens of one sequence behind CONTEXT tokens
//   NAME decode SEQUENCES CONTEXT N   seconds of N steps of one token of each sequence behind CONTEXT tokens
//   NAME score IDS LOGITS             reads i32 tokens of one fresh sequence from file IDS and writes the f32
//   logits
//                                     of every position to file LOGITS; answers the number of positions
//   read                              bytes per second of a plain read of 512 MiB by all workers (best
//   variant)
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "engine/engine_config.h"
#include "engine/model_opening.h"
#include "engine/model_runner.h"
#include "roofline.h"

namespace vivace {
namespace {

constexpr int kBlock = tensor::KvLayout::kBlockTokens;
constexpr int kMaxSequences = 64;

/// A variant of the model, and sequences of it that are filled as far as they were asked for.
class Variant {
 public:
  Variant(std::unique_ptr<engine::ModelRunner> runner, int rows)
      : runner_(std::move(runner)), max_rows_(rows) {}

  double Prefill(int rows, int context) {
    Fill(1, context);
    const double start = bench::Seconds();
    for (int done = 0; done < rows; done += max_rows_) {
      const int chunk = std::min(max_rows_, rows - done);
      Step({{0, context + done, chunk}}, done + chunk == rows);
    }
    const double seconds = bench::Seconds() - start;
    filled_[0] = std::min(filled_[0], context);  // tokens behind were those of this prompt
    return seconds;
  }

  /// Logits of all positions of one sequence, in steps of 128 tokens. False when a file cannot be used.
  bool Score(const std::string& ids_path, const std::string& logits_path, int& count) {
    std::ifstream in(ids_path, std::ios::binary);
    std::ofstream out(logits_path, std::ios::binary);
    std::vector<std::int32_t> ids;
    for (std::int32_t id; in.read(reinterpret_cast<char*>(&id), sizeof id);) ids.push_back(id);
    constexpr int kChunk = 128;
    for (int first = 0; first < static_cast<int>(ids.size()); first += kChunk) {
      const int rows = std::min(kChunk, static_cast<int>(ids.size()) - first);
      Step({{0, first, rows}}, true, ids.data());
      for (int row = 0; row < rows; ++row) {
        const std::span<const float> logits = runner_->Logits(row);
        out.write(reinterpret_cast<const char*>(logits.data()),
                  static_cast<std::streamsize>(logits.size_bytes()));
      }
    }
    filled_[0] = 0;
    count = static_cast<int>(ids.size());
    return count > 0 && out.flush().good();
  }

  double Decode(int sequences, int context, int steps) {
    Fill(sequences, context);
    const double start = bench::Seconds();
    for (int i = 0; i < steps; ++i) {
      std::vector<Part> parts;
      for (int s = 0; s < sequences; ++s) parts.push_back({s, context + i, 1});
      Step(parts, true);
    }
    return bench::Seconds() - start;
  }

 private:
  struct Part {
    int sequence, first, rows;
  };

  void Fill(int sequences, int context) {
    for (int s = 0; s < sequences; ++s) {
      int& filled = filled_[s];
      while (filled < context) {
        const int rows = std::min(max_rows_, context - filled);
        Step({{s, filled, rows}}, false);
        filled += rows;
      }
    }
  }

  /// `ids`: the tokens of the sequence by position, of which all logits are wanted; none: made up, the last
  /// one's logits.
  void Step(const std::vector<Part>& parts, bool logits, const std::int32_t* ids = nullptr) {
    tokens_.clear(), positions_.clear(), slots_.clear(), logit_rows_.clear(), sequences_.clear();
    for (const Part& part : parts) {
      std::vector<std::int32_t>& own = blocks_[part.sequence];
      while (static_cast<int>(own.size()) * kBlock < part.first + part.rows) own.push_back(next_block_++);
      sequences_.push_back({static_cast<std::int32_t>(tokens_.size()), part.rows, part.first, own.data()});
      for (int position = part.first; position < part.first + part.rows; ++position) {
        tokens_.push_back(ids != nullptr ? ids[position]
                                         : (position * 7919 + part.sequence * 31) % 40000 + 100);
        if (ids != nullptr) logit_rows_.push_back(static_cast<std::int32_t>(tokens_.size()) - 1);
        positions_.push_back(position);
        slots_.push_back(own[static_cast<std::size_t>(position / kBlock)] * kBlock + position % kBlock);
      }
      if (logits && ids == nullptr) logit_rows_.push_back(static_cast<std::int32_t>(tokens_.size()) - 1);
    }
    tensor::StepView step;
    step.rows = static_cast<std::int32_t>(tokens_.size());
    step.token_ids = tokens_.data();
    step.positions = positions_.data();
    step.kv_slots = slots_.data();
    step.sequences = sequences_.data();
    step.sequence_count = static_cast<std::int32_t>(sequences_.size());
    step.logit_rows = logit_rows_.data();
    step.logit_count = static_cast<std::int32_t>(logit_rows_.size());
    runner_->Run(step);
  }

  std::unique_ptr<engine::ModelRunner> runner_;
  const int max_rows_;
  int filled_[kMaxSequences] = {};                   // tokens of each sequence that are in the cache
  std::vector<std::int32_t> blocks_[kMaxSequences];  // its page table
  std::int32_t next_block_ = 0;
  std::vector<std::int32_t> tokens_, positions_, slots_, logit_rows_;
  std::vector<tensor::SequenceView> sequences_;
};

/// "O2:optimization-level=2;threads=2" -> its name, and the options set.
Result<std::string> Apply(const std::string& text, Options& options) {
  const std::size_t colon = text.find(':');
  std::istringstream settings(colon == std::string::npos ? "" : text.substr(colon + 1));
  for (std::string setting; std::getline(settings, setting, ';');) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos) return InvalidArgument("'" + setting + "' is not option=value");
    const Status status = options.Set(setting.substr(0, equals), setting.substr(equals + 1));
    if (!status.ok()) return status;
  }
  return text.substr(0, colon);
}

class Bench {
 public:
  Status Load(const std::string& model, const std::string& text) {
    Options options;
    const std::pair<const char*, std::string> defaults[] = {
        {"model", model}, {"log-level", "error"}, {"max-model-len", "4608"}, {"max-num-seqs", "64"}};
    for (const auto& [option, value] : defaults) {
      if (Status status = options.Set(option, value, OptionOrigin::kConfigFile); !status.ok()) return status;
    }
    Result<std::string> name = Apply(text, options);
    if (!name.ok()) return name.status();
    Result<engine::EngineConfig> config = engine::ResolveConfig(options);
    if (!config.ok()) return config.status();
    config->kv_bytes = config->kv_bytes.value_or(std::int64_t{1} << 30);
    threads_ = config->workers.workers;
    auto file = engine::OpenModel(options, checkpoint::Contents::kAll);
    if (!file.ok()) return file.status();
    engine::StartLog start{base::Log(config->log)};
    auto runner = engine::ModelRunner::Create(**file, *config, start);
    if (!runner.ok()) return runner.status();
    variants_.emplace(*name, Variant(std::move(runner).value(), config->max_batched_tokens));
    files_.push_back(std::move(file).value());
    return Status::Ok();
  }

  bool Answer(const std::string& line) {
    std::istringstream words(line);
    std::string name, what;
    int a = 0, b = 0, c = 0;
    words >> name;
    if (name == "read") return std::printf("%.6g\n", Read()) > 0;
    words >> what;
    const auto found = variants_.find(name);
    if (found == variants_.end()) return false;
    if (what == "score") {
      std::string ids, logits;
      words >> ids >> logits;
      return found->second.Score(ids, logits, a) && std::printf("%d\n", a) > 0;
    }
    words >> a >> b >> c;
    if (what == "prefill" && a > 0) return std::printf("%.9g\n", found->second.Prefill(a, b)) > 0;
    if (what == "decode" && a > 0 && a <= kMaxSequences && c > 0)
      return std::printf("%.9g\n", found->second.Decode(a, b, c)) > 0;
    return false;
  }

 private:
  double Read() {
    constexpr std::size_t kBytes = std::size_t{512} << 20;
    if (!loops_) {
      auto loops = bench::MachineLoops::Create();
      if (!loops.ok()) return 0;
      loops_ = std::move(loops).value();
      memory_ = std::make_unique<bench::Memory>(kBytes);
      bench::FillNumbers(memory_->data(), kBytes);
      workers_ = std::make_unique<bench::Workers>(threads_);
      bench::Workers::ReleaseThisThread();
    }
    double best = 0;
    for (std::size_t variant = 0; variant < std::size(bench::kReadVariants); ++variant) {
      const double start = bench::Seconds();
      bench::ReadOnAll(*workers_, *loops_, variant, memory_->data(), kBytes);
      best = std::max(best, static_cast<double>(kBytes) / (bench::Seconds() - start));
    }
    return best;
  }

  int threads_ = 1;
  std::vector<std::unique_ptr<checkpoint::Checkpoint>> files_;
  std::map<std::string, Variant> variants_;
  std::unique_ptr<bench::MachineLoops> loops_;
  std::unique_ptr<bench::Memory> memory_;
  std::unique_ptr<bench::Workers> workers_;
};

}  // namespace
}  // namespace vivace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: model_bench MODEL NAME:option=value;..  ...\n");
    return 2;
  }
  vivace::Bench bench;
  for (int i = 2; i < argc; ++i) {
    if (const vivace::Status status = bench.Load(argv[1], argv[i]); !status.ok()) {
      std::fprintf(stderr, "model_bench: %s: %s\n", argv[i], status.message().c_str());
      return 1;
    }
  }
  std::printf("ready\n");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    if (!bench.Answer(line)) {
      std::fprintf(stderr, "model_bench: cannot do '%s'\n", line.c_str());
      return 1;
    }
    std::fflush(stdout);
  }
}
