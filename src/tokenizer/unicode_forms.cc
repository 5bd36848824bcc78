#include "tokenizer/unicode_forms.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "tokenizer/characters.h"

namespace vivace::tokenizer {
namespace {

constexpr int kMaxParts = 32;  // of one character; Unicode's longest decomposition has 18

int CombiningClass(char32_t c) {
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class;
}

/// Blocks that no form changes and that are large: left out of the questions asked of every other character.
bool IsKnownInert(char32_t c) {
  return (c >= 0x3400 && c <= 0x9FFF) || (c >= 0xE000 && c <= 0xF8FF);
}

/// Puts each run of marks into the order of their combining classes, equal ones as they were.
void OrderMarks(std::vector<utf8proc_int32_t>& characters) {
  const auto class_of = [](utf8proc_int32_t c) { return CombiningClass(static_cast<char32_t>(c)); };
  for (auto at = characters.begin(); at != characters.end();) {
    if (class_of(*at) == 0) {
      ++at;
      continue;
    }
    const auto end = std::find_if(at, characters.end(), [&](auto c) { return class_of(c) == 0; });
    if (end - at > 1) {
      std::stable_sort(at, end, [&](auto a, auto b) { return class_of(a) < class_of(b); });
    }
    at = end;
  }
}

}  // namespace

template <UnicodeForm kForm>
const UnicodeNormalizer::Table& UnicodeNormalizer::SharedTable() {
  static const Table kTable = UnicodeNormalizer(kForm).MakeTable();
  return kTable;
}

UnicodeNormalizer::UnicodeNormalizer(UnicodeForm form)
    : compose_(form == UnicodeForm::kNfc || form == UnicodeForm::kNfkc),
      compatibility_(form == UnicodeForm::kNfkc || form == UnicodeForm::kNfkd) {
  switch (form) {
    case UnicodeForm::kNfc:
      table_ = SharedTable<UnicodeForm::kNfc>;
      break;
    case UnicodeForm::kNfd:
      table_ = SharedTable<UnicodeForm::kNfd>;
      break;
    case UnicodeForm::kNfkc:
      table_ = SharedTable<UnicodeForm::kNfkc>;
      break;
    case UnicodeForm::kNfkd:
      table_ = SharedTable<UnicodeForm::kNfkd>;
      break;
  }
}

/// The full decomposition of one character, itself when it has none; returns the number of parts.
int UnicodeNormalizer::Decompose(char32_t c, char32_t* parts) const {
  utf8proc_int32_t buffer[kMaxParts];
  int last_class = 0;
  const int options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatibility_ ? UTF8PROC_COMPAT : 0);
  const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), buffer, kMaxParts,
                                             static_cast<utf8proc_option_t>(options), &last_class);
  if (count < 1 || count > kMaxParts) {
    parts[0] = c;
    return 1;
  }
  std::copy_n(buffer, count, parts);
  return static_cast<int>(count);
}

UnicodeNormalizer::Table UnicodeNormalizer::MakeTable() const {
  char32_t parts[kMaxParts];
  Table inert;
  Table joins;  // may become one with the character before
  for (char32_t c = 0; c < kTableSize; ++c) {
    if (IsKnownInert(c)) {
      inert.set(c);
      continue;
    }
    const int count = Decompose(c, parts);
    for (int i = 1; compose_ && i < count; ++i) {
      if (parts[i] < kTableSize) joins.set(parts[i]);
    }
    // Hangul syllables decompose and compose back.
    const bool keeps = count == 1 ? parts[0] == c : compose_ && c >= 0xAC00 && c <= 0xD7A3;
    if (keeps && CombiningClass(c) == 0) inert.set(c);
  }
  inert &= ~joins;
  if (!compose_) return inert;
  // A character with a canonical decomposition that composes back is kept too; most of Latin is of that kind.
  for (char32_t c = 0xC0; c < kTableSize; ++c) {
    if (IsKnownInert(c) || inert[c] || joins[c] || CombiningClass(c) != 0) continue;
    std::string in, back;
    AppendUtf8(c, in);
    NormalizeRun(in, back);
    if (in == back) inert.set(c);
  }
  return inert;
}

void UnicodeNormalizer::NormalizeRun(std::string_view run, std::string& out) const {
  std::vector<utf8proc_int32_t> characters;
  characters.reserve(run.size());
  char32_t parts[kMaxParts];
  for (std::size_t at = 0; at < run.size();) {
    const int count = Decompose(NextCharacter(run, at), parts);
    characters.insert(characters.end(), parts, parts + count);
  }
  OrderMarks(characters);
  if (compose_) {
    const auto count =
        utf8proc_normalize_utf32(characters.data(), static_cast<utf8proc_ssize_t>(characters.size()),
                                 static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    characters.resize(static_cast<std::size_t>(std::max<utf8proc_ssize_t>(count, 0)));
  }
  for (const utf8proc_int32_t c : characters) AppendUtf8(static_cast<char32_t>(c), out);
}

void UnicodeNormalizer::Apply(std::string_view in, std::string& out) const {
  std::size_t copied = 0;  // in[0, copied) is done
  std::size_t last = 0;    // where the last inert character before `at` begins
  for (std::size_t at = 0; at < in.size();) {
    const std::size_t begin = at;
    if (IsInert(NextCharacter(in, at))) {
      last = begin;
      continue;
    }
    // A run: the inert character before it, which may take marks, up to the next inert one.
    const std::size_t run = std::max(last, copied);
    while (at < in.size()) {
      std::size_t next = at;
      if (IsInert(NextCharacter(in, next))) break;
      at = next;
    }
    out.append(in.substr(copied, run - copied));
    NormalizeRun(in.substr(run, at - run), out);
    copied = last = at;
  }
  out.append(in.substr(copied));
}

}  // namespace vivace::tokenizer
