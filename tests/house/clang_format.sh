#!/usr/bin/env bash
# clang_format.sh PROJECT_DIR: every C++ file is formatted. Pinned to one major version, as others break lines elsewhere.
set -euo pipefail
cd "$1"
wanted=14

tool=$(command -v "clang-format-$wanted" || command -v clang-format || true)
if [ -z "$tool" ]; then
    echo "skipped: no clang-format here"
    exit 77
fi
version=$("$tool" --version | sed -E 's/.*version ([0-9]+).*/\1/')
if [ "$version" != "$wanted" ]; then
    echo "skipped: clang-format $version here, the sources are formatted with $wanted"
    exit 77
fi

dirs=()
for dir in src include tests bench; do [ ! -d "$dir" ] || dirs+=("$dir"); done
find "${dirs[@]}" -type f \( -name '*.hpp' -o -name '*.cpp' -o -name '*.inl' \) -print0 |
    xargs -0 "$tool" --dry-run --Werror
echo "formatted"
