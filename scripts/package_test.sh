#!/usr/bin/env bash
# package_test.sh [OUT_DIR]: takes the packages in OUT_DIR (build/packages; scripts/package.sh makes them) from nothing to a quantized
# testdata/tiny-gpt2: the .deb, the .tar.gz and the wheel each in a new, bare Debian 12, and the program of the .tar.gz in a root
# where there is nothing else at all, no C library either. Says the seconds of each, what was installed on the way included, and
# fails where it takes more than 60 or where two of them give different bytes. As root, with debootstrap and Debian's packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
packages=$(cd "${1:-build/packages}" && pwd)
command -v debootstrap > /dev/null || { echo "package_test: debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/var/tmp}/octet-package-test.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT

one() {  # one PATTERN: the newest package of that name
    local found
    found=$(find "$packages" -maxdepth 1 -name "$1" -printf '%T@ %p\n' | sort -rn | head -n 1 | cut -d' ' -f2-)
    [ -n "$found" ] || { echo "package_test: no $1 in $packages; scripts/package.sh makes it" >&2; exit 1; }
    echo "$found"
}
deb=$(one '*.deb') tar=$(one '*.tar.gz') wheel=$(one '*.whl')

echo "making a bare Debian 12 ..."
base=$work/base
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null | grep -E '^(URIs:|deb )' | grep -v security |
    grep -oE 'https?://[^ ]+' | head -n 1 || true)
debootstrap --variant=minbase --include=ca-certificates bookworm "$base" $mirror > "$work/log" 2>&1 || { tail -n 5 "$work/log"; exit 1; }
rm -f "$base/etc/apt/sources.list"
cp -r /etc/apt/sources.list.d /etc/apt/apt.conf.d "$base/etc/apt/"
for f in /etc/apt/sources.list /etc/resolv.conf /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    [ ! -f "$f" ] || cp -L "$f" "$base$f"
done
chmod 755 "$base"
cp -r testdata/tiny-gpt2 "$base/root/tiny-gpt2"

inside() {  # inside ROOT COMMAND: with nothing of this environment, and mounts that nobody else sees
    printf 'set -eu\ncd /root\n%s\n' "$2" > "$1/root/command"
    root=$1 unshare --mount --propagation private bash -c '
        for m in proc dev; do mount --rbind "/$m" "$root/$m" 2> /dev/null || true; done
        exec chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            PIP_CERT=/etc/ssl/certs/ca-certificates.crt bash /root/command'
}

first=""
try() {  # try NAME PACKAGE COMMAND: COMMAND gets the package as its file name in /root, and leaves the set in /root/out
    local root=$work/$1 began seconds bytes
    cp -a "$base" "$root"
    cp "$2" "$root/root/"
    began=$(date +%s%N)
    inside "$root" "$3" > "$work/log" 2>&1 || { tail -n 20 "$work/log"; echo "package_test: $1 failed" >&2; exit 1; }
    seconds=$((($(date +%s%N) - began) / 100000000))
    bytes=$(sha256sum < "$root/root/out/model.octet.safetensors")
    echo "$1: $((seconds / 10)).$((seconds % 10)) s from the bare system to the set, $(basename "$2")"
    [ "$seconds" -le 600 ] || { echo "package_test: $1 took more than 60 s" >&2; exit 1; }
    [ "${first:=$bytes}" = "$bytes" ] || { echo "package_test: $1 gives other bytes" >&2; exit 1; }
    rm -rf --one-file-system "$root"
}

name=$(basename "$deb")
try deb "$deb" "apt-get -q update; apt-get install -yq ./$name; octet quantize tiny-gpt2 out; octet verify out --source tiny-gpt2;
    test -s /usr/share/doc/octet/copyright; octet --version"
name=$(basename "$tar")
try tar "$tar" "tar xzf $name; ${name%.tar.gz}/bin/octet quantize tiny-gpt2 out; ${name%.tar.gz}/bin/octet verify out --source tiny-gpt2"
name=$(basename "$wheel")
try wheel "$wheel" "apt-get -q update; apt-get install -yq --no-install-recommends python3-venv; python3 -m venv env;
    env/bin/pip install ./$name; env/bin/octet --version
    env/bin/python -c 'import octet; octet.quantize(\"tiny-gpt2\", \"out\"); print(octet.open(\"out\")[\"wte.weight\"].shape)'"

# Nothing but the program: what it does not find here it needs nowhere.
empty=$work/empty
mkdir "$empty"
tar xzf "$tar" -C "$empty" --strip-components=1
cp -r testdata/tiny-gpt2 "$empty/model"
chroot "$empty" /bin/octet quantize /model /out --quiet
chroot "$empty" /bin/octet generate /out --prompt "The quick brown fox jumped over the" --max-new-tokens 3 --quiet > "$work/log"
[ "$(sha256sum < "$empty/out/model.octet.safetensors")" = "$first" ] || { echo "package_test: other bytes in an empty root" >&2; exit 1; }
echo "tar: the program runs in a root that holds nothing else"
