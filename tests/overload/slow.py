"""What an honest client notices of clients that dawdle: its latency alone, beside each kind of slow_attackers.py, and alone again."""
import contextlib
import json
import pathlib
import subprocess
import sys
import time
from typing import NamedTuple

import wire

KINDS = ("readers", "headers", "halves", "pipeline")
QUESTION = wire.post({"prompt": [5, 6, 7, 8, 9], "max_tokens": 8, "temperature": 0, "ignore_eos": True})


class Beside(NamedTuple):
    kind: str
    latencies: list  # seconds
    answers: set  # different texts
    seen: dict  # what the attackers saw, by how often


@contextlib.contextmanager
def attackers(port, kind, seen):
    """Fills `seen` at the end."""
    if kind == "alone":
        yield
        return
    process = subprocess.Popen([sys.executable, str(pathlib.Path(__file__).with_name("slow_attackers.py")), str(port), kind],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield
        seen.update(json.loads(process.communicate("", timeout=30)[0]))
    finally:
        process.kill()
        process.wait()


def ask_for(port, seconds):
    """(latencies, texts) of one question after the other on one connection."""
    latencies, texts, begin = [], set(), time.monotonic()
    with wire.connect(port) as connection:
        while time.monotonic() - begin < seconds:
            asked = time.monotonic()
            connection.sendall(QUESTION)
            answer = wire.read_answer(connection)
            latencies.append(time.monotonic() - asked)
            if answer is None or answer.status != 200:
                raise ConnectionError(f"an honest client got {answer}")
            texts.add(answer.json["choices"][0]["text"])
    return latencies, texts


def beside(port, kind, seconds, settle=1.5):
    """`settle` seconds go by before the measurement, in which the attackers' own requests are answered."""
    seen = {}
    with attackers(port, kind, seen):
        time.sleep(settle if kind != "alone" else 0)
        latencies, texts = ask_for(port, seconds)
    return Beside(kind, latencies, texts, seen)


def measure(server, seconds, settle=1.5):
    """Alone before and after each kind."""
    ask_for(server.port, min(seconds, 1))
    phases = []
    for kind in KINDS:
        phases += [beside(server.port, "alone", seconds), beside(server.port, kind, seconds, settle)]
    return [*phases, beside(server.port, "alone", seconds)]


def met(one, seconds):
    """Whether the attackers saw what they must in that time: headers that do not end are refused after ten seconds."""
    wanted = {"readers": "bytes", "headers": "status 408", "halves": "closed", "pipeline": "whole"}[one.kind]
    failed = any(name.startswith(("failed", "cut", "answers", "reset")) for name in one.seen)
    return not failed and (wanted in one.seen or (one.kind == "headers" and seconds < 12))


def rows(phases, seconds):
    """Noise is how much the phases alone differ from each other; a client beside others may see that much, and a fifth, on top of
    the slowest of them."""
    alone = [wire.percentile(one.latencies, 0.99) * 1e3 for one in phases if one.kind == "alone"]
    bar = max(alone) * 1.2 + max(alone) - min(alone)
    Row = wire.Row
    result = [Row("p99 alone", f"{min(alone):.1f} to {max(alone):.1f} ms", "", True)]
    for one in phases:
        if one.kind != "alone":
            slow = wire.percentile(one.latencies, 0.99) * 1e3
            result.append(Row(f"p99 beside {one.kind}", f"{slow:.1f} ms (median {wire.percentile(one.latencies, 0.5) * 1e3:.1f}); {one.seen}",
                              f"<= {bar:.1f} ms", slow <= bar and met(one, seconds)))
    texts = set().union(*(one.answers for one in phases))
    return [*result, Row("different answers to the same question", str(len(texts)), "1", len(texts) == 1)]
