// tokenizer.json and its companions: what each field means, and files that are wrong or hostile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer.h"

namespace vivace::tokenizer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

/// A tokenizer.json in parts, each of which a test may replace. Bytes have the ids 0 to 255; "he" 256, "ll"
/// 257, "hell" 258.
struct Parts {
  std::string added = "[]";
  std::string normalizer = "null";
  std::string pre_tokenizer =
      R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true})";
  std::string post_processor = "null";
  std::string decoder = R"({"type":"ByteLevel"})";
  std::string more_vocab;
  std::string merges = R"(["h e", ["l", "l"]])";  // replaced below: a file has one form
  std::string more_model;
  std::string model;  // all of it, when not empty

  std::string Json() const {
    std::string vocab;
    for (int byte = 0; byte < 256; ++byte) {
      vocab += Quote(ByteCharacter(static_cast<unsigned char>(byte))) + ":" + std::to_string(byte) + ",";
    }
    vocab += R"("he":256,"ll":257,"hell":258)" + more_vocab;
    const std::string whole = R"({"type":"BPE","dropout":null,"unk_token":null)" + more_model +
                              R"(,"vocab":{)" + vocab + R"(},"merges":)" + merges + "}";
    return R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":)" + added +
           R"(,"normalizer":)" + normalizer + R"(,"pre_tokenizer":)" + pre_tokenizer +
           R"(,"post_processor":)" + post_processor + R"(,"decoder":)" + decoder + R"(,"model":)" +
           (model.empty() ? whole : model) + "}";
  }
};

Parts Plain() {
  Parts parts;
  parts.merges = R"(["h e","l l","he ll"])";
  return parts;
}

Result<Tokenizer> TryMake(const Parts& parts, std::string config = {}, std::string map = {}) {
  return Tokenizer::FromJson({parts.Json(), std::move(config), std::move(map)});
}

Tokenizer Make(const Parts& parts, std::string config = {}, std::string map = {}) {
  auto made = TryMake(parts, std::move(config), std::move(map));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(made).value();
}

Ids Encode(const Tokenizer& tokenizer, std::string_view text, bool parse_special = true) {
  auto ids = tokenizer.Encode(text, parse_special);
  EXPECT_TRUE(ids.ok()) << ids.status().message();
  return ids.ok() ? std::move(ids).value() : Ids();
}

std::string Added(std::int32_t id, std::string_view content, std::string_view flags = "") {
  return R"({"id":)" + std::to_string(id) + R"(,"content":)" + Quote(content) + std::string(flags) + "}";
}

TEST(TokenizerJson, MergesMayBeStringsOrPairs) {
  Parts parts = Plain();
  EXPECT_THAT(Encode(Make(parts), "hell he"), ElementsAre(258, ' ', 256));
  parts.merges = R"([["h","e"],["l","l"],["he","ll"]])";
  EXPECT_THAT(Encode(Make(parts), "hell he"), ElementsAre(258, ' ', 256));
}

TEST(TokenizerJson, IgnoreMergesTakesWordsThatAreTokens) {
  Parts parts = Plain();
  parts.more_vocab = R"(,"lle":259)";
  EXPECT_THAT(Encode(Make(parts), "lle"), ElementsAre(257, 'e'));
  parts.more_model = R"(,"ignore_merges":true)";
  EXPECT_THAT(Encode(Make(parts), "lle"), ElementsAre(259));
  parts.added = "[" + Added(259, "lle", R"(,"special":true)") + "]";
  EXPECT_THAT(Encode(Make(parts), "lle", false), ElementsAre(257, 'e'));  // text cannot spell a control token
  EXPECT_THAT(Encode(Make(parts), "lle", true), ElementsAre(259));
}

TEST(TokenizerJson, PrefixSpaceGoesBeforeEachStretchOfText) {
  Parts parts = Plain();
  parts.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":true})";
  parts.added = "[" + Added(259, "<s>", R"(,"special":true)") + "]";
  EXPECT_THAT(Encode(Make(parts), "he<s>he<s> he"), ElementsAre(' ', 256, 259, ' ', 256, 259, ' ', 256));
}

TEST(TokenizerJson, AddedTokensTakeSpacesAndKeepToWords) {
  Parts parts = Plain();
  parts.added = "[" + Added(259, "<l>", R"(,"lstrip":true)") + "," + Added(260, "<r>", R"(,"rstrip":true)") +
                "," + Added(261, "he", R"(,"single_word":true)") + "]";
  const Tokenizer tokenizer = Make(parts);
  EXPECT_THAT(Encode(tokenizer, "a \u3000<l> a"), ElementsAre('a', 259, ' ', 'a'));
  EXPECT_THAT(Encode(tokenizer, "a <r> \n a"), ElementsAre('a', ' ', 260, 'a'));
  EXPECT_THAT(Encode(tokenizer, "<r>  <l>"), ElementsAre(260, 259));
  EXPECT_THAT(Encode(tokenizer, "he"), ElementsAre(256));  // the model has it under that id
  EXPECT_THAT(Encode(tokenizer, " hea"), ElementsAre(' ', 256, 'a'));
}

TEST(TokenizerJson, NormalizedTokensAreFoundInNormalizedText) {
  Parts parts = Plain();
  parts.normalizer = R"({"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]})";
  parts.added = "[" + Added(259, "<A>", R"(,"normalized":true,"special":true)") + "," +
                Added(260, "<B>", R"(,"normalized":false)") + "]";
  const Tokenizer tokenizer = Make(parts);
  EXPECT_THAT(Encode(tokenizer, "<a><A><B>"), ElementsAre(259, 259, 260));
  EXPECT_THAT(Encode(tokenizer, "HE<b>"), ElementsAre(256, '<', 'b', '>'));
  EXPECT_THAT(Encode(tokenizer, "<a>", false), ElementsAre('<', 'a', '>'));
  const TextPiece pieces[] = {{"<A>", true}, {"<A>", false}};  // trusted in part: found by its own text
  EXPECT_THAT(tokenizer.EncodePieces(pieces).value(), ElementsAre(259, '<', 'a', '>'));
}

TEST(TokenizerJson, PostProcessorsGoAroundTheText) {
  Parts parts = Plain();
  parts.added =
      "[" + Added(259, "<s>", R"(,"special":true)") + "," + Added(260, "</s>", R"(,"special":true)") + "]";
  parts.post_processor =
      R"({"type":"Sequence","processors":[{"type":"ByteLevel"},{"type":"TemplateProcessing","single":)"
      R"([{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],)"
      R"("pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[259],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[260,10],"tokens":["</s>","x"]}}}]})";
  const Tokenizer tokenizer = Make(parts, R"({"bos_token":{"content":"<s>"},"eos_token":"</s>"})");
  Ids ids = {1};
  tokenizer.AddSpecialTokens(ids);
  EXPECT_THAT(ids, ElementsAre(259, 1, 260, 10));
  EXPECT_TRUE(tokenizer.add_bos());
  EXPECT_FALSE(tokenizer.add_eos());  // the last of them is another
  EXPECT_EQ(tokenizer.eos_id(), 260);
  EXPECT_THAT(tokenizer.end_ids(), ElementsAre(260));
  parts.post_processor =
      R"({"type":"RobertaProcessing","sep":["</s>",260],"cls":["<s>",259],"trim_offsets":true})";
  const Tokenizer roberta = Make(parts, "", R"({"bos_token":"<s>","eos_token":"</s>","pad_token":"none"})");
  EXPECT_TRUE(roberta.add_bos() && roberta.add_eos());
  EXPECT_EQ(roberta.pad_id(), std::nullopt);
}

TEST(TokenizerJson, LlamaClassesGoByTheirFlags) {
  Parts parts = Plain();
  parts.added = "[" + Added(259, "<s>", R"(,"special":true)") + "]";
  const std::string config = R"({"bos_token":"<s>","tokenizer_class":"LlamaTokenizerFast")";
  EXPECT_TRUE(Make(parts, config + "}").add_bos());
  EXPECT_FALSE(Make(parts, config + R"(,"add_bos_token":false})").add_bos());
  EXPECT_FALSE(Make(parts, R"({"bos_token":"<s>","add_bos_token":true,"tokenizer_class":"Qwen2Tokenizer"})")
                   .add_bos());
  const auto no_token = TryMake(parts, R"({"tokenizer_class":"LlamaTokenizer"})");
  ASSERT_FALSE(no_token.ok());
  EXPECT_THAT(no_token.status().message(),
              HasSubstr("bos_token is to be added, but it is not in the vocabulary"));
}

TEST(TokenizerJson, IdsMayHaveGapsWithoutTokens) {
  Parts parts = Plain();
  parts.more_vocab = R"(,"zz":300)";
  parts.added = "[" + Added(310, "<s>", R"(,"special":true)") + "]";
  const Tokenizer tokenizer = Make(parts);
  EXPECT_EQ(tokenizer.size(), 311);
  EXPECT_EQ(tokenizer.Decode(Ids{256, 299, 305, 310}, false), "he<s>");
  EXPECT_EQ(tokenizer.FindToken("<s>"), 310);
  EXPECT_EQ(tokenizer.FindToken(""), std::nullopt);
}

struct BadFile {
  const char* what;
  void (*change)(Parts&);
  StatusCode code;
  const char* message;
};

constexpr auto kLoss = StatusCode::kDataLoss;
constexpr auto kUnknownType = StatusCode::kUnsupported;

const BadFile kBadFiles[] = {
    // T1: merges
    {"join not in vocab", [](Parts& p) { p.merges = R"(["h l"])"; }, kLoss,
     "merge 0 (\"h l\") makes a token that is not in the vocabulary"},
    {"part not in vocab", [](Parts& p) { p.merges = R"([["he","zz"]])"; }, kLoss, "names a part that is not"},
    {"one word", [](Parts& p) { p.merges = R"(["he"])"; }, kLoss, "merge 0 (\"he\") is not two tokens"},
    {"three parts", [](Parts& p) { p.merges = R"([["h","e","l"]])"; }, kLoss, "a merge has two parts"},
    {"both forms", [](Parts& p) { p.merges = R"([["h","e"],"l l"])"; }, kLoss,
     "partly strings and partly pairs"},
    {"merge of numbers", [](Parts& p) { p.merges = "[[1,2]]"; }, kLoss, "a string is expected"},
    {"long join", [](Parts& p) { p.merges = "[\"" + std::string(300, 'h') + " e\"]"; }, kLoss,
     "hhh...\") names a part"},
    // T2: ids
    {"negative id", [](Parts& p) { p.more_vocab = R"(,"zz":-1)"; }, kLoss, "token \"zz\" has the id -1"},
    {"id 2^31", [](Parts& p) { p.more_vocab = R"(,"zz":2147483648)"; }, kLoss,
     "token \"zz\" has the id 2147483648"},
    {"id 2^64", [](Parts& p) { p.more_vocab = R"(,"zz":18446744073709551616)"; }, kLoss,
     "a whole number is expected"},
    {"fraction", [](Parts& p) { p.more_vocab = R"(,"zz":1.5)"; }, kLoss, "a whole number is expected"},
    {"same id", [](Parts& p) { p.more_vocab = R"(,"zz":256)"; }, kLoss,
     "tokens \"he\" and \"zz\" have the same id 256"},
    {"same text", [](Parts& p) { p.more_vocab = R"(,"he":300)"; }, kLoss,
     "token \"he\" twice: ids 256 and 300"},
    {"added id taken", [](Parts& p) { p.added = "[" + Added(5, "<s>") + "]"; }, kLoss,
     "added token \"<s>\" has the id 5"},
    {"added same id", [](Parts& p) { p.added = "[" + Added(300, "<a>") + "," + Added(300, "<b>") + "]"; },
     kLoss, "added tokens \"<a>\" and \"<b>\" have the same id 300"},
    {"added id negative", [](Parts& p) { p.added = "[" + Added(-1, "<a>") + "]"; }, kLoss,
     "\"<a>\" has the id -1"},
    {"added without content", [](Parts& p) { p.added = R"([{"id":300}])"; }, kLoss,
     "added_tokens[0] has no content"},
    {"template id",
     [](Parts& p) { p.post_processor = R"({"type":"BertProcessing","sep":["x",9999],"cls":["y",1]})"; },
     kLoss, "has the id 9999"},
    // T3: bytes
    {"no token for a", [](Parts& p) { p.model = R"({"type":"BPE","vocab":{"b":0},"merges":[]})"; }, kLoss,
     "no token for byte 10"},
    {"no unknown token",
     [](Parts& p) { p.model = R"({"type":"WordPiece","unk_token":"[UNK]","vocab":{"a":0}})"; }, kLoss,
     "model.unk_token \"[UNK]\" is not in the vocabulary"},
    {"unk_id outside", [](Parts& p) { p.model = R"({"type":"Unigram","unk_id":7,"vocab":[["a",-1.0]]})"; },
     kLoss, "model.unk_id is 7"},
    // T4 and patterns
    {"pattern",
     [](Parts& p) { p.pre_tokenizer = R"({"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated"})"; },
     kUnknownType, "regular expression \"(a\""},
    {"class intersection",
     [](Parts& p) {
       p.pre_tokenizer = R"({"type":"Split","pattern":{"Regex":"[\\p{L}&&[^a]]"},"behavior":"Isolated"})";
     },
     kUnknownType, "class with &&"},
    {"no pattern", [](Parts& p) { p.pre_tokenizer = R"({"type":"Split","behavior":"Isolated"})"; }, kLoss,
     "pre_tokenizer Split: pattern is missing"},
    {"behaviour",
     [](Parts& p) { p.pre_tokenizer = R"({"type":"Split","pattern":{"String":"a"},"behavior":"Shred"})"; },
     kUnknownType, "behavior \"Shred\" is not known"},
    // T8: unknown types are refused by name
    {"normalizer", [](Parts& p) { p.normalizer = R"({"type":"Rot13"})"; }, kUnknownType,
     "normalizer type \"Rot13\" is not known"},
    {"nested normalizer",
     [](Parts& p) {
       p.normalizer = R"({"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Rot13"}]})";
     },
     kUnknownType, "\"Rot13\" is not known; known are: Sequence, NFC"},
    {"pre-tokenizer", [](Parts& p) { p.pre_tokenizer = R"({"type":"Scissors"})"; }, kUnknownType,
     "pre_tokenizer type \"Scissors\" is not known"},
    {"decoder", [](Parts& p) { p.decoder = R"({"type":"CTC"})"; }, kUnknownType,
     "decoder type \"CTC\" is not known"},
    {"post-processor", [](Parts& p) { p.post_processor = R"({"type":"Wrap"})"; }, kUnknownType,
     "post_processor type \"Wrap\" is not known"},
    {"model", [](Parts& p) { p.model = R"({"type":"WordLevel","vocab":{"a":0}})"; }, kUnknownType,
     "model type \"WordLevel\" is not known"},
    {"no type", [](Parts& p) { p.normalizer = "{}"; }, kLoss, "normalizer: a step has no type"},
    {"dropout", [](Parts& p) { p.more_model = R"(,"dropout":0.1)"; }, kUnknownType, "model.dropout is 0.1"},
    {"flag", [](Parts& p) { p.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":1})"; }, kLoss,
     "pre_tokenizer ByteLevel: add_prefix_space is no boolean"},
    {"vocab of another kind", [](Parts& p) { p.model = R"({"type":"Unigram","vocab":{"a":0}})"; }, kLoss,
     "list of scores"},
    {"no vocab", [](Parts& p) { p.model = R"({"type":"BPE","merges":[]})"; }, kLoss,
     "the model has no vocab"},
    {"empty vocab", [](Parts& p) { p.model = R"({"type":"WordPiece","vocab":{}})"; }, kLoss, "no tokens"},
    // T9: a template that names what is not there
    {"template token",
     [](Parts& p) {
       p.post_processor =
           R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]"}},{"Sequence":{"id":"A"}}],"special_tokens":{}})";
     },
     kLoss, "the template's token \"[CLS]\" is not in special_tokens"},
    {"template without text",
     [](Parts& p) { p.post_processor = R"({"type":"TemplateProcessing","single":[]})"; }, kLoss,
     "leaves the text out"},
    // JSON itself
    {"nesting", [](Parts& p) { p.normalizer = std::string(100'000, '['); }, kLoss,
     "nested more than 64 deep"},
    {"not UTF-8", [](Parts& p) { p.more_vocab = ",\"\xFF\":300"; }, kLoss, "a string is not UTF-8"},
    {"half a pair", [](Parts& p) { p.more_vocab = R"(,"\ud800":300)"; }, kLoss, "half of a surrogate pair"},
    {"escape", [](Parts& p) { p.more_vocab = R"(,"\q":300)"; }, kLoss, "unknown escape"},
    {"charsmap", [](Parts& p) { p.normalizer = R"({"type":"Precompiled","precompiled_charsmap":"!!"})"; },
     kLoss, "normalizer Precompiled"},
    {"charsmap size",
     [](Parts& p) { p.normalizer = R"({"type":"Precompiled","precompiled_charsmap":"/////w=="})"; }, kLoss,
     "charsmap"},
};

TEST(TokenizerJson, BadFilesAreRefusedByName) {
  for (const BadFile& bad : kBadFiles) {
    Parts parts = Plain();
    bad.change(parts);
    const auto made = TryMake(parts);
    ASSERT_FALSE(made.ok()) << bad.what;
    EXPECT_EQ(made.status().code(), bad.code) << bad.what << ": " << made.status().message();
    EXPECT_THAT(made.status().message(), HasSubstr(bad.message)) << bad.what;
    EXPECT_THAT(made.status().message(), HasSubstr("tokenizer.json")) << bad.what;
  }
}

TEST(TokenizerJson, AFileCutAnywhereIsRefused) {
  Parts parts = Plain();
  parts.added = "[" + Added(259, "<s>", R"(,"special":true)") + "]";
  const std::string whole = parts.Json();
  for (std::size_t length = 0; length < whole.size(); length += length < 200 || length > 6000 ? 1 : 37) {
    const auto made = Tokenizer::FromJson({whole.substr(0, length), {}, {}});
    ASSERT_FALSE(made.ok()) << length;
    EXPECT_THAT(made.status().message(), HasSubstr("tokenizer.json"));
  }
  EXPECT_FALSE(Tokenizer::FromJson({whole + "x", {}, {}}).ok());
  EXPECT_THAT(Tokenizer::FromJson({whole, "{", {}}).status().message(),
              HasSubstr("tokenizer_config.json, byte 1"));
  EXPECT_THAT(Tokenizer::FromJson({whole, {}, "[]"}).status().message(),
              HasSubstr("special_tokens_map.json"));
}

TEST(TokenizerJson, AnExpressionThatBacktracksEndsInAnError) {  // T4
  Parts parts = Plain();
  parts.pre_tokenizer =
      R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(a+)+$"},"behavior":"Isolated"},{"type":"ByteLevel","use_regex":false,"add_prefix_space":false}]})";
  const Tokenizer tokenizer = Make(parts);
  const auto start = std::chrono::steady_clock::now();
  const auto ids = tokenizer.Encode(std::string(50'000, 'a') + "b", true);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  ASSERT_FALSE(ids.ok());
  EXPECT_EQ(ids.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(ids.status().message(), HasSubstr("at byte 0 of the text"));
}

TEST(TokenizerJson, HugePiecesLoadAndMatch) {  // T6
  Parts parts = Plain();
  const std::string piece(10'000'000, 'x');
  parts.more_vocab = ",\"" + piece + "\":300";
  parts.added = "[" + Added(301, std::string(512, 'y')) + "," + Added(302, std::string(511, 'y') + "z") + "]";
  const Tokenizer tokenizer = Make(parts);
  EXPECT_TRUE(tokenizer.Decode(Ids{300}, false) == piece);
  EXPECT_THAT(Encode(tokenizer, std::string(512, 'y') + "he"), ElementsAre(301, 256));
  EXPECT_THAT(Encode(tokenizer, std::string(511, 'y') + "zhe"), ElementsAre(302, 256));
  EXPECT_EQ(Encode(tokenizer, std::string(511, 'y')).size(), 511u);
  parts.added = "[" + Added(301, std::string(100'000, 'y')) + "]";
  EXPECT_THAT(TryMake(parts).status().message(), HasSubstr("has 100000 bytes; at most 512"));
}

TEST(TokenizerJson, OddAddedTokens) {  // T7
  Parts parts = Plain();
  parts.added = "[" + Added(300, "") + "," + Added(301, "<a") + "," + Added(302, "<a>") + "," +
                Added(303, "a><") + R"(,{"id":304,"content":"n\u0000l","special":true}])";
  const Tokenizer tokenizer = Make(parts);
  EXPECT_THAT(Encode(tokenizer, "<a><a"), ElementsAre(302, 301));
  EXPECT_THAT(Encode(tokenizer, std::string_view("n\0l", 3)), ElementsAre(304));
  EXPECT_THAT(Encode(tokenizer, std::string_view("n\0l", 3), false), ElementsAre('n', 0, 'l'));
  EXPECT_THAT(Encode(tokenizer, ""), ElementsAre());
}

TEST(TokenizerJson, LongAndOddTextsTakeLinearTime) {  // T10
  std::string joiners, marks;
  for (int i = 0; i < 100'000; ++i) joiners += "👩\u200D";
  for (int i = 0; i < 1'000'000; ++i) marks += i % 2 == 0 ? "\u0301" : "\u0323";
  const std::string texts[] = {std::string(1'000'000, 'a'),
                               std::string(1'000'000, ' '),
                               std::string(1'000'000, '\n'),
                               std::string(1'000'000, '1'),
                               std::string(1'000'000, '\xFF'),
                               "\xED\xA0\x80\xED\xB0\x80",
                               "\xC0\xAF\xE0\x80\xAF",
                               "\uFFFE",
                               joiners,
                               marks};
  for (const char* normalizer : {"null", R"({"type":"NFC"})"}) {
    Parts parts = Plain();
    parts.normalizer = normalizer;
    const Tokenizer tokenizer = Make(parts);
    for (const std::string& text : texts) {
      const auto start = std::chrono::steady_clock::now();
      const Ids ids = Encode(tokenizer, text);
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2)) << text.substr(0, 12);
      EXPECT_FALSE(ids.empty());
    }
  }
}

}  // namespace
}  // namespace vivace::tokenizer
