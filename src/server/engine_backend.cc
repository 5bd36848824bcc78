#include <utility>

#include "server/backend.h"

namespace vivace::server {
namespace {

class EngineBackend : public Backend {
 public:
  explicit EngineBackend(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}

  const ModelInfo& model() const override { return engine_->model(); }
  EngineStats stats() const override { return engine_->stats(); }
  SamplingParams default_sampling() const override {
    SamplingParams sampling = engine_->default_sampling();
    sampling.max_tokens = engine_->default_max_tokens().value_or(0);
    return sampling;
  }
  Result<std::vector<std::int32_t>> Tokenize(std::string_view text, bool add_bos,
                                             bool parse_special) const override {
    return engine_->Tokenize(text, add_bos, parse_special);
  }
  std::string TokenText(std::int32_t token) const override { return engine_->TokenText(token); }
  std::string Detokenize(const std::vector<std::int32_t>& tokens, bool skip_special) const override {
    return engine_->Detokenize(tokens, skip_special);
  }
  Result<std::vector<std::vector<std::int32_t>>> EncodeBadWords(
      const std::vector<std::string>& words) const override {
    return engine_->EncodeBadWords(words);
  }
  Result<std::vector<std::int32_t>> RenderChat(const ChatPrompt& prompt) const override {
    return engine_->RenderChat(prompt);
  }
  Result<RequestId> Submit(Request request, OutputCallback on_output) override {
    return engine_->Submit(std::move(request), std::move(on_output));
  }
  void Cancel(RequestId id) override { engine_->Cancel(id); }

 private:
  std::unique_ptr<Engine> engine_;
};

}  // namespace

std::unique_ptr<Backend> MakeEngineBackend(std::unique_ptr<Engine> engine) {
  return std::make_unique<EngineBackend>(std::move(engine));
}

}  // namespace vivace::server
