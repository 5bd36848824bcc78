"""Signals: what a server does with open streams, with those who come late, with a second signal, and while it is still loading."""
import os
import pathlib
import signal
import subprocess
import time
from typing import NamedTuple

import wire
from server_process import ServerProcess

LATE = b"GET /health HTTP/1.1\r\nHost: x\r\n"  # its last two bytes come after the signal
GENERATE = ("--prompt-ids", "1,2,3,4,5", "--max-tokens", "8", "--temperature", "0", "--json", "--log-level", "error")


class Stopped(NamedTuple):
    ends: list  # of each stream: done, error, cut
    late: int  # status of /health to a connection from before the signal
    refused: bool  # new connections are, or get 503
    status: int
    seconds: float  # from the last signal to the exit


def stream(port, tokens):
    connection = wire.connect(port)
    connection.sendall(wire.post({"prompt": [5, 6, 7], "max_tokens": tokens, "ignore_eos": True, "temperature": 0, "stream": True}))
    received = b""
    while b"data: {" not in received:
        received += connection.recv(1 << 16)
    return connection, received


def end_of(connection, received):
    try:
        while data := connection.recv(1 << 16):
            received += data
    except ConnectionResetError:
        return "reset"
    finally:
        connection.close()
    if b"event: error\n" in received:
        return "error"
    return "done" if b"data: [DONE]\n\n" in received else "cut"


def new_connection_is_refused(port):
    try:
        answer = wire.ask(port, wire.get("/health"))
    except OSError:
        return True
    return answer is not None and answer.status == 503


def stop(vivace, model, sent, *, short, endless, drain, second_after=None):
    """A server with `short` streams that end within the drain time and `endless` ones that do not. A second signal after so many seconds."""
    server = ServerProcess(vivace, *model, "--shutdown-timeout", str(drain), "--log-level", "warning")
    try:
        unfinished = [stream(server.port, 8000) for _ in range(endless)]
        streams = [stream(server.port, 48) for _ in range(short)] + unfinished
        late = wire.connect(server.port)
        late.sendall(LATE)
        time.sleep(0.05)  # the bytes are read
        begin = time.monotonic()
        server.send(sent)
        time.sleep(0.05)
        refused = new_connection_is_refused(server.port)
        late.sendall(b"\r\n")
        answer = wire.read_answer(late)
        late.close()
        if second_after is not None:
            time.sleep(second_after)
            begin = time.monotonic()
            server.send(sent)
        status = server.wait(60)
        seconds = time.monotonic() - begin
        return Stopped([end_of(*one) for one in streams], answer.status if answer else 0, refused, status, seconds)
    finally:
        server.stop()


def own_environment():
    """Without what the person who runs the tests has set about the cache: here it is what is looked at."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("VIVACE_", "VLLM_"))}


class Interrupted(NamedTuple):
    delay: float
    sent: int
    status: int
    seconds: float


def interrupt(vivace, model, cache, sent, delay, options=()):
    """A start with that cache, interrupted so many seconds after it began. The port is open before the model is loaded, so what is
    interrupted may be opening, compiling, packing, tuning, or writing the artifact after ready."""
    command = [vivace, "serve", *model, "--port", "0", "--cache-root", str(cache), "--log-level", "error", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=own_environment())
    try:
        time.sleep(delay)
        begin = time.monotonic()
        process.send_signal(sent)
        status = process.wait(20)
        return Interrupted(delay, sent, status, time.monotonic() - begin)
    finally:
        process.kill()
        process.wait()


def interrupt_everywhere(vivace, model, cache, delays, options=()):
    """Each start finds the cache as the one before left it."""
    return [interrupt(vivace, model, cache, (signal.SIGTERM, signal.SIGINT)[number % 2], delay, options)
            for number, delay in enumerate(delays)]


def tokens_with(vivace, model, *options):
    """What a run says with those options; it must succeed."""
    run = subprocess.run([vivace, "generate", *model, *GENERATE, *options], capture_output=True, text=True, check=True, timeout=120,
                         env=own_environment())
    return run.stdout[:run.stdout.index('"timing"')] if '"timing"' in run.stdout else run.stdout


def cache_is_valid(vivace, model, cache, options=()):
    """The program's own check of every entry, and the same tokens with the cache as without one."""
    check = subprocess.run([vivace, "cache", "verify", "--cache-root", str(cache)], capture_output=True, text=True, timeout=120,
                           env=own_environment())
    return check.returncode == 0 and tokens_with(vivace, model, "--cache-root", str(cache), *options) == \
        tokens_with(vivace, model, "--no-cache", *options)


def is_prompt(status, sent):
    """Ended by the server, or by the system where the signal came before the program could ask for it."""
    return status in (0, -sent)


def stop_row(words, stopped, ends, bound):
    right = stopped.ends == ends and stopped.late == 503 and stopped.refused and stopped.status == 0 and stopped.seconds <= bound
    counted = ", ".join(f"{stopped.ends.count(end)} {end}" for end in dict.fromkeys(stopped.ends))
    return wire.Row(words, f"{stopped.seconds:.2f} s, exit {stopped.status}; streams: {counted}; /health {stopped.late}; new connections "
                    f"{'refused' if stopped.refused else 'taken'}", f"exit 0 in {bound:.0f} s", right)


def rows(vivace, model, cache, delays):
    result = []
    for sent in (signal.SIGTERM, signal.SIGINT):
        name = sent.name
        stopped = stop(vivace, model, sent, short=4, endless=0, drain=30)
        result.append(stop_row(f"{name}, streams that end", stopped, ["done"] * 4, 31))
        stopped = stop(vivace, model, sent, short=4, endless=4, drain=2)
        result.append(stop_row(f"{name}, drain time of 2 s", stopped, ["done"] * 4 + ["error"] * 4, 3))
        stopped = stop(vivace, model, sent, short=0, endless=8, drain=30, second_after=0.2)
        result.append(stop_row(f"{name} twice", stopped, ["error"] * 8, 1))
    for level in ("-O2", "-O3"):
        folder = pathlib.Path(cache, level[1:])
        interrupted = interrupt_everywhere(vivace, model, folder, delays, (level,))
        slowest = max(one.seconds for one in interrupted)
        wrong = [one for one in interrupted if not is_prompt(one.status, one.sent)]
        result.append(wire.Row(f"{len(interrupted)} starts of {level} interrupted", f"slowest {slowest:.2f} s; statuses "
                               f"{sorted({one.status for one in interrupted})}", "each <= 1 s", slowest <= 1 and not wrong))
        valid = cache_is_valid(vivace, model, folder, (level,))
        result.append(wire.Row(f"cache after them, {level}", "valid, same tokens" if valid else "BROKEN", "valid", valid))
    return result
