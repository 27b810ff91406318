#!/usr/bin/env bash
# seeds.sh GPT2_FOLDER FLAN_T5_FOLDER: replays the two documents that octet began with on the full models (openai-community/gpt2 and
# google/flan-t5-small, as folders with model.safetensors, config.json and the tokenizer), whole: every number and sentence that
# they print, beside octet's. Other GPT-2 and T5 models do too; then the numbers differ. Only reads the folders; works in TMPDIR
# (about 900 MB). Exit code 1 where a number or sentence is not the document's.
set -euo pipefail
if [ $# -ne 2 ]; then
    echo "usage: scripts/seeds.sh GPT2_FOLDER FLAN_T5_FOLDER" >&2
    exit 2
fi
for folder in "$@"; do
    [ -d "$folder" ] || { echo "seeds: $folder: no folder" >&2; exit 2; }
done
gpt2=$(cd "$1" && pwd)
t5=$(cd "$2" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
octet=${OCTET_BIN:-$PWD/build/release/bin/octet}
[ -x "$octet" ] || { scripts/setup.sh build && scripts/build.sh release octet_cli; }
work=$(mktemp -d "${TMPDIR:-/tmp}/octet-seeds.XXXXXX")
trap 'rm -rf "$work"' EXIT

differences=0
row() {  # row WHAT THE_DOCUMENT OCTET
    local mark=""
    [ "$2" = "$3" ] || { mark="  differs"; differences=$((differences + 1)); }
    printf '%-44s %24s %24s%s\n' "$1" "$2" "$3" "$mark"
}
sentence() {  # sentence WHAT THE_DOCUMENT OCTET, each in quotes and on one line
    local mark=""
    [ "$2" = "$3" ] || { mark="  differs"; differences=$((differences + 1)); }
    printf '%s\n  the document: %s\n  octet:        %s%s\n' "$1" "$(quoted "$2")" "$(quoted "$3")" "$mark"
}
quoted() { jq -cn --arg text "$1" '$text'; }
head_of() { printf '\n%-44s %24s %24s\n' "$1" "the document" octet; }
total() { "$octet" inspect "$1" --json | jq -r ".totals.$2"; }
say() { "$octet" generate "$1" --prompt "$2" --max-new-tokens 10 --json | jq -r .text; }
fact() {  # fact PATH TENSOR_NAME_END EXPRESSION: of one tensor of inspect
    "$octet" inspect "$1" --json | jq -r ".tensors[] | select(.name | endswith(\"$2\")) | $3"
}
printed() {  # printed WHAT KEY THE_DOCUMENTS_LISTS: how many of 36 are the document's, to the four decimals that it prints
    row "$1" "36 of 36" "$(jq -r --argjson told "$3" \
        "[($2 | flatten | map(. * 10000 | round)), (\$told | flatten | map(. * 10000 | round))] | transpose |
            \"\\(map(select(.[0] == .[1])) | length) of \\(length)\"" <<< "$corners")"
}
shape='.shape | map(tostring) | join(" x ")'

head_of "the lesson: GPT-2, 8 bits, truncated"
"$octet" quantize "$gpt2" "$work/gpt2" --preset lesson --no-sync --quiet
"$octet" dequantize "$work/gpt2" "$work/gpt2-restored" --no-sync --quiet
row "[7] memory footprint" 510342192 "$(total "$gpt2" framework_bytes)"
row "[9] shape of h.0.attn.c_attn.weight" "768 x 2304" "$(fact "$gpt2" h.0.attn.c_attn.weight "$shape")"
weight=$(fact "$gpt2" h.0.attn.c_attn.weight .name)
corners=$("$octet" show "$work/gpt2" "$weight" --source "$gpt2" --rows 6 --columns 6 --json)
printed "[9]  printed values" .values "$(jq -c .lesson_printout.values testdata/lesson_vectors.json)"
printed "[10] printed codes" .codes "$(jq -c .lesson_printout.codes testdata/lesson_vectors.json)"
row "[10] smallest and largest code" "0 255" "$("$octet" show "$work/gpt2" "$weight" --json |
    jq -r '"\((.min - .zero_point) / .scale | round + 0) \((.max - .zero_point) / .scale | round + 0)"')"
printed "[12] printed restored values" .restored '[[-0.4774,-0.2783,-0.1014,0.0313,-0.0793,0.0092],
    [0.0755,0.1419,0.2303,-0.0572,-0.0129,-0.0351],[-0.0129,0.0534,0.3630,0.0976,0.0313,-0.0351],
    [-0.2783,-0.0351,0.1861,0.0092,-0.0572,0.0313],[0.1419,0.2082,0.0976,0.0092,-0.0572,-0.0572],
    [-0.4110,-0.2120,-0.2562,-0.0129,-0.0129,0.0092]]'
printed "[13] printed errors" .abs_error '[[0.0035,0.0170,0.0036,0.0200,0.0209,0.0158],
    [0.0119,0.0055,0.0084,0.0046,0.0017,0.0195],[0.0168,0.0161,0.0038,0.0167,0.0050,0.0032],
    [0.0191,0.0187,0.0131,0.0004,0.0056,0.0006],[0.0098,0.0088,0.0067,0.0202,0.0143,0.0097],
    [0.0010,0.0196,0.0162,0.0084,0.0199,0.0107]]'
row "[19] memory footprint, quantized" 137022768 "$(total "$work/gpt2" framework_bytes)"
row "[21] bytes of state" 1184 "$(total "$work/gpt2" state_bytes)"
row "[24] memory footprint, restored" 510342192 "$(total "$work/gpt2-restored" framework_bytes)"
prompt='The quick brown fox jumped over the'
sentence "[16] \"$prompt\"" $' fence and ran to the other side of the fence' "$(say "$gpt2" "$prompt")"
sentence "[25] restored" $' fence.\n\nThe fox jumped over the fence' "$(say "$work/gpt2-restored" "$prompt")"
sentence "     and on the codes themselves" $' fence.\n\nThe fox jumped over the fence' "$(say "$work/gpt2" "$prompt")"

head_of "the article: FLAN-T5-small, Linear in 8 bits"
"$octet" quantize "$t5" "$work/t5" --preset linear --no-sync --quiet
row "parameters, in millions (the article: 80M)" 77 "$(total "$t5" parameters | awk '{ printf "%.0f", $1 / 1e6 }')"
row "embedding" "32128 x 512" "$(fact "$t5" shared.weight "$shape")"
row "a Linear of attention" "384 x 512" "$(fact "$t5" encoder.block.0.layer.0.SelfAttention.q.weight "$shape")"
row "a Linear of the feed-forward layer" "1024 x 512" "$(fact "$t5" encoder.block.0.layer.1.DenseReluDense.wi_0.weight "$shape")"
row "attention bias" "32 x 6" "$(fact "$t5" encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight "$shape")"
row "model size in GB, before" 0.307844608 "$(total "$t5" framework_bytes | awk '{ printf "%.9g", $1 / 1e9 }')"
row "model size in GB, after" 0.12682868 "$(total "$work/t5" framework_bytes | awk '{ printf "%.9g", $1 / 1e9 }')"
sentence "\"where is Delhi\", before" Delhi "$(say "$t5" 'where is Delhi')"
sentence "after, on the codes" Delhi "$(say "$work/t5" 'where is Delhi')"

echo
if [ "$differences" -gt 0 ]; then
    echo "$differences differ from the documents"
    exit 1
fi
echo "all as the documents print it"
