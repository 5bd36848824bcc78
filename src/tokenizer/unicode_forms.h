// The four Unicode normalisation forms (UAX #15), in time O(n log n) for any text, a million combining marks
// included. Thread safety: Apply may be called from any thread. Ownership: refers to a table that all
// normalizers of a form share; it is made when the first character above ASCII asks for it.
#pragma once

#include <bitset>
#include <string>
#include <string_view>

namespace vivace::tokenizer {

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };

class UnicodeNormalizer {
 public:
  explicit UnicodeNormalizer(UnicodeForm form);

  /// Appends the normalised text, which is well-formed UTF-8 as `in` must be.
  void Apply(std::string_view in, std::string& out) const;

 private:
  static constexpr char32_t kTableSize = 0x10000;
  using Table = std::bitset<kTableSize>;

  template <UnicodeForm kForm>
  static const Table& SharedTable();
  Table MakeTable() const;
  /// ASCII stays as it is in every form, and joins nothing before it.
  bool IsInert(char32_t c) const { return c < 0x80 || (c < kTableSize && table_()[c]); }
  int Decompose(char32_t c, char32_t* parts) const;
  void NormalizeRun(std::string_view run, std::string& out) const;

  bool compose_;
  bool compatibility_;
  // Characters that the form keeps, that stay where they are, and that never join the character before them.
  const Table& (*table_)();
};

}  // namespace vivace::tokenizer
