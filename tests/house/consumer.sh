#!/usr/bin/env bash
# consumer.sh SOURCE_DIR BUILD_DIR VERSION [cmake options...]: installs octet to a new prefix, then builds and runs a project
# that knows octet only through find_package(octet). None of octet's own dependencies may be needed there.
set -euo pipefail
source_dir=$1 build_dir=$2 version=$3
shift 3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

cmake --install "$build_dir" --prefix "$prefix" > "$work/install.log" || { cat "$work/install.log"; exit 1; }
for name in octet quantize dequantize inspect; do
    [ -x "$prefix/bin/$name" ] || { echo "not installed: bin/$name"; exit 1; }
done
for name in quantize dequantize inspect; do
    [ "$(readlink "$prefix/bin/$name")" = octet ] || { echo "bin/$name is not a link to octet"; exit 1; }
done

for name in octet octet-quantize octet-plan quantize; do
    [ -s "$prefix/share/man/man1/$name.1" ] || { echo "not installed: man1/$name.1"; exit 1; }
done
completions=(bash-completion/completions/{octet,quantize,dequantize,inspect} zsh/site-functions/_octet fish/vendor_completions.d/octet.fish)
for name in "${completions[@]}"; do
    [ -s "$prefix/share/$name" ] || { echo "not installed: share/$name"; exit 1; }
done

options=("$@" "-DCMAKE_PREFIX_PATH=$prefix")
for package in fmt nlohmann_json CLI11 xsimd Catch2; do options+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON"); done
cmake -S "$source_dir/tests/house/consumer" -B "$work/build" "${options[@]}"
cmake --build "$work/build"
said=$("$work/build/consumer")
[ "$said" = "$version" ] || { echo "octet::version() says '$said', expected '$version'"; exit 1; }
echo "an installed octet $version is found, linked and run"
