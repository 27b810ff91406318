#!/usr/bin/env bash
# setup.sh [build|slurm]: installs what octet is built and tested with, and only what is missing; with `build` only what builds it;
# with `slurm` also the Slurm that cli.slurm starts, which a machine of one's own hardly wants.
# Debian 12 and Ubuntu 24.04, as root or with sudo; says plainly what it cannot install. Fedora (dnf) and Alpine (apk, after
# `apk add bash`) from what their lists of packages say: never run there. Without root: docs/install.md.
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

# Packages are named as Debian names them; here is what others call them. Not run on either: CMake fetches what has another name.
manager=none
for tool in apt-get dnf apk; do if has "$tool"; then manager=$tool && break; fi; done
case $manager in
    dnf) names="g++=gcc-c++ libxsimd-dev=xsimd-devel libxxhash-dev=xxhash-devel libfmt-dev=fmt-devel nlohmann-json3-dev=json-devel
        libcli11-dev=cli11-devel libpcre2-dev=pcre2-static catch2=catch-devel libssl-dev=openssl-devel clang-format-14=clang-tools-extra
        python3-venv=python3 libstdc++=libstdc++-static libclang-rt=compiler-rt" ;;
    apk) names="ninja-build=samurai libxsimd-dev=xsimd-dev libxxhash-dev=xxhash-dev libfmt-dev=fmt-dev nlohmann-json3-dev=nlohmann-json
        libcli11-dev=cli11-dev libpcre2-dev=pcre2-dev catch2=catch2-3 libssl-dev=openssl-dev clang-format-14=clang-extra-tools
        python3-venv=python3 libclang-rt=compiler-rt" ;;
    *) names="" ;;
esac
called() {  # called DEBIAN_NAME: here
    local pair
    for pair in $names; do if [ "${pair%%=*}" = "$1" ]; then echo "${pair#*=}" && return; fi; done
    echo "$1"
}
has_package() {  # has_package NAME_HERE
    case $manager in
        apt-get) dpkg-query -W -f='${Status}' "$1" 2> /dev/null | grep -q '^install ok installed' ;;
        dnf) rpm -q --whatprovides "$1" > /dev/null 2>&1 ;;
        apk) apk info -e "$1" > /dev/null 2>&1 ;;
        *) false ;;
    esac
}

missing=()
need_tool() { has "$1" || missing+=("$(called "$2")"); }
need_package() {
    local name
    name=$(called "$1")
    [ -z "$name" ] || has_package "$name" || missing+=("$name")
}

# What builds it.
need_tool g++ g++
need_tool cmake cmake
need_tool ninja ninja-build
need_tool make make
case $manager in
    dnf) need_package libstdc++ ;;         # the library itself is linked statically
    apk) need_package linux-headers ;;     # of the kernel's calls
esac
# What it is built on (CMake fetches pinned releases of what is not here).
for package in libxsimd-dev libxxhash-dev libfmt-dev nlohmann-json3-dev libcli11-dev libpcre2-dev; do need_package "$package"; done
need_tool jq jq  # which the scripts read reports with
if [ "$wanted" != build ]; then  # what it is tested with
    need_package catch2
    need_package libssl-dev
    has clang++-14 || has clang++-18 || has clang++ || missing+=("$clang")
    if [ "$manager" = apt-get ]; then need_package "$runtime"; else need_package libclang-rt; fi
    need_tool clang-format-14 clang-format-14
    need_tool python3 python3
    python3 -c 'import ensurepip, venv' 2> /dev/null || missing+=("$(called python3-venv)")
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
        case $manager in none) ;; apk) echo "setup: as root: apk add $*" >&2 ;; *) echo "setup: as root: $manager install $*" >&2 ;; esac
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
if [ "$manager" = none ]; then
    echo "setup: no apt-get, dnf or apk here; docs/install.md has roads without them" >&2
    finish "${missing[@]}"
fi

echo "setup: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
update() {
    case $manager in
        apt-get) "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=120 update ;;
        dnf) true ;;  # it does so itself
        apk) "${as_root[@]}" apk update ;;
    esac > "$log" 2>&1
}
is_available() {
    case $manager in
        # Not into `grep -q`: it stops reading early, and pipefail takes the broken pipe for "not available".
        apt-get) grep -E 'Candidate: [^(]' <<< "$(apt-cache policy "$1" 2> /dev/null)" ;;
        dnf) dnf -q list "$1" ;;
        apk) [ -n "$(apk search -e "$1")" ] ;;
    esac > /dev/null 2>&1
}
install() {
    case $manager in
        apt-get) "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@" ;;
        dnf) "${as_root[@]}" dnf -y --setopt=install_weak_deps=False install "$@" ;;
        apk) "${as_root[@]}" apk add "$@" ;;
    esac > "$log" 2>&1
}
update || { echo "setup: $manager update failed:" >&2; tail -n 5 "$log" >&2; }

available=() unavailable=()
for package in "${missing[@]}"; do
    if is_available "$package"; then available+=("$package"); else unavailable+=("$package"); fi
done
if [ ${#available[@]} -gt 0 ] && ! install "${available[@]}"; then
    echo "setup: $manager install failed:" >&2
    tail -n 10 "$log" >&2
    unavailable+=("${available[@]}")
fi
if [ ${#unavailable[@]} -gt 0 ]; then finish "${unavailable[@]}"; else finish; fi
