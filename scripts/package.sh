#!/usr/bin/env bash
# package.sh [deb|tar|wheel|all] [OUT_DIR]: octet as a package for Debian 12, as a static program for any Linux, and as a Python
# wheel. Into build/packages unless told otherwise. Needs what scripts/setup.sh build installs; the wheel also Python with venv.
# Times in the packages are the commit's (SOURCE_DATE_EPOCH): two builds of one commit give the same bytes.
# package.sh --test [OUT_DIR]: takes each of the three from nothing to a quantized model in a bare Debian 12 (package_test.sh).
set -euo pipefail
umask 022
wanted=${1:-all}
case $wanted in
    deb | tar | wheel | all) ;;
    --test) exec "$(dirname "${BASH_SOURCE[0]}")/package_test.sh" "${@:2}" ;;
    *) echo "usage: scripts/package.sh [deb|tar|wheel|all|--test] [OUT_DIR]" >&2; exit 2 ;;
esac
out=${2:-$(dirname "${BASH_SOURCE[0]}")/../build/packages}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ "$(uname -m)" = x86_64 ] || { echo "package: only x86_64 was ever packed" >&2; exit 1; }
export CXX=${CXX:-g++} TZ=UTC
export CXXFLAGS="${CXXFLAGS:-} -ffile-prefix-map=$PWD=."  # the same bytes wherever the sources lie

if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2> /dev/null || sed -nE 's/^[0-9a-f]+ ([0-9]+)$/\1/p' cmake/commit.txt)
fi
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0}
work=$(mktemp -d "${TMPDIR:-/tmp}/octet-package.XXXXXX")
trap 'rm -rf "$work"' EXIT

# build DIR [CMAKE_OPTION...]: the program and its pages, and nothing else.
build() {
    local log=build/$1.log
    mkdir -p build
    echo "building build/$1 ..."
    { cmake -S . -B "build/$1" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF -DOCTET_BENCH=OFF -DOCTET_WERROR=OFF "${@:2}" &&
        cmake --build "build/$1" --target octet_cli octet_all_pages; } > "$log" 2>&1 || { tail -n 40 "$log"; exit 1; }
}

# The version carries the commit, unless the commit is the one that is tagged with the version.
version_of() {  # version_of PROGRAM
    local facts version commit
    facts=$("$1" --version --json)
    version=$(sed -E 's/.*"version": "([^"]*)".*/\1/' <<< "$facts")
    commit=$(sed -E 's/.*"commit": "([^"]*)".*/\1/' <<< "$facts")
    if [ "$commit" = unknown ] || [ "$(git describe --exact-match --match "v$version" 2> /dev/null)" = "v$version" ]; then
        echo "$version"
    else
        echo "$version+g${commit/-/.}"
    fi
}

# stage BUILD_DIR ROOT PREFIX [static]: the program, its names, pages and completions, and the notices.
stage() {
    DESTDIR=$2 cmake --install "build/$1" --component program --prefix "$3" > /dev/null
    strip --strip-unneeded "$2$3/bin/octet"
    mkdir -p "$2$3/share/doc/octet"
    scripts/package_notices.sh "${4:-}" > "$2$3/share/doc/octet/copyright"
    find "$2" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

done_with() { echo "$1  $(stat -c %s "$1") bytes, sha256 $(sha256sum < "$1" | cut -d' ' -f1)"; }

pack_deb() {
    build package
    local root=$work/deb version needed glibc file maintainer="The octet authors <octet@packages.invalid>"
    version=$(version_of build/package/bin/octet)
    stage package "$root" /usr
    gzip -9n "$root"/usr/share/man/man1/*
    gzip -9nc CHANGELOG.md > "$root/usr/share/doc/octet/changelog.gz"
    gzip -9nc > "$root/usr/share/doc/octet/changelog.Debian.gz" << END
octet ($version-1) unstable; urgency=medium

  * Packed by scripts/package.sh of octet's own sources.

 -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
    # What it needs is read off the program: the C library alone, of the newest version that a symbol asks for.
    needed=$(objdump -p "$root/usr/bin/octet" | awk '$1 == "NEEDED" { print $2 }' | grep -vE '^(libc|libm)\.so\.6$|^ld-linux' || true)
    [ -z "$needed" ] || { echo "package: the program needs $needed, which its Depends do not name" >&2; exit 1; }
    glibc=$(objdump -T "$root/usr/bin/octet" | grep -oE 'GLIBC_[0-9.]+' | sed 's/GLIBC_//' | LC_ALL=C sort -uV | tail -n 1)
    mkdir "$root/DEBIAN"
    cat > "$root/DEBIAN/control" << END
Package: octet
Version: $version-1
Architecture: amd64
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size "$root/usr" | cut -f1)
Depends: libc6 (>= $glibc)
Suggests: libssl3
Section: science
Priority: optional
Description: quantizes safetensors checkpoints to 2 to 8 bits and back
 octet makes the checkpoints of models smaller, restores them, writes GGUF
 files, and reports what that did to every tensor. GPT-2 and T5 models run on
 the codes directly.
END
    (cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum > DEBIAN/md5sums)
    find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    file=$out/octet_${version}-1_amd64.deb
    dpkg-deb --root-owner-group -Zxz --build "$root" "$file" > /dev/null
    done_with "$file"
}

pack_tar() {
    build package-static -DOCTET_STATIC=ON
    local name file
    name=octet-$(version_of build/package-static/bin/octet)-linux-x86_64
    file=$out/$name.tar.gz
    stage package-static "$work/tar" "/$name" static
    cp README.md CHANGELOG.md Dockerfile "$work/tar/$name/"
    tar -C "$work/tar" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -c "$name" |
        gzip -9n > "$file"
    done_with "$file"
}

# The wheel has the static program, so that it runs wherever pip puts it, and is tagged for every C library.
pack_wheel() {
    build package-static -DOCTET_STATIC=ON
    local python=build/package-venv/bin/python wheels=$work/wheels file
    [ -x "$python" ] || python3 -m venv build/package-venv
    "$python" -m pip install -q "wheel>=0.40"
    scripts/package_notices.sh static > "$work/NOTICES"
    "$python" -m pip wheel -q --no-deps -w "$wheels" -C build-dir=build/package-static \
        -C cmake.define.OCTET_STATIC=ON -C cmake.define.OCTET_NOTICES="$work/NOTICES" .
    file=$("$python" -m wheel tags --remove --platform-tag manylinux_2_17_x86_64.musllinux_1_1_x86_64 "$wheels"/*.whl)
    cp "$wheels/${file##*/}" "$out/"
    done_with "$out/${file##*/}"
}

for kind in deb tar wheel; do
    if [ "$wanted" = "$kind" ] || [ "$wanted" = all ]; then "pack_$kind"; fi
done
