#!/usr/bin/env python3
"""Decode under a quota of CPU time: how much of its share of the full speed a program keeps.

usage: cpu_quota.py [--program build/release/vivace] [--rounds 5] [--cores 0.5] [--tokens 100] MODEL [OPTION...]

Makes a control group for the time of the run (root; version 1 or 2). Each round decodes without a limit, with all cores, and inside the
group with the program's own number of threads and with one thread for each core, in random order. OPTIONs go to `vivace generate`. The
share is the speed without a limit times quota / cores. Prints medians of the rounds; exits with 1 when a share is below 0.4, the bar of
the project.
"""
import argparse
import contextlib
import os
import pathlib
import random
import statistics
import sys

from busy_neighbour import decode_rate

BAR = 0.4
PERIOD_US = 100_000


@contextlib.contextmanager
def quota_group(cores):
    """A control group that may use `cores` worth of CPU time, as a folder; removed at the end."""
    root = pathlib.Path("/sys/fs/cgroup")
    is_second = (root / "cgroup.controllers").exists()
    group = (root if is_second else root / "cpu") / f"vivace-quota-{os.getpid()}"
    group.mkdir()
    try:
        quota = int(cores * PERIOD_US)
        if is_second:
            (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        yield group
    finally:
        group.rmdir()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/vivace")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=float, default=0.5)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("model")
    args, options = parser.parse_known_args()
    cpus = len(os.sched_getaffinity(0))
    rates = {"unlimited": [], "own threads": [], f"{cpus} threads": []}
    with quota_group(args.cores) as group:
        inside = ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh"]
        for _ in range(args.rounds):
            for name in random.sample(list(rates), len(rates)):
                more = [f"--threads={cpus}"] if name.endswith(" threads") and name[0].isdigit() else []
                prefix = () if name == "unlimited" else inside
                rates[name].append(decode_rate(args.program, args.model, [*options, *more], args.tokens, prefix))
    share = args.cores / cpus
    full = statistics.median(rates.pop("unlimited"))
    print(f"without a limit {full:.1f} tokens/s; a quota of {args.cores} of {cpus} cores is a share of {full * share:.1f}")
    worst = 1.0
    for name, values in rates.items():
        ratio = statistics.median(values) / (full * share)
        worst = min(worst, ratio)
        print(f"{name:12} {statistics.median(values):7.1f} tokens/s ({min(values):.1f} .. {max(values):.1f}), {ratio:.2f} of the share")
    return 0 if worst >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
