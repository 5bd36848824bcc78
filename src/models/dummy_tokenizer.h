// The tokenizer of a model without one: enough to put text in and get text out.
#pragma once

#include "checkpoint/folder_texts.h"
#include "models/model_config.h"

namespace vivace::models {

/// Fills tokenizer, tokenizer_config and chat_template: byte-level BPE without merges over as many tokens as
/// the model has, of which the ids above the bytes have a word each.
void AddDummyTokenizer(const ModelConfig& config, checkpoint::FolderTexts& texts);

}  // namespace vivace::models
