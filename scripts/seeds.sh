#!/usr/bin/env bash
# seeds.sh GPT2_FOLDER FLAN_T5_FOLDER: replays the two documents that octet began with on the full models (openai-community/gpt2 and
# google/flan-t5-small, as folders with model.safetensors, config.json and the tokenizer), and prints their numbers beside octet's.
# Only reads the folders; works in TMPDIR (about 250 MB).
set -euo pipefail
if [ $# -ne 2 ]; then
    echo "usage: scripts/seeds.sh GPT2_FOLDER FLAN_T5_FOLDER" >&2
    exit 2
fi
gpt2=$(realpath "$1")
t5=$(realpath "$2")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -x build/release/bin/octet ] || { scripts/setup.sh && scripts/build.sh release octet_cli; }
octet=$PWD/build/release/bin/octet
work=$(mktemp -d "${TMPDIR:-/tmp}/octet-seeds.XXXXXX")
trap 'rm -rf "$work"' EXIT

row() { printf '%-52s %22s %22s\n' "$@"; }
total() { "$octet" inspect "$1" --json | jq -r ".totals.$2"; }
say() { "$octet" generate "$1" --prompt "$2" --max-new-tokens "$3" --json | jq -r .text; }

row "the lesson: GPT-2, 8 bits, truncated" "the document" "octet"
"$octet" quantize "$gpt2" "$work/gpt2" --preset lesson --no-sync --quiet
row "memory footprint before" 510342192 "$(total "$gpt2" framework_bytes)"
row "memory footprint quantized" 137022768 "$(total "$work/gpt2" framework_bytes)"
row "bytes of state" 1184 "$(total "$work/gpt2" state_bytes)"
tensor='.tensors[] | select(.name | endswith("h.0.attn.c_attn.weight"))'
row "h.0.attn.c_attn.weight" "768 x 2304" "$("$octet" inspect "$work/gpt2" --json | jq -r "$tensor | .shape | map(tostring) | join(\" x \")")"
prompt='The quick brown fox jumped over the'
echo "\"$prompt\", 10 tokens, before"
echo "  the document:  fence and ran to the other side of the fence"
echo "  octet:        $(say "$gpt2" "$prompt" 10)"
echo "the same on the codes"
echo "  octet:        $(say "$work/gpt2" "$prompt" 10)"
echo
row "the article: FLAN-T5-small" "the document" "octet"
row "model size" 307844608 "$(total "$t5" framework_bytes)"
row "parameters" "80M" "$(total "$t5" parameters)"
"$octet" quantize "$t5" "$work/t5" --no-sync --quiet
echo "\"where is Delhi\""
echo "  the document: Delhi, before and after"
echo "  octet:        $(say "$t5" 'where is Delhi' 10), before"
echo "  octet:        $(say "$work/t5" 'where is Delhi' 10), on 8-bit codes"
