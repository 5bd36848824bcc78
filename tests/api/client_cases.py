"""What programs do with the official `openai` client: errors, streams that are left, timeouts, tries again, many at once, the
asynchronous client. Run by test_server.py."""
import asyncio
import concurrent.futures
import math
import signal
import threading
import time
import unittest

import httpx2
import openai

from api_client import MODEL, QUESTION, ask, chat, client, complete, make_client, server, start, tokens_of

START = "Once upon a time"
LONG = {"max_tokens": 4000, "extra_body": {"ignore_eos": True}}


def ends(chunks):
    """(index, finish_reason) of every chunk that has one."""
    return [(choice.index, choice.finish_reason) for chunk in chunks for choice in chunk.choices if choice.finish_reason]


class Shapes(unittest.TestCase):
    def test_a_completion_has_every_key_of_its_type(self):
        answer = complete(START, max_tokens=3, temperature=0)
        self.assertEqual(answer.object, "text_completion")
        self.assertEqual(answer.model, MODEL)
        self.assertTrue(answer.id.startswith("cmpl-"))
        self.assertLess(abs(answer.created - time.time()), 60)
        self.assertIsNone(answer.choices[0].logprobs)
        self.assertEqual(answer.choices[0].index, 0)
        self.assertEqual(answer.choices[0].finish_reason, "length")

    def test_a_chat_has_every_key_of_its_type(self):
        answer = chat(max_tokens=3, temperature=0)
        self.assertEqual(answer.object, "chat.completion")
        self.assertTrue(answer.id.startswith("chatcmpl-"))
        self.assertIsNone(answer.choices[0].message.refusal)
        self.assertIsNone(answer.choices[0].message.tool_calls)
        self.assertIsNone(answer.choices[0].logprobs)
        self.assertEqual(answer.choices[0].finish_reason, "length")

    def test_two_answers_have_two_ids(self):
        self.assertNotEqual(complete("a", max_tokens=1).id, complete("a", max_tokens=1).id)

    def test_a_raw_answer_has_its_headers(self):
        raw = client().completions.with_raw_response.create(model=MODEL, prompt="a", max_tokens=1)
        self.assertEqual(raw.status_code, 200)
        self.assertTrue(raw.headers["content-type"].startswith("application/json"))
        self.assertEqual(raw.parse().usage.completion_tokens, 1)

    def test_usage_of_several_choices_is_their_sum(self):
        one = complete(START, max_tokens=5, temperature=0, extra_body={"ignore_eos": True}).usage
        three = complete(START, max_tokens=5, seed=1, n=3, extra_body={"ignore_eos": True}).usage
        self.assertEqual(three.prompt_tokens, one.prompt_tokens)
        self.assertEqual(three.completion_tokens, 15)
        two = complete([START, START], max_tokens=5, temperature=0, extra_body={"ignore_eos": True}).usage
        self.assertEqual(two.prompt_tokens, 2 * one.prompt_tokens)
        self.assertEqual(two.total_tokens, two.prompt_tokens + 10)


class Streams(unittest.TestCase):
    def test_a_completion_ends_once_and_in_its_last_chunk(self):
        chunks = list(complete(START, max_tokens=6, temperature=0, stream=True))
        self.assertEqual(ends(chunks), [(0, "length")])
        self.assertEqual(chunks[-1].choices[0].finish_reason, "length")
        self.assertEqual({chunk.object for chunk in chunks}, {"text_completion"})
        self.assertEqual(len({chunk.created for chunk in chunks}), 1)
        self.assertTrue(all(chunk.usage is None for chunk in chunks))

    def test_a_chat_ends_once_and_in_its_last_chunk(self):
        chunks = list(chat(max_tokens=6, temperature=0, stream=True))
        self.assertEqual(ends(chunks), [(0, "length")])
        self.assertEqual({chunk.object for chunk in chunks}, {"chat.completion.chunk"})
        self.assertEqual([bool(chunk.choices[0].delta.role) for chunk in chunks], [True] + [False] * (len(chunks) - 1))

    def test_each_of_many_choices_ends_once(self):
        chunks = list(complete([START, "Water boils at"], n=4, max_tokens=5, seed=3, stream=True))
        self.assertEqual(sorted(index for index, _ in ends(chunks)), list(range(8)))

    def test_usage_comes_after_every_choice(self):
        chunks = list(complete(START, n=2, max_tokens=4, seed=3, stream=True, stream_options={"include_usage": True}))
        self.assertEqual([index for index, chunk in enumerate(chunks) if chunk.usage], [len(chunks) - 1])
        self.assertEqual(chunks[-1].choices, [])
        self.assertEqual(chunks[-1].usage.completion_tokens, 8)

    def test_log_probabilities_of_a_stream_are_those_of_the_whole(self):
        whole = complete(START, max_tokens=6, temperature=0, logprobs=2).choices[0].logprobs
        parts = [chunk.choices[0].logprobs for chunk in complete(START, max_tokens=6, temperature=0, logprobs=2, stream=True)]
        for name in ("tokens", "token_logprobs", "text_offset", "top_logprobs"):
            self.assertEqual(sum((getattr(part, name) for part in parts if part), []), getattr(whole, name))

    def test_a_seed_repeats_a_stream(self):
        drawn = [[chunk.choices[0].text for chunk in complete(START, max_tokens=8, seed=5, stream=True)] for _ in range(2)]
        self.assertEqual(drawn[0], drawn[1])

    def test_a_stop_string_is_never_streamed_in_part(self):
        free = complete(START, max_tokens=24, temperature=0).choices[0].text
        stop = free[8:16]
        chunks = list(complete(START, max_tokens=24, temperature=0, stop=stop, stream=True))
        self.assertEqual("".join(chunk.choices[0].text for chunk in chunks), free[:free.index(stop)])
        self.assertEqual(ends(chunks), [(0, "stop")])
        self.assertEqual(chunks[-1].choices[0].stop_reason, stop)


class Raw(unittest.TestCase):
    """The parts of the client that give what came over the wire."""

    def test_lines_of_a_stream_are_events(self):
        with client().completions.with_streaming_response.create(model=MODEL, prompt=START, max_tokens=3, temperature=0,
                                                                 stream=True) as response:
            self.assertTrue(response.headers["content-type"].startswith("text/event-stream"))
            self.assertEqual(response.headers.get("cache-control"), "no-cache")
            lines = [line for line in response.iter_lines() if line]
        self.assertEqual(lines[-1], "data: [DONE]")
        self.assertTrue(all(line.startswith("data: {") for line in lines[:-1]))

    def test_a_chat_stops_and_repeats_its_seed(self):
        free = chat(max_tokens=16, temperature=0).choices[0].message.content
        stopped = chat(max_tokens=16, temperature=0, stop=[free[4:8]]).choices[0]
        self.assertEqual((stopped.message.content, stopped.finish_reason), (free[:free.index(free[4:8])], "stop"))
        drawn = [chat(max_tokens=12, seed=seed, temperature=1.5).choices[0].message.content for seed in (4, 4, 5)]
        self.assertEqual(drawn[0], drawn[1])
        self.assertNotEqual(drawn[0], drawn[2])

    def test_extra_fields_and_headers_go_through(self):
        answer = complete(START, max_tokens=2, extra_headers={"X-Request-Id": "from-a-header"}, extra_query={"a": "b"},
                          extra_body={"never_heard_of": {"a": [1]}})
        self.assertEqual(answer.id, "cmpl-from-a-header")
        self.assertEqual(answer.usage.completion_tokens, 2)


class Echoes(unittest.TestCase):
    def test_log_probabilities_of_an_echo_begin_with_null(self):
        choice = complete(START, echo=True, max_tokens=2, temperature=0, logprobs=1).choices[0]
        count = len(tokens_of(START))
        self.assertEqual(len(choice.logprobs.tokens), count + 2)
        self.assertIsNone(choice.logprobs.token_logprobs[0])
        self.assertIsNone(choice.logprobs.top_logprobs[0])
        self.assertTrue(all(value <= 0 for value in choice.logprobs.token_logprobs[1:]))
        self.assertEqual("".join(choice.logprobs.tokens), choice.text)
        self.assertEqual(choice.text[choice.logprobs.text_offset[-1]:], choice.logprobs.tokens[-1])

    def test_nothing_generated_is_counted_as_nothing(self):
        answer = complete(START, echo=True, max_tokens=0, logprobs=1)
        self.assertEqual(answer.usage.completion_tokens, 0)
        self.assertEqual(answer.choices[0].text, START)

    def test_every_choice_has_the_echo(self):
        for choice in complete(START, echo=True, n=2, max_tokens=2, seed=1).choices:
            self.assertTrue(choice.text.startswith(START))


class Biases(unittest.TestCase):
    def test_a_bias_of_zero_changes_nothing(self):
        token = tokens_of(" the")[0]
        plain = complete(START, max_tokens=8, temperature=0).choices[0].text
        self.assertEqual(complete(START, max_tokens=8, temperature=0, logit_bias={str(token): 0}).choices[0].text, plain)

    def test_a_bias_does_not_change_log_probabilities(self):
        plain = complete(START, max_tokens=1, temperature=0, logprobs=1).choices[0].logprobs
        token = tokens_of(" purple")[0]
        biased = complete(START, max_tokens=1, temperature=0, logprobs=1, logit_bias={str(token): 100}).choices[0].logprobs
        self.assertEqual(biased.tokens, [" purple"])
        self.assertLess(biased.token_logprobs[0], plain.token_logprobs[0])
        self.assertIn(plain.tokens[0], biased.top_logprobs[0])

    def test_a_bias_of_a_chat_works_alike(self):
        token = tokens_of("Yes")[0]
        self.assertEqual(chat(max_tokens=2, temperature=0, logit_bias={str(token): 100}).choices[0].message.content, "YesYes")


class Errors(unittest.TestCase):
    def error_of(self, kind, call, *arguments, **fields):
        with self.assertRaises(kind) as caught:
            call(*arguments, **fields)
        return caught.exception

    def test_the_exception_has_the_parts_of_the_body(self):
        error = self.error_of(openai.BadRequestError, complete, "a", temperature=-1)
        self.assertEqual(error.status_code, 400)
        self.assertEqual(error.param, "temperature")
        self.assertEqual(error.type, "invalid_request_error")
        self.assertEqual(error.code, "invalid_value")
        self.assertEqual(set(error.body), {"message", "type", "param", "code"})

    def test_another_model_is_not_found(self):
        error = self.error_of(openai.NotFoundError, client().completions.create, model="gpt-4", prompt="a")
        self.assertEqual(error.code, "model_not_found")
        self.assertEqual(error.param, "model")
        self.assertIn(MODEL, error.message)

    def test_a_wrong_type_is_told_from_a_wrong_value(self):
        self.assertEqual(self.error_of(openai.BadRequestError, complete, "a", n="two").code, "invalid_type")
        self.assertEqual(self.error_of(openai.BadRequestError, complete, "a", n=200).code, "invalid_value")

    def test_what_is_not_built_is_refused_by_name(self):
        error = self.error_of(openai.BadRequestError, chat, response_format={"type": "json_object"})
        self.assertEqual((error.param, error.code), ("response_format", "unsupported_value"))
        error = self.error_of(openai.BadRequestError, chat, tools=[{"type": "function", "function": {"name": "f"}}])
        self.assertEqual((error.param, error.code), ("tools", "unsupported_value"))

    def test_a_stream_with_a_mistake_is_an_error_not_a_stream(self):
        error = self.error_of(openai.BadRequestError, complete, "a", stream=True, top_p=7)
        self.assertEqual(error.param, "top_p")
        self.assertTrue(error.response.headers["content-type"].startswith("application/json"))

    def test_a_prompt_that_is_too_long_is_named(self):
        error = self.error_of(openai.BadRequestError, chat, [{"role": "user", "content": "word " * 9000}], max_tokens=5)
        self.assertEqual(error.param, "messages")
        self.assertIn("8192", error.message)

    def test_a_mistake_is_not_tried_again(self):
        before = server().metric("http_requests_total")
        self.error_of(openai.BadRequestError, make_client(max_retries=3).completions.create, model=MODEL, prompt="a", n=0)
        self.assertEqual(server().metric("http_requests_total") - before, 2)  # it, and reading the metrics before

    def test_a_server_that_is_not_there_is_a_connection_error(self):
        class Nobody:
            url = "http://127.0.0.1:1"

        self.error_of(openai.APIConnectionError, make_client(Nobody).models.list)


class Keys(unittest.TestCase):
    def test_keys_are_checked(self):
        other = start("--api-key", "right")
        try:
            with self.assertRaises(openai.AuthenticationError) as caught:
                make_client(other, api_key="wrong").models.list()
            self.assertEqual(caught.exception.code, "invalid_api_key")
            self.assertEqual(caught.exception.type, "authentication_error")
            self.assertNotIn("right", str(caught.exception))
            self.assertEqual(make_client(other, api_key="right").models.list().data[0].id, MODEL)
            self.assertNotIn("right", "".join(other.lines))
        finally:
            other.stop()


class Overload(unittest.TestCase):
    def test_a_full_queue_is_429_with_retry_after(self):
        other = start("--max-num-seqs", "4", "--max-num-queued-reqs", "4")
        try:
            streams = [make_client(other).completions.create(model=MODEL, prompt=START, stream=True, **LONG) for _ in range(4)]
            for stream in streams:
                next(iter(stream))
            begin = time.monotonic()
            with self.assertRaises(openai.RateLimitError) as caught:
                make_client(other).completions.create(model=MODEL, prompt=START, n=128, **LONG)
            self.assertLess(time.monotonic() - begin, 1)
            self.assertEqual(caught.exception.code, "server_overloaded")
            self.assertEqual(caught.exception.type, "rate_limit_error")
            self.assertGreaterEqual(int(caught.exception.response.headers["retry-after"]), 1)
            for stream in streams:
                stream.close()
            other.wait_idle()
            again = make_client(other).completions.create(model=MODEL, prompt=START, max_tokens=2)
            self.assertEqual(again.usage.completion_tokens, 2)
        finally:
            other.stop()


    def test_the_client_comes_back_after_retry_after(self):
        other = start("--max-num-seqs", "1", "--max-num-queued-reqs", "0")
        try:
            stream = make_client(other).completions.create(model=MODEL, prompt=START, stream=True, **LONG)
            next(iter(stream))
            threading.Timer(0.3, stream.close).start()
            begin = time.monotonic()
            answer = make_client(other, max_retries=3).completions.create(model=MODEL, prompt=START, max_tokens=2)
            self.assertEqual(answer.usage.completion_tokens, 2)
            self.assertGreaterEqual(time.monotonic() - begin, 0.9)  # Retry-After is a second
        finally:
            other.stop()

    def test_a_stream_that_the_server_ends_is_an_error_of_the_client(self):
        other = start("--shutdown-timeout", "0.2")
        try:
            stream = make_client(other).chat.completions.create(model=MODEL, messages=QUESTION, stream=True, **LONG)
            next(iter(stream))
            other.send(signal.SIGTERM)
            with self.assertRaises(openai.APIError) as caught:
                list(stream)
            self.assertIn("shutting down", caught.exception.message)
            self.assertEqual(caught.exception.type, "server_error")
        finally:
            other.stop()


class Leaving(unittest.TestCase):
    def test_a_closed_stream_is_cancelled(self):
        stream = complete(START, stream=True, **LONG)
        first = next(iter(stream))
        self.assertEqual(first.choices[0].index, 0)
        self.assertEqual(server().metric("vllm:num_requests_running"), 1)
        stream.close()
        self.assertLess(server().wait_idle(), 1)

    def test_leaving_the_block_of_a_stream_cancels_it(self):
        with chat(stream=True, **LONG) as stream:
            self.assertEqual(next(iter(stream)).choices[0].delta.role, "assistant")
        self.assertLess(server().wait_idle(), 1)

    def test_a_timeout_cancels_what_the_client_waited_for(self):
        begin = time.monotonic()
        with self.assertRaises(openai.APITimeoutError):
            client().with_options(timeout=0.3).completions.create(model=MODEL, prompt=START, **LONG)
        self.assertLess(time.monotonic() - begin, 2)
        self.assertLess(server().wait_idle(), 1)

    def test_a_timeout_while_reading_is_of_one_read(self):
        impatient = client().with_options(timeout=httpx2.Timeout(10, read=5))
        answer = impatient.completions.create(model=MODEL, prompt=START, max_tokens=8, stream=True)
        self.assertEqual(len(ends(answer)), 1)

    def test_answers_beside_one_that_is_left_are_as_alone(self):
        alone = complete("Water boils at", max_tokens=16, temperature=0).choices[0].text
        streams = [complete(START, stream=True, **LONG) for _ in range(4)]
        for stream in streams:
            next(iter(stream))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            beside = pool.submit(complete, "Water boils at", max_tokens=16, temperature=0)
            for stream in streams:
                stream.close()
            self.assertEqual(beside.result().choices[0].text, alone)
        self.assertLess(server().wait_idle(), 1)


class Together(unittest.TestCase):
    def test_sixteen_threads_with_fields_of_their_own(self):
        cases = [{"max_tokens": 4 + i % 5, "seed": i, "temperature": (i % 4) / 2, "logprobs": i % 3} for i in range(16)]

        def answer(case):
            choice = complete(f"{START} {case['seed']}", **case).choices[0]
            return choice.text, choice.logprobs.model_dump()

        alone = [answer(case) for case in cases]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertEqual(list(pool.map(answer, cases)), alone)

    def test_the_asynchronous_client_sees_the_same(self):
        whole = chat(max_tokens=8, temperature=0).choices[0].message.content

        async def several():
            async with openai.AsyncOpenAI(base_url=server().url + "/v1", api_key="none", max_retries=0) as other:
                async def one():
                    stream = await other.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=8, temperature=0,
                                                                 stream=True)
                    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
                return await asyncio.gather(*(one() for _ in range(8)))

        self.assertEqual(asyncio.run(several()), [whole] * 8)

    def test_a_stream_of_the_asynchronous_client_is_left(self):
        async def left():
            async with openai.AsyncOpenAI(base_url=server().url + "/v1", api_key="none", max_retries=0) as other:
                stream = await other.chat.completions.create(model=MODEL, messages=QUESTION, stream=True, **LONG)
                async for chunk in stream:
                    self.assertEqual(chunk.choices[0].delta.role, "assistant")
                    break
                await stream.close()

        asyncio.run(left())
        self.assertLess(server().wait_idle(), 1)

    def test_timeouts_of_some_leave_others_alone(self):
        alone = complete("Water boils at", max_tokens=12, temperature=0).choices[0].text

        def impatient():
            with self.assertRaises(openai.APITimeoutError):
                client().with_options(timeout=0.2).completions.create(model=MODEL, prompt=START, **LONG)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(impatient) for _ in range(4)]
            texts = [pool.submit(complete, "Water boils at", max_tokens=12, temperature=0) for _ in range(4)]
            for job in jobs:
                job.result()
            self.assertEqual([job.result().choices[0].text for job in texts], [alone] * 4)
        self.assertLess(server().wait_idle(), 1)

    def test_a_cancelled_task_frees_its_blocks(self):
        async def cancelled():
            async with openai.AsyncOpenAI(base_url=server().url + "/v1", api_key="none", max_retries=0) as other:
                task = asyncio.create_task(other.completions.create(model=MODEL, prompt=START, **LONG))
                await asyncio.sleep(0.3)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task

        asyncio.run(cancelled())
        self.assertLess(server().wait_idle(), 1)

    def test_health_and_models_answer_beside_streams(self):
        stop = threading.Event()

        def work():
            while not stop.is_set():
                list(complete(START, max_tokens=16, stream=True))

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(work) for _ in range(4)]
            for _ in range(20):
                self.assertEqual(ask("GET", "/health")[0], 200)
                self.assertEqual(len(client().models.list().data), 1)
            stop.set()
            for job in jobs:
                self.assertIsNone(job.result())


class Probabilities(unittest.TestCase):
    def test_likeliest_tokens_are_in_order_and_hold_the_one_drawn(self):
        for entry in chat(max_tokens=5, temperature=0, logprobs=True, top_logprobs=5).choices[0].logprobs.content:
            values = [top.logprob for top in entry.top_logprobs]
            self.assertEqual(values, sorted(values, reverse=True))
            self.assertEqual(entry.top_logprobs[0].token, entry.token)
            self.assertEqual(bytes(entry.bytes).decode(), entry.token)
            self.assertLessEqual(sum(map(math.exp, values)), 1.0001)

    def test_twenty_are_the_most(self):
        content = chat(max_tokens=1, logprobs=True, top_logprobs=20).choices[0].logprobs.content
        self.assertEqual(len(content[0].top_logprobs), 20)
        self.assertEqual(len({top.token for top in content[0].top_logprobs}), 20)

    def test_without_top_logprobs_there_are_none(self):
        self.assertEqual(chat(max_tokens=1, logprobs=True).choices[0].logprobs.content[0].top_logprobs, [])
