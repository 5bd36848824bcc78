#!/usr/bin/env python3
"""Small tokenizers of every kind, trained by Hugging Face tokenizers, and the hashes of what they make of 2 MB of text.

usage: gen_tokenizers.py [KIND...]      writes tokenizers/KIND.json (tokenizer.json as the library writes it) and
tokenizers/KIND.txt beside itself; all kinds without arguments
needs: tokenizers, sentencepiece, protobuf

Kinds are the functions of tokenizer_kinds*.py beside this file. The text is that of gen_tokenizer_goldens.py with other seeds:
TEXT_BYTES in chunks of about 4 KB, made again by tests/conformance/corpus.cc. A line of KIND.txt is one block of BLOCK chunks:
bytes, FNV-1a 64 of the ids of all its chunks (little-endian 32 bits), FNV-1a 64 of the decoded texts, each ended by a NUL.
Unicode: the library has tables of Unicode 16, PCRE2 10.42 of Unicode 14, utf8proc 2.8 of Unicode 15. The random ranges of the text
hold a few characters that were assigned after Unicode 14; with this seed none makes a difference. The text is valid UTF-8.
"""
import os
import sys

import tokenizers
from gen_tokenizer_goldens import HERE, SplitMix64, fnv1a, make_chunk, read_categories

TRAIN_SEED, SEED = 7, 4711
TRAIN_BYTES, TEXT_BYTES, BLOCK = 400_000, 2 << 20, 16


def make_text(seed, size):
    categories = read_categories(os.path.join(HERE, "tokenizer_corpus.txt"))
    random = SplitMix64(seed)
    chunks, made = [], 0
    while made < size:
        chunks.append(make_chunk(categories, random))
        made += len(chunks[-1].encode())
    return chunks


def pack(ids):
    return b"".join(i.to_bytes(4, "little") for i in ids)


def write_kind(name, tokenizer, chunks):
    """KIND.json and KIND.txt."""
    folder = os.path.join(HERE, "tokenizers")
    path = os.path.join(folder, name + ".json")
    tokenizer.save(path, pretty=False)
    tokenizer = tokenizers.Tokenizer.from_file(path)
    lines = [f"# made by gen_tokenizers.py with tokenizers {tokenizers.__version__}"]
    for begin in range(0, len(chunks), BLOCK):
        block = chunks[begin:begin + BLOCK]
        ids = [tokenizer.encode(chunk, add_special_tokens=False).ids for chunk in block]
        texts = "".join(tokenizer.decode(one, skip_special_tokens=False) + "\0" for one in ids)
        lines.append(f"{sum(len(chunk.encode()) for chunk in block)} {fnv1a(b''.join(map(pack, ids))):016x} "
                     f"{fnv1a(texts.encode()):016x}")
    with open(os.path.join(folder, name + ".txt"), "w", newline="\n") as file:
        file.write("\n".join(lines) + "\n")


def main():
    import tokenizer_kinds
    import tokenizer_kinds_more  # adds to KINDS
    wanted = sys.argv[1:]
    os.makedirs(os.path.join(HERE, "tokenizers"), exist_ok=True)
    training, chunks = make_text(TRAIN_SEED, TRAIN_BYTES), make_text(SEED, TEXT_BYTES)
    for name, make in tokenizer_kinds.KINDS.items():
        if wanted and name not in wanted:
            continue
        write_kind(name, make(training), chunks)
        print(name, os.path.getsize(os.path.join(HERE, "tokenizers", name + ".json")))


if __name__ == "__main__":
    main()
