// The catalogue as a whole, in the order of its page.
#include "bad_file.h"

namespace vivace::bad_files {

std::vector<BadFile> AllRows() {
  std::vector<BadFile> all;
  for (const auto rows : {SafetensorsRows, ModelSetRows, GgufRows, GgufModelRows, WeightRows, ConfigRows,
                          TokenizerRows, TemplateRows}) {
    for (BadFile& row : rows()) all.push_back(std::move(row));
  }
  return all;
}

}  // namespace vivace::bad_files
