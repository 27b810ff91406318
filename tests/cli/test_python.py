#!/usr/bin/env python3
"""The Python module, without installing it: its own tests, and random sets against `octet dequantize`. `test_python.py 500`
reads 500 sets, as docs/python.md says; the tests a few."""
import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(os.environ.get("OCTET_SOURCE_DIR", Path(__file__).resolve().parents[2]))
TESTS = SOURCE / "python/tests"


def main():
    sets = sys.argv[1] if len(sys.argv) > 1 else "6" if os.environ.get("OCTET_SANITIZE") else "60"
    found = subprocess.run([SOURCE / "scripts/python_env.sh"], stdout=subprocess.PIPE, text=True)
    if found.returncode != 0:
        print("skipped: no Python with numpy")
        sys.exit(77)
    python = found.stdout.strip()
    environment = dict(os.environ, PYTHONPATH=str(SOURCE / "python"), PYTHONDONTWRITEBYTECODE="1")
    for command in ([TESTS / "test_octet.py"], [TESTS / "random_sets.py", "--sets", sets]):
        subprocess.run([python, *command], env=environment, check=True)


if __name__ == "__main__":
    main()
