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
echo "building build/$preset ..."
{
    cmake --preset "$preset"
    cmake --build --preset "$preset" ${1:+--target "$@"}
} > "$log" 2>&1 || {
    tail -n 60 "$log"
    echo "build.sh: the build of $preset failed; all of its output is in $log"
    exit 1
}
echo "built build/$preset in $((SECONDS - started)) s"
