#!/usr/bin/env python3
"""Vivace's levels and types beside llama.cpp, step by step: prefill, decode, deep contexts, many sequences. Medians and ratios.

usage: model_compare.py --bench build/release/model_bench --model MODEL.gguf [--rounds 7] [--threads 2] [--rows ROW,..]
                        [--variant NAME:option=value;..]... [--no-llama] [--tokens 24] [--without PASS,..] [--restart 0]

Every row runs in turns: llama.cpp and each variant (default: O2), `--rounds` times, in an order drawn anew; a ratio is the median over
rounds of one by the other in the same round. Which pages a process gets moves its speed by several per cent, however often it is asked:
`--restart N` starts the variants anew every N rounds, loaded in another order.

Both sides run steps of the same tokens, compute the logits that a sampler needs and sample nothing. llama.cpp runs through its C interface
(llama_decode) in this process: llama-cpp-python as bench/requirements.txt pins it, GGML_NATIVE, n_batch = n_ubatch = 512, f16 cache, flash
attention as it chooses. Rows: prefill512, prefill4096, decode (1 sequence), depth4096 (1 sequence behind 4096 tokens), batch8, batch32
(sequences of 128 tokens). `read` beside decode is a plain read of memory by as many threads; the share counts the bytes of all matrices
that a step of the file reads. --without measures -O2 beside -O2 with one pass switched off: what each is worth.
"""
import argparse
import ctypes
import random
import statistics
import subprocess
import sys
import time

ROWS = {  # name: (what, rows or sequences, context)
    "prefill512": ("prefill", 512, 0), "prefill4096": ("prefill", 4096, 0), "decode": ("decode", 1, 5),
    "depth4096": ("decode", 1, 4096), "batch8": ("decode", 8, 128), "batch32": ("decode", 32, 128),
}
# Of a workload that is skewed, for compile sizes from a profile; measured where --rows names them.
MORE_ROWS = {f"batch{n}": ("decode", n, 16) for n in (2, 4, 9, 16, 23)}
UBATCH = 512


def token(position, sequence):
    return (position * 7919 + sequence * 31) % 40000 + 100


class Llama:
    """llama.cpp by its C interface: sequences that are filled as far as they were asked for."""

    def __init__(self, path, threads, cells):
        import llama_cpp
        self.api = llama_cpp
        self.silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self.silent, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = cells, UBATCH, UBATCH, 40
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        self.batch = llama_cpp.llama_batch_init(UBATCH, 0, 1)
        self.filled = {}

    def step(self, parts, logits):
        """parts: (sequence, first position, rows)."""
        n = 0
        for sequence, first, rows in parts:
            for position in range(first, first + rows):
                self.batch.token[n], self.batch.pos[n], self.batch.n_seq_id[n] = token(position, sequence), position, 1
                self.batch.seq_id[n][0] = sequence
                self.batch.logits[n] = logits and position == first + rows - 1
                n += 1
        self.batch.n_tokens = n
        start = time.perf_counter()
        if self.api.llama_decode(self.context, self.batch) != 0:
            raise RuntimeError("llama_decode failed")
        if logits:
            self.api.llama_get_logits_ith(self.context, -1)
        return time.perf_counter() - start

    def trim(self, sequence, length):
        self.api.llama_memory_seq_rm(self.api.llama_get_memory(self.context), sequence, length, -1)
        self.filled[sequence] = length

    def fill(self, sequences, context):
        for sequence in range(sequences):
            filled = self.filled.get(sequence, 0)
            if filled > context:
                self.trim(sequence, context)
            while filled < context:
                rows = min(UBATCH, context - filled)
                self.step([(sequence, filled, rows)], False)
                filled += rows
            self.filled[sequence] = context

    def prefill(self, rows, context):
        self.fill(1, context)
        seconds = sum(self.step([(0, context + i, min(UBATCH, rows - i))], i + UBATCH >= rows) for i in range(0, rows, UBATCH))
        self.trim(0, context)
        return seconds

    def decode(self, sequences, context, steps):
        for other in [s for s in self.filled if s >= sequences]:
            self.trim(other, 0)
        self.fill(sequences, context)
        seconds = sum(self.step([(s, context + i, 1) for s in range(sequences)], True) for i in range(steps))
        for sequence in range(sequences):
            self.trim(sequence, context)
        return seconds


def rotated(items, turn):
    first = turn % len(items)
    return items[first:] + items[:first]


class Vivace:
    """model_bench, which answers one question at a time."""

    def __init__(self, binary, model, variants):
        self.command, self.variants, self.process = [binary, model], variants, None
        self.restart(0)

    def restart(self, turn):
        """A fresh process, its variants loaded in an order that turns."""
        self.stop()
        self.process = subprocess.Popen([*self.command, *rotated(self.variants, turn)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            sys.exit("model_bench did not start")

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"model_bench stopped at {words}")
        return float(answer)


def matrix_bytes(path):
    """Bytes of all matrices that a step reads, a tied embedding once."""
    import gguf
    tensors = gguf.GGUFReader(path).tensors
    tied = all(tensor.name != "output.weight" for tensor in tensors)
    return sum(int(t.n_bytes) for t in tensors if len(t.shape) > 1 and (tied or t.name != "token_embd.weight"))


def interval(ratios):
    """95 % interval of the median, by resampling."""
    rng = random.Random(1)
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(2000))
    return medians[50], medians[1949]


def measure(row, args, vivace, llama, names):
    what, size, context = (ROWS | MORE_ROWS)[row]
    steps = args.tokens if size == 1 else max(4, args.tokens // 4)
    questions = {}
    if llama:
        questions["llama.cpp"] = (lambda: llama.prefill(size, context)) if what == "prefill" else (
            lambda: llama.decode(size, context, steps))
    for name in names:
        questions[name] = (lambda name=name: vivace.ask(name, what, size, context, *([steps] if what == "decode" else [])))
    tokens = size if what == "prefill" else size * steps
    rates, reads = {name: [] for name in questions}, []
    for turn in range(args.rounds):
        warm = turn > 0 and not (args.restart and turn % args.restart == 0)
        if not warm:
            vivace.restart(turn)
            for question in questions.values():
                question()
        for name in random.sample(list(questions), len(questions)):
            rates[name].append(tokens / questions[name]())
        if row == "decode":
            reads.append(vivace.ask("read"))
    report(row, args, rates, reads)


def without(name, threads):
    """The variant of -O2 with one pass switched off."""
    return f'no_{name}:optimization-level=2;threads={threads};compilation-config={{"pass_config":{{"{name}":false}}}}'


def report(row, args, rates, reads):
    base = "llama.cpp" if "llama.cpp" in rates else next(iter(rates))
    for name, values in rates.items():
        line = f"{row:12s} {name:28s} {statistics.median(values):9.1f} tok/s"
        if name != base:
            ratios = [a / b for a, b in zip(values, rates[base])]
            low, high = interval(ratios)
            line += f"   {statistics.median(ratios):5.2f} x {base} ({low:.2f} .. {high:.2f})"
        if reads and name != "llama.cpp":
            shares = [rate * args.weight_bytes / read for rate, read in zip(values, reads)]
            line += f"   {statistics.median(shares):.2f} of the plain read ({statistics.median(reads) / 1e9:.1f} GB/s)"
        print(line, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--restart", type=int, default=0)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--variant", action="append")
    parser.add_argument("--no-llama", action="store_true")
    parser.add_argument("--without", default="")
    args = parser.parse_args()
    variants = args.variant or [f"O2:optimization-level=2;threads={args.threads}"]
    variants += [without(name, args.threads) for name in args.without.split(",") if name]
    args.weight_bytes = matrix_bytes(args.model)
    llama = None if args.no_llama else Llama(args.model, args.threads, 8192)
    vivace = Vivace(args.bench, args.model, variants)
    for row in args.rows.split(","):
        measure(row, args, vivace, llama, [variant.split(":")[0] for variant in variants])
    vivace.stop()


if __name__ == "__main__":
    main()
