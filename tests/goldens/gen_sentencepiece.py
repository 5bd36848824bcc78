#!/usr/bin/env python3
"""A SentencePiece BPE of about 1,500 pieces with bytes, and the hashes of what the library makes of 2 MB of text.

usage: gen_sentencepiece.py      writes tokenizers/sentencepiece.pieces and tokenizers/sentencepiece.txt beside itself
needs: sentencepiece, protobuf

sentencepiece.pieces: one piece a line, "piece TAB score TAB type", types as in GGUF's tokenizer.ggml.token_type. The text and
the lines of sentencepiece.txt are those of gen_tokenizers.py, but NUL is left out of the text.
"""
import os
import tempfile

import sentencepiece
import sentencepiece.sentencepiece_model_pb2 as sentencepiece_model
from gen_tokenizer_goldens import HERE, fnv1a
from gen_tokenizers import BLOCK, SEED, TEXT_BYTES, TRAIN_BYTES, TRAIN_SEED, make_text, pack


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text")
        with open(path, "w") as file:
            file.write("\n".join(make_text(TRAIN_SEED, TRAIN_BYTES)).replace("\0", ""))
        sentencepiece.SentencePieceTrainer.train(
            input=path, model_prefix=os.path.join(folder, "model"), model_type="bpe", vocab_size=1500, minloglevel=2, byte_fallback=True,
            normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=0.99, split_digits=True,
            allow_whitespace_only_pieces=True, max_sentence_length=100_000)
        model = open(os.path.join(folder, "model.model"), "rb").read()
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    out = os.path.join(HERE, "tokenizers", "sentencepiece")
    with open(out + ".pieces", "w", newline="\n") as file:
        for piece in sentencepiece_model.ModelProto.FromString(model).pieces:
            file.write(f"{piece.piece}\t{piece.score:g}\t{piece.type}\n")
    chunks = [chunk.replace("\0", "") for chunk in make_text(SEED, TEXT_BYTES)]
    lines = [f"# made by gen_sentencepiece.py with sentencepiece {sentencepiece.__version__}"]
    for begin in range(0, len(chunks), BLOCK):
        block = chunks[begin:begin + BLOCK]
        ids = [processor.encode(chunk) for chunk in block]
        texts = "".join(processor.decode(one) + "\0" for one in ids)
        lines.append(f"{sum(len(chunk.encode()) for chunk in block)} {fnv1a(b''.join(map(pack, ids))):016x} {fnv1a(texts.encode()):016x}")
    with open(out + ".txt", "w", newline="\n") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
