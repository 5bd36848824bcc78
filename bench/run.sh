#!/usr/bin/env bash
# ./dev bench [NAME] [ARGUMENTS]: 'llama' compares commands with llama.cpp, 'model' steps of the default model or of --model FILE,
# 'shapes TYPE..' writes files of a 1B shape for it, 'accuracy --text FILE' compares answers with float32; 'tokenizers' with Hugging Face tokenizers, 'onednn' with oneDNN; 'overload' sends a server more than it can answer; any other name is a binary of bench/; none runs all binaries but oneDNN's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
name=${1:-}
[[ $# -gt 0 ]] && shift
model=.cache/models/smollm2-135m.gguf

if [[ $name =~ ^(llama|model|shapes|accuracy)$ ]]; then
  venv=.cache/peers
  if [[ ! -f $venv/.ready ]]; then
    echo "== building llama.cpp from its Python package (about ten minutes)" >&2
    python3 -m venv "$venv"
    CMAKE_ARGS=-DGGML_NATIVE=ON "$venv/bin/pip" install -q -r bench/requirements.txt
    touch "$venv/.ready"
  fi
  case $name in
    llama) ./dev build release; set -- llama_compare.py --vivace build/release/vivace --model "$model" "$@" ;;
    shapes) set -- make_shape_gguf.py --tokenizer "$model" --out .cache/models "$@" ;;
    *) ./dev build release -DVIVACE_BENCH=ON; set -- "${name}_compare.py" --bench build/release/model_bench --model "$model" "$@" ;;
  esac
  exec "$venv/bin/python" "bench/$1" "${@:2}"
fi

if [[ $name == overload ]]; then
  ./dev build release
  exec python3 bench/overload.py --vivace build/release/vivace --model "$model" "$@"
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

if [[ $name == onednn ]]; then
  venv=$PWD/.cache/onednn
  if [[ ! -f $venv/.ready ]]; then
    echo "== installing oneDNN 3.13 from its Python package (2 GB with its runtime)" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q onednn-devel==2026.1.0
    touch "$venv/.ready"
  fi
  ./dev build release -DVIVACE_BENCH=ON -DVIVACE_ONEDNN="$venv"
  # Its threads come from a SYCL device, which an OpenCL driver of the same package provides.
  driver=$(find "$venv/lib" -name 'libintelocl.so.*' -print -quit)
  OCL_ICD_FILENAMES=$driver LD_LIBRARY_PATH=$venv/lib ONEDNN_VERBOSE=none exec build/release/onednn_bench "$@"
fi

./dev build release >/dev/null
cmake --preset release -DVIVACE_BENCH=ON >/dev/null
cmake --build build/release >&2
for binary in build/release/*_bench; do
  [[ $binary != */onednn_bench ]] || continue
  [[ -z $name || $(basename "$binary") == "${name}_bench" ]] && "$binary" "$@"
done
