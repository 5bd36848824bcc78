"""Many admitted requests whose clients all go away at once, half of them by a reset, half of them from a stream: the next client must not
wait for work that nobody wants, and nothing may be left of it."""
import time
from typing import NamedTuple

import wire

IDLE = ("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc")
NEXT = wire.post({"prompt": [9, 8, 7], "max_tokens": 1, "temperature": 0, "ignore_eos": True, "stream": True})


class Round(NamedTuple):
    admitted: int  # running and waiting when the clients left
    next_token: float  # seconds from the first client's leaving to the next request's first token
    idle_after: float  # seconds from there until nothing runs, waits or holds a block
    left: dict  # what was not 0 in the end, by metric


def read_metrics(server):
    values = dict.fromkeys(IDLE, 0.0)
    for line in server.get("/metrics").splitlines():
        for name in IDLE:
            if line.startswith(name + "{"):
                values[name] += float(line.rsplit(" ", 1)[1])
    return values


def message(number, prompt_tokens, max_tokens):
    prompt = [5 + (number * 31 + place * (number % 7 + 1)) % 400 for place in range(prompt_tokens)]
    return wire.post({"prompt": prompt, "max_tokens": max_tokens, "ignore_eos": True, "temperature": 0, "stream": number % 2 == 0})


def taken(connection):
    """Reads what is there, so that close() ends the connection in order: with unread bytes it would be a reset."""
    connection.setblocking(False)
    try:
        while connection.recv(1 << 16):
            pass
    except BlockingIOError:
        pass


def first_token(port):
    with wire.connect(port) as connection:
        connection.sendall(NEXT)
        received = b""
        while b"data: {" not in received:
            data = connection.recv(1 << 16)
            if not data:
                raise ConnectionError(f"no first token: {received[:300]}")
            received += data
    return time.monotonic()


def wait_for(condition, within):
    """Seconds until the condition holds, or `within`."""
    begin = time.monotonic()
    while not condition() and time.monotonic() - begin < within:
        time.sleep(0.005)
    return time.monotonic() - begin


def leave_all(server, count, prompt_tokens, max_tokens, stay=0.5):
    """One round, for a server that has room for `count` requests, running and waiting."""
    connections = [wire.connect(server.port) for _ in range(count)]
    for number, connection in enumerate(connections):
        connection.sendall(message(number, prompt_tokens, max_tokens))
    time.sleep(stay)
    before = read_metrics(server)
    begin = time.monotonic()
    for number, connection in enumerate(connections):
        taken(connection)
        wire.leave(connection, by_reset=number % 4 < 2)
    next_token = first_token(server.port)
    idle_after = wait_for(lambda: not any(read_metrics(server).values()), 5)
    return Round(int(before[IDLE[0]] + before[IDLE[1]]), next_token - begin, idle_after,
                 {name: value for name, value in read_metrics(server).items() if value})


def rows(rounds, count):
    worst, idle = max(one.next_token for one in rounds), max(one.idle_after for one in rounds)
    left = [one.left for one in rounds if one.left]
    Row = wire.Row
    return [
        Row("requests admitted when they left", f"{min(one.admitted for one in rounds)}", str(count),
            min(one.admitted for one in rounds) == count),
        Row("the next request's first token", f"{worst * 1e3:.0f} ms, worst of {len(rounds)}", "<= 2000 ms", worst <= 2),
        Row("until nothing runs, waits or is held", f"{idle * 1e3:.0f} ms after it", "<= 200 ms", idle <= 0.2 and not left),
    ]
