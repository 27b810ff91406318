#!/usr/bin/env bash
# differential.sh [HEADERS [SEED]]: holds octet's reader of headers against the safetensors package on HEADERS (100,000) mutated
# files. Fails when octet accepts what the package refuses, refuses what it writes, or is stricter for a reason that is not in
# the list of docs/reliability.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh
scripts/build.sh release octet_judge
python=$(scripts/python_env.sh)
exec "$python" tests/differential/differential.py build/release/bin/octet_judge --headers "${1:-100000}" --seed "${2:-1}"
