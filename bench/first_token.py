#!/usr/bin/env python3
"""From exec to the first token of a prompt of five: cold, with an artifact that is verified in full, and with a copy of it elsewhere.

usage: first_token.py [--program build/release/vivace] [--rounds 15] MODEL [MODEL...]

Runs `vivace generate MODEL --prompt-ids 1,2,3,4,5 --max-tokens 1` at -O2 in fresh processes, the kinds of start in random order, and times
the whole process: exec, first token, exit. `cold` has an empty cache and no tuning, `warm` what a start before it left, `copied` that
folder in another place and --require-artifact. The model's file is in the page cache. Prints median, lowest and highest in milliseconds.
"""
import argparse
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import tempfile
import time


def first_token_ms(program, model, options, environment=None):
    """One fresh process."""
    command = [program, "generate", model, "--prompt-ids", "1,2,3,4,5", "--max-tokens", "1", "--max-model-len", "1024",
               "--log-level", "error", *options]
    begin = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True, env={**os.environ, **(environment or {})})
    return (time.perf_counter() - begin) * 1e3


def measure(program, model, rounds):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        warm = ["--cache-root", str(root / "warm")]
        first_token_ms(program, model, warm)  # tunes
        subprocess.run([program, "compile", model, "-O2", "--max-model-len", "1024", "--log-level", "error", *warm], check=True,
                       capture_output=True)
        shutil.copytree(root / "warm" / "artifacts", root / "copy" / "artifacts")
        kinds = {"cold": ["--cache-root", str(root / "cold"), "--no-cache"], "warm": warm,
                 "copied": ["--cache-root", str(root / "copy"), "--require-artifact"]}
        times = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind in random.sample(list(kinds), len(kinds)):
                environment = {"VIVACE_AUTOTUNE": "0"} if kind == "cold" else None
                times[kind].append(first_token_ms(program, model, kinds[kind], environment))
    for kind, values in times.items():
        print(f"{pathlib.Path(model).name:40} {kind:7} {statistics.median(values):7.1f} ms ({min(values):.1f} .. {max(values):.1f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/vivace")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("models", nargs="+")
    args = parser.parse_args()
    for model in args.models:
        measure(args.program, model, args.rounds)


if __name__ == "__main__":
    main()
