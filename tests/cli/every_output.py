"""Every safetensors file that a successful run of a test writes is read by the Python `safetensors` package as well: copies are kept
while the tests go on, as they may change the files afterwards, and read by one process at the end."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

WRITERS = ("quantize", "dequantize", "calibrate")
LARGE_BYTES = 32_000_000  # linked, not copied: no test changes those
READ_ALL = """
import pathlib, sys, safetensors
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        safetensors.deserialize(path.read_bytes())
    except Exception as error:
        sys.exit(f"{path.name}: the safetensors package refuses it: {error}")
"""
_kept = None


def _files_of(path):
    return [p for p in path.iterdir() if p.suffix == ".safetensors"] if path.is_dir() else [path]


def keep(arguments, folder, since):
    """Copies what a run with these arguments in `folder` has written since that time (time.time_ns())."""
    global _kept
    if not arguments or arguments[0] not in WRITERS:
        return
    for word in arguments[1:]:
        path = Path(folder) / word
        for file in _files_of(path) if path.is_dir() or path.suffix == ".safetensors" and path.is_file() else []:
            status = file.stat()
            if not file.is_file() or status.st_mtime_ns < since - 20_000_000:  # file systems round to the kernel's tick
                continue
            if _kept is None:
                _kept = tempfile.TemporaryDirectory(prefix="octet-outputs-")
            copy = Path(_kept.name) / f"{len(os.listdir(_kept.name)):05} {arguments[0]} {file.name[:100]}"
            if status.st_size < LARGE_BYTES:
                shutil.copyfile(file, copy)
            elif os.stat(_kept.name).st_dev == status.st_dev:
                os.link(file, copy)


def unreadable(python_env):
    """How many files were read, and one line about the first that the package refuses, or None. (None, why) where there is no package."""
    if _kept is None:
        return 0, None
    found = subprocess.run([str(python_env)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if found.returncode == 77:
        return None, found.stderr.decode().strip()
    count = len(os.listdir(_kept.name))
    done = subprocess.run([found.stdout.decode().strip(), "-c", READ_ALL, _kept.name],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _kept.cleanup()
    return count, done.stderr.decode().strip() if done.returncode != 0 else None
