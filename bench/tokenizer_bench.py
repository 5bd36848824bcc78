#!/usr/bin/env python3
"""Tokenizer speed against Hugging Face tokenizers: the same files and text, round by round in turn, best of each.

usage: tokenizer_bench.py --binary build/release/tokenizer_bench [--rounds 5] [MODEL.json...]; default: tests/goldens/tokenizers
needs: tokenizers. Prints MB/s of both and the ratio for each kind; the text is 2 MB of the conformance text in one call, special
tokens parsed on both sides, one thread (TOKENIZERS_PARALLELISM=false).
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "goldens"))


def ours(binary, model, text_path):
    out = subprocess.run([binary, model, text_path], capture_output=True, text=True, check=True).stdout.split()
    values = dict(zip(out[::2], out[1::2]))
    return float(values["encode_s"]), float(values["decode_s"]), float(values["load_ms"])


def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("models", nargs="*")
    arguments = parser.parse_args()
    import gen_tokenizers
    import tokenizers
    text = "".join(gen_tokenizers.make_text(gen_tokenizers.SEED, gen_tokenizers.TEXT_BYTES))
    size = len(text.encode()) / 1e6
    models = arguments.models or sorted(str(path) for path in (ROOT / "tests/goldens/tokenizers").glob("*.json"))
    print(f"{'kind':24} {'ours MB/s':>10} {'HF MB/s':>9} {'ratio':>6}   {'decode':>8} {'HF':>8} {'ratio':>6}   load ms")
    worst = float("inf")
    with tempfile.NamedTemporaryFile("wb", suffix=".txt") as file:
        file.write(text.encode())
        file.flush()
        for model in models:
            theirs = tokenizers.Tokenizer.from_file(model)
            best = [float("inf")] * 5
            for _ in range(arguments.rounds):
                encode, decode, load = ours(arguments.binary, model, file.name)
                their_encode, ids = timed(lambda: theirs.encode(text, add_special_tokens=False).ids)
                their_decode, _ = timed(lambda: theirs.decode(ids, skip_special_tokens=False))
                best = [min(pair) for pair in zip(best, (encode, decode, load, their_encode, their_decode))]
            encode, decode, load, their_encode, their_decode = best
            worst = min(worst, their_encode / encode)
            print(f"{pathlib.Path(model).stem:24} {size / encode:10.1f} {size / their_encode:9.2f} {their_encode / encode:6.1f}   "
                  f"{size / decode:8.1f} {size / their_decode:8.2f} {their_decode / decode:6.1f}   {load:.2f}", flush=True)
    print(f"smallest ratio {worst:.1f}")


if __name__ == "__main__":
    main()
