#!/usr/bin/env bash
# reference.sh [BUILD_DIR]: makes the reference in docs/cli.md anew from the tables of commands and options in src/cli.
# BUILD_DIR is build/release unless told otherwise.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build/release}

cmake --build "$build" --target octet_pages > /dev/null
made=$(mktemp)
trap 'rm -f "$made"' EXIT
"$build/octet_pages" --reference docs/cli.md > "$made"
cmp -s "$made" docs/cli.md || { cat "$made" > docs/cli.md; echo "docs/cli.md is made anew"; }
