// tokenizer.json and its companions, groups T1 to T9, and texts against a right one, T10 and T11.
#include <span>

#include "bad_file.h"

namespace vivace::bad_files {
namespace {

using tokenizer::Added;
using Parts = tokenizer::TokenizerJsonParts;

struct TokenizerRow {
  const char* id;
  void (*change)(Parts&);
  const char* text;
};

const TokenizerRow kTokenizerRows[] = {
    {"T1_JoinNotInVocab", [](Parts& p) { p.merges = R"(["h l"])"; },
     "merge 0 (\"h l\") makes a token that is not in the vocabulary"},
    {"T1_PartNotInVocab", [](Parts& p) { p.merges = R"([["he","zz"]])"; }, "names a part that is not"},
    {"T1_OneWord", [](Parts& p) { p.merges = R"(["he"])"; }, "merge 0 (\"he\") is not two tokens"},
    {"T1_ThreeParts", [](Parts& p) { p.merges = R"([["h","e","l"]])"; }, "a merge has two parts"},
    {"T1_BothForms", [](Parts& p) { p.merges = R"([["h","e"],"l l"])"; }, "partly strings and partly pairs"},
    {"T1_MergeOfNumbers", [](Parts& p) { p.merges = "[[1,2]]"; }, "a string is expected"},
    {"T1_LongJoin", [](Parts& p) { p.merges = "[\"" + std::string(300, 'h') + " e\"]"; },
     "hhh...\") names a part"},
    {"T2_NegativeId", [](Parts& p) { p.more_vocab = R"(,"zz":-1)"; }, "token \"zz\" has the id -1"},
    {"T2_Id231", [](Parts& p) { p.more_vocab = R"(,"zz":2147483648)"; },
     "token \"zz\" has the id 2147483648"},
    {"T2_Id264", [](Parts& p) { p.more_vocab = R"(,"zz":18446744073709551616)"; },
     "a whole number is expected"},
    {"T2_Fraction", [](Parts& p) { p.more_vocab = R"(,"zz":1.5)"; }, "a whole number is expected"},
    {"T2_SameId", [](Parts& p) { p.more_vocab = R"(,"zz":256)"; },
     "tokens \"he\" and \"zz\" have the same id 256"},
    {"T2_SameText", [](Parts& p) { p.more_vocab = R"(,"he":300)"; }, "token \"he\" twice: ids 256 and 300"},
    {"T2_AddedIdTaken", [](Parts& p) { p.added = "[" + Added(5, "<s>") + "]"; },
     "added token \"<s>\" has the id 5"},
    {"T2_AddedSameId", [](Parts& p) { p.added = "[" + Added(300, "<a>") + "," + Added(300, "<b>") + "]"; },
     "added tokens \"<a>\" and \"<b>\" have the same id 300"},
    {"T2_AddedIdNegative", [](Parts& p) { p.added = "[" + Added(-1, "<a>") + "]"; }, "\"<a>\" has the id -1"},
    {"T2_AddedWithoutContent", [](Parts& p) { p.added = R"([{"id":300}])"; },
     "added_tokens[0] has no content"},
    {"T2_TemplateId",
     [](Parts& p) { p.post_processor = R"({"type":"BertProcessing","sep":["x",9999],"cls":["y",1]})"; },
     "has the id 9999"},
    {"T3_NoTokenForA", [](Parts& p) { p.model = R"({"type":"BPE","vocab":{"b":0},"merges":[]})"; },
     "no token for byte 10"},
    {"T3_NoUnknownToken",
     [](Parts& p) { p.model = R"({"type":"WordPiece","unk_token":"[UNK]","vocab":{"a":0}})"; },
     "model.unk_token \"[UNK]\" is not in the vocabulary"},
    {"T3_UnkIdOutside", [](Parts& p) { p.model = R"({"type":"Unigram","unk_id":7,"vocab":[["a",-1.0]]})"; },
     "model.unk_id is 7"},
    {"T4_Pattern",
     [](Parts& p) { p.pre_tokenizer = R"({"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated"})"; },
     "regular expression \"(a\""},
    {"T4_ClassIntersection",
     [](Parts& p) {
       p.pre_tokenizer = R"({"type":"Split","pattern":{"Regex":"[\\p{L}&&[^a]]"},"behavior":"Isolated"})";
     },
     "class with &&"},
    {"T4_NoPattern", [](Parts& p) { p.pre_tokenizer = R"({"type":"Split","behavior":"Isolated"})"; },
     "pre_tokenizer Split: pattern is missing"},
    {"T4_Behaviour",
     [](Parts& p) { p.pre_tokenizer = R"({"type":"Split","pattern":{"String":"a"},"behavior":"Shred"})"; },
     "behavior \"Shred\" is not known"},
    {"T8_Normalizer", [](Parts& p) { p.normalizer = R"({"type":"Rot13"})"; },
     "normalizer type \"Rot13\" is not known"},
    {"T8_NestedNormalizer",
     [](Parts& p) {
       p.normalizer = R"({"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Rot13"}]})";
     },
     "\"Rot13\" is not known; known are: Sequence, NFC"},
    {"T8_PreTokenizer", [](Parts& p) { p.pre_tokenizer = R"({"type":"Scissors"})"; },
     "pre_tokenizer type \"Scissors\" is not known"},
    {"T8_Decoder", [](Parts& p) { p.decoder = R"({"type":"CTC"})"; }, "decoder type \"CTC\" is not known"},
    {"T8_PostProcessor", [](Parts& p) { p.post_processor = R"({"type":"Wrap"})"; },
     "post_processor type \"Wrap\" is not known"},
    {"T8_Model", [](Parts& p) { p.model = R"({"type":"WordLevel","vocab":{"a":0}})"; },
     "model type \"WordLevel\" is not known"},
    {"T8_NoType", [](Parts& p) { p.normalizer = "{}"; }, "normalizer: a step has no type"},
    {"T8_Dropout", [](Parts& p) { p.more_model = R"(,"dropout":0.1)"; }, "model.dropout is 0.1"},
    {"T8_Flag", [](Parts& p) { p.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":1})"; },
     "pre_tokenizer ByteLevel: add_prefix_space is no boolean"},
    {"T8_VocabOfAnotherKind", [](Parts& p) { p.model = R"({"type":"Unigram","vocab":{"a":0}})"; },
     "list of scores"},
    {"T8_NoVocab", [](Parts& p) { p.model = R"({"type":"BPE","merges":[]})"; }, "the model has no vocab"},
    {"T8_EmptyVocab", [](Parts& p) { p.model = R"({"type":"WordPiece","vocab":{}})"; }, "no tokens"},
    {"T9_TemplateToken",
     [](Parts& p) {
       p.post_processor =
           R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]"}},{"Sequence":{"id":"A"}}],"special_tokens":{}})";
     },
     "the template's token \"[CLS]\" is not in special_tokens"},
    {"T9_TemplateWithoutText",
     [](Parts& p) { p.post_processor = R"({"type":"TemplateProcessing","single":[]})"; },
     "leaves the text out"},
    {"T8_Nesting", [](Parts& p) { p.normalizer = std::string(100'000, '['); }, "nested more than 64 deep"},
    {"T2_NotUTF8", [](Parts& p) { p.more_vocab = ",\"\xFF\":300"; }, "a string is not UTF-8"},
    {"T2_HalfAPair", [](Parts& p) { p.more_vocab = R"(,"\ud800":300)"; }, "half of a surrogate pair"},
    {"T2_Escape", [](Parts& p) { p.more_vocab = R"(,"\q":300)"; }, "unknown escape"},
    {"T5_Charsmap", [](Parts& p) { p.normalizer = R"({"type":"Precompiled","precompiled_charsmap":"!!"})"; },
     "normalizer Precompiled"},
    {"T5_CharsmapSize",
     [](Parts& p) { p.normalizer = R"({"type":"Precompiled","precompiled_charsmap":"/////w=="})"; },
     "charsmap"},
};

BadFile Folder(std::string id, std::function<void(Parts&)> change, std::string text,
               Outcome outcome = Outcome::kRefused, std::string input = {}) {
  const auto make = [change = std::move(change)](TestFolder& folder) {
    Parts parts = tokenizer::PlainTokenizerJson();
    change(parts);
    WriteTinyFolder(folder, kTinyConfig, parts);
  };
  return {std::move(id), "", make, std::move(text), outcome, std::move(input)};
}

BadFile Companion(const char* id, const char* file, const char* json, const char* text) {
  const auto make = [file, json](TestFolder& folder) {
    WriteTinyFolder(folder);
    folder.Write(std::string("m/") + file, json);
  };
  return {id, "", make, text};
}

void Special(Parts& p) {
  p.added = "[" + Added(260, "<|im_end|>", R"(,"special":true)") + "," +
            Added(261, "<s>", R"(,"special":true)") + "," + Added(262, "<|image|>", R"(,"special":true)") +
            "]";
}

std::string Repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

// Texts that are long or odd, and come back as they were (T10) or as text (T11).
void AppendTexts(std::vector<BadFile>& all) {
  const auto loads = [&](const char* id, std::string input, std::string text) {
    all.push_back(Folder(id, Special, std::move(text), Outcome::kLoads, std::move(input)));
  };
  loads("T10_MillionLetters", std::string(1'000'000, 'a'), std::string(1000, 'a'));
  loads("T10_MillionSpaces", std::string(1'000'000, ' '), std::string(1000, ' '));
  loads("T10_MillionMarks", Repeated("\u0301", 500'000), "\u0301\u0301");
  loads("T10_JoinerChains", Repeated("👩\u200D", 50'000), "👩\u200D👩");
  loads("T10_LoneSurrogates", "\xED\xA0\x80\xED\xB0\x80", "\uFFFD");
  loads("T10_Overlong", "\xC0\xAF\xE0\x80\xAF", "\uFFFD");
  loads("T10_NotACharacter", "\uFFFE", "\uFFFE");
  loads("T11_TextSpellsEndOfTurn", "he<|im_end|>", "he<|im_end|>");
  loads("T11_TextSpellsStart", "<s>he", "<s>he");
  loads("T11_TextSpellsImage", "<|image|>", "<|image|>");
}

}  // namespace

std::vector<BadFile> TokenizerRows() {
  std::vector<BadFile> all;
  for (const TokenizerRow& row : kTokenizerRows) all.push_back(Folder(row.id, row.change, row.text));
  all.push_back(Folder(
      "T4_Backtracking",
      [](Parts& p) {
        p.pre_tokenizer =
            R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(a+)+$"},"behavior":"Isolated"},{"type":"ByteLevel","use_regex":false,"add_prefix_space":false}]})";
      },
      "at byte 0 of the text", Outcome::kText, std::string(50'000, 'a') + "b"));
  all.push_back(Folder(
      "T2_IdPastModel", [](Parts& p) { p.more_vocab = R"(,"zz":300)"; },
      "has 301 tokens but its embedding has only 300 rows"));
  all.push_back(Folder(
      "T2_IdGap", [](Parts& p) { p.more_vocab = R"(,"zz":299)"; }, "zz", Outcome::kLoads, "zz"));
  all.push_back(Folder(
      "T6_PieceOf10MB", [](Parts& p) { p.more_vocab = ",\"" + std::string(10'000'000, 'x') + "\":299"; },
      "hell", Outcome::kLoads, "hell"));
  all.push_back(Folder(
      "T6_AddedTokenOf100KB", [](Parts& p) { p.added = "[" + Added(280, std::string(100'000, 'y')) + "]"; },
      "has 100000 bytes; at most 512"));
  all.push_back(Folder(
      "T7_EmptyAndOverlappingAddedTokens",
      [](Parts& p) {
        p.added = "[" + Added(280, "") + "," + Added(281, "<a") + "," + Added(282, "<a>") + "," +
                  Added(283, "a><") + R"(,{"id":284,"content":"n\u0000l","special":true}])";
      },
      "<a><a", Outcome::kLoads, "<a><a"));
  all.push_back(Companion("T9_StartTokenIsNotThere", "tokenizer_config.json",
                          R"({"tokenizer_class":"LlamaTokenizer"})", "bos_token is to be added"));
  all.push_back(Companion("T9_ConfigCut", "tokenizer_config.json", "{", "tokenizer_config.json"));
  all.push_back(Companion("T9_MapIsList", "special_tokens_map.json", "[]", "special_tokens_map.json"));
  AppendTexts(all);
  return all;
}

}  // namespace vivace::bad_files
