#!/usr/bin/env bash
# fidelity.sh: quantizes the tiny models of testdata/ (and capp-gpt2, where OCTET_SHARED has it) with every preset, holds what they say
# against the originals, and writes docs/fidelity.md and docs/fidelity.svg. No arguments.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -x build/release/bin/octet ] || { scripts/setup.sh && scripts/build.sh release octet_cli; }
exec python3 scripts/fidelity.py build/release/bin/octet
