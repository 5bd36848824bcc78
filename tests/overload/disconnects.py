"""Clients that leave at each byte of their request and at each byte of a stream's answer, while another one's long prompt is read again
and again: nothing may hang, be lost or change."""
import collections
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import wire

REQUEST = wire.post({"prompt": [5, 6, 7, 8, 9, 10, 11, 12], "max_tokens": 6, "temperature": 0, "ignore_eos": True, "stream": True})
PATIENCE = 20.0  # seconds of silence that count as a hang
WORKERS = 4
FILLING = 8  # prompts


class Witness:
    """Asks for the same answer again and again; a salt of its own keeps each from the prefix cache, so that it is read anew."""

    def __init__(self, port, prompt_tokens):
        self.port, self.stop, self.answers, self.failures = port, threading.Event(), collections.Counter(), []
        self.prompt = [3 + (7 * place) % 500 for place in range(prompt_tokens)]
        self.thread = threading.Thread(target=self.run)
        self.number = itertools.count()

    def ask(self):
        body = {"prompt": self.prompt, "max_tokens": 4, "temperature": 0, "ignore_eos": True, "logprobs": 3, "return_token_ids": True,
                "cache_salt": f"salt{next(self.number)}"}
        answer = wire.ask(self.port, wire.post(body))
        if answer is None or answer.status != 200:
            raise ConnectionError(f"the witness got {answer}")
        choice = answer.json["choices"][0]
        return str((choice["text"], choice["token_ids"], choice["logprobs"]))

    def run(self):
        while not self.stop.is_set():
            try:
                self.answers[self.ask()] += 1
            except (OSError, ValueError, KeyError) as wrong:
                self.failures.append(f"{type(wrong).__name__}: {wrong}")
                self.stop.wait(0.2)


def cut_request(port, cut, by_reset):
    connection = wire.connect(port, PATIENCE)
    connection.sendall(REQUEST[:cut])
    wire.leave(connection, by_reset)


def cut_answer(port, cut, by_reset):
    """Reads so many bytes of the answer, or what there is of it, and leaves."""
    connection = wire.connect(port, PATIENCE)
    connection.sendall(REQUEST)
    while cut > 0 and (data := connection.recv(cut)):
        cut -= len(data)
    wire.leave(connection, by_reset)


def cuts(count, answer_bytes):
    """`count` of (function, byte): all of both in turn where there is time for them, else some evenly spread."""
    all_cuts = [(cut_request, place) for place in range(len(REQUEST) + 1)] + [(cut_answer, place) for place in range(answer_bytes + 1)]
    if count >= len(all_cuts):
        return [all_cuts[number % len(all_cuts)] for number in range(count)]
    return [all_cuts[number * len(all_cuts) // count] for number in range(count)]


class Result:
    """`hangs` and `failures` in words; descriptors and bytes of memory before and after."""

    def __init__(self):
        self.left, self.hangs, self.failures, self.seconds = 0, [], [], 0.0
        self.compared = self.equal = 0
        self.descriptors = self.resident = (0, 0)
        self.is_idle = False


def leave_everywhere(server, count, prompt_tokens):
    """For a server that has nothing else to do, writes no artifact (which takes descriptors), and whose KV cache a few of the witness's
    prompts fill: blocks that are touched for the first time are growth of memory."""
    result, port, pid = Result(), server.port, server.process.pid
    witness = Witness(port, prompt_tokens)
    alone = [witness.ask() for _ in range(FILLING)][0]
    with wire.connect(port) as connection:
        connection.sendall(REQUEST)
        whole = wire.read_answer(connection)
        answer_bytes = len(whole.head) + 2 + len(whole.body)

    def leave(numbered):
        number, (how, place) = numbered
        try:
            how(port, place, by_reset=number // 2 % 2 == 0)
        except TimeoutError:
            result.hangs.append(f"{how.__name__} at byte {place}")
        except OSError as wrong:
            result.failures.append(f"{how.__name__} at byte {place}: {wrong}")

    planned = list(enumerate(cuts(count, answer_bytes)))
    warm_up = max(count // 10, 1)
    server.wait_idle()
    open_before = wire.descriptors(pid)
    witness.thread.start()
    begin = time.monotonic()
    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(leave, planned[:warm_up]))
        resident = wire.resident(pid)
        list(workers.map(leave, planned[warm_up:]))
    while not witness.answers and not witness.failures:
        time.sleep(0.01)
    result.seconds = time.monotonic() - begin
    witness.stop.set()
    witness.thread.join()
    try:
        server.wait_idle()
        result.is_idle = True
    except TimeoutError as busy:
        result.failures.append(f"not idle: {busy}")
    result.left = len(planned)
    result.resident = resident, wire.resident(pid)
    result.descriptors = open_before, wire.descriptors(pid)
    result.compared, result.equal = witness.answers.total(), witness.answers[alone]
    result.failures += witness.failures
    return result


def rows(result):
    Row = wire.Row
    growth = (result.resident[1] - result.resident[0]) / (1 << 20)
    return [
        Row("clients that left", f"{result.left} in {result.seconds:.0f} s", "", True),
        Row("hangs", str(len(result.hangs)), "0", not result.hangs),
        Row("other failures", "; ".join(result.failures[:3]) or "0", "0", not result.failures),
        Row("the other request's answers, equal", f"{result.equal} of {result.compared}", "all",
            0 < result.compared == result.equal),
        Row("KV blocks held in the end", "0 %" if result.is_idle else "some", "0 %", result.is_idle),
        Row("descriptors before and after", "{}, {}".format(*result.descriptors), "equal",
            result.descriptors[0] == result.descriptors[1]),
        Row("memory after a tenth of them", f"{growth:+.1f} MiB", "<= +2 MiB", growth <= 2),
    ]
