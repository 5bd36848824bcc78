#!/usr/bin/env python3
"""Writes the names of vLLM's flags, variables and config keys with one legal value each, for the tests of the tables.

usage: gen_vllm_surface.py SERVE_FLAGS.tsv ENV.tsv OTHER_CONFIGS.json COMPILATION_CONFIG.json > src/engine/testdata/vllm_surface.tsv
A line has: kind (flag, variable, key), name, short form or "-", legal value. A value of "-" is none: the flag stands alone.
"""
import csv
import json
import re
import sys

# Config classes and the flag that takes them as an object, real in vLLM or not.
OBJECTS = {"CacheConfig": "cache-config", "SchedulerConfig": "scheduler-config", "LoadConfig": "load-config",
           "ObservabilityConfig": "observability-config", "ModelConfig": "model-config", "ParallelConfig": "parallel-config",
           "AttentionConfig": "attention-config", "StructuredOutputsConfig": "structured-outputs-config",
           "LoggingConfig": "logging-config", "ProfilerConfig": "profiler-config", "OffloadConfig": "offload-config",
           "LoRAConfig": "lora-config", "SpeculativeConfig": "speculative-config", "CompilationConfig": "compilation-config",
           "PassConfig": "compilation-config.pass-config", "KernelConfig": "kernel-config", "IrOpPriorityConfig": "ir-op-priority",
           "DynamicShapesConfig": "compilation-config.dynamic-shapes-config"}
NESTED = ("pass-config", "dynamic-shapes-config", "ir-op-priority")  # keys that are objects of their own
# Flags whose type alone does not say what is legal.
VALUES = {"<model_tag>": "m.gguf", "model": "m.gguf", "load-format": "gguf", "dtype": "bfloat16", "optimization-level": "2",
          "ssl-cert-reqs": "1", "config": "FILE", "max-model-len": "4k", "generation-config": "vllm", "root-path": "/api",
          "gpu-memory-utilization": "0.5", "device-memory-utilization": "0.5", "port": "8001", "host": "127.0.0.1",
          "cudagraph-capture-sizes": "1 2 4", "max-cudagraph-capture-size": "4", "uds": "vivace.sock", "tokenizer-mode": "mistral",
          "compilation-config": '{"mode": 3}', "kernel-config": '{"enable_flashinfer_autotune": false}', "numa-bind-cpus": "0-1",
          "allowed-origins": '["*"]', "allowed-methods": '["GET"]', "allowed-headers": '["*"]', "fingerprint-mode": "hash",
          "override-generation-config": '{"temperature": 0.5}', "default-chat-template-kwargs": '{"x": 1}',
          "disable-access-log-for-endpoints": "/health,/metrics", "uvicorn-log-level": "warning", "config-format": "mistral",
          "model-impl": "transformers", "logprobs-mode": "raw_logits", "runner": "pooling", "convert": "embed",
          "scheduling-policy": "priority", "chat-template-content-format": "openai", "quantization": "fp8", "kv-cache-dtype": "auto",
          "structured-outputs-config": '{"backend": "auto"}', "logging-config": '{"log_level": "INFO"}', "hf-overrides": '{"a": 1}',
          "attention-config": '{"flash_attn_version": 2}', "profiler-config": '{"profiler": "torch"}', "log-level": "INFO",
          "api-key": "secret", "chat-template": "{{ messages }}", "tensor-parallel-size": "1", "pipeline-parallel-size": "2",
          "data-parallel-size": "2", "data-parallel-size-local": "2", "nnodes": "2", "decode-context-parallel-size": "2",
          "prefill-context-parallel-size": "2", "fingerprint-value": "x", "policy": "priority", "collect-detailed-traces": "all",
          "spec-method": "ngram", "lora-dtype": "bfloat16", "ir-op-priority": '{"rms_norm": ["native"]}', "runner-type": "pooling",
          "mode": "3", "compilation-config.backend": "inductor", "cudagraph-mode": "FULL", "compile-sizes": "[1, 2]", "type": "backed",
          "compile-ranges-endpoints": "[64]", "splitting-ops": "[]", "custom-ops": '["all"]',
          "cache-dtype": "auto", "formatter": "json", "model-weights": "x", "VLLM_DP_SIZE": "2", "VLLM_DISABLE_COMPILE_CACHE": "1",
          "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "auto",
          "VLLM_LOGGING_LEVEL": "INFO", "VLLM_LOG_BATCHSIZE_INTERVAL": "-1", "max-logprobs": "5", "h11-max-incomplete-event-size": "4096", "sleep-mode-backend": "cumem",
          "watermark": "0.1", "seed": "1", "response-role": "assistant", "served-model-name": "a b"}


def flag_value(name, row):
    if name in VALUES:
        return VALUES[name]
    kind, choices, default = row["type"], row["choices"], row["default"]
    if kind.startswith("bool") or kind in ("flag", "help"):
        return "-"
    if choices:
        return default if default in choices.split(",") else choices.split(",")[0]
    if "json" in kind or kind == "union_dict_and_str":
        return '{"a": 1}'
    if "int" in kind.split("_") or "int" in kind.split() or kind.startswith("human"):
        return "1"
    if "float" in kind:
        return "0.5"
    return "x"


def flags(path):
    for row in csv.DictReader(open(path, encoding="utf8"), delimiter="\t", quoting=csv.QUOTE_NONE):
        words = row["flags"].split()
        if words[0].startswith("<"):
            continue
        short = next((word[1:] for word in words if re.fullmatch(r"-[a-z0-9]+", word)), "-")
        for word in words:
            if word.startswith("--") and not word.startswith("--no-"):
                yield "flag", word[2:], short, flag_value(word[2:], row)


def typed_value(kind, default):
    """A legal value of a Python type, as text."""
    if match := re.match(r"(?:Optional\[)?Literal\[([^\]]*)\]", kind):
        choices = [word.strip().strip("'\"") for word in match.group(1).split(",")]
        text = str(default).strip('"')
        return text if text in choices else choices[0]
    if kind.startswith("bool"):
        return "false"
    if kind.startswith(("int", "float")):
        return "1"
    if kind.startswith("list"):
        return '["x"]' if "str" in kind else "[1]"
    return '{"a": 1}' if kind.startswith("dict") or kind.endswith("Config") else "x"


def variables(path):
    for row in csv.DictReader(open(path, encoding="utf8"), delimiter="\t", quoting=csv.QUOTE_NONE):
        yield "variable", row["name"], "-", VALUES.get(row["name"], typed_value(row["type"], row["default"]))


def keys(path):
    configs = json.load(open(path, encoding="utf8"))
    for name, flag in OBJECTS.items():
        for field in configs.get(name, []):
            key = field["name"].replace("_", "-")
            if field.get("init") is False or field["name"].startswith("_") or key in NESTED:
                continue
            value = typed_value(field["type"], field["default"])
            yield "key", f"{flag}.{key}", "-", VALUES.get(f"{flag}.{key}", VALUES.get(key, value))


def main():
    for row in [*flags(sys.argv[1]), *variables(sys.argv[2]), *keys(sys.argv[3]), *keys(sys.argv[4])]:
        print("\t".join(row))


if __name__ == "__main__":
    main()
