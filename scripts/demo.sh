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
    if [ -d "$1" ]; then checkpoints=("$(cd "$1" && pwd)"); else
        checkpoints=("$(cd "$(dirname "$1")" && pwd)/$(basename "$1")")
    fi
else
    checkpoints=(testdata/tiny-gpt2 testdata/tiny-flan-t5)
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build
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
    if [ -f "$1" ]; then wc -c < "$1"; else
        find -L "$1" -maxdepth 1 -name '*.safetensors' -exec ls -lnL {} + | awk '{ sum += $5 } END { printf "%.0f", sum }'
    fi
}
tensor_list() { octet inspect "$1" --json | grep '^    {"name"' | sed 's/,$//'; }  # one a line: name, dtype, shape, bytes
fact() { octet inspect "$1" | awk -v name="$2" 'index($0, "  " name) == 1 { sub("  " name " *", ""); print $1 }'; }
summary=()
said=()  # checkpoint and set, where octet runs the model
generate() {  # generate MODEL PROMPT: the text alone
    octet generate "$1" --prompt "$2" --max-new-tokens 10 --json | jq -r '"\(.text)  [\(.stop)]"'
}

for checkpoint in "${checkpoints[@]}"; do
    name=$(basename "$checkpoint")
    name=${name%.index.json}
    name=${name%.safetensors}
    set=$work/$name-8bit
    restored=$work/$name-restored
    measured=$checkpoint
    case $checkpoint in *.index.json) measured=$(dirname "$checkpoint") ;; esac
    needed=$(($(data_bytes "$measured") / 2 * 3))  # codes and copy of 16-bit floats; less of wider ones
    free=$(($(df -Pk "$work" | awk 'NR == 2 { print $4 }') * 1024))
    if [ "$needed" -gt "$free" ]; then
        echo "demo: the set and the restored copy may need $needed bytes, ${TMPDIR:-/tmp} has $free; set TMPDIR to a larger place"
        exit 4
    fi

    say "=== $name ==="
    say "1. Quantize: every float tensor becomes 8-bit codes with one scale and one zero point. No error exceeds its bound."
    run octet quantize "$checkpoint" "$set"
    say "2. What was gained, from the headers and the sidecar alone; no tensor data are read for this."
    run octet inspect "$set" --sizes
    say "3. And back to what every program takes that took the original."
    run octet dequantize "$set" "$restored"
    say "4. The round trip: does it hold the same tensors as before?"
    if ! diff <(tensor_list "$checkpoint") <(tensor_list "$restored"); then
        echo "demo: $name came back with other tensors; please report it"
        exit 1
    fi
    echo "yes: $(tensor_list "$restored" | wc -l) tensors, the same names, order, types, shapes and bytes each"
    prompt='The quick brown fox jumped over the'
    folder=$checkpoint
    [ -d "$folder" ] || folder=$(dirname "$folder")
    if grep -q '"model_type": *"t5"' "$folder/config.json" 2> /dev/null; then prompt='where is Delhi'; fi
    if before=$(generate "$checkpoint" "$prompt" 2> /dev/null); then
        lesson=$work/$name-lesson
        octet quantize "$checkpoint" "$lesson" --preset lesson --quiet
        said+=("$prompt" "$name" "$before" "  8 bits, nearest" "$(generate "$set" "$prompt")" \
            "  8 bits, as the lesson" "$(generate "$lesson" "$prompt")")
    fi
    summary+=("$(printf '%-18s %13s %13s %13s %9s %10s' "$name" "$(data_bytes "$measured")" "$(data_bytes "$set")" \
        "$(data_bytes "$restored")" "$(fact "$set" SQNR)" "$(fact "$set" 'max error')")")
done

say "In bytes of .safetensors files; SQNR (signal to quantization noise, in dB: higher is better) and largest error of any value:"
printf '%-18s %13s %13s %13s %9s %10s\n' checkpoint before quantized restored 'SQNR dB' 'max error'
printf '%s\n' "${summary[@]}"
if [ ${#said[@]} -gt 0 ]; then
    say "And what the models say, the originals and the codes themselves (greedy, at most 10 tokens):"
    for ((i = 0; i < ${#said[@]}; i += 7)); do
        printf '"%s"\n' "${said[i]}"
        for ((j = i + 1; j < i + 7; j += 2)); do printf '  %-24s %s\n' "${said[j]}" "${said[j + 1]}"; done
    done
fi
say "Done. These were copies in $work, which is removed now. With your own:"
echo "  build/release/bin/octet quantize model.safetensors out/"
