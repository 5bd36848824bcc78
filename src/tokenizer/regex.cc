#include "tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <string>

namespace vivace::tokenizer {
namespace {

constexpr std::uint32_t kMatchLimit = 1'000'000;  // steps of one match

struct FreePcre2 {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

/// White space is spelled out, as Unicode's White_Space: PCRE2's own \s has one character more, U+180E.
std::string SpellOutSpaces(std::string_view pattern) {
  constexpr std::string_view kSpaces = "\\t-\\r\\x{85}\\p{Z}";
  std::string out;
  std::size_t class_begin = 0;  // behind the [ of the class that this is in; 0: none
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char kind = pattern[++i];
      if (kind == 's' || (kind == 'S' && class_begin == 0)) {
        out.append(class_begin != 0 ? ""
                   : kind == 's'    ? "["
                                    : "[^")
            .append(kSpaces)
            .append(class_begin != 0 ? "" : "]");
      } else {
        out.append({c, kind});
      }
      continue;
    }
    out.push_back(c);
    if (c == '[' && class_begin == 0) {
      class_begin = i + 1 + (pattern.substr(i + 1, 1) == "^" ? 1 : 0);
    } else if (c == ']' && i > class_begin) {  // one that comes first is a member
      class_begin = 0;
    }
  }
  return out;
}

}  // namespace

struct Regex::Compiled {
  std::unique_ptr<pcre2_code, FreePcre2> code;
  std::unique_ptr<pcre2_match_context, FreePcre2> limits;
};

struct Regex::Matcher::Data {
  std::unique_ptr<pcre2_match_data, FreePcre2> match;
};

Regex::Regex(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::Compile(std::string_view pattern) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto compiled = std::make_unique<Compiled>();
  const std::string spelled = SpellOutSpaces(pattern);
  compiled->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(spelled.data()), spelled.size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset,
                                     nullptr));
  if (!compiled->code) {
    std::array<PCRE2_UCHAR, 128> message{};
    pcre2_get_error_message(error, message.data(), message.size());
    return Unsupported("regular expression \"" + std::string(pattern) + "\", offset " +
                       std::to_string(offset) + ": " + reinterpret_cast<const char*>(message.data()));
  }
  pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE);  // pcre2_match uses it where it worked
  compiled->limits.reset(pcre2_match_context_create(nullptr));
  if (!compiled->limits) return ResourceExhausted("no memory for a regular expression");
  pcre2_set_match_limit(compiled->limits.get(), kMatchLimit);
  return Regex(std::move(compiled));
}

Regex::Matcher::Matcher(const Regex& regex) : regex_(regex), data_(std::make_unique<Data>()) {
  data_->match.reset(pcre2_match_data_create(1, nullptr));
}
Regex::Matcher::~Matcher() = default;

Result<bool> Regex::Matcher::Find(std::string_view subject, std::size_t from, ByteRange& match) {
  if (!data_->match) return ResourceExhausted("no memory for a regular expression");
  const int found = pcre2_match(regex_.compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(subject.data()),
                                subject.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, data_->match.get(),
                                regex_.compiled_->limits.get());
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) {
    return ResourceExhausted("a regular expression of the tokenizer gave up at byte " + std::to_string(from) +
                             " of the text (PCRE2 error " + std::to_string(found) + "); send a shorter text");
  }
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data_->match.get());
  match = {range[0], range[1]};
  // \K in a look-around may set a start behind the end, or before `from`; such a match counts for nothing.
  return match.begin >= from && match.end > match.begin;
}

}  // namespace vivace::tokenizer
