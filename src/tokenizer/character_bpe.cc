#include "tokenizer/character_bpe.h"

#include <algorithm>
#include <array>

#include "tokenizer/bpe.h"
#include "tokenizer/byte_fallback.h"
#include "tokenizer/characters.h"
#include "tokenizer/metaspace.h"

namespace vivace::tokenizer {
namespace {

constexpr ByteTokens kNoBytes{};  // the encoder below merges, it does not look bytes up

class CharacterBpe : public TokenModel {
 public:
  CharacterBpe(const TokenTable& tokens, const MergeTable& merges, CharacterBpeOptions options,
               bool cuts_at_metaspace)
      : tokens_(tokens),
        merges_(merges),
        options_(std::move(options)),
        byte_tokens_(FindByteFallbackTokens(tokens)),
        cuts_at_metaspace_(cuts_at_metaspace) {
    plain_ = options_.continuing_subword_prefix.empty() && options_.end_of_word_suffix.empty();
    for (std::size_t c = 0; c < ascii_.size(); ++c) {
      const char text = static_cast<char>(c);
      ascii_[c] = tokens_.Find({&text, 1}).value_or(-1);
    }
    std::sort(options_.control_ids.begin(), options_.control_ids.end());
  }

  Status Encode(std::string_view word, std::vector<std::int32_t>& out) const override {
    if (options_.ignore_merges) {
      const auto whole = tokens_.Find(word);
      if (whole && !IsControl(*whole)) {
        out.push_back(*whole);
        return Status::Ok();
      }
    }
    const std::size_t begin = out.size();
    AppendCharacters(word, out);
    BpeEncoder(kNoBytes, merges_).MergeTokens(out, begin);
    return Status::Ok();
  }

  bool CutsAtMetaspace() const override { return cuts_at_metaspace_; }

 private:
  bool IsControl(std::int32_t id) const {
    return std::binary_search(options_.control_ids.begin(), options_.control_ids.end(), id);
  }

  /// One token a character, or its bytes, or the unknown token.
  void AppendCharacters(std::string_view word, std::vector<std::int32_t>& out) const {
    bool unknown =
        false;  // an unknown token waits: characters of known bytes overtake it, as in the reference
    std::string buffer;
    for (std::size_t at = 0; at < word.size();) {
      const std::size_t end = at + CharacterBytes(word[at]);
      const std::string_view character = Spell(word, at, end, buffer);
      at = end;
      const std::int32_t id = Find(character);
      if (id >= 0) {
        if (unknown) out.push_back(*options_.unk_id);
        unknown = false;
        out.push_back(id);
      } else if (!(options_.byte_fallback && AppendBytes(character, out)) && options_.unk_id) {
        if (unknown && !options_.fuse_unk) out.push_back(*options_.unk_id);
        unknown = true;
      }
    }
    if (unknown) out.push_back(*options_.unk_id);
  }

  /// The character [at, end) of the word with the prefix and the suffix that its place asks for.
  std::string_view Spell(std::string_view word, std::size_t at, std::size_t end, std::string& buffer) const {
    const std::string_view character = word.substr(at, end - at);
    if (plain_) return character;
    buffer.clear();
    if (at > 0) buffer += options_.continuing_subword_prefix;
    buffer += character;
    if (end == word.size()) buffer += options_.end_of_word_suffix;
    return buffer;
  }

  std::int32_t Find(std::string_view character) const {
    if (character.size() == 1 && static_cast<unsigned char>(character[0]) < ascii_.size()) {
      return ascii_[static_cast<unsigned char>(character[0])];
    }
    return tokens_.Find(character).value_or(-1);
  }

  /// False, and nothing appended, unless every byte has a token.
  bool AppendBytes(std::string_view text, std::vector<std::int32_t>& out) const {
    const auto id_of = [this](char c) { return byte_tokens_[static_cast<unsigned char>(c)]; };
    if (!std::all_of(text.begin(), text.end(), [&](char c) { return id_of(c) >= 0; })) return false;
    for (const char c : text) out.push_back(id_of(c));
    return true;
  }

  const TokenTable& tokens_;
  const MergeTable& merges_;
  CharacterBpeOptions options_;
  std::array<std::int32_t, 256> byte_tokens_;
  std::array<std::int32_t, 128> ascii_;
  bool plain_;  // no prefix and no suffix
  bool cuts_at_metaspace_;
};

/// True when no token but the control ones has a metaspace behind another character: then no merge makes one.
bool NoneCrossesMetaspace(const TokenTable& tokens, const CharacterBpeOptions& options) {
  if (options.ignore_merges || !options.continuing_subword_prefix.empty() ||
      !options.end_of_word_suffix.empty() || !tokens.Find(kMetaspaceMark)) {
    return false;
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto id = static_cast<std::int32_t>(i);
    if (!HasInnerMetaspace(tokens.text(id))) continue;
    if (std::find(options.control_ids.begin(), options.control_ids.end(), id) == options.control_ids.end())
      return false;
  }
  return true;
}

Status CheckIds(const TokenTable& tokens, const CharacterBpeOptions& options) {
  const auto check = [&tokens](const char* what, std::int32_t id) {
    if (id >= 0 && static_cast<std::size_t>(id) < tokens.size()) return Status::Ok();
    return DataLoss(std::string(what) + " token is " + std::to_string(id) +
                    ", but the vocabulary has ids 0 to " + std::to_string(tokens.size() - 1));
  };
  if (options.unk_id) {
    if (Status status = check("the unknown", *options.unk_id); !status.ok()) return status;
  }
  for (const std::int32_t id : options.control_ids) {
    if (Status status = check("a control", id); !status.ok()) return status;
  }
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<TokenModel>> MakeCharacterBpe(const TokenTable& tokens, const MergeTable& merges,
                                                     CharacterBpeOptions options) {
  if (Status status = CheckIds(tokens, options); !status.ok()) return status;
  const bool cuts = NoneCrossesMetaspace(tokens, options);
  return std::unique_ptr<TokenModel>(
      std::make_unique<CharacterBpe>(tokens, merges, std::move(options), cuts));
}

}  // namespace vivace::tokenizer
