"""Far more requests than the model can answer: what is still answered, how quickly the others are refused, and what that costs.

The peak is the goodput (tokens of complete answers a second) of as many clients as the model runs at once, each asking again as soon as
it is answered. Then requests arrive at ten times that rate, whether earlier ones are answered or not. The load is one thread
that writes bytes made in advance; it shares the machine with the server, so its own CPU time is part of the figures and is printed.
"""
import json
import pathlib
import select
import socket
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

import wire
from server_process import ServerProcess

RUNNING = 64  # the default of --max-num-seqs
QUEUED = 16
PATIENCE = 30.0  # seconds after which an answer is worth nothing
PROMPT = [7 + (13 * place) % 400 for place in range(40)]
SHORTEST, LONGEST = 32, 95  # tokens of an answer; they differ, so that answers do not end all at once
# A cache that is touched everywhere soon: blocks that are used for the first time would be growth of memory.
OPTIONS = ("--max-num-seqs", str(RUNNING), "--max-num-queued-reqs", str(QUEUED), "--max-model-len", "512",
           "--kv-cache-memory-bytes", str(256 << 20), "--disable-uvicorn-access-log", "--log-level", "warning")


class Done(NamedTuple):
    time: float
    seconds: float
    status: int  # 0: the connection ended
    tokens: int
    is_right: bool  # what a complete answer or a refusal must have is there


class Messages:
    """Requests made in advance, that differ in the first tokens of their prompts."""

    def __init__(self, count=4096):
        self.made = []
        for number in range(count):
            tokens = SHORTEST + number * 29 % (LONGEST - SHORTEST + 1)
            body = {"prompt": [5 + number % 64, 5 + number // 64, *PROMPT], "max_tokens": tokens, "ignore_eos": True, "temperature": 0}
            self.made.append((wire.post(body), tokens))
        self.next = 0

    def take(self):
        self.next = (self.next + 1) % len(self.made)
        return self.made[self.next]


class Client:
    """A connection that is kept, with one request at a time."""

    def __init__(self, port):
        self.socket, self.received, self.tokens, self.due = wire.connect(port), b"", 0, 0.0
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, message, tokens, due):
        self.tokens, self.due = tokens, due
        self.socket.send(message)  # a few hundred bytes into an empty buffer

    def take(self):
        """What is there; Done when the answer is whole, or when there is none."""
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            data = b""
        self.received = self.received + data if self.received else data
        if data and wire.complete(self.received) is None:
            return None
        received, self.received, tokens, self.tokens = self.received, b"", self.tokens, 0
        now = time.monotonic()
        if not data:
            return Done(now, now - self.due, 0, 0, False)
        status = int(received[9:12])
        if status == 200:
            return Done(now, now - self.due, 200, tokens, b'"completion_tokens":%d' % tokens in received)
        is_right = status == 429 and b"\r\nRetry-After: " in received and b'"code":"server_overloaded"' in received
        return Done(now, now - self.due, status, 0, is_right)


class Load:
    """Closed: `clients` ask again at once. Open: `rate` requests a second, over idle connections or new ones. They come in bursts,
    each TICK: to be woken for each would cost more than to send it."""

    TICK = 0.01

    def __init__(self, port, messages, seconds, clients=0, rate=0.0):
        self.port, self.messages, self.seconds, self.clients, self.rate = port, messages, seconds, clients, rate
        self.done, self.idle, self.by_descriptor = [], [], {}
        self.poll = select.epoll()

    def client(self):
        client = Client(self.port)
        self.by_descriptor[client.socket.fileno()] = client
        self.poll.register(client.socket.fileno(), select.EPOLLIN)
        return client

    def receive(self, until):
        """All that comes before that time."""
        while (left := until - time.monotonic()) > 0:
            for descriptor, _ in self.poll.poll(left):
                client = self.by_descriptor[descriptor]
                if done := client.take():
                    self.ended(client, done)

    def ended(self, client, done):
        self.done.append(done)
        if done.status == 0:
            self.poll.unregister(client.socket)
            del self.by_descriptor[client.socket.fileno()]
            client.socket.close()
            self.idle = [one for one in self.idle if one is not client]
        elif self.clients and done.time < self.end:
            client.ask(*self.messages.take(), done.time)
        else:
            self.idle.append(client)

    def arrive(self):
        """What is due, until the end; what is late counts from when it was due."""
        due, sent = self.begin, 0
        while due < self.end:
            while sent < (due - self.begin + self.TICK) * self.rate:
                (self.idle.pop() if self.idle else self.client()).ask(*self.messages.take(), due)
                sent += 1
            due += self.TICK
            self.receive(due)

    def run(self):
        cpu, self.begin = time.process_time(), time.monotonic()
        self.end = self.begin + self.seconds
        if self.clients:
            for _ in range(self.clients):
                self.client().ask(*self.messages.take(), time.monotonic())
            self.receive(self.end)
        else:
            self.arrive()
        self.cpu = time.process_time() - cpu
        limit = time.monotonic() + PATIENCE
        while len(self.idle) < len(self.by_descriptor) and time.monotonic() < limit:
            self.receive(time.monotonic() + 0.05)
        for client in self.by_descriptor.values():
            client.socket.close()
        self.poll.close()
        return self

    def goodput(self, warm_up):
        """Tokens a second of answers that ended between the warm-up and the end, to clients that still waited."""
        since = self.begin + warm_up
        good = sum(one.tokens for one in self.done if since <= one.time < self.end and one.seconds <= PATIENCE and one.is_right)
        return good / (self.end - since)


def cpu_shares(before, after, seconds):
    """Words: cores that each thread of the server used."""
    used = sorted(((after[thread] - before.get(thread, 0)) / seconds, thread) for thread in after)[::-1]
    main = min(after)
    named = [f"event loop {dict((thread, share) for share, thread in used)[main]:.3f}"]
    named += [f"{share:.3f}" for share, thread in used if thread != main and share >= 0.0005]
    return "; other threads ".join((named[0], ", ".join(named[1:])))


class Part(NamedTuple):
    """Of a flood, between two peaks."""
    load: Load
    goodput: float
    health: list  # [status, seconds]
    cpu: str


class Measured(NamedTuple):
    peaks: list  # goodput of the closed load before, between and after the parts of the flood
    parts: list
    resident: tuple  # bytes after the warm-up and at the end

    @property
    def done(self):
        return [one for part in self.parts for one in part.load.done]

    @property
    def health(self):
        return [one for part in self.parts for one in part.health]


def closed(port, messages, seconds, warm_up):
    """(tokens a second, answers a second)."""
    load = Load(port, messages, seconds + warm_up, clients=RUNNING).run()
    answers = sum(load.begin + warm_up <= one.time < load.end for one in load.done) / seconds
    return load.goodput(warm_up), answers


def flood(server, messages, rate, seconds, warm_up):
    probe = subprocess.Popen([sys.executable, str(pathlib.Path(__file__).with_name("health_probe.py")), str(server.port), "0.1"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    used, begin = wire.cpu_seconds(server.process.pid), time.monotonic()
    load = Load(server.port, messages, seconds + warm_up, rate=rate).run()
    took = time.monotonic() - begin
    shares = cpu_shares(used, wire.cpu_seconds(server.process.pid), took) + f"; the load itself {load.cpu / took:.3f}"
    return Part(load, load.goodput(warm_up), json.loads(probe.communicate("")[0]), shares)


def measure(vivace, model, seconds, peak_seconds, parts, factor=10.0):
    """`model` is the positional argument and what belongs to it. The flood comes in parts with the peak before and after each: a
    machine that others use drifts by more than what is to be seen."""
    warm_up = min(6.0, peak_seconds / 2)
    server = ServerProcess(vivace, *model, *OPTIONS)
    try:
        messages = Messages()
        first, answers = closed(server.port, messages, peak_seconds, warm_up)
        Load(server.port, messages, warm_up, rate=factor * answers).run()  # the warm-up: of memory, too
        resident, peaks, measured = wire.resident(server.process.pid), [first], []
        for _ in range(parts):
            measured.append(flood(server, messages, factor * answers, seconds / parts, warm_up))
            peaks.append(closed(server.port, messages, peak_seconds, warm_up)[0])
        server.wait_idle()
        return Measured(peaks, measured, (resident, wire.resident(server.process.pid)))
    finally:
        server.stop()


def rows(measured):
    done = measured.done
    refused = [one.seconds for one in done if one.status == 429]
    wrong = sum(not one.is_right for one in done)
    fives = sum(one.status >= 500 for one in done)
    health = [seconds for status, seconds in measured.health if status == 200]
    goodput, peak = (statistics.mean(values) for values in ([part.goodput for part in measured.parts], measured.peaks))
    growth = measured.resident[1] / measured.resident[0] - 1
    slow, slow_health = wire.percentile(refused, 0.99) * 1e3, wire.percentile(health, 0.99) * 1e3
    Row = wire.Row
    return [
        Row("goodput of the peak", f"{goodput / peak:.3f} ({goodput:.0f} of {peak:.0f} tokens/s)", ">= 0.9", goodput >= 0.9 * peak),
        Row("refused, p99 of latency", f"{slow:.1f} ms ({len(refused)} refused)", "<= 50 ms", len(refused) > 0 and slow <= 50),
        Row("answers that are neither right nor 429", str(wrong), "0", not wrong),
        Row("answers of 5xx", str(fives), "0", not fives),
        Row("/health, p99 of latency", f"{slow_health:.1f} ms ({len(health)} of {len(measured.health)} with 200)", "<= 20 ms",
            slow_health <= 20 and len(health) == len(measured.health)),
        Row("memory after the warm-up", f"{growth:+.1%} ({measured.resident[1] / (1 << 20):.0f} MiB)", "<= +5 %", growth <= 0.05),
    ]


def notes(measured):
    answered = [one.seconds for one in measured.done if one.status == 200]
    refused = [one.seconds for one in measured.done if one.status == 429]
    seconds = sum(part.load.seconds for part in measured.parts)
    return [f"{RUNNING} running, {QUEUED} queued at most; offered {len(measured.done) / seconds:.0f} requests/s for {seconds:.0f} s in "
            f"{len(measured.parts)} parts; tokens/s of the peaks {', '.join(f'{peak:.0f}' for peak in measured.peaks)}, of the parts between "
            f"them {', '.join(f'{part.goodput:.0f}' for part in measured.parts)}",
            f"answered {len(answered)}, median {wire.percentile(answered, 0.5):.1f} s, p99 {wire.percentile(answered, 0.99):.1f} s; refused: "
            f"median {wire.percentile(refused, 0.5) * 1e3:.1f} ms, worst {max(refused, default=0) * 1e3:.0f} ms",
            f"cores used by the server's {measured.parts[-1].cpu}"]
