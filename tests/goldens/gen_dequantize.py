"""Writes dequantize.txt: what the gguf package makes of blocks of each type of weights.

Run: python3 tests/goldens/gen_dequantize.py           (needs numpy and gguf)
     python3 tests/goldens/gen_dequantize.py --check   makes it again and compares with the file
Lines:
  plain TYPE BLOCKS VALUES    bytes of some blocks and the float32 bits of their values, in hex: scales that are zero,
                              subnormal, negative, the largest and ordinary
  seeded TYPE COUNT SUM       COUNT blocks of random bytes (Stream of TYPE's GGUF number) and the Checksum of their values
tensor/dequantize_test.cc compares both, bit for bit; NaN counts as one value.
"""
import pathlib
import sys

import gguf
import numpy as np

TYPES = ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K")
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
EDGES = (0.0, 6e-8, -3e-7, 65504.0, -0.0123, 0.05)
SEEDED_VALUES = 1 << 18


def mix(x):
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def stream(seed, count):
    """count bytes: the little-endian words mix(seed * 2^32 + i)."""
    words = mix(np.uint64(seed << 32) + np.arange((count + 7) // 8, dtype=np.uint64) + np.uint64(1))
    return words.astype("<u8").view(np.uint8)[:count].copy()


def checksum(bits):
    """The sum of mix(bits[i] * 2^32 + i), over float32 values as their bits."""
    index = np.arange(bits.size, dtype=np.uint64)
    return int(mix((bits.astype(np.uint64) << np.uint64(32)) + index).sum(dtype=np.uint64))


def values_of(kind, blocks):
    with np.errstate(all="ignore"):
        values = gguf.quants.dequantize(blocks.reshape(blocks.shape[0], -1), kind).astype("<f4").reshape(-1)
    bits = values.view("<u4").copy()
    bits[np.isnan(values)] = 0x7FC00000
    return bits


def lines_of(name):
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    per_block = 32 if elements == 1 else 1
    edges = stream(100 + kind, len(EDGES) * size * per_block).reshape(len(EDGES), size * per_block)
    if name == "F32":
        edges[:, 3::4] = 0x3E  # finite
    for i, edge in enumerate(EDGES):
        for at in SCALES.get(name, []):
            edges[i, at:at + 2] = np.array([edge if at == 0 else edge / 2], np.float16).view(np.uint8)
    yield f"plain {name.lower()} {edges.tobytes().hex()} {values_of(kind, edges).tobytes().hex()}"
    count = SEEDED_VALUES // elements
    seeded = stream(kind, count * size).reshape(count // per_block, size * per_block)
    yield f"seeded {name.lower()} {count} {checksum(values_of(kind, seeded)):016x}"


def main():
    text = "".join(line + "\n" for name in TYPES for line in lines_of(name))
    path = pathlib.Path(__file__).with_name("dequantize.txt")
    if sys.argv[1:] == ["--check"]:
        same = path.read_text() == text
        print("dequantize.txt", "is fresh" if same else "differs from what gguf gives now")
        sys.exit(0 if same else 1)
    path.write_text(text)


main()
