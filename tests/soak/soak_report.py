"""What a soak has measured, and whether it is within its bounds."""
import collections
import itertools
import pathlib
import statistics
import time
import urllib.request
from typing import NamedTuple

Sample = collections.namedtuple("Sample", "time resident private descriptors threads running waiting cache health")


class Row(NamedTuple):
    name: str
    figure: str
    bound: str
    right: bool


def sample(server, seconds):
    """Sizes in bytes; `private` is memory that is no file's, `health` seconds that /health took."""
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines())
    descriptors = len(list(pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir()))  # without those of the requests below
    begin = time.monotonic()
    urllib.request.urlopen(server.url + "/health", timeout=20).read()
    health = time.monotonic() - begin
    metrics = server.get("/metrics")

    def metric(name):
        return sum(float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line.startswith(name + "{"))

    return Sample(seconds, kilobytes(status["VmRSS"]), kilobytes(status["RssAnon"]),
                  descriptors, int(status["Threads"]),
                  metric("vllm:num_requests_running"), metric("vllm:num_requests_waiting"), metric("vllm:kv_cache_usage_perc"), health)


def kilobytes(words):
    return int(words.split()[0]) * 1024


MOST_POINTS = 400  # of a slope: it looks at all pairs of them


def slope(points):
    """Of a line through (x, y): the median over all pairs of points (Theil 1950, Sen 1968). What grows all the time grows in most pairs; a
    minute in which the allocator has given pages back, which tilts a line by least squares, does not."""
    points = points[:: len(points) // MOST_POINTS + 1]
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in itertools.combinations(points, 2) if x2 != x1]
    return statistics.median(slopes) if slopes else 0.0


def warmed_up(samples):
    """Those after the first third, or after ten minutes of a longer run."""
    after = min(600, samples[-1].time / 3) if samples else 0
    return [one for one in samples if one.time >= after]


def growth(samples, field):
    """MiB an hour."""
    return slope([(one.time / 3600, getattr(one, field) / (1 << 20)) for one in samples])


def bound_of_slope(seconds):
    """1 MiB an hour over two hours; a shorter run may grow by the same 2 MiB, one of a few minutes, which is all warm-up, by 32."""
    return max(1.0, (2 if seconds >= 600 else 32) * 3600 / max(seconds, 1))


def rows(run, max_slope):
    kept = warmed_up(run.samples)
    bound = max_slope if max_slope is not None else bound_of_slope(run.seconds)
    memory = growth(kept, "resident")
    before, after = run.idle_before, run.idle_after
    result = [
        Row("memory, slope after warm-up", f"{memory:+.2f} MiB/h (private {growth(kept, 'private'):+.2f})", f"<= {bound:.1f}",
            len(kept) > 4 and memory <= bound),
        Row("descriptors, idle before and after", f"{before.descriptors}, {after.descriptors if after else 'gone'}", "equal",
            after is not None and after.descriptors == before.descriptors),
        Row("threads, idle before and after", f"{before.threads}, {after.threads if after else 'gone'}", "equal",
            after is not None and after.threads == before.threads),
        Row("KV blocks in use at the end", f"{after.cache:.0%}" if after else "gone", "0 %", after is not None and after.cache == 0),
        Row("fixed requests, answers equal", f"{run.equal} of {run.compared}", "all", run.compared > 0 and run.equal == run.compared),
        Row("answers of 5xx but 503", str(run.fives), "0", run.fives == 0),
        Row("wrong answers", str(len(run.wrongs)), "0", not run.wrongs),
        Row("clients that hang", str(run.hanging), "0", run.hanging == 0),
        Row("exit status", str(run.exit_status), "0", run.exit_status == 0),
    ]
    return result


def table(rows_of_run, run, known):
    health = sorted(one.health for one in run.samples) or [0]
    resident = [one.resident / (1 << 20) for one in run.samples] or [0]
    lines = [f"soak: {run.seconds / 60:.1f} min, {known.clients} clients, {'the tiny model' if known.tiny else known.model}",
             f"requests: {sum(run.counts.values())}; " + ", ".join(f"{name} {count}" for name, count in sorted(run.counts.items())),
             f"statuses: " + ", ".join(f"{status}: {count}" for status, count in sorted(run.statuses.items())),
             f"resident {min(resident):.1f} to {max(resident):.1f} MiB; most descriptors "
             f"{max((one.descriptors for one in run.samples), default=0)}; most running {max((one.running for one in run.samples), default=0):.0f}; "
             f"/health median {health[len(health) // 2] * 1e3:.1f} ms, worst {health[-1] * 1e3:.1f} ms", ""]
    lines += [f"{'figure':36} {'measured':34} {'bound':8}"]
    lines += [f"{row.name:36} {row.figure:34} {row.bound:8} {'ok' if row.right else 'BROKEN'}" for row in rows_of_run]
    lines += [f"wrong: {words}" for words in run.wrongs[:20]]
    return "\n".join(lines)


def as_json(run):
    return {"seconds": run.seconds, "counts": run.counts, "statuses": run.statuses, "wrongs": run.wrongs, "equal": run.equal,
            "compared": run.compared, "samples": [one._asdict() for one in run.samples]}
