"""Writes dequantize.txt: blocks of each GGUF type and their values as the gguf package computes them.

Run: python3 tests/goldens/make_dequantize.py   (needs numpy and gguf)
A line: type, the row's bytes in hex, the float32 bits of its values in hex.
"""
import pathlib

import gguf
import numpy as np

ROWS = 6
ELEMENTS = 96


def rows_of(kind, rng):
    if kind == gguf.GGMLQuantizationType.F32:
        return rng.standard_normal((ROWS, ELEMENTS)).astype(np.float32).view(np.uint8)
    if kind == gguf.GGMLQuantizationType.F16:
        bits = rng.integers(0, 1 << 16, (ROWS, ELEMENTS)).astype(np.uint16)
        bits[(bits & 0x7C00) == 0x7C00] &= 0xBFFF  # finite
        return bits.view(np.uint8)
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (ROWS, ELEMENTS // elements, size)).astype(np.uint8)
    fields = 2 if kind == gguf.GGMLQuantizationType.Q4_1 else 1
    halves = rng.standard_normal((ROWS, ELEMENTS // elements, fields)) * 0.05
    halves[0, 0, 0] = 3e-7  # a subnormal scale
    blocks[:, :, : 2 * fields] = halves.astype(np.float16).view(np.uint8)
    return blocks.reshape(ROWS, -1)


def main():
    rng = np.random.default_rng(1)
    lines = []
    for kind in (gguf.GGMLQuantizationType[n] for n in ("F32", "F16", "Q4_1", "Q8_0")):
        rows = rows_of(kind, rng)
        values = gguf.quants.dequantize(rows, kind).astype(np.float32)
        for row, value in zip(rows, values):
            lines.append(f"{kind.name.lower()} {row.tobytes().hex()} {value.astype('<f4').tobytes().hex()}")
    pathlib.Path(__file__).with_name("dequantize.txt").write_text("\n".join(lines) + "\n")


main()
