#!/usr/bin/env python3
"""A server under mixed load for a long time: does its memory grow, do descriptors or blocks of the KV cache get lost, does any
answer change, does anything but a right answer come?

usage: soak.py --vivace PROGRAM --model FILE [--minutes N] [--clients N] [--rate N] [--report FILE] [-- SERVER OPTIONS]
       soak.py --vivace PROGRAM --tiny      a model of two layers with random weights: 100 times as many requests

Of the clients (32) a tenth is hostile: broken JSON, bodies over the limit, a byte a second, resets, half-closed connections,
requests that smuggle, other protocols. The others ask for completions and chats, streams, several choices, log-probabilities, and a
part of them leaves before the answer is complete. Together they start at most --rate requests a second. Beside them one more client
asks the same fixed requests again and again; each answer must be the one from before the load, byte for byte.

Every few seconds the memory, the descriptors and the queue are read. The slope of memory is the median of the slopes between any two of
what comes after the warm-up. Right answers are those of the API: 2xx, 4xx to what is wrong, 429 and 503 with Retry-After; each is held
against /openapi.json. The table at the end has a bound for each figure; the exit status is 1 when one is broken.
"""
import argparse
import json
import pathlib
import random
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "api"), str(ROOT / "soak")]

import answer_schema  # noqa: E402
import soak_clients  # noqa: E402
import soak_report  # noqa: E402
from server_process import ServerProcess  # noqa: E402
from tiny_model import write_tiny_model  # noqa: E402

HOSTILE = 10  # every tenth client
# Blocks of the KV cache are touched for the first time during warm-up, so a small cache has a short one; requests that do not fit
# beside each other are preempted.
SERVER = {True: ("--max-model-len", "512", "--kv-cache-memory-bytes", "2097152"),
          False: ("--max-model-len", "1024", "--kv-cache-memory-bytes", "134217728")}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vivace", required=True)
    parser.add_argument("--model")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rate", type=float, help="requests a second of all clients together; unset: 8, with --tiny 200")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-slope", type=float, help="MiB an hour; unset: 1, more for a run of less than two hours")
    parser.add_argument("--report", help="a file for everything that was measured, as JSON")
    parser.add_argument("options", nargs="*")
    known = parser.parse_args()
    if bool(known.model) == known.tiny:
        parser.error("give --model or --tiny")
    known.rate = known.rate or (200 if known.tiny else 8)
    return known


def watch(server, run, every):
    """Rows of soak_report.Sample until the end."""
    while not run.stop.wait(every):
        try:
            run.samples.append(soak_report.sample(server, time.monotonic() - run.begin))
        except OSError as wrong:
            if not run.stop.is_set():
                run.wrong(f"the server cannot be read: {wrong}")


def load(server, known, run):
    """Runs every client until the time is over."""
    pace = known.clients / known.rate
    work = [threading.Thread(target=watch, args=(server, run, min(5, known.minutes * 60 / 20)))]
    work.append(threading.Thread(target=soak_clients.witness, args=(server.port, run, pace / 4)))
    for number in range(known.clients):
        client = soak_clients.hostile if number % HOSTILE == HOSTILE - 1 else soak_clients.friendly
        work.append(threading.Thread(target=client, args=(server.port, run, random.Random(known.seed * 1000 + number), pace)))
    for thread in work:
        thread.start()
    while time.monotonic() - run.begin < known.minutes * 60 and server.process.poll() is None:
        time.sleep(0.2)
    run.stop.set()
    for thread in work:
        thread.join(90)
    run.hanging = sum(thread.is_alive() for thread in work)


def soak(known, folder):
    model = write_tiny_model(folder) if known.tiny else (known.model,)
    server = ServerProcess(known.vivace, *model, *SERVER[known.tiny], "--log-level", "warning", "--disable-uvicorn-access-log",
                           *known.options)
    run = soak_clients.Run()
    try:
        answer_schema.load(server.url)
        soak_clients.fill(server.port)
        run.references = soak_clients.ask_all(server.port)
        server.wait_idle()
        time.sleep(0.5)  # until the last connection is closed
        run.idle_before = soak_report.sample(server, 0)
        run.begin = time.monotonic()
        load(server, known, run)
        run.seconds = time.monotonic() - run.begin
        if server.process.poll() is None:
            try:
                server.wait_idle(within=30)
            except TimeoutError as busy:
                run.wrong(f"the server does not become idle: {busy}")
            time.sleep(0.5)
            run.idle_after = soak_report.sample(server, run.seconds)
            run.compare(soak_clients.ask_all(server.port))
        else:
            run.wrong(f"the server ended with {server.process.returncode}: " + "".join(server.lines[-10:]))
    finally:
        server.stop()
    run.exit_status = server.process.returncode
    return run


def main():
    known = parse()
    with tempfile.TemporaryDirectory() as folder:
        run = soak(known, folder)
    rows = soak_report.rows(run, known.max_slope)
    print(soak_report.table(rows, run, known))
    if known.report:
        pathlib.Path(known.report).write_text(json.dumps(soak_report.as_json(run), indent=1))
    sys.exit(any(not row.right for row in rows))


if __name__ == "__main__":
    main()
