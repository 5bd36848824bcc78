#!/usr/bin/env python3
"""How far Vivace and llama.cpp are from float32 over real text: KL divergence, top-1 flips, perplexity.

usage: accuracy_compare.py --bench build/release/model_bench --model MODEL.gguf --text FILE [--positions 2048] [--float32 FILE.gguf]
                           [--variant NAME:option=value;..]...

The text is cut into windows of 256 tokens, each a fresh sequence. The reference is llama.cpp (pinned by bench/requirements.txt) on the
same weights widened to float32 (written to --float32 when it is not there) with a float32 cache and without flash attention; it equals
transformers within 1e-4. "llama.cpp" is its default run of the file: 8-bit activations, f16 cache. KL(reference, run) is over the whole
vocabulary in float64, per position; perplexity is of the text's own next tokens.
"""
import argparse
import ctypes
import os
import tempfile

import llama_cpp
import numpy as np

from model_compare import Vivace

WINDOW = 256


def quiet():
    quiet.callback = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(quiet.callback, ctypes.c_void_p(0))


class Llama:
    def __init__(self, path, float32, threads=2):
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = WINDOW
        params.n_threads = params.n_threads_batch = threads
        if float32:
            params.type_k = params.type_v = llama_cpp.GGML_TYPE_F32
            params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        vocab = llama_cpp.llama_model_get_vocab(self.model)
        self.vocab, self.vocabulary = vocab, llama_cpp.llama_vocab_n_tokens(vocab)
        self.batch = llama_cpp.llama_batch_init(WINDOW, 0, 1)

    def tokenize(self, text):
        data = text.encode()
        out = (llama_cpp.llama_token * (len(data) + 8))()
        return list(out[: llama_cpp.llama_tokenize(self.vocab, data, len(data), out, len(out), False, False)])

    def logits(self, ids):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)
        for i, token in enumerate(ids):
            self.batch.token[i], self.batch.pos[i], self.batch.n_seq_id[i], self.batch.seq_id[i][0] = token, i, 1, 0
            self.batch.logits[i] = True
        self.batch.n_tokens = len(ids)
        if llama_cpp.llama_decode(self.context, self.batch) != 0:
            raise RuntimeError("llama_decode failed")
        flat = llama_cpp.llama_get_logits(self.context)
        return np.ctypeslib.as_array(flat, shape=(len(ids), self.vocabulary)).copy()


def widen(source, path):
    """The file's weights as float32, by llama.cpp."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize, params.nthread = llama_cpp.LLAMA_FTYPE_ALL_F32, True, 2
    if llama_cpp.llama_model_quantize(source.encode(), path.encode(), params) != 0:
        raise RuntimeError("llama_model_quantize failed")


def log_softmax(logits):
    x = logits.astype(np.float64)
    x -= x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


class Score:
    """What a run's log-probabilities are against the reference's."""

    def __init__(self):
        self.kl, self.flips, self.worst_margin, self.nll, self.max_abs = [], 0, 0.0, [], 0.0

    def add(self, reference, run, next_ids):
        self.kl.extend((np.exp(reference) * (reference - run)).sum(axis=1))
        top = np.sort(np.partition(reference, -2, axis=1)[:, -2:], axis=1)
        flipped = reference.argmax(axis=1) != run.argmax(axis=1)
        self.flips += int(flipped.sum())
        if flipped.any():
            self.worst_margin = max(self.worst_margin, float((top[:, 1] - top[:, 0])[flipped].max()))
        self.max_abs = max(self.max_abs, float(np.abs(reference - run).max()))
        self.nll.extend(-run[np.arange(len(next_ids)), next_ids])

    def line(self, name, base):
        kl, perplexity = np.array(self.kl), np.exp(np.mean(self.nll))
        return (f"{name:16s} KL mean {kl.mean():.3e}  median {np.median(kl):.2e}  p99 {np.quantile(kl, 0.99):.2e}  max {kl.max():.3f}   "
                f"max |dlogp| {self.max_abs:.4f}   flips {self.flips} of {len(kl)} (margin <= {self.worst_margin:.2f})   "
                f"perplexity {perplexity:.4f} ({(perplexity / base - 1) * 100:+.3f} %)")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--positions", type=int, default=2048)
    parser.add_argument("--float32", default=".cache/models/float32.gguf")
    parser.add_argument("--variant", action="append")
    args = parser.parse_args()
    quiet()
    llama_cpp.llama_backend_init()
    if not os.path.exists(args.float32):
        widen(args.model, args.float32)
    variants = args.variant or ["O2:optimization-level=2"]
    reference, plain = Llama(args.float32, True), Llama(args.model, False)
    vivace = Vivace(args.bench, args.model, variants)
    with open(args.text, encoding="utf-8") as file:
        ids = reference.tokenize(file.read(args.positions * 8))[: args.positions + 1]
    names = ["float32", "llama.cpp"] + [variant.split(":")[0] for variant in variants]
    scores = {name: Score() for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, len(ids) - 1, WINDOW):
            window, following = ids[first : first + WINDOW], ids[first + 1 : first + WINDOW + 1]
            window = window[: len(following)]
            base = log_softmax(reference.logits(window))
            scores["float32"].add(base, base, following)
            scores["llama.cpp"].add(base, log_softmax(plain.logits(window)), following)
            np.array(window, np.int32).tofile(f"{folder}/ids")
            for name in names[2:]:
                vivace.ask(name, "score", f"{folder}/ids", f"{folder}/logits")
                run = np.fromfile(f"{folder}/logits", np.float32).reshape(len(window), -1)
                scores[name].add(base, log_softmax(run), following)
    perplexity = np.exp(np.mean(scores["float32"].nll))
    for name in names:
        print(scores[name].line(name, perplexity))


if __name__ == "__main__":
    main()
