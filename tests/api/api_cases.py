"""The HTTP API through the official `openai` client, against one server with a real model. Run by test_server.py."""
import concurrent.futures
import http.client
import json
import math
import socket
import time
import unittest

import openai

from api_client import MODEL, QUESTION, chat, client, complete, server, streamed_text

PROMPTS = [f"{text} {number}:" for number in range(8)
           for text in ("The capital of France is", "Once upon a time", "def add(a, b):", "Water boils at")]


class Answers(unittest.TestCase):
    def test_models_are_listed_and_found(self):
        self.assertEqual([model.id for model in client().models.list()], [MODEL])
        self.assertEqual(client().models.retrieve(MODEL).id, MODEL)
        with self.assertRaises(openai.NotFoundError):
            client().models.retrieve("other")

    def test_a_completion_is_repeatable_and_counted(self):
        first = complete("The capital of France is", max_tokens=8, temperature=0)
        again = complete("The capital of France is", max_tokens=8, temperature=0)
        self.assertIn("Paris", first.choices[0].text)
        self.assertEqual(first.choices[0].text, again.choices[0].text)
        usage = first.usage
        self.assertEqual((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (5, 8, 13))
        self.assertEqual(first.choices[0].finish_reason, "length")

    def test_a_chat_streams_the_text_it_gives_whole(self):
        whole = chat(max_tokens=24, temperature=0)
        self.assertEqual(whole.choices[0].message.role, "assistant")
        self.assertIn("Paris", whole.choices[0].message.content)
        chunks = list(chat(max_tokens=24, temperature=0, stream=True, stream_options={"include_usage": True}))
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual(chunks[-1].choices, [])
        self.assertEqual(chunks[-1].usage.completion_tokens, whole.usage.completion_tokens)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
        self.assertEqual(text, whole.choices[0].message.content)
        finishes = [chunk.choices[0].finish_reason for chunk in chunks[:-1] if chunk.choices[0].finish_reason]
        self.assertEqual(finishes, [whole.choices[0].finish_reason])
        self.assertEqual({chunk.id for chunk in chunks}, {chunks[0].id})

    def test_text_parts_are_a_message(self):
        parts = [{"role": "user", "content": [{"type": "text", "text": QUESTION[0]["content"]}]}]
        self.assertEqual(chat(parts, max_tokens=8, temperature=0).choices[0].message.content,
                         chat(max_tokens=8, temperature=0).choices[0].message.content)

    def test_token_ids_are_a_prompt(self):
        given = {"max_tokens": 4, "temperature": 0, "extra_body": {"return_token_ids": True}}
        choice = complete("The capital of France is", **given).choices[0].model_dump()
        self.assertEqual(complete(choice["prompt_token_ids"], **given).choices[0].text, choice["text"])
        self.assertEqual(len(choice["token_ids"]), 4)

    def test_several_prompts_and_choices_are_numbered(self):
        many = complete(["Once upon a time", "Water boils at"], n=2, max_tokens=6, temperature=0)
        self.assertEqual([choice.index for choice in many.choices], [0, 1, 2, 3])
        self.assertEqual(many.choices[0].text, many.choices[1].text)
        self.assertEqual(many.choices[3].text, complete("Water boils at", max_tokens=6, temperature=0).choices[0].text)

    def test_a_stop_string_ends_the_text_before_it(self):
        free = complete("Once upon a time", max_tokens=24, temperature=0).choices[0].text
        stop = free[10:14]
        stopped = complete("Once upon a time", max_tokens=24, temperature=0, stop=[stop]).choices[0]
        self.assertEqual(stopped.finish_reason, "stop")
        self.assertEqual(stopped.text, free[:free.index(stop)])
        self.assertEqual(streamed_text("Once upon a time", max_tokens=24, temperature=0, stop=[stop]), stopped.text)

    def test_a_seed_repeats_a_draw_and_choices_differ(self):
        drawn = [complete("Once upon a time", max_tokens=12, seed=seed).choices[0].text for seed in (7, 7, 8)]
        self.assertEqual(drawn[0], drawn[1])
        self.assertNotEqual(drawn[0], drawn[2])
        choices = complete("Once upon a time", max_tokens=12, seed=7, n=3).choices
        self.assertEqual(choices[0].text, drawn[0])
        self.assertEqual(len({choice.text for choice in choices}), 3)


class Logprobs(unittest.TestCase):
    def test_of_a_completion(self):
        logprobs = complete("The capital of France is", max_tokens=6, temperature=0, logprobs=3).choices[0].logprobs
        self.assertEqual(len(logprobs.tokens), 6)
        for token, value, top in zip(logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs):
            self.assertEqual(top[token], value)
            self.assertEqual(value, max(top.values()))  # greedy
            self.assertLess(sum(math.exp(other) for other in top.values()), 1.0001)
        self.assertEqual(logprobs.text_offset[1], len(logprobs.tokens[0]))

    def test_of_a_chat_streamed_and_whole_are_the_same_bits(self):
        asked = {"max_tokens": 6, "temperature": 0, "logprobs": True, "top_logprobs": 2}
        whole = chat(**asked).choices[0].logprobs.content
        pieces = [chunk.choices[0].logprobs for chunk in chat(**asked, stream=True)]
        streamed = [entry for piece in pieces if piece for entry in piece.content]
        self.assertEqual([entry.model_dump() for entry in streamed], [entry.model_dump() for entry in whole])
        self.assertEqual(len(whole[0].top_logprobs), 2)
        self.assertEqual(bytes(whole[0].bytes).decode(), whole[0].token)

    def test_of_a_given_text(self):
        text = "The capital of France is Paris"
        scored = complete(text, echo=True, max_tokens=0, logprobs=1).choices[0]
        self.assertEqual(scored.text, text)
        self.assertEqual("".join(scored.logprobs.tokens), text)
        self.assertIsNone(scored.logprobs.token_logprobs[0])
        generated = complete("The capital of France is", max_tokens=1, temperature=0, logprobs=1).choices[0]
        self.assertEqual(scored.logprobs.token_logprobs[-1], generated.logprobs.token_logprobs[0])


class Mistakes(unittest.TestCase):
    def refused(self, error, words, call, *arguments, param=None, **fields):
        with self.assertRaises(error) as caught:
            call(*arguments, **fields)
        body = caught.exception.response.json()["error"]
        self.assertEqual(set(body), {"message", "type", "param", "code"})
        self.assertIn(words, body["message"])
        if param:
            self.assertEqual(body["param"], param)

    def test_each_is_named_and_the_server_goes_on(self):
        before = complete("Water boils at", max_tokens=4, temperature=0).choices[0].text
        bad = openai.BadRequestError
        self.refused(bad, "from 0 to 2, but is 3", complete, "a", temperature=3, param="temperature")
        self.refused(bad, "from 1 to 128", complete, "a", n=0, param="n")
        self.refused(bad, "but is \"five\"", complete, "a", max_tokens="five", param="max_tokens")
        self.refused(bad, "prompt is empty", complete, "", param="prompt")
        self.refused(bad, "is empty", complete, [], param="prompt")
        self.refused(bad, "from 0 to 49151", complete, [49152], param="prompt")
        self.refused(bad, "maximum context length", complete, "word " * 20000, param="prompt")
        self.refused(bad, "maximum context length", complete, "a", max_tokens=10**6)
        self.refused(bad, "messages", chat, [], param="messages")
        self.refused(bad, "not supported", complete, "a", suffix="x", param="suffix")
        self.refused(openai.NotFoundError, "does not exist", client().completions.create, model="gpt", prompt="a")
        self.assertEqual(complete("Water boils at", max_tokens=4, temperature=0).choices[0].text, before)

    def test_http_mistakes_have_their_status(self):
        connection = http.client.HTTPConnection("127.0.0.1", server().port, timeout=10)
        cases = [("GET", "/nothing", None, 404), ("GET", "/v1/completions", None, 405),
                 ("POST", "/v1/completions", "{", 400), ("POST", "/v1/completions", '{"prompt":' + "[" * 5000, 400),
                 ("GET", "/health", None, 200)]
        for method, path, body, status in cases:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            reply.read()
            self.assertEqual(reply.status, status, path)
        connection.request("POST", "/v1/completions", b"x", {"Content-Length": str(1 << 30)})
        self.assertEqual(connection.getresponse().status, 413)
        connection.close()


class Load(unittest.TestCase):
    def test_32_streams_at_once_are_each_as_when_alone(self):
        arguments = [{"max_tokens": 12, "temperature": 0} if i % 2 else {"max_tokens": 12, "seed": i}
                     for i in range(len(PROMPTS))]
        alone = [streamed_text(prompt, **fields) for prompt, fields in zip(PROMPTS, arguments)]
        with concurrent.futures.ThreadPoolExecutor(len(PROMPTS)) as pool:
            together = list(pool.map(lambda case: streamed_text(case[0], **case[1]), zip(PROMPTS, arguments)))
        self.assertEqual(len(PROMPTS), 32)
        self.assertEqual(together, alone)

    def test_clients_that_leave_free_their_blocks(self):
        prompt = "Once upon a time"
        body = json.dumps({"model": MODEL, "prompt": prompt, "max_tokens": 4000, "ignore_eos": True})
        request = (f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n{body}")
        waiting = [socket.create_connection(("127.0.0.1", server().port)) for _ in range(3)]
        for client in waiting:
            client.sendall(request.encode())
        streams = [complete(prompt, max_tokens=4000, stream=True, extra_body={"ignore_eos": True}) for _ in range(3)]
        for stream in streams:
            next(iter(stream))
        self.assertEqual(server().metric("vllm:num_requests_running"), 6)
        self.assertGreater(server().metric("vllm:kv_cache_usage_perc"), 0)
        for client in [*waiting, *streams]:
            client.close()
        self.assertLess(server().wait_idle(), 2)

    def test_health_answers_while_the_engine_works(self):
        slowest = 0
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            work = [pool.submit(complete, f"{i} " + "word " * 1000, max_tokens=2) for i in range(2)]
            while not all(job.done() for job in work):
                begin = time.monotonic()
                server().get("/health")
                slowest = max(slowest, time.monotonic() - begin)
                time.sleep(0.01)
            for job in work:
                job.result()
        self.assertLess(slowest, 0.5)  # generous: the machine may be shared, but no answer waits for a whole prompt
