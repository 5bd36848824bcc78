#!/usr/bin/env python3
"""Measures what docs/tuning.md tells, by `vivace bench`, and puts the tables into that page and the bars into docs/figures/tuning.svg.

usage: tuning_page.py --vivace build/release/vivace --model MODEL.gguf [--rounds 7] [--parts levels,sizes,workload] [--dry-run]

Every number is the median of `--rounds` fresh processes, in an order drawn anew each round: which pages a process gets moves its speed by
several per cent for its whole life. A gain is the median over rounds of the ratio of two processes of the same round, with the 95 % interval
of that median (resampled). Parts: `levels` starts each level with an empty cache and again with the one that it left; `sizes` compares a
size compiled exactly with the general shape; `workload` records a profile at uneven batch sizes and compares -O3 with it to -O2.
"""
import argparse
import json
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "tuning.md"
FIGURE = ROOT / "docs" / "figures" / "tuning.svg"
STARTED = re.compile(r"init engine \(profile, create kv cache, warmup model\) took ([\d.]+) seconds \(compilation: ([\d.]+) s")
LEVELS = ["-O0", "-O1", "-O2", "-O3"]
INPUT, OUTPUT = 32, 32
LEVELS_TEXT = """![seconds to ready and tokens per second of every level](figures/tuning.svg)

{table}

The last column divides what the first start of a level took longer than that of `-O0` by what it saves for each token, one request at a time."""
WORKLOAD_TEXT = """Does `-O3` with a recorded profile do better than `-O2`, at sizes that are no round numbers?

{table}"""


class Runner:
    def __init__(self, args):
        self.args = args
        self.random = random.Random(7)

    def bench(self, kind, *options):
        """One fresh process: what it wrote as JSON, and the seconds of its start."""
        with tempfile.NamedTemporaryFile(suffix=".json") as result:
            command = [self.args.vivace, "bench", kind, "--model", self.args.model, "--output-json", result.name, *options]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise SystemExit(" ".join(command) + "\n" + done.stderr)
            values = json.load(open(result.name))
        started = STARTED.search(done.stderr + done.stdout)
        values["start"], values["compile"] = map(float, started.groups())
        return values

    def latency(self, batch, *options, iterations=4):
        return self.bench("latency", "--batch-size", str(batch), "--input-len", str(INPUT), "--output-len", str(OUTPUT),
                          "--num-iters", str(iterations), "--num-iters-warmup", "1", *options)

    def rounds(self, cases):
        """cases: name to a function; the lists of what they returned, round by round in an order drawn anew."""
        results = {name: [] for name in cases}
        for _ in range(self.args.rounds):
            names = list(cases)
            self.random.shuffle(names)
            for name in names:
                results[name].append(cases[name]())
        return results


def interval(ratios):
    """Median of the ratios and the 95 % interval of it."""
    drawn = random.Random(1)
    medians = sorted(statistics.median(drawn.choices(ratios, k=len(ratios))) for _ in range(2000))
    return statistics.median(ratios), medians[50], medians[1949]


def gain(base, other):
    """How much faster `other` is than `base`, pair by pair of latencies."""
    middle, low, high = interval([a["avg_latency"] / b["avg_latency"] for a, b in zip(base, other)])
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def table(header, rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows])


def measure_levels(runner, folder):
    """Each level with an empty cache, then with what that left; a throughput run beside it."""
    def case(level):
        root = pathlib.Path(folder, level)
        shutil.rmtree(root, ignore_errors=True)
        cache = ["--cache-root", str(root)]
        cold = runner.latency(1, level, *cache, iterations=1)
        warm = runner.latency(1, level, *cache)
        many = runner.bench("throughput", "--input-len", str(INPUT), "--output-len", str(OUTPUT), "--num-prompts", "16", level, *cache)
        return {"cold": cold["start"], "warm": warm["start"], "compile": cold["compile"], "avg_latency": warm["avg_latency"],
                "many": many["num_requests"] * OUTPUT / many["elapsed_time"]}
    return runner.rounds({level: lambda level=level: case(level) for level in LEVELS})


def level_table(results):
    rows = []
    speed = {level: OUTPUT / median(results[level], "avg_latency") for level in LEVELS}
    for level in LEVELS:
        cold = median(results[level], "cold")
        even = "" if level == "-O0" else break_even(cold - median(results["-O0"], "cold"), speed["-O0"], speed[level])
        rows.append([f"`{level}`", f"{cold:.3f} s", f"{median(results[level], 'warm'):.3f} s",
                     f"{1e3 * median(results[level], 'compile'):.1f} ms", f"{speed[level]:.0f} tok/s",
                     "" if level == "-O0" else gain(results["-O0"], results[level]), f"{median(results[level], 'many'):.0f} tok/s", even])
    return table(["level", "start, empty cache", "start, filled cache", "of it compiling", "batch 1", "gain over -O0 (95 %)", "16 requests",
                  "a cold start has paid after"], rows)


def break_even(extra, base_rate, rate):
    """Tokens of one request at a time after which a start that took `extra` seconds longer has been worth it."""
    return "at once" if extra <= 0 else f"{extra / (1 / base_rate - 1 / rate):.0f} tokens"


def measure_sizes(runner):
    """Without tuning, so that the size is all that differs."""
    rows = []
    plain = ["--no-cache", "--kernel-config.enable_flashinfer_autotune=False"]
    for batch in (1, 9, 23):
        results = runner.rounds({
            "general": lambda batch=batch: runner.latency(batch, *plain, "-cc.compile_sizes=[]"),
            "exact": lambda batch=batch: runner.latency(
                batch, *plain, f"-cc.cudagraph_capture_sizes=[{batch}]", f"-cc.compile_sizes=[{batch}]")})
        rows.append([str(batch), f"{batch * OUTPUT / median(results['general'], 'avg_latency'):.0f} tok/s",
                     f"{batch * OUTPUT / median(results['exact'], 'avg_latency'):.0f} tok/s", gain(results["general"], results["exact"])])
    return table(["batch size", "general shape", "compiled for it", "gain (95 %)"], rows)


def measure_workload(runner, folder):
    profile = str(pathlib.Path(folder, "profile.txt"))
    rows = []
    for batch in (9, 23):
        runner.latency(batch, "-O2", "--no-cache", "--profile-out", profile)
        cache = ["--cache-root", str(pathlib.Path(folder, f"workload{batch}"))]
        for options in (["-O2"], ["-O3", "--profile-in", profile]):  # tuning is done once, and stored
            runner.latency(batch, *options, *cache)
        results = runner.rounds({"O2": lambda batch=batch: runner.latency(batch, "-O2", *cache),
                                 "O3": lambda batch=batch: runner.latency(batch, "-O3", "--profile-in", profile, *cache)})
        rows.append([str(batch), f"{batch * OUTPUT / median(results['O2'], 'avg_latency'):.0f} tok/s",
                     f"{batch * OUTPUT / median(results['O3'], 'avg_latency'):.0f} tok/s", gain(results["O2"], results["O3"])])
    return table(["requests at once", "`-O2`", "`-O3` with the profile", "gain (95 %)"], rows)


def bars(results):
    """Two panels: seconds to ready, and tokens per second, of every level."""
    panels = [("seconds to ready", [("empty cache", "cold", lambda r: median(r, "cold")), ("filled cache", "warm", lambda r: median(r, "warm"))], "{:.2f}"),
              ("tokens per second", [("one request", "one", lambda r: OUTPUT / median(r, "avg_latency")),
                                     ("16 requests", "many", lambda r: median(r, "many"))], "{:.0f}")]
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 290" font-family="sans-serif" font-size="12">',
           "<style>text{fill:#222}.cold{fill:#c46a2b}.warm{fill:#e7b98f}.one{fill:#2f6db3}.many{fill:#9dc0e6}"
           "@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>"]
    for panel, (title, series, form) in enumerate(panels):
        left = 20 + 380 * panel
        top = max(value(results[level]) for level in LEVELS for _, _, value in series)
        out.append(f'<text x="{left}" y="18" font-weight="bold">{title}</text>')
        for number, (name, style, value) in enumerate(series):
            out.append(f'<rect class="{style}" x="{left + 150 + 100 * number}" y="8" width="11" height="11"/>')
            out.append(f'<text x="{left + 166 + 100 * number}" y="18">{name}</text>')
            for index, level in enumerate(LEVELS):
                height = 200 * value(results[level]) / top
                x, y = left + 85 * index + 36 * number, 260 - height
                out.append(f'<rect class="{style}" x="{x}" y="{y:.1f}" width="32" height="{height:.1f}"/>')
                out.append(f'<text x="{x + 16}" y="{y - 4:.1f}" text-anchor="middle">{form.format(value(results[level]))}</text>')
        for index, level in enumerate(LEVELS):
            out.append(f'<text x="{left + 85 * index + 34}" y="278" text-anchor="middle">{level}</text>')
    return "\n".join(out + ["</svg>", ""])


def put(text, name, body):
    """Replaces what stands between the marks of a part."""
    begin, end = f"<!-- {name}: made by bench/tuning_page.py -->", f"<!-- {name}: end -->"
    head, rest = text.split(begin)
    return head + begin + "\n" + body + "\n" + end + rest.split(end, 1)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vivace", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--parts", default="levels,sizes,workload")
    parser.add_argument("--dry-run", action="store_true")
    args = parser.parse_args()
    runner, bodies = Runner(args), {}
    with tempfile.TemporaryDirectory() as folder:
        for part in args.parts.split(","):
            if part == "levels":
                results = measure_levels(runner, folder)
                bodies[part] = LEVELS_TEXT.format(table=level_table(results))
                if not args.dry_run:
                    FIGURE.parent.mkdir(exist_ok=True)
                    FIGURE.write_text(bars(results))
            elif part == "sizes":
                bodies[part] = measure_sizes(runner)
            else:
                bodies[part] = WORKLOAD_TEXT.format(table=measure_workload(runner, folder))
            print(part + "\n" + bodies[part], flush=True)
    if args.dry_run:
        return
    text = PAGE.read_text()
    for name, body in bodies.items():
        text = put(text, name, body)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
