// The texts beside the weights in a model folder. Plain data.
#pragma once

#include <cstddef>
#include <string>

#include "checkpoint/model_folder.h"
#include "vivace/status.h"

namespace vivace::checkpoint {

/// Empty where there is no such file. Unchecked: readers parse them.
struct FolderTexts {
  std::string config;              // config.json
  std::string generation_config;   // generation_config.json
  std::string tokenizer;           // tokenizer.json
  std::string tokenizer_config;    // tokenizer_config.json
  std::string special_tokens_map;  // special_tokens_map.json
  std::string chat_template;       // chat_template.jinja
};

/// Reads a regular file of at most `limit` bytes. Errors: kNotFound; kInvalidArgument (a directory, FIFO or
/// device, which is never waited for); kDataLoss (larger than the limit).
Result<std::string> ReadText(const std::string& path, std::size_t limit);

/// Reads those that the folder has. kDataLoss names a file that is larger than any of its kind: 256 MiB for
/// tokenizer.json, 16 MiB for the others.
Result<FolderTexts> ReadFolderTexts(const ModelFolder& folder);

/// Whether a file of that name is one of the texts above.
bool IsFolderText(std::string_view file_name);

}  // namespace vivace::checkpoint
