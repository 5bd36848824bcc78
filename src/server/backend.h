// What the HTTP side needs of an engine: a mirror of vivace::Engine that tests can script.
// Thread safety: every member may be called from any thread, as the engine promises.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/engine.h"

namespace vivace::server {

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const ModelInfo& model() const = 0;
  virtual EngineStats stats() const = 0;
  /// Of a request that sets nothing; max_tokens 0: the model names none.
  virtual SamplingParams default_sampling() const = 0;
  virtual Result<std::vector<std::int32_t>> Tokenize(std::string_view text, bool add_bos,
                                                     bool parse_special) const = 0;
  virtual std::string TokenText(std::int32_t token) const = 0;
  /// Ids must be in the vocabulary.
  virtual std::string Detokenize(const std::vector<std::int32_t>& tokens, bool skip_special) const = 0;
  /// For SamplingParams::bad_words.
  virtual Result<std::vector<std::vector<std::int32_t>>> EncodeBadWords(
      const std::vector<std::string>& words) const = 0;
  virtual Result<std::vector<std::int32_t>> RenderChat(const ChatPrompt& prompt) const = 0;
  virtual Result<RequestId> Submit(Request request, OutputCallback on_output) = 0;
  virtual void Cancel(RequestId id) = 0;
};

/// The real one.
std::unique_ptr<Backend> MakeEngineBackend(std::unique_ptr<Engine> engine);

}  // namespace vivace::server
