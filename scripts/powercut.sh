#!/usr/bin/env bash
# powercut.sh [POINTS [FILE_SYSTEM...]]: cuts the power of a disk on which octet quantizes, and looks at what is left (tests/powercut).
#
#   POINTS         how many for each of three roads (a new set, a replaced one, one in a mount point); default 70
#   FILE_SYSTEM    ext4 xfs btrfs; default: all of them
#
# Opt-in: it needs root, /dev/fuse and loop devices, the programs mkfs.ext4, mkfs.xfs (xfsprogs) and mkfs.btrfs (btrfs-progs), and
# libfuse3-dev. It writes below /dev/shm only, and mounts nothing but what it made there. OCTET_BIN: a built octet, else it builds one.
set -euo pipefail
if [ "${1:-}" = -h ] || [ "${1:-}" = --help ]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit 0
fi
points=${1:-70}
[ $# -eq 0 ] || shift
if [ $# -gt 0 ]; then systems=("$@"); else systems=(ext4 xfs btrfs); fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

missing=()
[ "$(id -u)" = 0 ] || missing+=("root")
[ -c /dev/fuse ] || missing+=("/dev/fuse")
[ -c /dev/loop-control ] || missing+=("/dev/loop-control")
pkg-config --exists fuse3 || missing+=("libfuse3-dev")
[[ " ${systems[*]} " != *" btrfs "* ]] || command -v btrfs > /dev/null || missing+=("btrfs")
for system in "${systems[@]}"; do command -v "mkfs.$system" > /dev/null || missing+=("mkfs.$system"); done
if [ ${#missing[@]} -gt 0 ]; then
    echo "powercut.sh: not here: ${missing[*]}"
    exit 77
fi

if [ -z "${OCTET_BIN:-}" ]; then
    scripts/build.sh release octet_cli
    OCTET_BIN=build/release/bin/octet
fi
mkdir -p build
read -ra flags <<< "$(pkg-config --cflags --libs fuse3)"
"${CXX:-c++}" -std=c++20 -O2 -Wall -Wextra tests/powercut/recording_disk.cpp "${flags[@]}" -o build/recording_disk
exec python3 tests/powercut/powercut.py "$OCTET_BIN" build/recording_disk "$points" "${systems[@]}"
