"""Loaded by schemathesis (SCHEMATHESIS_HOOKS) in the run of fuzz_api.py: most bodies are mended so that fields which demand
something of each other reach the engine, every stream is held against the schema, and what was answered is counted into the file
that VIVACE_FUZZ_COUNTS names."""
import atexit
import collections
import json
import os
import zlib

import schemathesis

import answer_schema

COUNTS = collections.Counter()
PLENTY = 4  # answers and prompts of most requests, so that a run is mostly requests


def mend(body):
    for name in ("best_of", "priority", "tools", "tool_choice", "chat_template", "bad_words", "allowed_token_ids", "min_tokens",
                 "continue_final_message", "add_generation_prompt", "truncate_prompt_tokens", "response_format", "modalities"):
        body.pop(name, None)
    if not body.get("stream"):
        body.pop("stream_options", None)
    else:
        body.pop("prompt_logprobs", None)
    if not body.get("logprobs"):
        body.pop("top_logprobs", None)
    if isinstance(body.get("n"), int):
        body["n"] = max(1, min(PLENTY, body["n"]))
    for name in ("max_tokens", "max_completion_tokens"):
        if isinstance(body.get(name), int):
            body[name] = max(1, body[name] % 24)
    if isinstance(body.get("prompt"), list):
        body["prompt"] = body["prompt"][:PLENTY] or "a"
    if body.get("prompt") == "":
        body["prompt"] = "a"
    if "model" in body:
        body["model"] = ""
    return body


@schemathesis.hook
def map_body(context, body):
    """Three bodies of four are mended."""
    if not isinstance(body, dict):
        return body
    digest = zlib.crc32(json.dumps(body, sort_keys=True, default=str).encode(errors="replace"))
    return body if digest % 4 == 0 else mend(dict(body))


@schemathesis.hook
def after_call(context, case, response):
    COUNTS[str(response.status_code)] += 1
    if response.status_code >= 500:
        COUNTS["5xx"] += 1
    kind = (response.headers.get("content-type") or [""])[0]
    if kind.startswith("text/event-stream"):
        chunk = "ChatCompletionChunk" if case.path.endswith("/chat/completions") else "CompletionChunk"
        stream = answer_schema.StreamCheck(case.path, chunk)
        stream.feed(response.content)
        stream.end()
        COUNTS["streams"] += 1


def write_counts():
    with open(os.environ["VIVACE_FUZZ_COUNTS"], "w") as out:
        json.dump(COUNTS, out)


if "VIVACE_FUZZ_COUNTS" in os.environ:
    answer_schema.load(os.environ["VIVACE_FUZZ_URL"])
    atexit.register(write_counts)
