"""The tests' own judges: each must refuse what is wrong. Answers of the server, broken in one place each, for answer_schema; answers
that fuzzing must not let pass; measurements that a soak must not let pass. Run by test_server.py."""
import copy
import json
import pathlib
import random
import sys
import types
import unittest

import answer_schema
import fuzz_requests
from answer_schema import Violation
from api_client import QUESTION, ask, post, server
from fuzz_findings import Findings

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "soak"))

import soak_attacks  # noqa: E402
import soak_clients  # noqa: E402
import soak_report  # noqa: E402

JSON = {"content-type": "application/json"}
ASKED = {"max_tokens": 3, "temperature": 0, "prompt_logprobs": 1, "return_token_ids": True}
ANSWERS = (
    ("/v1/completions", ASKED | {"prompt": "Water boils at", "n": 2, "logprobs": 2}),
    ("/v1/chat/completions", ASKED | {"messages": QUESTION, "logprobs": True, "top_logprobs": 2}),
    ("/tokenize", {"prompt": "a b"}), ("/detokenize", {"tokens": [5]}),
    ("/v1/completions", {"prompt": ""}),
)
OPEN = {"prompt_logprobs"}  # what is in them is named by tokens; a further name is none too many


def broken(value, path=()):
    """(words, value) of every way to leave out a key, add one, or give a value of another type."""
    if isinstance(value, dict):
        for key in value:
            yield f"without {'.'.join((*path, key))}", {name: one for name, one in value.items() if name != key}
            for words, inner in broken(value[key], (*path, key)):
                yield words, value | {key: inner}
        tokens = "top_logprobs" in path and not {"bytes"} <= set(value)  # those of a completion are a map
        if not OPEN & set(path) and not tokens:
            yield f"more in {'.'.join(path)}", value | {"never_heard_of": 1}
    elif isinstance(value, list) and value:
        for words, inner in broken(value[0], (*path, "0")):
            yield words, [inner, *value[1:]]
    else:
        yield f"another type of {'.'.join(path)}", {"x": 1} if not isinstance(value, list) else 5


def may_miss(words):
    """Keys that an answer has only when it was asked for them."""
    if not words.startswith("without "):
        return False
    path = words.split(" ", 1)[1].split(".")
    return path[-1] in {"prompt_logprobs", "prompt_token_ids", "token_ids", "system_fingerprint"} or bool(
        (OPEN if "content" in path else OPEN | {"top_logprobs"}) & set(path[:-1]))


class Schema(unittest.TestCase):
    def refused(self, method, path, status, value, words):
        with self.assertRaises((Violation, KeyError), msg=words):
            answer_schema.check_answer(method, path, status, JSON, json.dumps(value))

    def test_an_answer_that_is_broken_in_any_place_is_refused(self):
        tried = 0
        for path, body in ANSWERS:
            status, _, answer = ask("POST", path, body)
            answer_schema.check_answer("POST", path, status, JSON, json.dumps(answer))
            for words, wrong in broken(answer):
                if not may_miss(words):
                    tried += 1
                    self.refused("POST", path, status, wrong, f"{path} {words}")
        self.assertGreater(tried, 100)

    def test_the_small_endpoints_too(self):
        for path in ("/v1/models", "/version", "/load"):
            for words, wrong in broken(ask("GET", path)[2]):
                if ".permission" not in words:
                    self.refused("GET", path, 200, wrong, f"{path} {words}")

    def test_what_no_schema_can_say(self):
        answer = post("/v1/completions", {"prompt": "a", "n": 2, "max_tokens": 1})
        usage = copy.deepcopy(answer)
        usage["usage"]["total_tokens"] += 1
        self.refused("POST", "/v1/completions", 200, usage, "a sum that is wrong")
        turned = copy.deepcopy(answer)
        turned["choices"].reverse()
        self.refused("POST", "/v1/completions", 200, turned, "choices in another order")
        error = {"error": {"message": "full", "type": "rate_limit_error", "param": None, "code": None}}
        self.refused("POST", "/v1/completions", 429, error, "429 without Retry-After")
        with self.assertRaises(Violation):
            answer_schema.check_answer("GET", "/nothing", 200, JSON, "{}")
        with self.assertRaises(Violation):
            answer_schema.check_answer("GET", "/v1/models", 500, {"content-type": "text/html"}, "<html>")


class Streams(unittest.TestCase):
    def events(self):
        body = {"messages": QUESTION, "max_tokens": 3, "temperature": 0, "stream": True, "n": 2, "seed": 1, "ignore_eos": True}
        return ask("POST", "/v1/chat/completions", body)[2].split("\n\n")[:-1]

    def check(self, events):
        stream = answer_schema.StreamCheck("a stream", "ChatCompletionChunk")
        stream.feed("".join(event + "\n\n" for event in events).encode())
        stream.end()

    def test_a_stream_that_is_broken_in_any_place_is_refused(self):
        events = self.events()
        self.check(events)
        ends = [place for place, event in enumerate(events) if '"finish_reason":"length"' in event]
        changed = events[1].replace('"id":"chatcmpl-', '"id":"chatcmpl-x')
        wrong = {"without an end": events[:-1], "an end twice": [*events, events[-1]], "a chunk after its choice's end":
                 [*events[:ends[0] + 1], events[ends[0]], *events[ends[0] + 1:]], "another id": [events[0], changed, *events[2:]],
                 "without the first role": events[1:], "a chunk after the end": [*events, events[0]],
                 "a choice without a finish_reason": [event for place, event in enumerate(events) if place != ends[0]],
                 "a chunk that is cut": [*events[:1], events[1][:-5], *events[2:]],
                 "a name too many": [events[0].replace('"object":', '"x":1,"object":'), *events[1:]]}
        for words, sent in wrong.items():
            with self.assertRaises((Violation, ValueError), msg=words):
                self.check(sent)

    def test_an_end_inside_an_event_is_refused(self):
        stream = answer_schema.StreamCheck("a stream", "ChatCompletionChunk")
        stream.feed(("\n\n".join(self.events()) + "\n\ndata: {").encode())
        with self.assertRaises(Violation):
            stream.end()


class Fuzzing(unittest.TestCase):
    BODY = {"prompt": "a", "max_tokens": 1}

    def found(self, status, text, kind, sent=None, broken_field=None):
        findings = Findings()
        findings.see("POST", "/v1/completions", sent or self.BODY, (status, JSON, text), kind, broken_field)
        return findings.violations

    def error(self, param):
        return json.dumps({"error": {"message": "m", "type": "t", "param": param, "code": None}})

    def test_right_requests_and_broken_ones_are_told_apart(self):
        good = json.dumps(post("/v1/completions", self.BODY))
        self.assertEqual(self.found(200, good, "right"), [])
        self.assertEqual(self.found(400, self.error("n"), "broken", None, ("n", "zero")), [])
        self.assertEqual(self.found(400, self.error("stream_options.x"), "broken", None, ("stream_options", "x")), [])
        for case in ((400, self.error("prompt"), "right"), (500, self.error(None), "own"), (200, good, "right", self.BODY | {"n": 2}),
                     (200, good, "right", self.BODY | {"stream": True}), (200, good, "broken", None, ("n", "zero")),
                     (400, self.error("prompt"), "broken", None, ("n", "zero")), (200, "{}", "own"), (400, "no JSON", "own")):
            self.assertEqual(len(self.found(*case)), 1, case)

    def test_bodies_are_repeatable_and_broken_ones_are_against_the_schema(self):
        document = answer_schema.load(server().url)
        pair = [fuzz_requests.Bodies(document, 5) for _ in range(2)]
        for path in pair[0].schemas:
            for _ in range(50):
                self.assertEqual(*(bodies.right(path) for bodies in pair))
                body, field, words = pair[0].broken(path)
                self.assertEqual((body, field, words), pair[1].broken(path))
                self.assertTrue(words == "missing" or field in body)


class Soak(unittest.TestCase):
    SAMPLE = soak_report.Sample(0, 100 << 20, 50 << 20, 12, 4, 0, 0, 0, 0.001)

    def run_of(self, **changes):
        run = soak_clients.Run()
        run.samples = [self.SAMPLE._replace(time=float(seconds)) for seconds in range(0, 3600, 60)]
        run.seconds, run.equal, run.compared, run.exit_status = 3600.0, 90, 90, 0
        run.idle_before = run.idle_after = self.SAMPLE
        vars(run).update(changes)
        return run

    def broken_rows(self, **changes):
        return [row.name.split(",")[0] for row in soak_report.rows(self.run_of(**changes), None) if not row.right]

    def test_each_bound_is_held(self):
        growing = [self.SAMPLE._replace(time=float(s), resident=(100 << 20) + s * 1200) for s in range(0, 3600, 60)]  # 4 MiB an hour
        self.assertEqual(self.broken_rows(), [])
        self.assertEqual(self.broken_rows(samples=growing), ["memory"])
        self.assertEqual(self.broken_rows(samples=[]), ["memory"])
        self.assertEqual(self.broken_rows(idle_after=self.SAMPLE._replace(descriptors=13)), ["descriptors"])
        self.assertEqual(self.broken_rows(idle_after=self.SAMPLE._replace(threads=5)), ["threads"])
        self.assertEqual(self.broken_rows(idle_after=self.SAMPLE._replace(cache=0.1)), ["KV blocks in use at the end"])
        self.assertEqual(self.broken_rows(equal=89), ["fixed requests"])
        self.assertEqual(self.broken_rows(equal=0, compared=0), ["fixed requests"])
        self.assertEqual(self.broken_rows(fives=1), ["answers of 5xx but 503"])
        self.assertEqual(self.broken_rows(wrongs=["x"]), ["wrong answers"])
        self.assertEqual(self.broken_rows(hanging=1), ["clients that hang"])
        self.assertEqual(self.broken_rows(exit_status=-11), ["exit status"])
        self.assertEqual(len(self.broken_rows(idle_after=None)), 3)

    def test_what_comes_before_the_end_of_the_warm_up_does_not_count(self):
        early = [self.SAMPLE._replace(time=float(s), resident=min(s, 500) << 20) for s in range(0, 3600, 60)]
        self.assertEqual(self.broken_rows(samples=early), [])

    def test_memory_that_grows_in_steps_is_seen_and_pages_that_were_given_back_for_a_minute_are_not(self):
        steps = [self.SAMPLE._replace(time=float(s), resident=(100 << 20) + s // 300 * 300 * 1200) for s in range(0, 3600, 5)]
        dip = [self.SAMPLE._replace(time=float(s), resident=(52 if 800 <= s < 860 else 100) << 20) for s in range(0, 1800, 5)]
        self.assertEqual(self.broken_rows(samples=steps), ["memory"])
        self.assertEqual(self.broken_rows(samples=dip, seconds=1800.0), [])

    def test_a_changed_answer_is_seen(self):
        run = soak_clients.Run()
        run.references = ["same"] * len(soak_clients.FIXED)
        run.compare(["same", "other", None, *["same"] * (len(soak_clients.FIXED) - 3)])
        self.assertEqual((run.compared, run.equal, len(run.wrongs)), (len(soak_clients.FIXED) - 1, len(soak_clients.FIXED) - 2, 1))

    def test_answers_are_compared_without_their_time_only(self):
        first, second = (post("/v1/completions", {"prompt": "a", "max_tokens": 2, "seed": 1, "request_id": "x"}) for _ in range(2))
        second["created"] += 5
        self.assertEqual(*(soak_clients.lasting(json.dumps(one, separators=(",", ":"))) for one in (first, second)))
        second["choices"][0]["text"] += "x"
        self.assertNotEqual(*(soak_clients.lasting(json.dumps(one, separators=(",", ":"))) for one in (first, second)))
        body = {"prompt": "Once upon a", "max_tokens": 4, "stream": True, "seed": 1}
        streams = [soak_clients.lasting(ask("POST", "/v1/completions", body | {"stream_interval": step})[2]) for step in (1, 4)]
        self.assertEqual(*streams)
        self.assertNotEqual(streams[0], soak_clients.lasting(ask("POST", "/v1/completions", body | {"seed": 2})[2]))

    def test_every_attack_leaves_the_server_as_it_was(self):
        stop = types.SimpleNamespace(wait=lambda seconds: True)  # the patient ones do not wait
        soak_attacks.PATIENCE, before = 1.0, soak_clients.ask_all(server().port)
        for attack in soak_attacks.ATTACKS:
            with self.subTest(attack=attack.__name__):
                try:
                    statuses = attack(server().port, random.Random(3), stop)
                except OSError:
                    statuses = []
                self.assertEqual([status for status in statuses if status >= 500 and status != 505], [])
        self.assertEqual(soak_clients.ask_all(server().port), before)
        server().wait_idle()
