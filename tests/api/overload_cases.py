"""Overload and clients that behave badly, in seconds: the scenes of tests/overload, judged by what comes of them. Times are bounded
generously, for other programs may be running; `./dev bench overload` holds them to the bars. Run by test_server.py."""
import pathlib
import signal
import sys
import tempfile
import unittest

from server_process import ServerProcess
from tiny_model import write_tiny_model

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "overload"))

import disconnects  # noqa: E402
import leaving  # noqa: E402
import slow  # noqa: E402
import stopping  # noqa: E402

CASE = {}
LENIENCE = 5  # times the bars of docs/performance.md


def configure(program, model, arguments):
    CASE.update(program=program, model=model, arguments=arguments)


class Overload(unittest.TestCase):
    def start(self, *arguments):
        server = ServerProcess(CASE["program"], *arguments)
        self.addCleanup(server.stop)
        return server

    def start_tiny(self, *arguments):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return self.start(*write_tiny_model(folder.name), "--log-level", "warning", "--no-cache", *arguments)

    def test_requests_whose_clients_are_gone_keep_nobody_waiting(self):
        server = self.start(CASE["model"], *CASE["arguments"], "--max-model-len", "8192")
        one = leaving.leave_all(server, 100, 3000, 500)
        self.assertEqual(one.admitted, 100)
        self.assertLess(one.next_token, 2 * LENIENCE)
        self.assertLess(one.idle_after, 0.2 * LENIENCE)
        self.assertEqual(one.left, {})

    def test_a_client_may_leave_at_any_byte(self):
        server = self.start_tiny("--hf-overrides", '{"max_position_embeddings": 2048}', "--kv-cache-memory-bytes", str(4 << 20))
        result = disconnects.leave_everywhere(server, 300, 1500)
        self.assertEqual((result.left, result.hangs, result.failures), (300, [], []))
        self.assertGreater(result.compared, 0)
        self.assertEqual(result.equal, result.compared)
        self.assertTrue(result.is_idle)
        self.assertEqual(*result.descriptors)
        self.assertLess(result.resident[1] - result.resident[0], 2 * LENIENCE << 20)

    def test_clients_that_dawdle_are_served_and_change_nothing_for_others(self):
        server = self.start_tiny()
        seconds = 1
        phases = slow.measure(server, seconds, settle=0.5)
        self.assertEqual(len(set().union(*(one.answers for one in phases))), 1)
        for one in phases:
            with self.subTest(beside=one.kind):
                self.assertTrue(one.kind == "alone" or slow.met(one, seconds), one.seen)
                self.assertLess(max(one.latencies), 1 * LENIENCE)
        server.wait_idle(within=3 * LENIENCE)


class Stopping(unittest.TestCase):
    def stopped(self, sent, **streams):
        one = stopping.stop(CASE["program"], (CASE["model"], *CASE["arguments"]), sent, **streams)
        self.assertEqual((one.late, one.refused, one.status), (503, True, 0))
        return one

    def test_streams_that_can_finish_do_and_the_others_end_in_an_error_event(self):
        one = self.stopped(signal.SIGTERM, short=3, endless=3, drain=4)
        self.assertEqual(one.ends, ["done"] * 3 + ["error"] * 3)
        self.assertLess(one.seconds, 4 + 1 * LENIENCE)

    def test_a_second_signal_ends_every_stream_at_once(self):
        one = self.stopped(signal.SIGINT, short=0, endless=8, drain=60, second_after=0.1)
        self.assertEqual(one.ends, ["error"] * 8)
        self.assertLess(one.seconds, 1 * LENIENCE)

    def test_a_start_may_be_interrupted_anywhere_and_leaves_a_cache_that_is_valid(self):
        with tempfile.TemporaryDirectory() as cache:
            model = (CASE["model"], *CASE["arguments"])
            for one in stopping.interrupt_everywhere(CASE["program"], model, cache, (0.01, 0.1, 0.3, 0.6, 0.9), ("-O3",)):
                self.assertTrue(stopping.is_prompt(one.status, one.sent), one)
                self.assertLess(one.seconds, 1 * LENIENCE, one)
            self.assertTrue(stopping.cache_is_valid(CASE["program"], model, cache, ("-O3",)))
