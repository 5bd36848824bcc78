#!/usr/bin/env python3
"""Writes a GGUF model of Llama-3.2-1B's shape with random weights, to compare speeds on: its answers mean nothing.

usage: make_shape_gguf.py --tokenizer MODEL.gguf --out FOLDER TYPE...      TYPE: bf16, q8_0, q4_0, q4_k

Shape: hidden 2048, 16 layers, 32 heads, 8 KV heads, head size 64, FFN 8192, tied embedding, rope theta 500000; the vocabulary and its
tokenizer are those of MODEL. Weights are normal with standard deviation 0.02, seeded; norms are 1. Every matrix has the type, the
embedding too. K types are converted from bf16 by llama.cpp. Writes shape1b-TYPE.gguf and leaves files that are there alone.
"""
import argparse
import os

import gguf
import numpy as np

HIDDEN, LAYERS, HEADS, KV_HEADS, FFN, THETA, CONTEXT = 2048, 16, 32, 8, 8192, 500000.0, 8192
SIMPLE = {"bf16": gguf.GGMLQuantizationType.BF16, "q8_0": gguf.GGMLQuantizationType.Q8_0, "q4_0": gguf.GGMLQuantizationType.Q4_0}


def tensors(vocabulary):
    """(name, shape) of every matrix, in the order of a file."""
    kv = HIDDEN // HEADS * KV_HEADS
    yield "token_embd.weight", (vocabulary, HIDDEN)
    for layer in range(LAYERS):
        for name, shape in (("attn_q", (HIDDEN, HIDDEN)), ("attn_k", (kv, HIDDEN)), ("attn_v", (kv, HIDDEN)),
                            ("attn_output", (HIDDEN, HIDDEN)), ("ffn_gate", (FFN, HIDDEN)), ("ffn_up", (FFN, HIDDEN)),
                            ("ffn_down", (HIDDEN, FFN))):
            yield f"blk.{layer}.{name}.weight", shape


def copy_tokenizer(reader, writer):
    """The tokenizer's fields of the model, as they are. Returns the size of the vocabulary."""
    for name, field in reader.fields.items():
        if not name.startswith("tokenizer."):
            continue
        value = field.contents()
        inner = field.types[1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, value, field.types[0], sub_type=inner)
    return len(reader.fields["tokenizer.ggml.tokens"].contents())


def write(path, kind, tokenizer):
    writer = gguf.GGUFWriter(path + ".part", "llama")
    vocabulary = copy_tokenizer(gguf.GGUFReader(tokenizer), writer)
    writer.add_name("shape-1b")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_rope_freq_base(THETA)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(vocabulary)
    random = np.random.default_rng(1)
    for name, shape in tensors(vocabulary):
        values = random.standard_normal(shape, dtype=np.float32) * np.float32(0.02)
        writer.add_tensor(name, gguf.quants.quantize(values, SIMPLE[kind]), raw_dtype=SIMPLE[kind])
    ones = np.ones(HIDDEN, np.float32)
    writer.add_tensor("output_norm.weight", ones)
    for layer in range(LAYERS):
        writer.add_tensor(f"blk.{layer}.attn_norm.weight", ones)
        writer.add_tensor(f"blk.{layer}.ffn_norm.weight", ones)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.rename(path + ".part", path)


def convert(source, path):
    """To Q4_K with llama.cpp, every matrix."""
    import llama_cpp
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.pure, params.nthread = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_S, True, 2
    if llama_cpp.llama_model_quantize(source.encode(), (path + ".part").encode(), params) != 0:
        raise RuntimeError("llama_model_quantize failed")
    os.rename(path + ".part", path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("types", nargs="+", choices=[*SIMPLE, "q4_k"])
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    place = lambda kind: os.path.join(args.out, f"shape1b-{kind}.gguf")
    wanted = sorted(set(args.types) | ({"bf16"} if "q4_k" in args.types else set()), key=lambda kind: kind == "q4_k")
    for kind in wanted:
        if os.path.exists(place(kind)):
            continue
        if kind in SIMPLE:
            write(place(kind), kind, args.tokenizer)
        else:
            convert(place("bf16"), place(kind))


if __name__ == "__main__":
    main()
