#!/usr/bin/env bash
# Prints the path of a Python interpreter that has numpy, safetensors and xxhash, for the checks that are independent of octet's own
# code. Makes a virtual environment on the first call. Where that cannot be done: prints nothing on stdout, exits 77.
set -euo pipefail

give_up() { echo "python_env: $1" >&2; exit 77; }

if [ -n "${OCTET_PYTHON:-}" ]; then
    echo "$OCTET_PYTHON"
    exit 0
fi
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}
env=$cache/octet-venv
mkdir -p "$cache" 2> /dev/null || give_up "cannot make $cache"

exec 9> "$env.lock" || give_up "cannot write $env.lock"
if command -v flock > /dev/null; then flock 9; fi  # tests run side by side

usable() { [ -x "$env/bin/python" ] && "$env/bin/python" -c 'import numpy, safetensors.numpy, xxhash' 2> /dev/null; }

if [ ! -e "$env/ready" ] || ! usable; then
    # Without a network every try costs half a minute; do not try again at once.
    if [ -n "$(find "$env.failed" -mmin -10 2> /dev/null)" ]; then give_up "$(cat "$env.failed")"; fi
    rm -rf "$env"
    if ! python3 -m venv "$env" > /dev/null 2>&1; then
        echo "python3 -m venv does not work here" > "$env.failed"
        give_up "$(cat "$env.failed")"
    fi
    if ! "$env/bin/python" -m pip install -q --disable-pip-version-check --retries 2 --only-binary :all: \
        numpy safetensors xxhash > "$env/pip.log" 2>&1 || ! usable; then
        echo "pip cannot install numpy, safetensors and xxhash: $(tail -n 1 "$env/pip.log")" > "$env.failed"
        give_up "$(cat "$env.failed")"
    fi
    rm -f "$env.failed"
    touch "$env/ready"
fi
# For the schemas in tests/cli/test_ci_recipes.py, which says what it leaves out without.
if [ ! -e "$env/schemas" ] && ! [ -n "$(find "$env.noschemas" -mmin -10 2> /dev/null)" ]; then
    if "$env/bin/python" -m pip install -q --disable-pip-version-check --retries 2 --only-binary :all: \
        check-jsonschema pyyaml > "$env/pip.log" 2>&1; then touch "$env/schemas"; else touch "$env.noschemas"; fi
fi
echo "$env/bin/python"
