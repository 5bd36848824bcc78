#!/usr/bin/env python3
"""Makes sampling.txt: what can be drawn, and how likely, for each sampling parameter and for combinations.

usage: gen_sampling.py > sampling.txt      (numpy; the seed is fixed)

The reference works on whole vectors in float64 by the definitions of vLLM (typical_p: of transformers' TypicalLogitsWarper):
allowed_token_ids, bad_words, min_tokens, logit_bias, repetition penalty, frequency and presence penalty, temperature, min_p, top_k,
top_p, typical_p. A case is lines "KEY VALUE...", ended by "end"; "out" has token:probability for each token that can be drawn.
"""
import numpy as np

VOCABULARY = 64
ENDS = [2, 7]


def softmax(x):
    weights = np.exp(x - np.max(x))
    return weights / weights.sum()


def edit(logits, p):
    """Logits after everything that comes before the temperature."""
    x = logits.astype(np.float64).copy()
    if "allowed_token_ids" in p:
        mask = np.ones(VOCABULARY, bool)
        mask[p["allowed_token_ids"]] = False
        x[mask] = -np.inf
    for word in p.get("bad_words", []):
        start = len(p["answer"]) - (len(word) - 1)
        if start >= 0 and p["answer"][start:] == word[:-1]:
            x[word[-1]] = -np.inf
    if len(p["answer"]) < p.get("min_tokens", 0):
        x[ENDS + p.get("stop_token_ids", [])] = -np.inf
    for token, bias in p.get("logit_bias", {}).items():
        x[token] += bias
    counts = np.bincount(p["answer"], minlength=VOCABULARY)
    seen = (counts > 0) | (np.bincount(p["prompt"], minlength=VOCABULARY) > 0)
    repetition = p.get("repetition_penalty", 1.0)
    x = np.where(seen, np.where(x > 0, x / repetition, x * repetition), x)
    x -= p.get("frequency_penalty", 0.0) * counts
    x -= p.get("presence_penalty", 0.0) * (counts > 0)
    return x


def cut(x, p):
    """Logits after the cuts; x has been divided by the temperature."""
    if p.get("min_p", 0) > 0:
        probabilities = softmax(x)
        x = np.where(probabilities < p["min_p"] * probabilities.max(), -np.inf, x)
    if p.get("top_k", 0) > 0:
        x = np.where(x < np.sort(x)[-min(p["top_k"], VOCABULARY)], -np.inf, x)
    if p.get("top_p", 1) < 1:
        order = np.argsort(x, kind="stable")
        drop = np.cumsum(softmax(x[order])) <= 1 - p["top_p"]
        drop[-1] = False
        x = x.copy()
        x[order[drop]] = -np.inf
    if p.get("typical_p", 1) < 1:
        probabilities = softmax(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(probabilities)
            distance = np.abs(-logs + np.nansum(logs * probabilities))
        order = np.argsort(distance, kind="stable")
        last = min(int((np.cumsum(probabilities[order]) < p["typical_p"]).sum()), VOCABULARY - 1)
        x = np.where(distance > distance[order[last]], -np.inf, x)
    return x


def cases(rng):
    """(name, parameters)"""
    seen = {"prompt": [5, 5, 9, 11, 40, 63], "answer": [3, 9, 3, 3, 20]}
    single = {
        "nothing": {}, "cold": {"temperature": 0.4}, "hot": {"temperature": 1.9}, "barely_warm": {"temperature": 0.01},
        "top_k": {"top_k": 7}, "top_p": {"top_p": 0.8}, "min_p": {"min_p": 0.05}, "min_p_1": {"min_p": 1.0},
        "typical": {"typical_p": 0.6}, "typical_low": {"typical_p": 0.05}, "typical_hot": {"typical_p": 0.9, "temperature": 1.5},
        "repetition": {"repetition_penalty": 1.3}, "repetition_below": {"repetition_penalty": 0.7},
        "presence": {"presence_penalty": 1.5}, "presence_negative": {"presence_penalty": -2.0},
        "frequency": {"frequency_penalty": 0.7}, "frequency_negative": {"frequency_penalty": -0.4},
        "bias": {"logit_bias": {0: 5.0, 5: -100.0, 63: 2.5}}, "bias_of_a_banned_one": {"logit_bias": {4: 100.0}, "allowed_token_ids": [1, 2, 3]},
        "allowed": {"allowed_token_ids": [1, 2, 30, 63]}, "bad_word": {"bad_words": [[12], [20, 33], [3, 20, 34], [9, 35]]},
        "min_tokens": {"min_tokens": 6, "stop_token_ids": [50]}, "min_tokens_passed": {"min_tokens": 5, "stop_token_ids": [50]},
    }
    for name, parameters in single.items():
        yield name, {**seen, **parameters}
    keys = list(single)
    for i in range(40):
        merged = dict(seen)
        for name in rng.choice(keys, size=4, replace=False):
            merged.update(single[name])
        yield f"mixed_{i}", merged


def main():
    rng = np.random.default_rng(4)
    print("# made by gen_sampling.py")
    for name, p in cases(rng):
        logits = (rng.normal(size=VOCABULARY) * 3).astype(np.float32)
        probabilities = softmax(cut(edit(logits, p) / p.get("temperature", 1.0), p))
        print("case", name)
        for key, value in p.items():
            if key == "logit_bias":
                print(key, *(f"{token}:{bias}" for token, bias in value.items()))
            elif key == "bad_words":
                print(key, *(",".join(map(str, word)) for word in value))
            else:
                print(key, *np.atleast_1d(value))
        print("logits", *(f"{x:.9g}" for x in logits))
        print("out", *(f"{i}:{x:.7g}" for i, x in enumerate(probabilities) if x > 1e-30))
        print("end")


if __name__ == "__main__":
    main()
