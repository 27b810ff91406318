#!/usr/bin/env bash
# setup.sh [build|slurm]: installs what octet is built and tested with, and only what is missing; with `build` only what builds it;
# with `slurm` also the Slurm that cli.slurm starts, which a machine of one's own hardly wants.
# Debian 12 and Ubuntu 24.04, as root or with sudo; says plainly what it cannot install.
set -euo pipefail
case ${1:-all} in
    all | build | slurm) wanted=${1:-all} ;;
    *) echo "usage: scripts/setup.sh [build|slurm]" >&2; exit 2 ;;
esac
export DEBIAN_FRONTEND=noninteractive

distribution=unknown
if [ -r /etc/os-release ]; then
    distribution=$(. /etc/os-release && echo "${ID:-unknown}-${VERSION_ID:-}")
fi
case $distribution in
    debian-12*) clang=clang-14 runtime=libclang-rt-14-dev ;;
    ubuntu-24.04*) clang=clang runtime=libclang-rt-18-dev ;;
    *) clang=clang runtime= ;;
esac

has() { command -v "$1" > /dev/null 2>&1; }
has_package() { has dpkg-query && dpkg-query -W -f='${Status}' "$1" 2> /dev/null | grep -q '^install ok installed'; }

missing=()
need_tool() { has "$1" || missing+=("$2"); }
need_package() { [ -z "$1" ] || has_package "$1" || missing+=("$1"); }

# What builds it.
need_tool g++ g++
need_tool cmake cmake
need_tool ninja ninja-build
need_tool make make
# What it is built on (CMake fetches pinned releases of what is not here).
for package in libxsimd-dev libxxhash-dev libfmt-dev nlohmann-json3-dev libcli11-dev libpcre2-dev; do need_package "$package"; done
need_tool jq jq  # which the scripts read reports with
if [ "$wanted" != build ]; then  # what it is tested with
    need_package catch2
    need_package libssl-dev
    has clang++-14 || has clang++-18 || has clang++ || missing+=("$clang")
    need_package "$runtime"
    need_tool clang-format-14 clang-format-14
    need_tool python3 python3
    python3 -c 'import ensurepip, venv' 2> /dev/null || missing+=(python3-venv)
    need_tool nm binutils
    need_tool ccache ccache
fi
if [ "$wanted" = slurm ]; then
    for package in slurmctld slurmd slurm-client munge parallel; do need_package "$package"; done
fi

if [ ${#missing[@]} -eq 0 ]; then
    echo "setup: everything is here"
    exit 0
fi

finish() {  # finish [what could not be installed...]: fatal only where nothing can be built
    if [ $# -gt 0 ]; then
        echo "setup: could not install: $*" >&2
        echo "setup: as root: apt-get install $*" >&2
    fi
    for tool in g++ cmake ninja; do
        has "$tool" || { echo "setup: octet cannot be built without $tool" >&2; exit 1; }
    done
    exit 0
}

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! has sudo; then
        echo "setup: neither root nor sudo" >&2
        finish "${missing[@]}"
    fi
    as_root=(sudo env DEBIAN_FRONTEND=noninteractive)
fi
if ! has apt-get; then
    echo "setup: no apt-get here; this script knows Debian 12 and Ubuntu 24.04" >&2
    finish "${missing[@]}"
fi

echo "setup: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
    "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=120 "$@" > "$log" 2>&1
}
apt update || { echo "setup: apt-get update failed:" >&2; tail -n 5 "$log" >&2; }

available=() unavailable=()
for package in "${missing[@]}"; do
    # Not into `grep -q`: it stops reading early, and pipefail takes the broken pipe for "not available".
    if grep -E 'Candidate: [^(]' <<< "$(apt-cache policy "$package" 2> /dev/null)" > /dev/null; then
        available+=("$package")
    else
        unavailable+=("$package")
    fi
done
if [ ${#available[@]} -gt 0 ] && ! apt install -y --no-install-recommends "${available[@]}"; then
    echo "setup: apt-get install failed:" >&2
    tail -n 10 "$log" >&2
    unavailable+=("${available[@]}")
fi
if [ ${#unavailable[@]} -gt 0 ]; then finish "${unavailable[@]}"; else finish; fi
