"""Makes tests/goldens/families: tiny seeded checkpoints of each model family and what transformers computes with them.

Run by hand with torch 2.6, transformers 4.57, gguf 0.19 and numpy 1.26:
    python tests/goldens/gen_families.py tests/goldens/families
For each case a folder with config.json, model.safetensors and golden.bin; for some also model.gguf. golden.bin is
little-endian: "VFG1", then int32 prompt length P, greedy length G, vocabulary V; int32 prompt[P]; int32 greedy[G];
float32 margins[G] of the greedy tokens; float32 log-probabilities [P][V] of the prompt's positions, then [G][V] of
the positions at which the greedy tokens are chosen (the first is the prompt's last again).

Weights have a standard deviation of 1.5 / sqrt(fan in) and norms are random, so that logits spread: with the usual
0.02 a model without any rotation would pass.
"""

import json
import pathlib
import struct
import sys

import gguf
import numpy as np
import torch
import transformers
from safetensors.torch import save_file

PROMPT, GREEDY = 40, 8
BASE = dict(vocab_size=128, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=False,
            initializer_range=0.02, bos_token_id=1, eos_token_id=2)
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 2.0, "beta_slow": 0.1}

# name: (config class, model class, changes of BASE, type of the stored weights, also GGUF)
CASES = {
    "llama": ("LlamaConfig", dict(rope_theta=500.0), "F32", True),
    "llama_bias": ("LlamaConfig", dict(attention_bias=True, mlp_bias=True), "F32", False),
    "llama3_scaling": ("LlamaConfig", dict(rope_theta=500.0, head_dim=16, rope_scaling=LLAMA3), "F32", True),
    "llama_linear": ("LlamaConfig", dict(rope_theta=500.0, rope_scaling={"type": "linear", "factor": 2.5}), "F32", False),
    "llama_yarn": ("LlamaConfig", dict(rope_theta=500.0, head_dim=16, rope_scaling=YARN), "F32", False),
    "smollm2_tied": ("LlamaConfig", dict(rope_theta=100000.0, num_attention_heads=3, num_key_value_heads=1,
                                         hidden_size=48, tie_word_embeddings=True), "BF16", False),
    "mistral_window": ("MistralConfig", dict(sliding_window=7, head_dim=24), "F32", False),
    "qwen2": ("Qwen2Config", dict(rope_theta=1000.0), "F16", False),
    "qwen2_window": ("Qwen2Config", dict(rope_theta=1000.0, num_hidden_layers=3, use_sliding_window=True, sliding_window=5,
                                         max_window_layers=1), "F32", False),
    "qwen3": ("Qwen3Config", dict(rope_theta=1000.0, head_dim=16), "F32", False),
    "gemma3": ("Gemma3TextConfig", dict(num_hidden_layers=3, head_dim=16, sliding_window=6, rope_theta=5000.0,
                                        rope_local_base_freq=100.0, query_pre_attn_scalar=24, tie_word_embeddings=True,
                                        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                                        rope_scaling={"rope_type": "linear", "factor": 2.0}), "F32", False),
    "gemma3_capped": ("Gemma3TextConfig", dict(num_hidden_layers=6, head_dim=8, sliding_window=9, rope_theta=5000.0,
                                               rope_local_base_freq=10000.0, query_pre_attn_scalar=8,
                                               intermediate_size=32, tie_word_embeddings=True,
                                               final_logit_softcapping=4.0, attn_logit_softcapping=3.0), "BF16", True),
}
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def make_model(name: str, config_class: str, changes: dict, dtype: torch.dtype):
    config = getattr(transformers, config_class)(**{**BASE, **changes})
    config._attn_implementation = "eager"
    model_class = getattr(transformers, config_class.replace("TextConfig", "Config").replace("Config", "ForCausalLM"))
    model = model_class(config).float().eval()
    generator = torch.Generator().manual_seed(sum(name.encode()))
    gemma = config_class.startswith("Gemma")
    with torch.no_grad():
        for key, p in model.named_parameters():
            if p.dim() == 1 and "norm" in key:
                value = 0.5 + torch.rand(p.shape, generator=generator) - (1.0 if gemma else 0.0)
            elif p.dim() == 1:
                value = torch.randn(p.shape, generator=generator) * 0.5
            else:
                embedding = "embed_tokens" in key and not gemma and not config.tie_word_embeddings
                fan_in = 1.0 if embedding else p.shape[1]
                value = torch.randn(p.shape, generator=generator) * (1.5 / fan_in**0.5)
            p.copy_(value.to(dtype).float())
    model.tie_weights()
    if gemma and config.attn_logit_softcapping:
        soften(config)
    return model, config


def soften(config):
    """transformers 4.57 keeps attn_logit_softcapping of Gemma 3 but does not hand it to its attention: do so."""
    from transformers.models.gemma3 import modeling_gemma3 as m

    plain = m.eager_attention_forward
    m.eager_attention_forward = lambda *a, **k: plain(*a, **{**k, "softcap": config.attn_logit_softcapping})


@torch.no_grad()
def golden(model, config, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    prompt = [int(t) for t in rng.integers(3, config.vocab_size, PROMPT)]
    tokens, margins = list(prompt), []
    for _ in range(GREEDY):
        logits = model(torch.tensor([tokens]), use_cache=False).logits[0, -1].double()
        top = torch.topk(logits, 2)
        margins.append(float(top.values[0] - top.values[1]))
        tokens.append(int(top.indices[0]))
    logits = model(torch.tensor([tokens[:-1]]), use_cache=False).logits[0].double()
    exact = model.double()(torch.tensor([tokens[:-1]]), use_cache=False).logits[0]
    model.float()
    logprobs = torch.log_softmax(logits, -1)
    drift = float((logprobs - torch.log_softmax(exact, -1)).abs().max())
    print(f"  logits std {float(logits.std()):.2f}, float32 from float64 {drift:.1e}, least margin {min(margins):.3f}")
    assert logits.std() > 0.9
    rows = torch.cat([logprobs[:PROMPT], logprobs[PROMPT - 1 :]]).float().numpy()
    assert rows.shape == (PROMPT + GREEDY, config.vocab_size)
    ints = np.array([PROMPT, GREEDY, config.vocab_size] + prompt + tokens[PROMPT:], np.int32)
    return b"VFG1" + ints.tobytes() + np.array(margins, np.float32).tobytes() + rows.tobytes()


def permute(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of q or k from pairs (i, i + d/2) to pairs (2i, 2i + 1), as GGUF has them for llama."""
    n, k = weight.shape
    return weight.reshape(heads, 2, n // heads // 2, k).swapaxes(1, 2).reshape(n, k)


LAYER_NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
}


def gguf_name(key: str, gemma: bool) -> str:
    if not key.startswith("model.layers."):
        return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
                "lm_head.weight": "output.weight"}[key]
    _, _, layer, rest = key.split(".", 3)
    stem, kind = rest.rsplit(".", 1)
    after = "post_attention_norm" if gemma else "ffn_norm"
    return f"blk.{layer}.{LAYER_NAMES.get(stem, after)}.{kind}"


def write_gguf(path: pathlib.Path, model, config, tensors: dict) -> None:
    gemma = config.model_type == "gemma3_text"
    arch = "gemma3" if gemma else "llama"
    w = gguf.GGUFWriter(str(path), arch)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    w.add_block_count(config.num_hidden_layers)
    w.add_context_length(config.max_position_embeddings)
    w.add_embedding_length(config.hidden_size)
    w.add_feed_forward_length(config.intermediate_size)
    w.add_head_count(config.num_attention_heads)
    w.add_head_count_kv(config.num_key_value_heads)
    w.add_layer_norm_rms_eps(config.rms_norm_eps)
    w.add_key_length(head_dim)
    w.add_value_length(head_dim)
    w.add_rope_freq_base(config.rope_theta)
    if gemma:
        w.add_sliding_window(config.sliding_window)
        w.add_attn_logit_softcapping(config.attn_logit_softcapping)
        w.add_final_logit_softcapping(config.final_logit_softcapping)
    else:
        w.add_vocab_size(config.vocab_size)
        w.add_rope_dimension_count(head_dim)
        if config.rope_scaling:  # Llama 3: the factors of the frequencies as a tensor
            plain = config.rope_theta ** (-np.arange(0, head_dim, 2) / head_dim)
            w.add_tensor("rope_freqs.weight",
                         (plain / model.model.rotary_emb.inv_freq.double().numpy()).astype(np.float32))
    for key, tensor in tensors.items():
        value = tensor.float().numpy()
        if gemma and "norm" in key:
            value = value + 1
        if not gemma and "q_proj" in key:
            value = permute(value, config.num_attention_heads)
        if not gemma and "k_proj" in key:
            value = permute(value, config.num_key_value_heads)
        half = gemma and value.ndim == 2
        w.add_tensor(gguf_name(key, gemma), value.astype(np.float16 if half else np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main() -> None:
    out = pathlib.Path(sys.argv[1])
    only = sys.argv[2:]
    for name, (config_class, changes, dtype, with_gguf) in CASES.items():
        if only and name not in only:
            continue
        print(name)
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        model, config = make_model(name, config_class, changes, DTYPES[dtype])
        tensors = {key: p.detach().to(DTYPES[dtype]).contiguous() for key, p in model.named_parameters()}
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        written = json.loads(config.to_json_string())
        written.update(architectures=[type(model).__name__], torch_dtype=str(DTYPES[dtype]).split(".")[1])
        if config_class == "MistralConfig":
            written["sliding_window"] = config.sliding_window
        (folder / "config.json").write_text(json.dumps(written, indent=1, sort_keys=True) + "\n")
        (folder / "golden.bin").write_bytes(golden(model, config, sum(name.encode()) + 1))
        if with_gguf:
            write_gguf(folder / "model.gguf", model, config, tensors)


if __name__ == "__main__":
    main()
