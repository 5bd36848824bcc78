#!/usr/bin/env python3
"""How far each weight class's activation arithmetic is from float32 on the real weights requantised to that class.

usage: gen_activation_kl.py MODEL.gguf [--reference smollm2_reference.json] [--classes q4_0,q6_k] [--sequences 10] [--threads 2]
needs: torch 2.6.0, gguf 0.19, numpy 1.26 (any CPU)

The model's tensors are dequantised to float32 and quantised again to a packed weight class (src/tensor/weight_class.h), the tied
embedding too. Rows whose length is no multiple of a class's block end in a shorter block: what padding with zeros would give.
Then every linear layer's input (the LM head's too) goes through the class's activation type (src/tensor/quantized_rows.h,
src/kernels/quantize_builders.h), and the logits are compared with those of float32 activations over the same weights. Products of
the quantised values are exact integers in the kernels; here they are float32 products of the same values, which differ by rounding
only. Attention and its cache stay float32.

Prints a Markdown table: mean and 95th percentile of KL(float32, quantised) over the whole vocabulary in float64, top-1 flips, NMSE
of the logits (each position centred), and the bar of the activation type. The text: prompts and greedy answers of the reference.
"""
import argparse
import json
import pathlib

import gguf
import numpy as np
import torch

# Bars: (measure, limit) of each activation type; W8A8 per token is for checkpoints made for it and has none.
BARS = {
    "u8g32": ("kl", 1.8e-3),
    "u8g64": ("kl", 3.5e-3),
    "i16g32": ("kl", 2e-5),
    "bf16": ("nmse", 1e-4),
    "u8token": (None, None),
}
ACTIVATIONS = {
    "bf16": ["bf16"],
    "int4g64": ["u8g64"],
    "int4g128": ["u8g64"],
    "int8g64": ["u8g64"],
    "int8g128": ["u8g64"],
    "int8": ["u8g64", "u8token"],
}
CLASSES = ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k", "q5_k", "q6_k", "int4g64", "int4g128", "int8g64", "int8g128", "int8",
           "bf16"]
WORST_NMSE = 1e-3


def half(x):
    return x.half().float()


def safe(x):
    return torch.where(x == 0, torch.ones_like(x), x)


def groups(x, size):
    """[rows, k] -> [rows, groups, size], the last group filled with its own first value, which moves no extreme."""
    rows, k = x.shape
    missing = -k % size
    if missing:
        start = k - k % size
        x = torch.cat([x, x[:, start:start + 1].expand(rows, missing)], dim=1)
    return x.reshape(rows, -1, size)


def symmetric_low(x, size, half_range):
    """Scale from the value of the largest magnitude, which becomes -half_range (Q4_0, Q5_0)."""
    g = groups(x, size)
    extreme = g.gather(2, g.abs().argmax(2, keepdim=True))
    d = half(extreme / -half_range)
    codes = (g / safe(d)).round().clamp(-half_range, half_range - 1)
    return codes * d


def asymmetric(x, size, levels):
    g = groups(x, size)
    low, high = g.amin(2, keepdim=True), g.amax(2, keepdim=True)
    d, m = half((high - low) / levels), half(low)
    return ((g - m) / safe(d)).round().clamp(0, levels) * d + m


def symmetric_bytes(x, size):
    g = groups(x, size)
    d = half(g.abs().amax(2, keepdim=True) / 127)
    return (g / safe(d)).round().clamp(-127, 127) * d


def two_level_minimum(x, levels):
    """Q4_K, Q5_K: 6-bit scale and minimum per 32, f16 factors of both per 256."""
    g = groups(x, 32)
    low = g.amin(2).clamp(max=0)
    scale, minimum = groups((g.amax(2) - low) / levels, 8), groups(-low, 8)
    d, m = half(scale.amax(2, keepdim=True) / 63), half(minimum.amax(2, keepdim=True) / 63)
    scale = ((scale / safe(d)).round().clamp(0, 63) * d).flatten(1)[:, :g.shape[1], None]
    minimum = ((minimum / safe(m)).round().clamp(0, 63) * m).flatten(1)[:, :g.shape[1], None]
    return ((g + minimum) / safe(scale)).round().clamp(0, levels) * scale - minimum


def two_level_six_bits(x):
    """Q6_K: s8 scale per 16, an f16 factor per 256."""
    g = groups(x, 16)
    extreme = g.gather(2, g.abs().argmax(2, keepdim=True))[:, :, 0]
    scale = groups(extreme / -32, 16)
    d = half(scale.abs().amax(2, keepdim=True) / 127)
    scale = ((scale / safe(d)).round().clamp(-128, 127) * d).flatten(1)[:, :g.shape[1], None]
    return (g / safe(scale)).round().clamp(-32, 31) * scale


def channel_bytes(x):
    d = x.abs().amax(1, keepdim=True) / 127
    return ((x / safe(d)).round().clamp(-127, 127) * d)[:, None, :]


REQUANTISE = {
    "q4_0": lambda x: symmetric_low(x, 32, 8),
    "q4_1": lambda x: asymmetric(x, 32, 15),
    "q5_0": lambda x: symmetric_low(x, 32, 16),
    "q5_1": lambda x: asymmetric(x, 32, 31),
    "q8_0": lambda x: symmetric_bytes(x, 32),
    "q4_k": lambda x: two_level_minimum(x, 15),
    "q5_k": lambda x: two_level_minimum(x, 31),
    "q6_k": two_level_six_bits,
    "int4g64": lambda x: asymmetric(x, 64, 15),
    "int4g128": lambda x: asymmetric(x, 128, 15),
    "int8g64": lambda x: symmetric_bytes(x, 64),
    "int8g128": lambda x: symmetric_bytes(x, 128),
    "int8": channel_bytes,
    "bf16": lambda x: x.bfloat16().float()[:, None, :],
}


def requantise(name, weight):
    return REQUANTISE[name](weight).flatten(1)[:, :weight.shape[1]].contiguous()


def unsigned(x, size, top):
    """Asymmetric with zero in range, as QuantizeGroup does it."""
    g = x.reshape(x.shape[0], -1, size)
    low, high = g.amin(2, keepdim=True).clamp(max=0), g.amax(2, keepdim=True).clamp(min=0)
    scale = (high - low) / top
    zero = (-low / safe(scale)).round()
    codes = ((g / safe(scale)).round() + zero).clamp(0, top)
    return ((codes - zero) * scale).reshape(x.shape)


QUANTISE = {
    "f32": lambda x: x,
    "u8g32": lambda x: unsigned(x, 32, 255),
    "u8g64": lambda x: unsigned(x, 64, 255),
    "u8token": lambda x: unsigned(x, x.shape[1], 255),
    "i16g32": lambda x: unsigned(x, 32, 65535),
    "bf16": lambda x: x.bfloat16().float(),
}


class Model:
    """The llama architecture over tensors of a GGUF file; rows of all sequences go through a linear layer together."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        field = lambda key: reader.fields["llama." + key].contents()
        self.layers, self.heads = field("block_count"), field("attention.head_count")
        self.kv_heads, self.eps = field("attention.head_count_kv"), field("attention.layer_norm_rms_epsilon")
        self.theta, self.hidden = field("rope.freq_base"), field("embedding_length")
        self.tensors = {t.name: torch.from_numpy(gguf.quants.dequantize(t.data, t.tensor_type).copy()) for t in reader.tensors}
        self.weights = self.tensors

    def use(self, name):
        """Linear weights (and the tied embedding) as class `name` keeps them."""
        self.weights = {k: requantise(name, v) if v.dim() == 2 else v for k, v in self.tensors.items()}

    def norm(self, x, name):
        return x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + self.eps) * self.weights[name + ".weight"]

    def attention(self, q, k, v, lengths):
        dim = self.hidden // self.heads
        out, first = [], 0
        for rows in lengths:
            part = slice(first, first + rows)
            first += rows
            angle = torch.arange(rows)[:, None] * self.theta ** (-torch.arange(0, dim, 2).float() / dim)
            cos, sin = angle.cos()[:, None], angle.sin()[:, None]

            def rope(x):  # rows 2i and 2i + 1 of a head rotate together in a GGUF file
                x = x[part].reshape(rows, -1, dim)
                a, b = x[:, :, 0::2], x[:, :, 1::2]
                return torch.stack([a * cos - b * sin, a * sin + b * cos], 3).flatten(2).transpose(0, 1)

            repeat = self.heads // self.kv_heads
            keys = rope(k).repeat_interleave(repeat, 0)
            values = v[part].reshape(rows, -1, dim).transpose(0, 1).repeat_interleave(repeat, 0)
            scores = rope(q) @ keys.transpose(1, 2) / dim ** 0.5
            scores = scores.masked_fill(torch.ones(rows, rows).triu(1).bool(), float("-inf"))
            out.append((scores.softmax(2) @ values).transpose(0, 1).reshape(rows, -1))
        return torch.cat(out)

    def logits(self, sequences, activation):
        quantise = QUANTISE[activation]
        w = self.weights
        linear = lambda x, *names: [quantise(x) @ w[n + ".weight"].T for n in names]
        lengths = [len(s) for s in sequences]
        x = w["token_embd.weight"][torch.tensor([i for s in sequences for i in s])]
        for layer in range(self.layers):
            at = f"blk.{layer}."
            q, k, v = linear(self.norm(x, at + "attn_norm"), at + "attn_q", at + "attn_k", at + "attn_v")
            x = x + linear(self.attention(q, k, v, lengths), at + "attn_output")[0]
            gate, up = linear(self.norm(x, at + "ffn_norm"), at + "ffn_gate", at + "ffn_up")
            x = x + linear(torch.nn.functional.silu(gate) * up, at + "ffn_down")[0]
        return linear(self.norm(x, "output_norm"), "token_embd")[0]


def compare(reference, logits):
    """KL of each position, top-1 flips, NMSE of each position's centred logits."""
    kl, nmse = [], []
    for a, b in zip(reference.split(64), logits.split(64)):
        p, q = a.double().log_softmax(1), b.double().log_softmax(1)
        kl.append((p.exp() * (p - q)).sum(1))
        a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
        nmse.append((a - b).pow(2).sum(1) / a.pow(2).sum(1))
    flips = (reference.argmax(1) != logits.argmax(1)).float().mean().item()
    return torch.cat(kl).numpy(), flips, torch.cat(nmse).numpy()


def verdict(activation, kl, nmse):
    measure, limit = BARS[activation]
    if measure is None:
        return "none", ""
    met = kl.mean() <= limit if measure == "kl" else nmse.mean() <= limit and nmse.max() <= WORST_NMSE
    return f"{'KL' if measure == 'kl' else 'NMSE'} {limit:.1e}", "met" if met else "NOT MET"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--reference", default=str(pathlib.Path(__file__).parent / "smollm2_reference.json"))
    parser.add_argument("--classes", default=",".join(CLASSES))
    parser.add_argument("--sequences", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    prompts = json.load(open(options.reference))["cases"]
    chosen = prompts[::max(1, len(prompts) // options.sequences)]
    sequences = [p["ids"] + p["greedy"] for p in chosen]
    model = Model(options.model)
    positions = sum(len(s) for s in sequences)
    with torch.inference_mode():
        check_against_reference(model, chosen)
        print(f"| weights ({positions} positions) | activations | mean KL | p95 | flips | NMSE mean / worst | bar | |")
        print("|---|---|---|---|---|---|---|---|", flush=True)
        for name in options.classes.split(","):
            model.use(name)
            reference = model.logits(sequences, "f32")
            for activation in ACTIVATIONS.get(name, ["u8g32", "i16g32"]):
                kl, flips, nmse = compare(reference, model.logits(sequences, activation))
                bar, met = verdict(activation, kl, nmse)
                print(f"| {name} | {activation} | {kl.mean():.2e} | {np.percentile(kl, 95):.2e} | {100 * flips:.1f} % | "
                      f"{nmse.mean():.1e} / {nmse.max():.1e} | {bar} | {met} |", flush=True)


def check_against_reference(model, prompts):
    """This file's own forward pass equals transformers on the unchanged weights."""
    prompt = prompts[0]
    logprobs = model.logits([prompt["ids"]], "f32").double().log_softmax(1)
    made = logprobs[range(len(prompt["ids"]) - 1), prompt["ids"][1:]].numpy()
    error = np.abs(made - np.array(prompt["prompt_logprobs"])).max()
    if error > 1e-3:
        raise SystemExit(f"the forward pass is {error:.2e} away from the reference")


if __name__ == "__main__":
    main()
