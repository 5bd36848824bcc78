"""Requests with mistakes, as rows of a table: field, value, what the error says. After each the same good request has the same
answer. Run by test_server.py."""
import unittest

from api_client import QUESTION, ask, post

GOOD = {"prompt": "Water boils at", "max_tokens": 4, "temperature": 0, "logprobs": 1, "request_id": "good"}
VOCABULARY = 49152

COMPLETION = [
    ("n", 0, "n must be an integer from 1 to 128, but is 0"), ("n", -1, "from 1 to 128, but is -1"),
    ("n", 129, "from 1 to 128, but is 129"), ("n", 10**9, "from 1 to 128, but is 1000000000"),
    ("best_of", 5, "best_of is 5 and n is 1"), ("temperature", -1, "from 0 to 2, but is -1"),
    ("temperature", 2.1, "from 0 to 2, but is 2.1"), ("top_p", 0, "above 0 to 1, but is 0"),
    ("top_p", 1.1, "above 0 to 1, but is 1.1"), ("top_k", -2, "but is -2"), ("min_p", 2, "from 0 to 1, but is 2"),
    ("typical_p", 0, "above 0 to 1, but is 0"), ("max_tokens", 0, "but is 0"), ("max_tokens", -1, "but is -1"),
    ("max_tokens", 2**31, "max_tokens must be an integer"), ("min_tokens", 5, "min_tokens is 5, but max_tokens is 4"),
    ("logprobs", -1, "from 0 to 20, but is -1"), ("logprobs", 21, "from 0 to 20, but is 21"),
    ("prompt_logprobs", -1, "from 0 to 20, but is -1"), ("logit_bias", {"-1": 1}, "keys are token ids from 0 to 49151"),
    ("logit_bias", {str(VOCABULARY): 1}, "keys are token ids from 0 to 49151"), ("logit_bias", {"abc": 1}, "the key \"abc\""),
    ("logit_bias", {"5": 1e9}, "must be a number from -100 to 100"),
    ("logit_bias", {str(i): 1 for i in range(300000)}, "the key \"49152\""),
    ("allowed_token_ids", [], "no token could be drawn"), ("allowed_token_ids", [VOCABULARY], "item 0 is 49152"),
    ("bad_words", [""], "holds an empty string"), ("bad_words", "x", "must be an array of strings"),
    ("stop", "", "holds an empty string"), ("stop", ["a"] * 1000, "stop has 1000 strings; at most 16"),
    ("stop", "x" * (1 << 20), "holds a string of 1048576 bytes"), ("stop_token_ids", [VOCABULARY], "item 0 is 49152"),
    ("prompt", "", "prompt is empty"), ("prompt", [], "prompt is empty"), ("prompt", [[]], "prompt is empty"),
    ("prompt", [-1], "item 0 is -1"), ("prompt", [999999], "item 0 is 999999"), ("prompt", ["a", 5], "item 1 of prompt is 5"),
    ("prompt", ["a"] * 4096, "holds 4096 prompts; at most 1024"), ("prompt", "word " * 20000, "maximum context length is 8192"),
    ("seed", 2**64, "seed must be an integer"), ("seed", 0.5, "seed must be an integer"),
    ("stream_options", {}, "only with \"stream\": true"), ("priority", 3, "priority is 3"), ("suffix", "x", "not supported"),
    ("presence_penalty", 3, "from -2 to 2, but is 3"), ("frequency_penalty", -3, "from -2 to 2, but is -3"),
    ("repetition_penalty", 0, "above 0 to 100, but is 0"), ("repetition_penalty", -1, "above 0 to 100, but is -1"),
    ("use_beam_search", True, "not supported"), ("guided_regex", "a", "not supported"), ("prompt_embeds", "aGk=", "not supported"),
    ("truncate_prompt_tokens", 0, "leaves no prompt"), ("truncation_side", "top", "must be \"left\" or \"right\""),
]
CHAT = [
    ("messages", None, "messages is missing"), ("messages", [], "1 to 4096 messages"),
    ("messages", [{"role": "user", "content": None}], "messages[0].content is missing"),
    ("messages", [{"content": "a"}], "messages[0].role must be a string"),
    ("messages", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}]}], "\"image_url\""),
    ("messages", [{"role": "user", "content": "word " * 20000}], "maximum context length is 8192"),
    ("max_completion_tokens", 0, "from 1 to 2147483647, but is 0"), ("top_logprobs", 3, "only with \"logprobs\": true"),
    ("logprobs", 2, "true or false, but is 2"), ("response_format", {"type": "json_object"}, "not supported"),
    ("tools", [{"type": "function", "function": {"name": "f"}}], "tools are not called"), ("tool_choice", "required", "tools are not"),
    ("chat_template", "{% for %}", "line 1"), ("chat_template", "{{ raise_exception('no cats') }}", "no cats"),
    ("chat_template", "{% for i in range(1000000000) %}x{% endfor %}", "range of more than"), ("chat_template", "{{ 'x' * 1000000000 }}", "more text than its budget"),
    ("chat_template_kwargs", {"tokenize": True}, "must not hold tokenize"), ("documents", "x", "array of objects"),
    ("min_tokens", 9000, "min_tokens is 9000, but max_tokens is 4"), ("continue_final_message", "yes", "true or false"),
]
TEXT = [
    ("/tokenize", {}, "prompt is missing"), ("/tokenize", {"prompt": 5}, "prompt must be a string"),
    ("/tokenize", {"messages": []}, "1 to 4096 messages"), ("/detokenize", {}, "tokens is missing"),
    ("/detokenize", {"tokens": [VOCABULARY]}, "item 0 is 49152"), ("/detokenize", {"tokens": "5"}, "must be an array"),
]


class Mistakes(unittest.TestCase):
    def good(self):
        reply = post("/v1/completions", GOOD)
        reply.pop("created")
        return reply

    def check(self, path, body, words, param=None):
        status, _, reply = ask("POST", path, body)
        self.assertEqual(status, 400, reply)
        error = reply["error"]
        self.assertEqual(set(error), {"message", "type", "param", "code"})
        self.assertIn(words, error["message"])
        self.assertEqual(error["type"], "invalid_request_error")
        self.assertNotIn("/", error["message"].replace("http://", "").replace("completions", ""))  # no path of this machine
        if param:
            self.assertEqual(error["param"], param)

    def test_of_completions(self):
        before = self.good()
        for field, value, words in COMPLETION:
            with self.subTest(field=field, value=str(value)[:40]):
                self.check("/v1/completions", GOOD | {field: value}, words, field)
                self.assertEqual(self.good(), before)

    def test_of_chats(self):
        before = self.good()
        for field, value, words in CHAT:
            with self.subTest(field=field, value=str(value)[:40]):
                self.check("/v1/chat/completions", {"messages": QUESTION, "max_tokens": 4} | {field: value}, words)
                self.assertEqual(self.good(), before)

    def test_of_texts(self):
        before = self.good()
        for path, body, words in TEXT:
            with self.subTest(path=path, body=str(body)[:40]):
                self.check(path, body, words)
                self.assertEqual(self.good(), before)

    def test_of_another_model(self):
        for path in ("/v1/completions", "/v1/chat/completions", "/tokenize"):
            status, _, body = ask("POST", path, {"model": "gpt-4", "prompt": "a", "messages": QUESTION} if path != "/tokenize"
                                  else {"model": "gpt-4", "prompt": "a"})
            self.assertEqual((status, body["error"]["code"]), (404, "model_not_found"))
