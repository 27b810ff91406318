#!/usr/bin/env bash
# build.sh PRESET [TARGET...]: configures build/PRESET and builds it; quiet unless it fails.
# The release is GCC's where there is one; dev and tsan choose Clang themselves (cmake/clang.cmake).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=$1
shift

case $preset in
    release | bundled) if [ -z "${CXX:-}" ] && command -v g++ > /dev/null; then export CXX=g++; fi ;;
esac

log=build/$preset.log
mkdir -p build
started=$SECONDS

options=()
if [ "$*" != octet_cli ]; then
    options=(-DBUILD_TESTING=ON)
elif [ ! -e "build/$preset/CMakeCache.txt" ]; then
    options=(-DBUILD_TESTING=OFF)  # the program alone: what only tests need may not be here
fi

tenths() {  # copies all lines into the log, and says how far they are
    awk -v log_file="$log" -v preset="$preset" '
        { print >> log_file; fflush(log_file) }
        match($1, /^\[[0-9]+\/[0-9]+\]$/) {
            split(substr($1, 2, length($1) - 2), step, "/")
            tenth = int(10 * step[1] / step[2])
            if (step[2] > 20 && tenth > shown && tenth < 10) { shown = tenth; printf "  %d %% of build/%s\n", 10 * tenth, preset; fflush() }
        }'
}

echo "building build/$preset ..."
: > "$log"
{
    cmake --preset "$preset" "${options[@]}"
    cmake --build --preset "$preset" ${1:+--target "$@"}
} 2>&1 | tenths || {
    tail -n 60 "$log"
    echo "build.sh: the build of $preset failed; all of its output is in $log"
    exit 1
}
echo "built build/$preset in $((SECONDS - started)) s"
