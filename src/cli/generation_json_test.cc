#include "cli/generation_json.h"

#include <gtest/gtest.h>

namespace vivace::cli {
namespace {

TEST(GenerationJson, PiecesAreJoinedAndWritten) {
  Generation generation;
  generation.prompt = {1, 2};
  RequestOutput piece;
  piece.token_ids = {5};
  piece.text = "a\"";
  piece.logprobs = {{5, -0.1f, {{5, -0.1f}, {6, -3}}}};
  piece.prompt_logprobs = {{2, -1, {}}};
  generation.Add(piece);
  EXPECT_EQ(generation.finish_reason, FinishReason::kNone);
  RequestOutput last;
  last.token_ids = {6};
  last.text = "b";
  last.logprobs = {{6, -0.25f, {}}};
  last.finish_reason = FinishReason::kStop;
  last.timing = {.queued = 0, .first_token = 0.5, .last_token = 1.25};
  generation.Add(last);
  EXPECT_EQ(
      GenerationJson(generation),
      R"({"prompt_token_ids":[1,2],"token_ids":[5,6],"text":"a\"b","finish_reason":"stop",)"
      R"("stop_reason":null,"logprobs":[{"token":5,"logprob":-0.1,"top":[[5,-0.1],[6,-3]]},)"
      R"({"token":6,"logprob":-0.25,"top":[]}],"prompt_logprobs":[null,{"token":2,"logprob":-1,"top":[]}],)"
      R"("timing":{"queued":0,"first_token":0.5,"last_token":1.25}})");
}

}  // namespace
}  // namespace vivace::cli
