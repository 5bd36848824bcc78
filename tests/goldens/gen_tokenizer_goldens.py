#!/usr/bin/env python3
"""Token ids of 1 MB of mixed text by Hugging Face tokenizers, as one hash a chunk of about 4 KB.

usage: gen_tokenizer_goldens.py MODEL.gguf [--text FILE] [--ids FILE]   writes tokenizer_smollm2.txt beside itself
needs: tokenizers, gguf

The text is made from tokenizer_corpus.txt and splitmix64, byte for byte as tests/conformance/corpus.cc makes it.
Each chunk is encoded on its own, then all chunks joined; special tokens in the text are parsed.
Hash: FNV-1a 64 over the ids as little-endian 32-bit numbers.
"""
import argparse
import os
import re

import gguf
import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))
SEED, TEXT_BYTES, CHUNK_BYTES = 20251122, 1 << 20, 4096
MASK = (1 << 64) - 1


class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def next(self, bound):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        return (z ^ z >> 31) % bound


def unescape(text):
    simple = {"n": "\n", "t": "\t", "r": "\r", "s": " ", "\\": "\\"}
    return re.sub(r"\\(?:u\{([0-9A-F]+)\}|(.))",
                  lambda m: chr(int(m.group(1), 16)) if m.group(1) else simple[m.group(2)], text)


def read_categories(path):
    categories = []
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file.read().split("\n"):
            heading = re.fullmatch(r"\[(\d+) (.*)\]", line)
            if heading:
                categories.append((int(heading.group(1)), unescape(heading.group(2)), []))
            elif line and not line.startswith("# "):
                categories[-1][2].append(line)
    return categories


def make_item(item, random):
    words = item.split(" ")
    if words[0] == "@digits":
        low, high = int(words[1]), int(words[2])
        return "".join(chr(48 + random.next(10)) for _ in range(low + random.next(high - low + 1)))
    if words[0] == "@range":
        low, high = int(words[1], 16), int(words[2], 16)
        return chr(low + random.next(high - low + 1))
    return unescape(item)


def make_chunk(categories, random):
    total = sum(weight for weight, _, _ in categories)
    chunk = bytearray()
    while len(chunk) < CHUNK_BYTES:
        at = random.next(total)
        for weight, separator, items in categories:
            if at < weight:
                break
            at -= weight
        for _ in range(1 + random.next(8)):
            chunk += (make_item(items[random.next(len(items))], random) + separator).encode()
        if random.next(4) == 0:
            chunk += b"\n"
    return bytes(chunk).decode()


def make_chunks():
    categories = read_categories(os.path.join(HERE, "tokenizer_corpus.txt"))
    random = SplitMix64(SEED)
    chunks, size = [], 0
    while size < TEXT_BYTES:
        chunks.append(make_chunk(categories, random))
        size += len(chunks[-1].encode())
    return chunks


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def build_tokenizer(path):
    """The tokenizer that the model was trained with, from the GGUF's metadata."""
    reader = gguf.GGUFReader(path)
    field = lambda key: reader.fields["tokenizer.ggml." + key].contents()
    tokens, types = field("tokens"), field("token_type")
    assert field("pre") == "smollm"
    result = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)},
                                  merges=[tuple(merge.split(" ")) for merge in field("merges")]))
    result.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    result.decoder = decoders.ByteLevel()
    result.add_special_tokens([AddedToken(token, special=True, normalized=False)
                               for token, kind in zip(tokens, types) if kind == 3])
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--text", help="also write the whole text here")
    parser.add_argument("--ids", help="also write the ids of the whole text here, 32 bits each")
    arguments = parser.parse_args()
    tokenizer = build_tokenizer(arguments.model)
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    pack = lambda ids: b"".join(i.to_bytes(4, "little") for i in ids)
    chunks = make_chunks()
    text = "".join(chunks)
    whole = encode(text)
    lines = [f"# made by gen_tokenizer_goldens.py with tokenizers {tokenizers.__version__}",
             f"# {len(text.encode())} bytes of text; a line is: bytes, hash of the text, ids, hash of the ids; the last is the whole"]
    for part in chunks + [text]:
        ids = whole if part is text else encode(part)
        lines.append(f"{len(part.encode())} {fnv1a(part.encode()):016x} {len(ids)} {fnv1a(pack(ids)):016x}")
    with open(os.path.join(HERE, "tokenizer_smollm2.txt"), "w", newline="\n") as file:
        file.write("\n".join(lines) + "\n")
    if arguments.text:
        open(arguments.text, "wb").write(text.encode())
    if arguments.ids:
        open(arguments.ids, "wb").write(pack(whole))


if __name__ == "__main__":
    main()
