// What the terminal programs print and read besides their options.
#include <gtest/gtest.h>

#include "cli/chat_commands.h"
#include "cli/command_line.h"
#include "cli/inspect_text.h"
#include "cli/speed_line.h"

namespace vivace::cli {
namespace {

TEST(ChatCommands, AreReadWithTheirText) {
  EXPECT_EQ(ParseChatCommand("/help").kind, ChatCommandKind::kHelp);
  EXPECT_EQ(ParseChatCommand("/bye ").kind, ChatCommandKind::kExit);
  const ChatCommand system = ParseChatCommand("/system  Be brief. \r");
  EXPECT_EQ(system.kind, ChatCommandKind::kSystem);
  EXPECT_EQ(system.text, "Be brief.");
  const ChatCommand unknown = ParseChatCommand("/etc/passwd is a file");
  EXPECT_EQ(unknown.kind, ChatCommandKind::kUnknown);
  EXPECT_EQ(unknown.text, "/etc/passwd");
  EXPECT_NE(ChatHelp().find("/system TEXT    start anew"), std::string::npos);
}

TEST(SpeedLine, TellsPromptAndAnswerApart) {
  AnswerSpeed speed{.prompt_tokens = 120};
  RequestOutput first;
  first.token_ids = {1};
  first.cached_prompt_tokens = 20;
  first.timing = {0.5, 1.0, 1.0};
  speed.Add(first);
  RequestOutput rest;
  rest.token_ids = {2, 3, 4, 5};
  rest.timing = {0.5, 1.0, 3.0};
  speed.Add(rest);
  EXPECT_EQ(SpeedLine(speed),
            "[prompt: 120 tokens (20 cached), 200.0 tokens/s; answer: 5 tokens, 2.0 tokens/s; first token "
            "after 1.00 s]");
  EXPECT_EQ(SpeedLine({.prompt_tokens = 3}), "[prompt: 3 tokens; answer: 0 tokens]");
}

TEST(TokenIds, AreReadFromAJsonArray) {
  EXPECT_EQ(ParseIdArray(" [1, 22,3 ]\n").value(), (std::vector<std::int32_t>{1, 22, 3}));
  EXPECT_TRUE(ParseIdArray("[]").value().empty());
  for (const char* text :
       {"", "1", "[", "[1", "[1,", "[1,]", "[-1]", "[1.5]", "[1] 2", "[99999999999]", "[[1]]", "[,]"}) {
    EXPECT_FALSE(ParseIdArray(text).ok()) << text;
  }
  EXPECT_EQ(ParseIdArray("[1,x]").status().message(),
            "the standard input must be a JSON array of token ids, as in [1, 2, 3]; it is not at byte 3");
}

TEST(Inspect, PrintsOneFactALineAndTheSameAsJson) {
  ModelSummary model;
  model.path = "m.gguf";
  model.format = "gguf v3";
  model.architecture = "mamba";
  model.unsupported_reason = "this build knows llama";
  model.parameters = 134'515'008;
  model.file_bytes = 98'362'432;
  model.types = {{"q4_1", 210, 106'168'320, 66'355'200}};
  model.tokenizer = "byte-level BPE (smollm), 49152 tokens";
  EXPECT_EQ(InspectText(model),
            "model         m.gguf\n"
            "format        gguf v3, 93.81 MiB\n"
            "architecture  mamba (cannot be run)\n"
            "              this build knows llama\n"
            "parameters    134.52 M\n"
            "tensors       q4_1     210 tensors    63.28 MiB\n"
            "tokenizer     byte-level BPE (smollm), 49152 tokens\n"
            "chat template none\n");
  const std::string json = InspectJson(model);
  EXPECT_TRUE(json.starts_with(
      R"({"path":"m.gguf","format":"gguf v3","file_bytes":98362432,"architecture":"mamba","supported":false,)"))
      << json;
  EXPECT_NE(
      json.find(R"("tensor_types":[{"type":"q4_1","tensors":210,"elements":106168320,"bytes":66355200}])"),
      std::string::npos);
}

}  // namespace
}  // namespace vivace::cli
