#!/usr/bin/env bash
# Builds and runs all tests: the release with GCC; the dev build (Clang, address and undefined-behaviour sanitizers); the tests
# of the pipeline under the thread sanitizer. Ends with ctest's closing lines, summed over the three; fails if any fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -z "${OCTET_SHARED:-}" ] && [ -d ../shared ]; then  # the shared data beside the checkout
    OCTET_SHARED=$(cd ../shared && pwd)
    export OCTET_SHARED
fi

scripts/setup.sh
if ! scripts/python_env.sh > /dev/null; then
    echo "test.sh: no Python with numpy, safetensors and xxhash: the independent checks are skipped"
fi

jobs=$(getconf _NPROCESSORS_ONLN)
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
status=0
rows=()

built=()
for preset in release dev tsan; do
    targets=()
    [ "$preset" != tsan ] || targets=(octet_tests)
    if scripts/build.sh "$preset" "${targets[@]}"; then
        built+=("$preset")
    else
        status=1
        rows+=("$preset: not built")
    fi
done

for preset in "${built[@]}"; do
    log=$logs/$preset
    code=0
    # GCC's bytes and Clang's have to be the same: each build's tests compare with the other's binary.
    case $preset in release) other=dev ;; *) other=release ;; esac
    export OCTET_OTHER_BIN=
    [ ! -x "build/$other/bin/octet" ] || OCTET_OTHER_BIN=$PWD/build/$other/bin/octet
    ctest --preset "$preset" -j "$jobs" --no-tests=error > "$log" 2>&1 || code=$?
    # Passed tests are one line each in build/*/Testing; what failed or was skipped is shown here.
    if [ "$code" -ne 0 ]; then
        status=1
        grep -vE '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ Test.* Passed )' "$log" || true
    else
        grep -E '\*\*\*Skipped' "$log" || true
    fi
    # A test can leave out a part of itself and still pass.
    grep -hE '^skipped part: ' "build/$preset/Testing/Temporary/LastTest.log" || true
    closing=$(grep -E '^[0-9]+% tests passed' "$log" || echo "no test ran")
    rows+=("$preset: $closing")
    echo "$preset: $closing"
done

echo
echo "--- summary ---"
printf '%s\n' "${rows[@]}"
for preset in release dev tsan; do
    [ ! -e "$logs/$preset" ] || sed -nE "s/^\t *[0-9]+ - (.*) \((.*)\)\$/  \2: $preset, \1/p" "$logs/$preset"
done
echo
printf '%s\n' "${rows[@]}" | awk -v status="$status" -v seconds="$SECONDS" '
    /not built|no test ran/ { failed++; total++ }
    match($0, /[0-9]+ tests? failed/) { failed += substr($0, RSTART) }
    match($0, /out of [0-9]+/) { total += substr($0, RSTART + 7) }
    END {
        percent = total ? int(100 * (total - failed) / total) : 0
        if (status && percent == 100) percent = 99
        printf "%d%% tests passed, %d tests failed out of %d\n\nTotal Test time (real) = %6.2f sec\n", percent, failed, total, seconds
    }'
exit "$status"
