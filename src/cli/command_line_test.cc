#include "cli/command_line.h"

#include <gtest/gtest.h>

#include <algorithm>

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

TEST(CommandLine, EveryFormOfTheCompilationConfigIsRead) {
  using Forms = std::vector<std::vector<std::string>>;
  for (const auto& form : Forms{{"-cc.cudagraph_mode=FULL"},
                                {"-cc.cudagraph-mode", "FULL"},
                                {"--compilation-config.cudagraph_mode=FULL"},
                                {"--compilation_config.cudagraph_mode", "FULL"},
                                {"-cc", R"({"cudagraph_mode": "FULL"})"},
                                {R"(-cc={"cudagraph_mode": "FULL"})"},
                                {"--compilation-config", R"({"cudagraph_mode": "FULL"})"},
                                {"-O", R"({"cudagraph_mode": "FULL"})"},
                                {"-O.cudagraph_mode=FULL"}}) {
    std::vector<std::string> arguments = {"serve", "m.gguf"};
    arguments.insert(arguments.end(), form.begin(), form.end());
    const auto parsed = Parse(arguments);
    ASSERT_TRUE(parsed.ok()) << form[0] << ": " << parsed.status().message();
    EXPECT_EQ(parsed.value().options.Text("compilation-config.cudagraph-mode"), "FULL") << form[0];
  }
  const auto level = Parse({"serve", "m", "-O.level=0", "-tp", "1", "-O1"});
  ASSERT_TRUE(level.ok()) << level.status().message();
  EXPECT_EQ(level->options.Text("compilation-config.level"), "NONE");
  EXPECT_EQ(level->options.Integer("optimization-level"), 1);
}

TEST(CommandLine, ListsOfSizesAreJoinedAndAppended) {
  const auto spread = Parse({"serve", "m", "--cudagraph-capture-sizes", "1", "2", "4", "--port", "1"});
  ASSERT_TRUE(spread.ok()) << spread.status().message();
  EXPECT_EQ(spread->options.Text("cudagraph-capture-sizes"), "1,2,4");
  const auto appended =
      Parse({"serve", "m", "-cc.cudagraph_capture_sizes=[1,2]", "-cc.cudagraph_capture_sizes+", "4,8"});
  ASSERT_TRUE(appended.ok()) << appended.status().message();
  EXPECT_EQ(appended->options.Text("compilation-config.cudagraph-capture-sizes"), "1,2,4,8");
  EXPECT_EQ(ErrorOf({"serve", "m", "-cc.pass_config.fuse_nrm_quant=false"}),
            "compilation_config has no key 'pass_config.fuse_nrm_quant': did you mean "
            "'pass_config.fuse_norm_quant'?");
  EXPECT_EQ(ErrorOf({"serve", "m", "-cc.mode"}), "--compilation-config.mode needs a value");
  EXPECT_EQ(ErrorOf({"tokenize", "m", "-cc.mode=0"}),
            "--compilation-config.mode is not an option of this command; see --help=all");
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

TEST(CommandLine, ListsAreRepeatedAndArgumentsAfterTheModelArePrompts) {
  const auto parsed = Parse({"generate", "m", "one", "--stop", "a", "two", "--stop", "b"});
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed.value().options.List("stop"), (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(parsed.value().prompts.size(), 2u);
  EXPECT_EQ(std::get<0>(parsed.value().prompts[1]), "two");
  const auto named = Parse({"run", "--model", "m", "hello"});
  ASSERT_TRUE(named.ok()) << named.status().message();
  EXPECT_EQ(std::get<0>(named.value().prompts.at(0)), "hello");
}

TEST(CommandLine, TokenizeHasItsFlagsAndTheConfigFileItsPath) {
  const auto plain = Parse({"tokenize", "m"}).value();
  EXPECT_TRUE(plain.bos && !plain.special && !plain.decode);
  const auto parsed = Parse({"tokenize", "m", "--no-bos", "--special", "--decode"}).value();
  EXPECT_TRUE(!parsed.bos && parsed.special && parsed.decode);
  EXPECT_EQ(Parse({"serve", "--config", "c.yaml"}).value().config, "c.yaml");
}

TEST(CommandLine, ExplainTakesTheStepItIsToShowBesideAModelsOptions) {
  const auto plain = Parse({"explain", "m"}).value();
  EXPECT_TRUE(plain.explain.request.tokens.empty() && plain.explain.output.empty());
  EXPECT_EQ(plain.explain.format, "text");
  const auto parsed = Parse({"explain", "m", "--tokens", "4k", "--context=7", "--rounds", "3", "--format",
                             "html", "--output", "p.html", "--load-format", "dummy"});
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const ExplainArguments& explain = parsed.value().explain;
  EXPECT_EQ(explain.request.tokens, std::vector<int>{4000});
  EXPECT_EQ(explain.request.context, 7);
  EXPECT_EQ(explain.request.rounds, 3);
  EXPECT_EQ(explain.format, "html");
  EXPECT_EQ(explain.output, "p.html");
  EXPECT_EQ(parsed.value().options.Text("load-format"), "dummy");
  for (const char* tokens : {"0", "-1", "1048577", "x", ""}) {
    EXPECT_TRUE(ErrorOf({"explain", "m", "--tokens", tokens}).starts_with("--tokens is '")) << tokens;
  }
  EXPECT_TRUE(ErrorOf({"explain", "m", "--context", "-1"}).starts_with("--context is '-1'"));
  EXPECT_TRUE(ErrorOf({"explain", "m", "--rounds", "0"}).starts_with("--rounds is '0'"));
  EXPECT_EQ(ErrorOf({"explain", "m", "--format", "xml"}),
            "--format is 'xml': it must be one of text, json, html");
  EXPECT_TRUE(ErrorOf({"serve", "m", "--tokens", "1"}).starts_with("unknown option --tokens"));
}

TEST(CommandLine, MistakesAreNamedWithTheNearestRightName) {
  EXPECT_EQ(ErrorOf({"srve"}), "unknown command 'srve': did you mean 'serve'? See vivace --help");
  EXPECT_EQ(ErrorOf({"serve", "m", "--prot", "1"}), "unknown option --prot: did you mean --port?");
  EXPECT_EQ(ErrorOf({"generate", "m", "--promt", "1"}), "unknown option --promt: did you mean --prompt?");
  EXPECT_EQ(ErrorOf({"generate", "m", "--port", "1"}),
            "--port is not an option of this command; see --help=all");
  EXPECT_EQ(ErrorOf({"serve", "m", "-x"}),
            "unknown option -x: the short forms are -O0 to -O3, -cc, -tp, -o, -h and -v");
  EXPECT_EQ(ErrorOf({"serve", "m", "n"}), "'n' is one argument too many: options are written --name value");
  EXPECT_TRUE(
      ErrorOf({"serve", "m", "-pp", "2"}).starts_with("--pipeline-parallel-size is '2': it must be 1, or "));
  EXPECT_TRUE(ErrorOf({"serve", "m", "-tp", "2"}).starts_with("--tensor-parallel-size is '2': it must be 1"));
  EXPECT_EQ(ErrorOf({"serve", "m", "--model", "n"}), "the model is given twice: once is enough");
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
    const std::string help = HelpText(command.command, "all").value();
    EXPECT_NE(help.find(command.help), std::string::npos);
    for (const base::OptionRow& row : RowsOf(command.command)) {
      EXPECT_NE(help.find(row.name), std::string::npos) << row.name;
    }
    const bool is_bench = command.name.starts_with("bench ");
    const std::string list = HelpText(is_bench ? Command::kBench : Command::kHelp, "").value();
    EXPECT_NE(list.find(command.name.substr(is_bench ? 6 : 0)), std::string::npos) << command.name;
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

TEST(CommandLine, HelpIsShortUnlessAllOrAWordIsAskedFor) {
  const auto line_count = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
  const std::string brief = HelpText(Command::kServe, "").value();
  const std::string all = HelpText(Command::kServe, "all").value();
  EXPECT_LT(line_count(brief), line_count(all));
  EXPECT_NE(brief.find("--help=all lists all "), std::string::npos);
  const std::string about = HelpText(Command::kServe, "max_num").value();
  EXPECT_NE(about.find("--max-num-seqs"), std::string::npos);
  EXPECT_EQ(about.find("--port"), std::string::npos);
  EXPECT_EQ(HelpText(Command::kServe, "--port").value().find("--host"), std::string::npos);
  EXPECT_EQ(HelpText(Command::kServe, "zebra").status().message(),
            "no option of 'serve' has 'zebra' in its name or help; see --help=all");
  EXPECT_EQ(Parse({"serve", "--help=all"}).value().help_topic, "all");
}

TEST(CommandLine, ABenchmarkHasOptionsOfItsOwnBesideTheEngines) {
  const auto parsed = Parse({"bench", "latency", "m", "--input_len=1k", "-O1", "--n", "2"});
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed->command, Command::kBenchLatency);
  EXPECT_EQ(parsed->bench.Integer("input-len"), 1000);
  EXPECT_EQ(parsed->bench.Integer("n"), 2);
  EXPECT_EQ(parsed->bench.Integer("output-len"), 128) << "the row's default";
  EXPECT_EQ(parsed->options.Text("model"), "m");
  EXPECT_EQ(parsed->options.Integer("optimization-level"), 1);
  EXPECT_EQ(parsed->options.Origin("n"), OptionOrigin::kDefault) << "that of sampling is another one";
  EXPECT_EQ(parsed->arguments, (std::vector<std::string>{"m", "--input_len=1k", "-O1", "--n", "2"}));
  EXPECT_EQ(Parse({"bench", "--help"})->command, Command::kBench);
  EXPECT_EQ(ErrorOf({"bench", "latncy"}),
            "unknown command 'bench latncy': did you mean 'bench latency'? See vivace --help");
  EXPECT_EQ(ErrorOf({"bench", "latency", "m", "--num-prompts", "3"}),
            "unknown option --num-prompts: did you mean --num-iters?");
}

TEST(CommandLine, ArtifactsAreNamedByFolderAndByName) {
  const auto compile = Parse({"compile", "m", "-O2", "-o", "dir"});
  ASSERT_TRUE(compile.ok()) << compile.status().message();
  EXPECT_EQ(compile->options.Text("cache-dir"), "dir");
  const auto cache = Parse({"cache", "show", "b0a5", "--cache-dir", "dir", "--json"});
  ASSERT_TRUE(cache.ok()) << cache.status().message();
  EXPECT_EQ(cache->words, (std::vector<std::string>{"show", "b0a5"}));
  EXPECT_EQ(cache->options.Text("cache-dir"), "dir");
  EXPECT_TRUE(cache->json);
  EXPECT_NE(ErrorOf({"cache", "ls", "--port", "1"}), "");
  EXPECT_EQ(RunCache(*Parse({"cache", "lss"})).message(),
            "cache has no command 'lss': did you mean 'ls'? (ls, show, verify, clear)");
  EXPECT_EQ(RunCache(*Parse({"cache", "show"})).message(),
            "cache show needs the name of an artifact, or how it begins: see vivace cache ls");
  EXPECT_EQ(RunCache(*Parse({"cache", "ls", "--cache-dir", "/none/there"})).message(),
            "there is no folder of artifacts at '/none/there' yet");
}

}  // namespace
}  // namespace vivace::cli
