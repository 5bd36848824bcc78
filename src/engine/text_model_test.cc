// The text side of models in every form on disk.
#include "vivace/text_model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "checkpoint/gguf_test_file.h"
#include "engine/model_text.h"

namespace vivace {
namespace {

using checkpoint::GgufTestFile;
using checkpoint::GgufType;

constexpr int kByteTokens = 256;
constexpr std::int32_t kSpaceA = 256, kEnd = 257, kStart = 258, kImEnd = 259;

/// A byte in the alphabet of byte-level vocabularies: printable ones as they are, the others from U+0100 on.
std::string ByteToken(int byte) {
  const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b != 173); };
  int code = byte;
  if (!printable(byte)) {
    code = 256;
    for (int b = 0; b < byte; ++b) code += printable(b) ? 0 : 1;
  }
  if (code < 128) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 63))};
}

std::string AddedToken(std::int32_t id, std::string_view text) {
  return R"({"id":)" + std::to_string(id) + R"(,"content":")" + std::string(text) +
         R"(","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true})";
}

/// tokenizer.json: all bytes, " a", and three special tokens.
std::string TokenizerJson() {
  std::string vocabulary;
  for (int i = 0; i < kByteTokens; ++i) {
    std::string token = ByteToken(i);
    if (token == "\"" || token == "\\") token.insert(0, "\\");
    vocabulary += "\"" + token + "\":" + std::to_string(i) + ",";
  }
  vocabulary += "\"\u0120a\":" + std::to_string(kSpaceA);
  return R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[)" +
         AddedToken(kEnd, "<|end|>") + "," + AddedToken(kStart, "<s>") + "," +
         AddedToken(kImEnd, "<|im_end|>") +
         R"(],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,)"
         R"("use_regex":true},"post_processor":null,"decoder":{"type":"ByteLevel","add_prefix_space":true,)"
         R"("trim_offsets":true,"use_regex":true},"model":{"type":"BPE","dropout":null,"unk_token":null,)"
         R"("continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,)"
         R"("vocab":{)" +
         vocabulary + "},\"merges\":[\"\u0120 a\"]}}";
}

class TextModelTest : public testing::Test {
 protected:
  TextModelTest() : folder_(testing::TempDir() + "text_model_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~TextModelTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
  }
  /// A GGUF file with a byte-level vocabulary of a, b, Ġ, Ġa and <|im_end|>, and no tensor.
  std::string WriteVocabulary() {
    GgufTestFile file;
    file.Header(0, 8).StringKey("general.architecture", "llama").StringKey("tokenizer.ggml.model", "gpt2");
    file.StringKey("tokenizer.ggml.pre", "smollm");
    file.ArrayKey("tokenizer.ggml.tokens", GgufType::kString, kByteTokens + 2);
    for (int i = 0; i < kByteTokens; ++i) file.String(ByteToken(i));
    file.String("\u0120a").String("<|im_end|>");
    file.ArrayKey("tokenizer.ggml.token_type", GgufType::kInt32, kByteTokens + 2);
    for (int i = 0; i <= kByteTokens; ++i) file.Put<std::int32_t>(1);
    file.Put<std::int32_t>(3);
    file.ArrayKey("tokenizer.ggml.merges", GgufType::kString, 1).String("\u0120 a");
    file.Key<std::uint32_t>("tokenizer.ggml.padding_token_id", GgufType::kUint32, 70000);
    file.StringKey("tokenizer.chat_template.tool_use", "tools");
    const std::string path = folder_ + "/vocabulary.gguf";
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(file.bytes().data()),
               static_cast<std::streamsize>(file.bytes().size()));
    return path;
  }
  std::unique_ptr<TextModel> Open(const std::string& path) {
    auto model = TextModel::Open(path);
    EXPECT_TRUE(model.ok()) << model.status().message();
    return std::move(model).value();
  }
  std::unique_ptr<TextModel> OpenFolder() { return Open(folder_); }
  static std::string Rendered(const TextModel& model, const ChatPrompt& prompt) {
    const auto ids = model.RenderChat(prompt);
    if (!ids.ok()) return "error: " + ids.status().message();
    return *model.Detokenize(*ids, false);
  }

  std::string folder_;
};

using Ids = std::vector<std::int32_t>;

TEST_F(TextModelTest, AFolderWithOnlyATokenizer) {
  Write("tokenizer.json", TokenizerJson());
  const auto model = OpenFolder();
  EXPECT_EQ(model->vocabulary(), 260);
  EXPECT_EQ(*model->Tokenize("ab a<|end|>", true, true), (Ids{'a', 'b', kSpaceA, kEnd}));
  EXPECT_EQ(*model->Detokenize({'a', kSpaceA, kEnd}, true), "a a");
  EXPECT_EQ(*model->Detokenize({'a', kSpaceA, kEnd}, false), "a a<|end|>");
  EXPECT_EQ(model->Detokenize({260}, true).status().message(), "token 260: ids of this model are 0 to 259");
  EXPECT_EQ(model->RenderChat({}).status().message(),
            "'" + folder_ + "' has no chat template: give one, or use the completions API");
  EXPECT_EQ(*Open(folder_ + "/tokenizer.json")->Tokenize("a a", false, false), (Ids{'a', kSpaceA}));
}

TEST_F(TextModelTest, AGgufFileWithOnlyAVocabulary) {
  const auto model = Open(WriteVocabulary());
  EXPECT_EQ(model->vocabulary(), 258);
  const auto ids = model->Tokenize(" a<|im_end|>", true, true);
  ASSERT_TRUE(ids.ok()) << ids.status().message();
  EXPECT_EQ(*ids, (Ids{256, 257}));
  EXPECT_EQ(*model->Detokenize({256, 'b'}, true), " ab");
  EXPECT_EQ(model->RenderChat({}).status().message(),
            "'" + folder_ + "/vocabulary.gguf' has chat templates, but no default one: name one of tool_use");
  EXPECT_EQ(Rendered(*model, {.messages = {}, .chat_template = "tool_use"}), "tools");
}

TEST_F(TextModelTest, EndTokensComeFromTheFilesThatNameThem) {
  const auto ends = [&] {
    checkpoint::FolderTexts texts;
    texts.tokenizer = TokenizerJson();
    const auto read = [&](const char* name, std::string& text) {
      std::ifstream file(folder_ + "/" + name);
      text.assign(std::istreambuf_iterator<char>(file), {});
    };
    read("config.json", texts.config);
    read("generation_config.json", texts.generation_config);
    read("tokenizer_config.json", texts.tokenizer_config);
    const auto source = engine::ReadFolderText(texts, "model");
    EXPECT_TRUE(source.ok()) << source.status().message();
    return source->end_tokens;
  };
  EXPECT_EQ(ends(), Ids{});
  Write("config.json", R"({"eos_token_id":258})");
  EXPECT_EQ(ends(), Ids{kStart});
  Write("generation_config.json", R"({"eos_token_id":[257,259,257,999,-1]})");
  EXPECT_EQ(ends(), (Ids{kEnd, kImEnd}));
  Write("tokenizer_config.json", R"({"eos_token":{"content":"<s>"}})");
  EXPECT_EQ(ends(), (Ids{kStart, kEnd, kImEnd}));
}

TEST_F(TextModelTest, TemplatesOfTheConfigurationAndOfTheirOwnFile) {
  Write("tokenizer.json", TokenizerJson());
  Write("tokenizer_config.json", R"({"bos_token":"<s>","chat_template":"{{ bos_token }}a"})");
  EXPECT_EQ(Rendered(*OpenFolder(), {}), "<s>a");
  Write("chat_template.jinja", "b");
  EXPECT_EQ(Rendered(*OpenFolder(), {}), "b") << "the file wins";
  std::filesystem::remove(folder_ + "/chat_template.jinja");
  Write(
      "tokenizer_config.json",
      R"({"chat_template":[{"name":"default","template":"a"},{"name":"tool_use","template":"b{{ tools|length }}"}]})");
  EXPECT_EQ(Rendered(*OpenFolder(), {}), "a");
  EXPECT_EQ(Rendered(*OpenFolder(), {.messages = {}, .tools_json = R"([{"type":"function"}])"}), "b1");
  Write("tokenizer_config.json", R"({"chat_template":[{"name":"default"}]})");
  EXPECT_EQ(TextModel::Open(folder_).status().message(),
            "'" + folder_ +
                "': tokenizer_config.json: chat_template must be a string or a list of {name, template}");
  Write("tokenizer_config.json", R"({"chat_template":"{% nonsense %}"})");
  EXPECT_NE(Rendered(*OpenFolder(), {}).find("nonsense"), std::string::npos);
  Write("tokenizer_config.json", "[1]");
  EXPECT_EQ(TextModel::Open(folder_).status().code(), StatusCode::kDataLoss);
}

TEST_F(TextModelTest, ARequestBringsTemplateAndVariables) {
  Write("tokenizer.json", TokenizerJson());
  const auto model = OpenFolder();
  EXPECT_EQ(Rendered(*model, {.messages = {},
                              .chat_template = "{% if thinking %}a{% endif %}b<|end|>",
                              .template_variables_json = R"({"thinking":true})"}),
            "ab<|end|>");
  EXPECT_EQ(
      *model->RenderChat({.messages = {{"user", "<|end|>"}}, .chat_template = "{{ messages[0].content }}"}),
      (Ids{60, 124, 'e', 'n', 'd', 124, 62}))
      << "a user's text never is a control token";
  EXPECT_EQ(Rendered(*model, {.messages = {}, .chat_template = "{{ 1 }}", .template_variables_json = "[]"}),
            "error: chat_template_kwargs is a list; it must be an object");
  EXPECT_EQ(Rendered(*model, {.messages = {}, .chat_template = "{{ 1 }}", .tools_json = "{}"}),
            "error: tools is a dict; it must be a list");
}

TEST_F(TextModelTest, AFinalMessageIsContinuedWhereItsTextEnds) {
  Write("tokenizer.json", TokenizerJson());
  const auto model = OpenFolder();
  const auto render = [&](const std::string& last, const char* source) {
    return Rendered(*model, {.messages = {{"user", "a"}, {"assistant", last}},
                             .add_generation_prompt = false,
                             .continue_final_message = true,
                             .chat_template = source});
  };
  const char* keeps = "{% for m in messages %}<s>{{ m.content }}<|end|>{% endfor %}";
  const char* trims = "{% for m in messages %}<s>{{ m.content | trim }}<|end|>{% endfor %}";
  EXPECT_EQ(render("ab", keeps), "<s>a<|end|><s>ab");
  EXPECT_EQ(render(" ab ", keeps), "<s>a<|end|><s> ab ");
  EXPECT_EQ(render(" ab ", trims), "<s>a<|end|><s>ab");
  EXPECT_EQ(
      render("ab", "{{ messages[0].content }}"),
      "error: continue_final_message: the chat template does not show the last message's text as it is, so "
      "it cannot be continued");
  EXPECT_EQ(render(" ", keeps), "error: continue_final_message: the last message is empty");
  EXPECT_NE(Rendered(*model, {.messages = {{"user", "a"}}, .continue_final_message = true}).find("both true"),
            std::string::npos);
}

TEST_F(TextModelTest, PathsThatAreNoModelSaySo) {
  EXPECT_EQ(TextModel::Open(folder_).status().message(),
            "'" + folder_ + "' has no tokenizer.json: fetch it with the model");
  EXPECT_EQ(TextModel::Open(folder_ + "/none.gguf").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(TextModel::Open(folder_ + "/none.json").status().code(), StatusCode::kNotFound);
  Write("tokenizer.json", "{");
  EXPECT_FALSE(TextModel::Open(folder_).ok());
}

TEST_F(TextModelTest, BadWordsAreMeantAfterASpaceToo) {
  checkpoint::FolderTexts texts;
  texts.tokenizer = TokenizerJson();
  auto source = engine::ReadFolderText(texts, "model");
  ASSERT_TRUE(source.ok());
  const engine::ModelText text(std::move(source).value(), "model");
  EXPECT_EQ(*text.EncodeBadWords({"a", " ab"}),
            (std::vector<Ids>{{'a'}, {kSpaceA}, {'a', 'b'}, {kSpaceA, 'b'}}));
  EXPECT_EQ(*text.EncodeBadWords({"b"}), (std::vector<Ids>{{'b'}})) << "after a space it is two tokens";
  EXPECT_EQ(text.EncodeBadWords({"a", " "}).status().message(), "bad_words[1] is empty; leave it out");
}

}  // namespace
}  // namespace vivace
