#!/usr/bin/env bash
# demo.sh [CHECKPOINT]: from a bare machine to checkpoints quantized to 8 bits and restored. Without an argument on the two
# small models of testdata/, else on yours (a .safetensors file, an index, or a folder). Your files are only read.
set -euo pipefail
if [ "${1:-}" = -h ] || [ "${1:-}" = --help ] || [ $# -gt 1 ]; then
    echo "usage: scripts/demo.sh [CHECKPOINT]    a .safetensors file, a *.safetensors.index.json, or a model folder"
    [ $# -le 1 ] && exit 0 || exit 2
fi
if [ $# -eq 1 ]; then
    [ -e "$1" ] || { echo "demo: $1: not found"; exit 2; }
    checkpoints=("$(realpath "$1")")
else
    checkpoints=(testdata/tiny-gpt2 testdata/tiny-flan-t5)
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh
scripts/build.sh release octet_cli
PATH=$PWD/build/release/bin:$PATH

work=$(mktemp -d "${TMPDIR:-/tmp}/octet-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT

say() { printf '\n%s\n' "$*"; }
run() {  # shows a command as it would be typed, then runs it
    printf '\n$'
    printf ' %q' "$@"
    printf '\n'
    "$@"
}
data_bytes() {  # of the .safetensors files of a path, links followed
    if [ -f "$1" ]; then stat -L -c %s "$1"; else
        find -L "$1" -maxdepth 1 -name '*.safetensors' -exec stat -L -c %s {} + | awk '{ sum += $1 } END { print sum + 0 }'
    fi
}
summary=()

for checkpoint in "${checkpoints[@]}"; do
    name=$(basename "$checkpoint")
    name=${name%.index.json}
    name=${name%.safetensors}
    set=$work/$name-8bit
    restored=$work/$name-restored
    measured=$checkpoint
    case $checkpoint in *.index.json) measured=$(dirname "$checkpoint") ;; esac

    say "=== $name ==="
    say "1. Quantize: every float tensor becomes 8-bit codes, with a scale and a zero point. The report names the worst errors."
    run octet quantize "$checkpoint" "$set"
    say "2. What was written: the codes, in files that any safetensors reader opens, and how to read them, in a JSON sidecar."
    run ls -l "$set"
    say "3. What was gained, from the headers alone."
    run octet inspect "$set" --sizes
    say "4. And back: the same names, shapes and types, each value within the bound that the report states."
    run octet dequantize "$set" "$restored"
    say "5. The restored checkpoint, which every program takes that took the first."
    run octet inspect "$restored" --sizes
    summary+=("$(printf '%-20s %15s %15s %15s' "$name" \
        "$(data_bytes "$measured")" "$(data_bytes "$set")" "$(data_bytes "$restored")")")
done

say "In bytes:"
printf '%-20s %15s %15s %15s\n' checkpoint before quantized restored
printf '%s\n' "${summary[@]}"
say "Done. These were copies in $work, which is removed now. With your own:"
echo "  build/release/bin/octet quantize model.safetensors out/"
