#include "cli/command_line.h"

#include <gtest/gtest.h>

#include "cli/command_table.h"
#include "cli/commands.h"

namespace vivace::cli {
namespace {

Result<Invocation> Parse(std::vector<std::string> arguments) {
  return ParseCommandLine(arguments);
}

std::string ErrorOf(std::vector<std::string> arguments) {
  const auto parsed = Parse(std::move(arguments));
  return parsed.ok() ? "" : parsed.status().message();
}

TEST(CommandLine, EveryFormOfTheLevelIsRead) {
  for (const auto& form : std::vector<std::vector<std::string>>{
           {"-O0"}, {"-O", "0"}, {"-O=0"}, {"--optimization-level", "0"}, {"--optimization_level=0"}}) {
    std::vector<std::string> arguments = {"serve", "m.gguf"};
    arguments.insert(arguments.end(), form.begin(), form.end());
    const auto parsed = Parse(arguments);
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    EXPECT_EQ(parsed.value().options.Integer("optimization-level"), 0) << form[0];
  }
}

TEST(CommandLine, TheModelMayStandAnywhereOrHaveItsFlag) {
  EXPECT_EQ(Parse({"serve", "m.gguf"}).value().options.Text("model"), "m.gguf");
  EXPECT_EQ(Parse({"serve", "--port", "1", "m.gguf"}).value().options.Text("model"), "m.gguf");
  EXPECT_EQ(Parse({"serve", "--model", "m.gguf"}).value().options.Text("model"), "m.gguf");
  EXPECT_EQ(Parse({"serve", "--", "-m.gguf"}).value().options.Text("model"), "-m.gguf");
}

TEST(CommandLine, FlagsNeedNoValueAndCanBeTurnedOff) {
  EXPECT_TRUE(Parse({"generate", "m", "--ignore-eos", "--json"}).value().json);
  EXPECT_FALSE(
      Parse({"serve", "m", "--no-enable-prefix-caching"}).value().options.Flag("enable-prefix-caching"));
  EXPECT_FALSE(
      Parse({"serve", "m", "--enable_prefix_caching=off"}).value().options.Flag("enable-prefix-caching"));
}

TEST(CommandLine, PromptsKeepTheirOrderAndValuesMayBeginWithADash) {
  const auto parsed =
      Parse({"generate", "m", "--prompt", "a", "--prompt-ids", "1,22,3", "--prompt", "-b", "--top-k", "-1"});
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const auto& prompts = parsed.value().prompts;
  ASSERT_EQ(prompts.size(), 3u);
  EXPECT_EQ(std::get<0>(prompts[0]), "a");
  EXPECT_EQ(std::get<1>(prompts[1]), (std::vector<std::int32_t>{1, 22, 3}));
  EXPECT_EQ(std::get<0>(prompts[2]), "-b");
}

TEST(CommandLine, SamplingComesFromTheRows) {
  const auto parsed = Parse({"generate", "m", "--temperature=0", "--max-tokens", "5", "--seed", "7", "--stop",
                             "a", "--stop", "b", "--logprobs", "2"});
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const SamplingParams sampling = SamplingFrom(parsed.value());
  EXPECT_EQ(sampling.temperature, 0);
  EXPECT_EQ(sampling.max_tokens, 5);
  EXPECT_EQ(sampling.seed, 7);
  EXPECT_EQ(sampling.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(sampling.logprobs, 2);
  EXPECT_EQ(sampling.prompt_logprobs, -1);
}

TEST(CommandLine, MistakesAreNamedWithTheNearestRightName) {
  EXPECT_EQ(ErrorOf({"srve"}), "unknown command 'srve': did you mean 'serve'? See vivace --help");
  EXPECT_EQ(ErrorOf({"serve", "m", "--prot", "1"}), "unknown option --prot: did you mean --port?");
  EXPECT_EQ(ErrorOf({"generate", "m", "--promt", "1"}), "unknown option --promt: did you mean --prompt?");
  EXPECT_EQ(ErrorOf({"generate", "m", "--port", "1"}), "unknown option --port: did you mean --prompt?");
  EXPECT_EQ(ErrorOf({"serve", "m", "-x"}), "unknown option -x: the short forms are -O0 to -O3, -h and -v");
  EXPECT_EQ(ErrorOf({"serve", "m", "n"}), "'n' is one argument too many: options are written --name value");
  EXPECT_TRUE(ErrorOf({"serve", "m", "--port"}).starts_with("--port needs a value: "));
  EXPECT_TRUE(ErrorOf({"serve", "m", "--port", "--host"}).starts_with("--port needs a value: "));
  EXPECT_EQ(ErrorOf({"serve", "m", "-O7"}),
            "--optimization-level is '7': it must be a whole number from 0 to 3");
}

TEST(CommandLine, TokenIdsAreReadStrictly) {
  EXPECT_EQ(ParseTokenIds("").value(), std::vector<std::int32_t>{});
  EXPECT_EQ(ParseTokenIds("5").value(), std::vector<std::int32_t>{5});
  for (const char* text : {"1,", ",1", "-1", "1, 2", "a", "1,,2", "99999999999"}) {
    EXPECT_FALSE(ParseTokenIds(text).ok()) << text;
  }
}

TEST(CommandLine, HelpListsEveryRowOfTheCommand) {
  for (const CommandRow& command : CommandTable()) {
    const std::string help = HelpText(command.command);
    EXPECT_NE(help.find(command.help), std::string::npos);
    for (const base::OptionRow& row : RowsOf(command.command)) {
      EXPECT_NE(help.find(row.name), std::string::npos) << row.name;
    }
    EXPECT_NE(HelpText(Command::kHelp).find(command.name), std::string::npos);
  }
  EXPECT_TRUE(Parse({"serve", "--help"}).value().help);
  EXPECT_EQ(Parse({}).value().command, Command::kHelp);
  EXPECT_EQ(Parse({"--version"}).value().command, Command::kVersion);
}

TEST(ExitStatus, FollowsTheKindOfFailure) {
  EXPECT_EQ(ExitStatus(Status::Ok()), 0);
  EXPECT_EQ(ExitStatus(Unavailable("")), 1);
  EXPECT_EQ(ExitStatus(Internal("")), 1);
  EXPECT_EQ(ExitStatus(InvalidArgument("")), 2);
  EXPECT_EQ(ExitStatus(NotFound("")), 2);
  EXPECT_EQ(ExitStatus(DataLoss("")), 2);
  EXPECT_EQ(ExitStatus({StatusCode::kCancelled, ""}), 130);
}

}  // namespace
}  // namespace vivace::cli
