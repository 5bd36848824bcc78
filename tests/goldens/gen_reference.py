#!/usr/bin/env python3
"""Makes smollm2_reference.json: what float32 transformers answers on the default model, for tests/conformance.

usage: gen_reference.py MODEL.gguf OUT.json
needs: torch 2.6.0, accelerate, transformers 4.57.6, tokenizers 0.22.2, gguf 0.19, numpy 1.26 (any CPU)

Every tensor is dequantised to float32 by the gguf package, attention is eager float32, nothing is quantised. For each of 20
prompts the file holds
  ids              prompt token ids
  prompt_logprobs  log-probability of prompt token i + 1 after tokens 0..i
  greedy           64 greedy tokens (end-of-text does not stop it)
  margin           logit of the best minus logit of the second, at each greedy position: near-ties may differ
  top_ids, top_logprobs   the 32 likeliest tokens at each greedy position, teacher-forced in one pass without a cache
All logarithms are natural, computed in float64 from float32 logits.
"""
import hashlib
import json
import os
import sys

import gguf
import numpy as np
import tokenizers
import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
GREEDY_TOKENS = 64
TOP = 32


def chat(user):
    """The default model's chat template for one user message, written out."""
    return (f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n")


PROMPTS = [
    "The capital of France is",
    "Once",
    "Water boils at a temperature of",
    "In the year 1969, two men",
    "def quicksort(items):\n    if len(items) <= 1:\n        return items\n",
    "#include <vector>\n\nint Sum(const std::vector<int>& values) {\n",
    "SELECT name, price FROM products WHERE",
    '{"name": "Ada", "born": 1815, "fields": ["mathematics",',
    "Der schnelle braune Fuchs springt über den faulen Hund. Auf Deutsch heißt",
    "Les trois mousquetaires sont un roman d'Alexandre Dumas. Le héros",
    "你好，世界。今天天气很好，我们一起去",
    "Привет, мир! Сегодня мы будем",
    "🌍🚀 Space news of the week: the rocket 👩‍🚀",
    "1, 1, 2, 3, 5, 8, 13, 21,",
    "A list of planets:\n1. Mercury\n2. Venus\n3.",
    chat("What is 7 times 8? Answer in one sentence."),
    chat("Write a short poem about the sea."),
    chat("Explain to a child why the sky is blue."),
    "It was raining when the train reached the little station at the foot of the mountains. Nobody got off but a man with a "
    "green hat and a heavy wooden box, which he carried as if it held eggs. The station master, who had not seen a stranger "
    "since the autumn of 1952, came out of his office with a lamp and asked him where he was going at such an hour. \"Up\", "
    "said the man, and he pointed with his chin at the dark slope behind the village, where a single window was lit. \"Up "
    "there? Nobody has lived up there for thirty years.\" The man put the box down, very slowly, and wiped his glasses. "
    "\"Then who\", he asked,",
    "Theorem. There are infinitely many primes.\nProof. Suppose there were only finitely many primes p_1, ..., p_n. Consider the "
    "number N = p_1 p_2 ... p_n + 1. It leaves the remainder 1 when it is divided by",
]


def build_tokenizer(path):
    """The tokenizer that the GGUF's metadata describes: single digits apart, then byte-level BPE."""
    reader = gguf.GGUFReader(path)
    field = lambda key: reader.fields[key].contents()
    texts, types, merges = (field(f"tokenizer.ggml.{key}") for key in ("tokens", "token_type", "merges"))
    tokenizer = Tokenizer(models.BPE(vocab={text: i for i, text in enumerate(texts)},
                                     merges=[tuple(merge.split(" ")) for merge in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, y in zip(texts, types) if y == 3])
    return tokenizer


def log_softmax(logits):
    """Rows of float32 logits [n, vocabulary] to float64 log-probabilities."""
    x = logits.astype(np.float64)
    x -= x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def reference(model, tokenizer, prompt):
    """One prompt's entry of the file."""
    ids = tokenizer.encode(prompt, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == prompt
    out = model(torch.tensor([ids]), use_cache=True)
    prompt_lp = log_softmax(out.logits[0].numpy())
    greedy, margin, past, current = [], [], out.past_key_values, out.logits[0, -1]
    for _ in range(GREEDY_TOKENS):
        best, index = torch.topk(current, 2)
        greedy.append(int(index[0]))
        margin.append(round(float(best[0] - best[1]), 5))
        out = model(torch.tensor([[greedy[-1]]]), past_key_values=past, use_cache=True)
        past, current = out.past_key_values, out.logits[0, -1]
    forced = log_softmax(model(torch.tensor([ids + greedy[:-1]])).logits[0, len(ids) - 1:].numpy())
    top = np.argsort(-forced, 1, kind="stable")[:, :TOP]
    return dict(
        text=prompt, ids=ids, greedy=greedy, margin=margin,
        prompt_logprobs=[round(float(prompt_lp[i, ids[i + 1]]), 5) for i in range(len(ids) - 1)],
        top_ids=top.tolist(),
        top_logprobs=[[round(float(v), 4) for v in row] for row in np.take_along_axis(forced, top, 1)])


def main():
    path, out = sys.argv[1:3]
    torch.manual_seed(0)
    tokenizer = build_tokenizer(path)
    folder, name = os.path.split(os.path.abspath(path))
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.inference_mode():
        cases = [reference(model, tokenizer, prompt) for prompt in PROMPTS]
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    versions = dict(torch=torch.__version__, transformers=transformers.__version__, tokenizers=tokenizers.__version__,
                    numpy=np.__version__)
    with open(out, "w", encoding="utf8") as file:
        json.dump(dict(sha256=digest, made_with=versions, cases=cases), file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
