#!/usr/bin/env bash
# run.sh JUDGE: the short differential run of the tests; skipped where there is no Python with the safetensors package.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$("$here/../../scripts/python_env.sh") || exit $?
exec "$python" "$here/differential.py" "$1" --headers 5000 --seed 7
