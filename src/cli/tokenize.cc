// `vivace tokenize`: standard input to token ids, or back.
#include <charconv>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "base/status_macros.h"
#include "cli/commands.h"
#include "cli/interrupt_watcher.h"
#include "vivace/text_model.h"

namespace vivace::cli {

Result<std::vector<std::int32_t>> ParseIdArray(std::string_view text) {
  std::vector<std::int32_t> ids;
  const auto wrong = [&](std::size_t at) {
    return InvalidArgument(
        "the standard input must be a JSON array of token ids, as in [1, 2, 3]; it is not at byte " +
        std::to_string(at));
  };
  const auto skip = [&](std::size_t at) {
    return std::min(text.find_first_not_of(" \t\r\n", at), text.size());
  };
  std::size_t at = skip(0);
  if (at == text.size() || text[at] != '[') return wrong(at);
  at = skip(at + 1);
  if (at < text.size() && text[at] == ']' && skip(at + 1) == text.size()) return ids;
  while (true) {
    std::int32_t id = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), id);
    if (error != std::errc() || id < 0) return wrong(at);
    ids.push_back(id);
    at = skip(static_cast<std::size_t>(end - text.data()));
    if (at == text.size() || (text[at] != ',' && text[at] != ']')) return wrong(at);
    if (text[at] == ']')
      return skip(at + 1) == text.size() ? Result<std::vector<std::int32_t>>(ids) : wrong(at + 1);
    at = skip(at + 1);
  }
}

Status RunTokenize(const Invocation& invocation) {
  const InterruptWatcher watcher(ExitInterrupted);
  VIVACE_ASSIGN_OR_RETURN(const auto model, TextModel::Open(invocation.options.Text("model")));
  const std::string input(std::istreambuf_iterator<char>(std::cin), {});
  if (invocation.decode) {
    VIVACE_ASSIGN_OR_RETURN(const auto ids, ParseIdArray(input));
    VIVACE_ASSIGN_OR_RETURN(const std::string text, model->Detokenize(ids, !invocation.special));
    std::fwrite(text.data(), 1, text.size(), stdout);
    return Status::Ok();
  }
  VIVACE_ASSIGN_OR_RETURN(const auto ids, model->Tokenize(input, invocation.bos, invocation.special));
  std::string out = "[";
  for (const std::int32_t id : ids) out += (out.size() > 1 ? ", " : "") + std::to_string(id);
  out += "]\n";
  std::fwrite(out.data(), 1, out.size(), stdout);
  return Status::Ok();
}

}  // namespace vivace::cli
