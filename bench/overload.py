#!/usr/bin/env python3
"""Nothing hostile stops it: scenes of overload and of clients that behave badly, each with a figure and its bar.

usage: overload.py [--vivace PROGRAM] [--model FILE] [--scene NAME] [--long | --quick] [--seconds N]

  saturation    ten times the requests that the model can answer: what is still answered, how quickly the others are refused
  leaving       200 admitted requests of 6,000 tokens whose clients go away after half a second
  signals       SIGTERM and SIGINT, once and twice, with open streams; while the model loads, compiles, is tuned
  disconnects   a client that leaves at each byte of its request and of its answer, while another one's prompt is read
  slow          clients of a byte a second, headers that never end, half-closed connections, a pipeline of 100 requests

The server runs with its own number of threads, and the load shares the machine with it: on a few cores the load's own CPU time is a part
of every figure, so it is printed. --seconds is the time of the flood, or of each phase of `slow`; --long is the form with the bars of the
project (300 s of flood, 10,000 clients that leave), --quick takes seconds. The exit status is 1 when a bar is missed.
"""
import argparse
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("overload", "api", "soak")]

import disconnects  # noqa: E402
import leaving  # noqa: E402
import saturation  # noqa: E402
import slow  # noqa: E402
import stopping  # noqa: E402
from server_process import ServerProcess  # noqa: E402
from tiny_model import write_tiny_model  # noqa: E402

QUIET = ("--log-level", "warning", "--disable-uvicorn-access-log")
LONG_CONTEXT = ("--hf-overrides", '{"max_position_embeddings": 8192}')
# Seconds or counts of each scene by form: quick, usual, long.
FORMS = {"quick": 0, "usual": 1, "long": 2}
FLOOD = (10, 60, 300)
PARTS = (1, 3, 5)
PEAK = (8, 15, 20)
ROUNDS = (1, 3, 5)
LEAVING = (200, 200, 200)
CUTS = (300, 2000, 10_000)
STARTS = (4, 12, 40)
PHASE = (3, 12, 30)


def run_saturation(known, form, folder):
    measured = saturation.measure(known.vivace, (known.model,), known.seconds or FLOOD[form], PEAK[form], PARTS[form])
    return saturation.rows(measured), saturation.notes(measured)


def run_leaving(known, form, folder):
    server = ServerProcess(known.vivace, known.model, *QUIET, "--max-model-len", "8192")
    try:
        rounds = [leaving.leave_all(server, LEAVING[form], 5000, 1000) for _ in range(ROUNDS[form])]
    finally:
        server.stop()
    return leaving.rows(rounds, LEAVING[form]), []


def run_signals(known, form, folder):
    delays = [0.005 + 1.2 * number / STARTS[form] for number in range(STARTS[form])]
    return stopping.rows(known.vivace, (known.model,), folder, delays), []


def run_disconnects(known, form, folder):
    server = ServerProcess(known.vivace, *write_tiny_model(folder), *LONG_CONTEXT, *QUIET, "--no-cache", "--kv-cache-memory-bytes", str(8 << 20))
    try:
        return disconnects.rows(disconnects.leave_everywhere(server, CUTS[form], 4000)), []
    finally:
        server.stop()


def run_slow(known, form, folder):
    server = ServerProcess(known.vivace, known.model, *QUIET, "--max-model-len", "1024")
    try:
        seconds = known.seconds or PHASE[form]
        return slow.rows(slow.measure(server, seconds), seconds), []
    finally:
        server.stop()


SCENES = {"saturation": run_saturation, "leaving": run_leaving, "signals": run_signals, "disconnects": run_disconnects, "slow": run_slow}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vivace", default="build/release/vivace")
    parser.add_argument("--model", default=".cache/models/smollm2-135m.gguf")
    parser.add_argument("--scene", choices=SCENES, action="append", help="only this one; may be given several times")
    parser.add_argument("--seconds", type=float)
    size = parser.add_mutually_exclusive_group()
    for name in ("quick", "long"):
        size.add_argument(f"--{name}", dest="form", action="store_const", const=name, default="usual")
    return parser.parse_args()


def main():
    known, missed = parse(), 0
    for name in known.scene or SCENES:
        with tempfile.TemporaryDirectory() as folder:
            rows, notes = SCENES[name](known, FORMS[known.form], folder)
        print(f"{name} ({known.form} form)")
        for row in rows:
            print(f"  {row.name:42} {row.figure:44} {row.bound:16} {'ok' if row.right else 'MISSED'}")
            missed += not row.right
        print("".join(f"  {note}\n" for note in notes), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
