#!/usr/bin/env bash
# package_notices.sh [static]: prints the licence of octet and the notices of everything that is linked into its program, as the
# packages it was built from bring them: Debian's /usr/share/doc/PACKAGE/copyright, so they are those of the versions linked.
# With `static` also those of the C library. Fails where one is not at hand, since nothing may be passed on without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(libfmt-dev nlohmann-json3-dev libcli11-dev libxsimd-dev libxxhash-dev libpcre2-dev)
compiler=$(readlink -f "$(command -v "${CXX:-g++}")")
packages+=("libstdc++-$("$compiler" -dumpversion)-dev")  # and libgcc: both always linked statically
[ "${1:-}" != static ] || packages+=(libc6-dev)

rule() { printf '\n%s\n%s\n%s\n\n' "$(printf '=%.0s' {1..78})" "$1" "$(printf '=%.0s' {1..78})"; }
licences=()  # that the notices name and do not quote
echo "octet is under the following licence. Below it are the notices of the code that is linked into its program."
echo
cat LICENSE
for package in "${packages[@]}"; do
    notice=/usr/share/doc/$package/copyright
    [ -r "$notice" ] || { echo "package_notices: $notice: not found; install $package, or build from the system's packages" >&2; exit 1; }
    rule "$package $(dpkg-query -W -f='${source:Package} ${Version}' "$package")"
    cat "$notice"
    while read -r licence; do licences+=("$licence"); done < <(grep -oE '/usr/share/common-licenses/[A-Za-z0-9.-]*[A-Za-z0-9]' "$notice" | sort -u)
done
if [ "${1:-}" = static ]; then  # elsewhere there may be no such folder
    while read -r licence; do
        [ -r "$licence" ] || continue
        rule "$licence"
        cat "$licence"
    done < <(printf '%s\n' "${licences[@]}" | sort -u)
fi
