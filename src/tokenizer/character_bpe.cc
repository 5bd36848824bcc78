#include "tokenizer/character_bpe.h"

#include <algorithm>
#include <array>

#include "base/status_macros.h"
#include "tokenizer/bpe.h"
#include "tokenizer/byte_fallback.h"
#include "tokenizer/characters.h"
#include "tokenizer/metaspace.h"

namespace vivace::tokenizer {
namespace {

constexpr ByteTokens kNoBytes{};  // the encoder below merges, it does not look bytes up

class CharacterBpe : public TokenModel {
 public:
  struct Parts {
    CharacterBpeOptions options;
    std::array<std::int32_t, 256> byte_tokens;
    std::array<std::int32_t, 128> ascii;  // the token of each character, or -1
    bool cuts_at_metaspace = false;

    template <class Image, class Self>
    static void Fields(Image& image, Self& self) {
      image.Field(self.options.unk_id);
      image.Field(self.options.fuse_unk);
      image.Field(self.options.byte_fallback);
      image.Field(self.options.ignore_merges);
      image.Field(self.options.continuing_subword_prefix);
      image.Field(self.options.end_of_word_suffix);
      image.Field(self.options.control_ids);
      image.Field(self.byte_tokens);
      image.Field(self.ascii);
      image.Field(self.cuts_at_metaspace);
    }
  };

  CharacterBpe(const TokenTable& tokens, const MergeTable& merges, Parts parts)
      : tokens_(tokens), merges_(merges), parts_(std::move(parts)), options_(parts_.options) {
    plain_ = options_.continuing_subword_prefix.empty() && options_.end_of_word_suffix.empty();
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

  bool CutsAtMetaspace() const override { return parts_.cuts_at_metaspace; }
  void SaveImage(ImageWriter& image) const override { Parts::Fields(image, parts_); }

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
    if (character.size() == 1 && static_cast<unsigned char>(character[0]) < parts_.ascii.size()) {
      return parts_.ascii[static_cast<unsigned char>(character[0])];
    }
    return tokens_.Find(character).value_or(-1);
  }

  /// False, and nothing appended, unless every byte has a token.
  bool AppendBytes(std::string_view text, std::vector<std::int32_t>& out) const {
    const auto id_of = [this](char c) { return parts_.byte_tokens[static_cast<unsigned char>(c)]; };
    if (!std::all_of(text.begin(), text.end(), [&](char c) { return id_of(c) >= 0; })) return false;
    for (const char c : text) out.push_back(id_of(c));
    return true;
  }

  const TokenTable& tokens_;
  const MergeTable& merges_;
  Parts parts_;
  const CharacterBpeOptions& options_;  // of parts_
  bool plain_;                          // no prefix and no suffix
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
  CharacterBpe::Parts parts;
  parts.cuts_at_metaspace = NoneCrossesMetaspace(tokens, options);
  parts.options = std::move(options);
  std::sort(parts.options.control_ids.begin(), parts.options.control_ids.end());
  parts.byte_tokens = FindByteFallbackTokens(tokens);
  for (std::size_t c = 0; c < parts.ascii.size(); ++c) {
    const char text = static_cast<char>(c);
    parts.ascii[c] = tokens.Find({&text, 1}).value_or(-1);
  }
  return std::unique_ptr<TokenModel>(std::make_unique<CharacterBpe>(tokens, merges, std::move(parts)));
}

Result<std::unique_ptr<TokenModel>> LoadCharacterBpe(ImageReader& image, const TokenTable& tokens,
                                                     const MergeTable& merges) {
  CharacterBpe::Parts parts;
  CharacterBpe::Parts::Fields(image, parts);
  VIVACE_RETURN_IF_ERROR(image.status());
  VIVACE_RETURN_IF_ERROR(CheckImageIds(parts.byte_tokens, -1, tokens.size()));
  VIVACE_RETURN_IF_ERROR(CheckImageIds(parts.ascii, -1, tokens.size()));
  VIVACE_RETURN_IF_ERROR(CheckIds(tokens, parts.options));
  return std::unique_ptr<TokenModel>(std::make_unique<CharacterBpe>(tokens, merges, std::move(parts)));
}

}  // namespace vivace::tokenizer
