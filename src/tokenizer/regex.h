// A PCRE2 expression with match limits: Unicode classes, just-in-time compiled where PCRE2 can.
// Thread safety: a Regex may be shared, a Matcher is of one thread. Ownership: a Matcher refers to its Regex.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "tokenizer/special_tokens.h"
#include "vivace/status.h"

namespace vivace::tokenizer {

class Regex {
 public:
  /// Errors: kUnsupported with the pattern, the offset and PCRE2's reason.
  static Result<Regex> Compile(std::string_view pattern);

  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  class Matcher {
   public:
    explicit Matcher(const Regex& regex);
    ~Matcher();
    Matcher(const Matcher&) = delete;
    Matcher& operator=(const Matcher&) = delete;

    /// The first match at or after `from`, which is not empty; true when there is one. `subject` must be
    /// well-formed UTF-8. Errors: kResourceExhausted when the match limit is passed.
    Result<bool> Find(std::string_view subject, std::size_t from, ByteRange& match);

   private:
    struct Data;
    const Regex& regex_;
    std::unique_ptr<Data> data_;
  };

 private:
  struct Compiled;
  explicit Regex(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace vivace::tokenizer
