"""A model of two small layers with random weights: a config.json, and the arguments of `vivace serve` beside it."""
import json
import pathlib

CONFIG = {"architectures": ["LlamaForCausalLM"], "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2,
          "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 512, "max_position_embeddings": 512,
          "rms_norm_eps": 1e-5, "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": 2}
TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }} {% endfor %}"


def write_tiny_model(folder):
    """Positional argument and options for `vivace serve`."""
    model = pathlib.Path(folder, "model")
    model.mkdir()
    (model / "config.json").write_text(json.dumps(CONFIG))
    return str(model), "--load-format", "dummy", "--chat-template", TEMPLATE
