// Wrong values on the command line: each error names the flag, the value and what is allowed. And the
// spellings of vLLM's flags: short forms, dots, +, suffixes, old ones.
#include <gtest/gtest.h>

#include "cli/command_line.h"

namespace vivace::cli {
namespace {

Result<Invocation> Parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"serve", "m"});
  return ParseCommandLine(arguments);
}

struct BadValue {
  std::string flag, value, allowed;
};

TEST(BadValues, EachErrorNamesFlagValueAndWhatIsAllowed) {
  const std::vector<BadValue> cases = {
      // Of options.
      {"--port", "99999", "from 0 to 65535"},
      {"--port", "http", "a whole number"},
      {"--max-model-len", "0", "from 1 to "},
      {"--max-model-len", "4kk", "or auto"},
      {"--max-num-seqs", "0", "from 1 to 4096"},
      {"--max-num-seqs", "1e3", "a whole number"},
      {"--max-num-batched-tokens", "70000", "from 1 to 65536"},
      {"--max-num-scheduled-tokens", "-5", "or none"},
      {"--max-num-active-seqs", "many", "or none"},
      {"--max-num-queued-reqs", "-1", "from 0 to "},
      {"--gpu-memory-utilization", "1.5", "from 0.01 to 1"},
      {"--gpu-memory-utilization", "half", "a number"},
      {"--kv-cache-memory-bytes", "0", "of 1 or more (bytes)"},
      {"--kv-cache-memory-bytes", "4 GiB", "(bytes)"},
      {"--kv-cache-dtype", "fp8", "one of auto, float16, float32"},
      {"--dtype", "int4", "one of auto, bfloat16"},
      {"--load-format", "pt", "one of auto, gguf, safetensors, dummy"},
      {"--tensor-parallel-size", "2", "1: "},
      {"--tensor-parallel-size", "0", "1: "},
      {"--optimization-level", "4", "from 0 to 3"},
      {"--optimization-level", "fast", "from 0 to 3"},
      {"--seed", "x", "a whole number"},
      {"--log-level", "loud", "one of debug, info"},
      {"--log-stats-interval", "0", "from 0.01 to 86400"},
      {"--max-logprobs", "21", "from 0 to 20"},
      {"--stream-interval", "0", "from 1 to "},
      {"--shutdown-timeout", "-1", "from 0 to 86400"},
      {"--max-log-len", "-2", "from 0 to "},
      {"--uvicorn-log-level", "verbose", "one of critical, error"},
      {"--fingerprint-mode", "all", "one of full, hash, custom, none"},
      {"--sse-keep-alive-interval", "-1", "from 0 to 86400"},
      {"--h11-max-header-count", "0", "from 1 to 65536"},
      {"--h11-max-incomplete-event-size", "1", "from 1024 to "},
      {"--allowed-origins", "x", "a JSON object or list"},
      {"--override-generation-config", "0.5", "a JSON object or list"},
      {"--enable-prefix-caching", "maybe", "true or false"},
      {"--enforce-eager", "2", "true or false"},
      {"--cudagraph-capture-sizes", "0", "whole numbers from 1 to 65536"},
      {"--max-cudagraph-capture-size", "-1", "from 0 to 65536"},
      {"--artifact-verify", "no", "one of full, manifest"},
      {"--compilation-config", "[1]", "a JSON object"},
      {"--compilation-config.max-cudagraph-capture-size", "-1", "from 0 to 65536"},
      {"--compilation-config.mode", "5", "one of NONE (0), "},
      {"--compilation-config.cudagraph-mode", "SOME", "one of NONE, PIECEWISE"},
      {"--compilation-config.compile-sizes", "a", "or cudagraph_capture_sizes"},
      {"--compilation-config.pass-config.fuse-act-quant", "perhaps", "true or false"},
      {"--kernel-config.enable-flashinfer-autotune", "perhaps", "true or false"},
      // Without effect, and checked all the same.
      {"--block-size", "large", "a whole number"},
      {"--moe-backend", "cutlas", "one of aiter, "},
      {"--mm-processor-cache-gb", "big", "a number"},
      {"--limit-mm-per-prompt", "3", "a JSON object or list"},
      {"--performance-mode", "fast", "one of balanced, interactivity, throughput"},
      {"--max-lora-rank", "17", "one of 1, 8, 16"},
      {"--enable-chunked-prefill", "perhaps", "true or false"},
      {"--cache-config.block-size", "large", "a whole number"},
      {"--attention-config.flash-attn-version", "5", "one of 2, 3, 4, none"},
      // Refused: ignoring them would change security, answers or capacity.
      {"--enable-ssl-refresh", "true", "false, or left out: certificates are read at the start"},
      {"--ssl-cert-reqs", "3", "from 0 to 2"},
      {"--max-n", "0", "from 1 to 16384"},
      {"--max-stop-strings", "65", "from 0 to 64"},
      {"--header-timeout", "0", "from 0.1 to 3600"},
      {"--quantization", "fp8", "none or gguf, or left out: "},
      {"--pipeline-parallel-size", "2", "1, or left out: "},
      {"--data-parallel-size", "4", "1, or left out: "},
      {"--data-parallel-size", "four", "a whole number"},
      {"--speculative-config", R"({"method": "ngram"})", "none, or left out: speculative decoding"},
      {"--tool-call-parser", "hermes", "none, or left out: tools are not called"},
      {"--reasoning-parser", "qwen3", "none, or left out: "},
      {"--middleware", "a.b", "none, or left out: code of other makers"},
      {"--runner", "pooling", "auto or generate, or left out: "},
      {"--runner", "walking", "one of auto, draft, generate, pooling"},
      {"--tokenizer", "other", "none, or left out: the tokenizer"},
      {"--logprobs-mode", "raw_logits", "raw_logprobs, or left out: "},
  };
  EXPECT_GE(cases.size(), 60u);
  for (const BadValue& bad : cases) {
    const auto parsed = Parse({bad.flag + "=" + bad.value});
    ASSERT_FALSE(parsed.ok()) << bad.flag << " " << bad.value;
    const std::string& message = parsed.status().message();
    EXPECT_EQ(parsed.status().code(), StatusCode::kInvalidArgument);
    EXPECT_TRUE(message.starts_with(bad.flag + " is '" + bad.value + "': it must be ")) << message;
    EXPECT_NE(message.find(bad.allowed), std::string::npos) << message;
  }
}

TEST(Spellings, ShortFormsOfVllmAreRead) {
  for (const char* form : {"-pp=2", "--pipeline_parallel_size=2", "--pipeline-parallel-size=2"}) {
    EXPECT_TRUE(Parse({form}).status().message().starts_with("--pipeline-parallel-size is '2'")) << form;
  }
  EXPECT_TRUE(Parse({"-q", "gguf", "-pp", "1", "-dp", "1", "-n", "1", "-r", "0", "-asc", "1"}).ok());
  EXPECT_TRUE(Parse({"-ep"}).status().message().starts_with("--enable-expert-parallel is 'true'"));
  EXPECT_TRUE(Parse({"--no-enable-lora", "--no-enable-expert-parallel"}).ok());
  EXPECT_TRUE(Parse({"--hf-token", "--trust-remote-code"}).ok());
  EXPECT_TRUE(Parse({"--hf-token", "secret", "--allowed-media-domains", "a", "b"}).ok());
  EXPECT_TRUE(Parse({"-ac.flash_attn_version=2", "-ac", R"({"use_non_causal": false})"}).ok());
  EXPECT_EQ(Parse({"-ac.flash_attn_versio=2"}).status().message(),
            "attention_config has no key 'flash_attn_versio': did you mean 'flash_attn_version'?");
  EXPECT_TRUE(Parse({"-sc", "null"}).ok());
  EXPECT_TRUE(
      Parse({"-sc.method=ngram"}).status().message().starts_with("--speculative-config.method is 'ngram'"));
}

TEST(Spellings, OldKeysInAPythonDictAreKeptForTheirMeaning) {
  const auto parsed = Parse({"-O", "{'level': 3, 'candidate_compile_sizes': [1,2], 'cudagraph_mode': None}"});
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed->options.Text("compilation-config.level"), "VLLM_COMPILE");
  EXPECT_EQ(parsed->options.Text("compilation-config.candidate-compile-sizes"), "1,2");
}

TEST(Spellings, EveryFormOfTheOldLevelFlagIsRead) {
  const std::vector<std::vector<std::string>> forms = {
      {"-O", R"({"mode": 3, "compile_sizes": [1, 2]})"},
      {R"(-O={"mode": 3, "compile_sizes": [1, 2]})"},
      {"-O.mode=3", "-O.compile_sizes=[1,2]"},
      {"-cc", "{'mode': 3}", "-cc.compile_sizes", "1,2"},
      {"-cc=3", "-cc.compile_sizes+", "1,2"},
      {"--compilation_config", "3", "-cc.compile_sizes=1", "-cc.compile_sizes+=2"},
  };
  for (const auto& form : forms) {
    const auto parsed = Parse(form);
    ASSERT_TRUE(parsed.ok()) << form[0] << ": " << parsed.status().message();
    EXPECT_EQ(parsed->options.Text("compilation-config.mode"), "VLLM_COMPILE") << form[0];
    EXPECT_EQ(parsed->options.Text("compilation-config.compile-sizes"), "1,2") << form[0];
    EXPECT_EQ(parsed->options.Origin("compilation-config.mode"), OptionOrigin::kUser);
    const auto& notes = parsed->options.notes();
    const bool is_old = form[0].starts_with("-O");
    EXPECT_EQ(is_old,
              !notes.empty() && notes[0].starts_with("The -O flag for --compilation-config is deprecated"));
  }
}

TEST(Spellings, AKeyThatIsGivenTwiceIsReportedAndTheLastOneCounts) {
  const auto twice = Parse({"-cc", R"({"cudagraph_mode": "FULL"})", "-cc.cudagraph_mode=NONE"});
  ASSERT_TRUE(twice.ok());
  EXPECT_EQ(twice->options.Text("compilation-config.cudagraph-mode"), "NONE");
  EXPECT_EQ(
      twice->options.notes(),
      std::vector<std::string>{"Found duplicate keys: compilation_config.cudagraph_mode is 'FULL' and then "
                               "'NONE': the last one counts"});
  const auto same = Parse({"-cc.mode=0", "-cc.mode=NONE"});
  EXPECT_EQ(same->options.notes(),
            std::vector<std::string>{"Found duplicate keys: compilation_config.mode is 'NONE' twice"});
  EXPECT_TRUE(Parse({"-cc.compile_sizes=1", "-cc.compile_sizes+", "2"})->options.notes().empty());
  EXPECT_TRUE(Parse({"--port", "1", "--port", "2"})->options.notes().empty());
}

TEST(Spellings, FlagsOfOlderVersionsAreTaken) {
  const auto parsed = Parse({"--num-scheduler-steps", "64", "--cuda-graph-sizes", "1", "2", "--device", "cpu",
                             "--swap-space", "4", "--disable-log-requests", "--task", "generate"});
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed->options.Text("cudagraph-capture-sizes"), "1,2");
  EXPECT_EQ(
      parsed->options.notes().front(),
      "--num-scheduler-steps has no effect here: each step is planned anew, which costs microseconds here");
}

}  // namespace
}  // namespace vivace::cli
