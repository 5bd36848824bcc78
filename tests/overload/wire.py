"""Requests as bytes that are made once, answers as they come from a socket, and what the kernel says of a process. For scenes that must
leave, dawdle or flood at an exact byte, which clients of a library cannot."""
import json
import os
import pathlib
import re
import socket
import sys
import time
from typing import NamedTuple

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / folder) for folder in ("api", "soak")]

from soak_attacks import head, reset  # noqa: E402,F401
from soak_report import Row  # noqa: E402,F401

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: (\d+)\r\n")


def post(body, path="/v1/completions"):
    text = json.dumps(body).encode()
    return head(len(text), path=path) + text


def get(path):
    return head(None, path=path, method="GET")


def connect(port, within=60.0):
    return socket.create_connection(("127.0.0.1", port), timeout=within)


def leave(connection, by_reset):
    reset(connection) if by_reset else connection.close()


class Answer(NamedTuple):
    status: int
    head: bytes
    body: bytes  # as it travels: of a stream with the frames of its chunks

    @property
    def json(self):
        return json.loads(self.body)

    def has_header(self, name):
        return f"\r\n{name.lower()}: ".encode() in self.head.lower()


def complete(received):
    """The bytes of the first answer of `received`, or None while it is not whole."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    if length := LENGTH.search(received, 0, end + 2):
        whole = end + 4 + int(length[1])
        return whole if len(received) >= whole else None
    last = received.find(b"0\r\n\r\n", end + 4)
    while last > 0 and received[last - 2:last] != b"\r\n":
        last = received.find(b"0\r\n\r\n", last + 1)
    return last + 5 if last > 0 else None


def parse(received):
    end = received.index(b"\r\n\r\n")
    return Answer(int(received[9:12]), received[:end + 2], received[end + 4:])


def read_answer(connection):
    """The next answer; of a connection that is closed before its end what has come, or None for nothing."""
    received = b""
    while complete(received) is None and (data := connection.recv(1 << 16)):
        received += data
    return parse(received) if b"\r\n\r\n" in received else None


def ask(port, message):
    with connect(port) as connection:
        connection.sendall(message)
        return read_answer(connection)


def percentile(values, share):
    """0 for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def resident(pid):
    """Bytes."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid, still=0.3, within=5.0):
    """Open ones, once their number has not changed for `still` seconds: a connection that was left is closed a moment later."""
    begin = since = time.monotonic()
    number = len(os.listdir(f"/proc/{pid}/fd"))
    while time.monotonic() < min(since + still, begin + within):
        time.sleep(0.02)
        if (now := len(os.listdir(f"/proc/{pid}/fd"))) != number:
            number, since = now, time.monotonic()
    return number


def cpu_seconds(pid):
    """By thread, the main one first: it is a server's event loop."""
    used = {}
    for thread in sorted(os.listdir(f"/proc/{pid}/task"), key=int):
        fields = pathlib.Path(f"/proc/{pid}/task/{thread}/stat").read_text().rsplit(")", 1)[1].split()
        used[int(thread)] = (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
    return used
