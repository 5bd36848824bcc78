#!/usr/bin/env python3
"""Decode beside a process that never rests: how much of the undisturbed speed is left when a core is shared.

usage: busy_neighbour.py [--program build/release/vivace] [--rounds 7] [--neighbours 1] [--tokens 200] MODEL [OPTION...]

Each round decodes once alone and once beside `--neighbours` processes that spin, each pinned to a CPU of ours, first to last. OPTIONs go
to `vivace generate` ("--threads=2", "--cpu-list=0,1"). Prints tokens per second (median, lowest and highest) and the median of the
rounds' ratios; exits with 1 when that is below 0.4, the bar of the project. With two CPUs and one neighbour a fair share is 0.75 of the
machine where work moves between the workers, and 0.5 where the slower worker is waited for.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

BAR = 0.4


def decode_rate(program, model, options, tokens, prefix=()):
    """Tokens a second between the first token of an answer and the last; `prefix` is a command that starts the program."""
    command = [*prefix, program, "generate", model, "--json", "--ignore-eos", "--temperature", "0", "--max-tokens", str(tokens + 1),
               "--prompt-ids", "1,2,3,4,5", "--log-level", "off", *options]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    timing = json.loads(run.stdout)["timing"]
    return tokens / (timing["last_token"] - timing["first_token"])


def start_neighbour(cpu):
    """A process that spins on that CPU, at the usual priority."""
    code = f"import os\nos.sched_setaffinity(0, [{cpu}])\nwhile True: pass"
    return subprocess.Popen([sys.executable, "-c", code])


def beside_neighbours(count, measure):
    """What measure() gives while that many neighbours run."""
    cpus = sorted(os.sched_getaffinity(0))
    neighbours = [start_neighbour(cpus[i % len(cpus)]) for i in range(count)]
    try:
        return measure()
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--program", default="build/release/vivace")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--neighbours", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=200)
    known, options = parser.parse_known_args()

    def measure():
        return decode_rate(known.program, known.model, options, known.tokens)

    alone, beside = [], []
    for _ in range(known.rounds):
        alone.append(measure())
        beside.append(beside_neighbours(known.neighbours, measure))
    for name, rates in (("alone", alone), (f"beside {known.neighbours}", beside)):
        print(f"{name:10} {statistics.median(rates):7.1f} tokens/s  ({min(rates):.1f} .. {max(rates):.1f})")
    ratio = statistics.median(b / a for a, b in zip(alone, beside))
    print(f"{'left':10} {ratio:7.2f} of the undisturbed speed, bar {BAR}")
    return 0 if ratio >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
