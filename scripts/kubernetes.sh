#!/usr/bin/env bash
# kubernetes.sh: holds the manifests of share/octet/kubernetes against the published schemas, by the Python package
# kubernetes-validate (22 MB), which is installed into an environment of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
env=${XDG_CACHE_HOME:-$HOME/.cache}/octet-kubernetes
[ -x "$env/bin/kubernetes-validate" ] || {
    python3 -m venv "$env"
    "$env/bin/python" -m pip install -q --disable-pip-version-check kubernetes-validate
}
"$env/bin/kubernetes-validate" --strict share/octet/kubernetes/*.yaml
