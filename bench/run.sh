#!/usr/bin/env bash
# ./dev bench [NAME] [ARGUMENTS]: 'llama' compares with llama.cpp, 'tokenizers' with Hugging Face tokenizers; any other name is a binary of bench/; none runs all binaries.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
name=${1:-}
[[ $# -gt 0 ]] && shift
model=.cache/models/smollm2-135m.gguf

if [[ $name == llama ]]; then
  ./dev build release
  venv=.cache/peers
  if [[ ! -f $venv/.ready ]]; then
    echo "== building llama.cpp from its Python package (about ten minutes)" >&2
    python3 -m venv "$venv"
    CMAKE_ARGS=-DGGML_NATIVE=ON "$venv/bin/pip" install -q -r bench/requirements.txt
    touch "$venv/.ready"
  fi
  exec "$venv/bin/python" bench/llama_compare.py --vivace build/release/vivace --model "$model" "$@"
fi

if [[ $name == tokenizers ]]; then
  ./dev build release -DVIVACE_BENCH=ON
  venv=.cache/tokenizers
  if [[ ! -f $venv/.ready ]]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q tokenizers==0.22.2
    touch "$venv/.ready"
  fi
  exec "$venv/bin/python" bench/tokenizer_bench.py --binary build/release/tokenizer_bench "$@"
fi

./dev build release >/dev/null
cmake --preset release -DVIVACE_BENCH=ON >/dev/null
cmake --build build/release >&2
for binary in build/release/*_bench; do
  [[ -z $name || $(basename "$binary") == "${name}_bench" ]] && "$binary" "$@"
done
