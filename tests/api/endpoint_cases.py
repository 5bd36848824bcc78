"""The endpoints beside completions and chats, and options of the server, with a real model. Run by test_server.py."""
import unittest

import openai

from api_client import MODEL, QUESTION, ask, chat, complete, post, server, start, tokens_of


class Text(unittest.TestCase):
    def test_a_text_and_its_tokens_go_both_ways(self):
        for text in ("Hello, world!", "déjà vu 😀 日本語", "  two  spaces\n", ""):
            reply = post("/tokenize", {"model": MODEL, "prompt": text})
            self.assertEqual(reply["count"], len(reply["tokens"]))
            self.assertEqual(post("/detokenize", {"model": MODEL, "tokens": reply["tokens"]}), {"prompt": text})

    def test_the_count_is_that_of_a_completion(self):
        text = "The capital of France is"
        self.assertEqual(post("/tokenize", {"prompt": text})["count"], complete(text, max_tokens=1).usage.prompt_tokens)
        self.assertEqual(post("/tokenize", {"messages": QUESTION})["count"], chat(max_tokens=1).usage.prompt_tokens)

    def test_token_texts_are_given_on_request(self):
        reply = post("/tokenize", {"prompt": "Hello, world", "return_token_strs": True})
        self.assertEqual("".join(reply["token_strs"]), "Hello, world")
        self.assertIsNone(post("/tokenize", {"prompt": "Hello"})["token_strs"])
        self.assertEqual(reply["max_model_len"], 8192)

    def test_a_conversation_without_the_start_of_an_answer(self):
        whole = post("/tokenize", {"messages": QUESTION})["tokens"]
        without = post("/tokenize", {"messages": QUESTION, "add_generation_prompt": False})["tokens"]
        self.assertEqual(whole[:len(without)], without)
        self.assertLess(len(without), len(whole))

    def test_special_tokens_are_seen_again(self):
        self.assertEqual(post("/detokenize", {"tokens": tokens_of("<|im_start|>user")})["prompt"], "<|im_start|>user")

    def test_a_long_text_is_counted_while_others_are_answered(self):
        self.assertGreater(post("/tokenize", {"prompt": "word " * 200000})["count"], 100000)


class Small(unittest.TestCase):
    def test_health_ping_and_version(self):
        self.assertEqual([ask(*request)[0] for request in (("GET", "/health"), ("GET", "/ping"), ("POST", "/ping"))], [200] * 3)
        self.assertRegex(ask("GET", "/version")[2]["version"], r"^\d+\.\d+\.\d+")
        self.assertEqual(ask("GET", "/load")[2], {"server_load": 0})

    def test_a_model_card_has_the_fields_of_vllm(self):
        card = ask("GET", "/v1/models")[2]["data"][0]
        self.assertLessEqual({"id", "object", "created", "owned_by", "root", "parent", "max_model_len", "permission"}, set(card))
        self.assertEqual((card["id"], card["max_model_len"]), (MODEL, 8192))
        self.assertTrue(card["root"].endswith(".gguf"))
        self.assertIs(card["permission"][0]["allow_sampling"], True)

    def test_metrics_count_what_was_done(self):
        names = ("vllm:prompt_tokens_total", "vllm:generation_tokens_total", "vllm:request_max_num_generation_tokens_count",
                 "vllm:inter_token_latency_seconds_count")
        before = [server().metric(name) for name in names]
        complete("The capital of France is", max_tokens=7, temperature=0, extra_body={"ignore_eos": True})
        after = [server().metric(name) for name in names]
        self.assertEqual([int(b - a) for a, b in zip(before, after)], [5, 7, 1, 6])

    def test_a_query_and_an_unknown_path(self):
        self.assertEqual(ask("GET", "/health?x=1")[0], 200)
        self.assertEqual([ask("GET", path)[0] for path in ("/", "//v1/models", "/v1/../health", "/health/", "/%76ersion")], [404] * 5)
        status, headers, _ = ask("DELETE", "/v1/models")
        self.assertEqual((status, headers["Allow"]), (405, "GET"))

    def test_other_content_than_json_is_refused(self):
        for headers in ({"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Encoding": "gzip"}):
            status, _, body = ask("POST", "/v1/completions", {"prompt": "a"}, headers)
            self.assertEqual((status, body["error"]["code"]), (415, "unsupported_media_type"))


class Options(unittest.TestCase):
    """One server with many options, none of them at its default."""

    @classmethod
    def setUpClass(cls):
        cls.server = start("--api-key", "first", "second", "--served-model-name", "alias", "--root-path", "/api",
                           "--response-role", "bot", "--max-logprobs", "2", "--enable-prompt-tokens-details",
                           "--enable-force-include-usage", "--return-tokens-as-token-ids", "--stream-interval", "4",
                           "--no-trust-request-chat-template", "--default-chat-template-kwargs", '{"tone": "kind"}',
                           "--chat-template", "{{ tone }}: {{ messages[0].content }}", "--enable-log-requests")
        cls.client = openai.OpenAI(base_url=cls.server.url + "/api/v1", api_key="second", max_retries=0, timeout=60)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.server.stop()

    def chat(self, **fields):
        return self.client.chat.completions.create(model="alias", messages=[{"role": "user", "content": "hello"}],
                                                   max_tokens=6, temperature=0, **fields)

    def test_a_key_is_needed_for_the_api_only(self):
        for header in ({}, {"Authorization": "Bearer third"}, {"Authorization": "first"}):
            status, headers, body = ask("GET", "/v1/models", headers=header, at=self.server)
            self.assertEqual((status, body["error"]["code"]), (401, "invalid_api_key"))
        self.assertEqual(ask("GET", "/health", at=self.server)[0], 200)
        self.assertEqual(ask("GET", "/v1/models", headers={"Authorization": "Bearer first"}, at=self.server)[0], 200)
        with self.assertRaises(openai.AuthenticationError):
            openai.OpenAI(base_url=self.server.url + "/v1", api_key="third", max_retries=0).models.list()

    def test_the_model_has_both_names(self):
        self.assertEqual([model.id for model in self.client.models.list()], [MODEL, "alias"])
        self.assertEqual(self.chat().model, "alias")

    def test_answers_have_the_role_and_the_details(self):
        answer = self.chat()
        self.assertEqual(answer.choices[0].message.role, "bot")
        self.assertIsNotNone(answer.usage.prompt_tokens_details.cached_tokens)

    def test_the_template_and_its_variables_are_those_of_the_options(self):
        ids = self.chat(extra_body={"return_token_ids": True}).prompt_token_ids
        self.assertEqual(post("/detokenize", {"tokens": ids}, at=self.server)["prompt"], "kind: hello")
        with self.assertRaises(openai.BadRequestError):
            self.chat(extra_body={"chat_template": "x"})

    def test_streams_have_usage_and_larger_chunks(self):
        chunks = list(self.chat(stream=True, extra_body={"ignore_eos": True}))
        self.assertEqual(chunks[-1].usage.completion_tokens, 6)
        self.assertEqual(len(chunks), 5)  # role, 1, 4, 1, usage

    def test_log_probabilities_are_bounded_and_by_id(self):
        answer = self.chat(logprobs=True, top_logprobs=2, extra_body={"return_token_ids": True}).choices[0]
        self.assertEqual([entry.token for entry in answer.logprobs.content], [f"token_id:{token}" for token in answer.token_ids])
        with self.assertRaisesRegex(openai.BadRequestError, "from 0 to 2, but is 3"):
            self.chat(logprobs=True, top_logprobs=3)


class Loading(unittest.TestCase):
    def test_requests_are_logged_when_asked_for_without_their_prompts(self):
        other = start("--enable-log-requests", "--log-level", "info")
        post("/v1/completions", {"prompt": "a secret", "max_tokens": 2, "request_id": "r1"}, at=other)
        other.stop()
        lines = [line for line in other.lines if "Received request cmpl-r1: " in line]
        self.assertEqual(len(lines), 1, other.lines)
        self.assertIn("max_tokens=2", lines[0])
        self.assertNotIn("secret", "".join(other.lines))

    def test_all_interfaces_without_a_key_are_warned_of_once(self):
        other = start("--host", "0.0.0.0")
        other.stop()
        self.assertEqual(sum("all interfaces" in line for line in other.lines), 1, other.lines)
