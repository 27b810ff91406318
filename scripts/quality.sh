#!/usr/bin/env bash
# quality.sh CHECKPOINT: measures bits per weight against SQNR for every scheme on four of GPT-2's weights, which CHECKPOINT (a .safetensors
# file) holds, and writes the table of docs/quantization.md and the picture docs/quality.svg. About a minute.
set -euo pipefail
if [ $# -ne 1 ] || [ "$1" = -h ] || [ "$1" = --help ]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    [ "${1:-}" = -h ] || [ "${1:-}" = --help ] && exit 0 || exit 2
fi
checkpoint=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh
scripts/build.sh release octet_cli
PYTHONPATH=bench python3 bench/quality.py build/release/bin/octet "$checkpoint" docs/quantization.md docs/quality.svg
