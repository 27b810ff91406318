#!/usr/bin/env bash
# fuzz.sh [SECONDS_PER_TARGET [TARGET...]]: fuzzes octet with libFuzzer under the address and undefined-behaviour sanitizers (Clang).
#
#   SECONDS_PER_TARGET   default 600
#   TARGET               header index sidecar quantize dequantize methods config tokenizer pieces gguf; default: all of them, one after the other
#
# A crash, a sanitizer's report, a run over 1 s, or an allocation over 64 MiB (inputs have at most 4 KiB) fails it and leaves the
# input in build/fuzz/found/. What was learned stays in build/fuzz/corpus/ and is where the next run begins.
# Ends with a table: inputs, the parts of the code reached (edges) and their combinations (features), seconds.
set -euo pipefail
if [ "${1:-}" = -h ] || [ "${1:-}" = --help ]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit 0
fi
seconds=${1:-600}
[ $# -eq 0 ] || shift
if [ $# -gt 0 ]; then targets=("$@"); else targets=(header index sidecar quantize dequantize methods config tokenizer pieces gguf); fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ -z "${OCTET_FUZZ_BUILT:-}" ]; then
    scripts/setup.sh
    scripts/build.sh fuzz octet_cli "${targets[@]/#/octet_fuzz_}"
fi
build=build/fuzz
found=$build/found
mkdir -p "$found"
python3 tests/fuzz/make_corpus.py "$build/bin/octet" "$build/seeds"
export ASAN_OPTIONS=quarantine_size_mb=16

status=0
rows=()
total=0
for target in "${targets[@]}"; do
    mkdir -p "$build/corpus/$target"
    log=$build/fuzz-$target.log
    code=0
    "$build/bin/octet_fuzz_$target" -max_total_time="$seconds" -max_len=4096 -timeout=1 -malloc_limit_mb=64 -rss_limit_mb=1024 \
        -dict=tests/fuzz/json.dict -print_final_stats=1 -artifact_prefix="$found/$target-" \
        "$build/corpus/$target" "$build/seeds/$target" > "$log" 2>&1 || code=$?
    runs=$(awk '/^stat::number_of_executed_units/ { print $2 }' "$log")
    took=$(sed -nE 's/^Done [0-9]+ runs in ([0-9]+) second.*/\1/p' "$log")
    reached=$(grep -oE 'cov: [0-9]+ ft: [0-9]+' "$log" | tail -n 1 | awk '{ printf "%d %d", $2, $4 }')
    result=fine
    if [ "$code" -ne 0 ]; then
        status=1
        result="failed ($code), see $log"
        tail -n 30 "$log"
    fi
    total=$((total + ${runs:-0}))
    # shellcheck disable=SC2086 # two numbers
    rows+=("$(printf '%-11s %12s %8s %9s %8s  %s' "$target" "${runs:--}" ${reached:-- -} "${took:--}" "$result")")
    echo "${rows[-1]}"
done
echo
printf '%-11s %12s %8s %9s %8s\n' target inputs edges features seconds
printf '%s\n' "${rows[@]}"
echo "$total inputs in all"
exit "$status"
