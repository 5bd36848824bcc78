// Why a flag, key or variable of vLLM changes nothing here, or is refused. Each completes "NAME has no effect
// here: ..." or "NAME is 'VALUE': it must be ...: ...".
#pragma once

#include <string_view>

namespace vivace::engine::vllm {

inline constexpr std::string_view kOneProcess =
    "one process with one engine does it all, without workers and without a network between them";
inline constexpr std::string_view kNoGpu =
    "it chooses or tunes code of GPUs; here the compiler makes the code for this CPU";
inline constexpr std::string_view kMachineMemory = "weights and KV cache are in the machine's memory already";
inline constexpr std::string_view kMemoryEstimate = "memory is computed, not measured by a trial run";
inline constexpr std::string_view kNoMedia = "models here take and give text only";
inline constexpr std::string_view kNoState = "models here keep nothing but keys and values";
inline constexpr std::string_view kNoExperts = "there are no mixtures of experts yet";
inline constexpr std::string_view kNoAdapters = "there are no adapters yet";
inline constexpr std::string_view kLocalFiles =
    "the model is what lies in the given file or folder; nothing is downloaded";
inline constexpr std::string_view kMappedFiles = "files are mapped into memory and read as they are needed";
inline constexpr std::string_view kNoPython = "no Python runs here, and no code of a model";
inline constexpr std::string_view kOneServer =
    "the server here has one front end; docs/reference/api.md lists what it answers";
inline constexpr std::string_view kMetrics =
    "/metrics, /load and the statistics line say always what they can";
inline constexpr std::string_view kTraces =
    "vivace explain shows where time goes, and --perf-map names the kernels for perf";
inline constexpr std::string_view kTools = "tools are not called yet";
inline constexpr std::string_view kToolRequests =
    "requests that need tools, stored answers or other dialects are answered with an error";
inline constexpr std::string_view kDialects = "only OpenAI's dialect is spoken";
inline constexpr std::string_view kKvCache =
    "the KV cache chooses its blocks, their order and their hashes itself";
inline constexpr std::string_view kSteps =
    "steps are planned and prompts are cut so that they fit, in one way only";
inline constexpr std::string_view kSleep = "the engine does not sleep";
inline constexpr std::string_view kDraws = "draws are made in double precision";
inline constexpr std::string_view kOneKernel = "each op has one compiled form, chosen by the weights' type";
inline constexpr std::string_view kNothingReads = "nothing here reads it";
inline constexpr std::string_view kQuantOld = "weights keep the type that they have in the file";
inline constexpr std::string_view kLogging = "lines go to stderr, as --log-level and --log-format say";
inline constexpr std::string_view kNoTorch = "there is no torch compiler";
inline constexpr std::string_view kOneFormat = "a compiled program is kept in one form";
inline constexpr std::string_view kBuild = "it is about building vLLM";
inline constexpr std::string_view kUsage =
    "nothing is sent or kept about usage, and no folder of settings is read";
inline constexpr std::string_view kBounds =
    "this bound of requests is fixed, listed in docs/reference/api.md";
inline constexpr std::string_view kBatch = "answers never depend on the other requests of a batch";
inline constexpr std::string_view kTemplates = "a template runs within bounds of its own";
inline constexpr std::string_view kTests = "it is for tests of vLLM";
inline constexpr std::string_view kOwnTokenizer = "the tokenizer is Vivace's own";
inline constexpr std::string_view kLength = "--max-model-len says how long requests may be";
inline constexpr std::string_view kRequestIds = "ids are taken from X-Request-Id, or made";
inline constexpr std::string_view kNames = "models are found by their files";
inline constexpr std::string_view kActivations =
    "packing is always on; --activation-dtype says what contractions read";
inline constexpr std::string_view kTransferQuiet = "the KV cache stays in one process";
inline constexpr std::string_view kNoGptOss = "it is for models that are not here yet";
inline constexpr std::string_view kNoMla = "models here have no latent attention";
inline constexpr std::string_view kNans = "a logit that is not finite always ends its request with an error";
inline constexpr std::string_view kStructured = "answers are not constrained to a format yet";
inline constexpr std::string_view kTls = "certificates are read at the start: start again when they change";
inline constexpr std::string_view kNoLora = "adapters are not built yet: merge the adapter into the weights";
inline constexpr std::string_view kWeights =
    "weights keep the type that they have in the file: give a file of the wanted type";
inline constexpr std::string_view kOneDevice =
    "all cores of one machine work on one model: more cores are more --threads, more machines are more "
    "servers behind a proxy";
inline constexpr std::string_view kExperts = "mixtures of experts are not built yet";
inline constexpr std::string_view kNoSpeculation = "speculative decoding is not built yet";
inline constexpr std::string_view kNoTools = "tools are not called yet: answers would be plain text";
inline constexpr std::string_view kNoReasoning = "thinking is not told apart from the answer yet";
inline constexpr std::string_view kPlugin = "code of other makers is not loaded";
inline constexpr std::string_view kGenerateOnly = "only models that generate text are served";
inline constexpr std::string_view kTokenizer = "the tokenizer is the model's own and is always there";
inline constexpr std::string_view kModelFiles =
    "the model's configuration is taken from its own files as it stands: change it there";
inline constexpr std::string_view kModelImpl = "there is one implementation of each architecture";
inline constexpr std::string_view kNoEmbeds = "prompts are text or token ids";
inline constexpr std::string_view kSampling =
    "answers and their log-probabilities are given in one form: the raw ones";
inline constexpr std::string_view kWindow =
    "a model with a sliding window runs with it: use --max-model-len to stay within it";
inline constexpr std::string_view kContent = "templates get the content of a message as text";
inline constexpr std::string_view kHttpOnly = "the server speaks HTTP";
inline constexpr std::string_view kKvTypes = "all layers have one --kv-cache-dtype";
inline constexpr std::string_view kFcfs = "requests run in the order of their arrival";
inline constexpr std::string_view kTransfer = "keys, values and weights do not travel between processes";
inline constexpr std::string_view kWatermark = "answers carry no watermark";
inline constexpr std::string_view kNoDiffusion = "only models that write token after token are served";
inline constexpr std::string_view kRedirect = "models are named by their path";
inline constexpr std::string_view kManySteps = "each step is planned anew, which costs microseconds here";
inline constexpr std::string_view kQuietRequests = "requests are logged with --enable-log-requests only";

}  // namespace vivace::engine::vllm
