#!/usr/bin/env bash
# bench.sh [--quick] [EXPERIMENT...]: measures, and writes the tables and pictures of docs/performance.md,
# docs/measurements.md and docs/experiments. Let nothing else run meanwhile.
#
#   --quick        three rounds, nothing above 512 MB; prints the tables and changes no document
#   EXPERIMENT...  only these; the others keep what build/bench/results.json has of them: quantize dequantize lesson_preset
#                  schemes peers isas dtypes kernels inspect threads sync tensors growth cold first_token speed
#
# llama-quantize and llama-bench are measured where they are on PATH.
#
# Environment: OCTET_BENCH_DIR       where the checkpoints go (default: a temporary folder); at most 25 GB, 3 GB with --quick
#              OCTET_TORCH_PYTHON    an interpreter with torch, safetensors, optimum-quanto and transformers (default: python3)
#              OCTET_BENCH_TOKENIZER a folder with GPT-2's vocab.json and merges.txt (default: as many tokens, made here)
#              OCTET_BENCH_GGUF      GPT-2 as GGUF for the llama-quantize on PATH (default: made here)
set -euo pipefail
if [ "${1:-}" = -h ] || [ "${1:-}" = --help ]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit 0
fi
quick=
if [ "${1:-}" = --quick ]; then
    quick=yes
    shift
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh
scripts/build.sh release octet_cli octet_floor octet_bench octet_make_checkpoint octet_timed

if [ -n "${OCTET_BENCH_DIR:-}" ]; then mkdir -p "$OCTET_BENCH_DIR"; fi
work=$(mktemp -d "${OCTET_BENCH_DIR:-${TMPDIR:-/tmp}}/octet-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
free=$(($(df -Pk "$work" | awk 'NR == 2 { print $4 }') * 1024))
if [ "$free" -lt 4000000000 ]; then
    echo "bench: needs at least 4 GB of disk, ${OCTET_BENCH_DIR:-${TMPDIR:-/tmp}} has $free bytes; set OCTET_BENCH_DIR"
    exit 4
fi

mkdir -p build/bench
results=build/bench/results.json
options=(--rounds 9)
if [ -n "$quick" ]; then
    results=build/bench/quick.json
    options=(--rounds 3 --largest 512000000)
    rm -f "$results"
fi
if [ $# -gt 0 ]; then options+=(--only "$(IFS=,; echo "$*")"); fi
export PYTHONDONTWRITEBYTECODE=1
started=$SECONDS
python3 bench/run.py --programs build/release/bin --folder "$work" --results "$results" "${options[@]}"
if [ -n "$quick" ]; then
    python3 bench/report.py "$results" --print
else
    python3 bench/report.py "$results" docs
    echo "bench: wrote the tables of docs/ and the pictures docs/performance-*.svg"
fi
echo "bench: measured in $((SECONDS - started)) s; everything is in $results"
