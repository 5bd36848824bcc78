#!/usr/bin/env python3
"""Vivace against llama.cpp on one model: first token, prefill of 512, decode, peak memory. Interleaved, medians, ratios.

usage: llama_compare.py --vivace BINARY --model MODEL.gguf [--rounds 7] [--threads 2] [--levels 0,2]

Each round runs, one after the other: llama.cpp (llama_decode through its C interface, no sampling) and `vivace generate` at each
level (its own timing, sampling included). Every number is of a fresh process with a warm page cache, except llama.cpp's prefill
and decode, which run in one process (that favours it). "first token" is from exec to the first byte of the answer to a 5-token
prompt on standard output; for llama.cpp from the start of loading to its first logits, without process start, which favours it, too.
"""
import argparse
import ctypes
import json
import statistics
import subprocess
import time

import llama_cpp

PROMPT_IDS = [(i * 7919) % 40000 + 100 for i in range(512)]
DECODE_TOKENS = 128


class Llama:
    """A llama.cpp context over its C interface."""

    def __init__(self, path, threads):
        params = llama_cpp.llama_model_default_params()
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), params)
        context = llama_cpp.llama_context_default_params()
        context.n_ctx, context.n_batch, context.n_ubatch = 2048, 512, 512
        context.n_threads = context.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, context)

    def close(self):
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self.model)

    def decode(self, ids):
        """Runs one batch of tokens after what is in the cache; returns seconds."""
        array = (llama_cpp.llama_token * len(ids))(*ids)
        start = time.perf_counter()
        if llama_cpp.llama_decode(self.context, llama_cpp.llama_batch_get_one(array, len(ids))) != 0:
            raise RuntimeError("llama_decode failed")
        llama_cpp.llama_get_logits_ith(self.context, -1)
        return time.perf_counter() - start

    def clear(self):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)

    def prefill(self):
        self.clear()
        return len(PROMPT_IDS) / self.decode(PROMPT_IDS)

    def decode_rate(self):
        self.clear()
        self.decode(PROMPT_IDS[:5])
        return DECODE_TOKENS / sum(self.decode([token]) for token in PROMPT_IDS[:DECODE_TOKENS])


def llama_first_token(path, threads):
    """Milliseconds from the start of loading to the first logits of a 5-token prompt."""
    start = time.perf_counter()
    llama = Llama(path, threads)
    llama.decode(PROMPT_IDS[:5])
    elapsed = (time.perf_counter() - start) * 1e3
    llama.close()
    return elapsed


def peak_bytes(pid):
    """VmHWM of a process, 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def generate(args, level, prompt, tokens):
    """One `vivace generate`; its JSON object and the process's peak resident bytes."""
    command = [args.vivace, "generate", args.model, f"-O{level}", "--threads", str(args.threads), "--json", "--ignore-eos",
               "--temperature", "0", "--max-tokens", str(tokens), "--prompt-ids", ",".join(map(str, prompt))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, peak_bytes(process.pid))
            time.sleep(0.01)
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(command[:4])} failed with {process.returncode}")
        return json.loads(process.stdout.read()), peak


def vivace_first_token(args, level):
    """Milliseconds from exec to the first byte of the answer on standard output."""
    command = [args.vivace, "generate", args.model, f"-O{level}", "--threads", str(args.threads), "--temperature", "0",
               "--max-tokens", "1", "--prompt", "The capital of France is"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    first = process.stdout.read(1)
    elapsed = (time.perf_counter() - start) * 1e3
    process.stdout.read()
    if process.wait() != 0 or not first:
        raise RuntimeError("vivace generate failed")
    return elapsed


def vivace_rates(args, level):
    """(prefill tokens per second, decode tokens per second, peak bytes)."""
    prefill, _ = generate(args, level, PROMPT_IDS, 1)
    decode, peak = generate(args, level, PROMPT_IDS[:5], DECODE_TOKENS + 1)
    timing = prefill["timing"]
    prefill_s = timing["first_token"] - timing["queued"]
    decode_s = decode["timing"]["last_token"] - decode["timing"]["first_token"]
    return len(PROMPT_IDS) / prefill_s, DECODE_TOKENS / decode_s, peak


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vivace", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--levels", default="0,2")
    args = parser.parse_args()
    silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    levels = [int(level) for level in args.levels.split(",")]
    rows = {}
    add = lambda key, value: rows.setdefault(key, []).append(value)
    llama = Llama(args.model, args.threads)
    llama.decode(PROMPT_IDS[:5])
    for _ in range(args.rounds):
        add("llama first_ms", llama_first_token(args.model, args.threads))
        add("llama prefill", llama.prefill())
        add("llama decode", llama.decode_rate())
        for level in levels:
            add(f"O{level} first_ms", vivace_first_token(args, level))
            prefill, decode, peak = vivace_rates(args, level)
            add(f"O{level} prefill", prefill)
            add(f"O{level} decode", decode)
            add(f"O{level} peak_mb", peak / 1e6)
    median = {key: statistics.median(values) for key, values in rows.items()}
    for key, values in rows.items():
        print(f"{key:16s} median {median[key]:9.1f}   min {min(values):9.1f}   max {max(values):9.1f}")
    for level in levels:
        ratios = {what: statistics.median(a / b for a, b in zip(rows[f"O{level} {what}"], rows[f"llama {what}"]))
                  for what in ("prefill", "decode")}
        print(f"-O{level}: decode {ratios['decode']:.2f} x llama.cpp, prefill of 512 {ratios['prefill']:.2f} x, "
              f"first token {median[f'O{level} first_ms']:.0f} ms, peak {median[f'O{level} peak_mb']:.0f} MB")


if __name__ == "__main__":
    main()
