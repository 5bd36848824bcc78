// What a checkpoint says of its architecture and tokenizer, read without asking whether this build can run
// it. Free functions; missing facts stay 0 or empty.
#pragma once

#include "checkpoint/checkpoint.h"
#include "vivace/inspect.h"

namespace vivace::engine {

/// Fills architecture, sizes and context from GGUF keys or config.json.
void ReadStatedFacts(const checkpoint::Checkpoint& file, ModelSummary& summary);
/// "byte-level BPE (smollm)"; "none" when the model has no tokenizer.
std::string TokenizerKind(const checkpoint::Checkpoint& file);

}  // namespace vivace::engine
