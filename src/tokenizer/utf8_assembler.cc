#include "tokenizer/utf8_assembler.h"

#include "tokenizer/utf8.h"

namespace vivace::tokenizer {
namespace {
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
}  // namespace

void Utf8Assembler::Push(std::string_view bytes, std::string& out) {
  std::string joined;
  if (!pending_.empty()) {
    joined = std::move(pending_);
    joined.append(bytes);
    pending_.clear();
    bytes = joined;
  }
  while (!bytes.empty()) {
    const std::size_t whole = WellFormedPrefix(bytes);
    out.append(bytes.substr(0, whole));
    bytes.remove_prefix(whole);
    if (bytes.empty()) return;
    const Utf8Character character = FirstCharacter(bytes);
    if (character.kind == Utf8Kind::kPartial) {
      pending_.assign(bytes);
      return;
    }
    out.append(kReplacement);
    bytes.remove_prefix(character.length);
  }
}

void Utf8Assembler::Flush(std::string& out) {
  if (!pending_.empty()) out.append(kReplacement);
  pending_.clear();
}

}  // namespace vivace::tokenizer
