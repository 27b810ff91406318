"""Finds the other programs that do the same work here, and how each is called."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

from measure import Contestant

PEERS = Path(__file__).resolve().parent / "peers"
THREADS = 2


def imports(python, modules):
    try:
        tried = subprocess.run([python, "-c", f"import {modules}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return tried.returncode == 0


def python_peer(name, script, python, source, out):
    environment = {"OMP_NUM_THREADS": str(THREADS), "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return Contestant(name, [python, PEERS / script, source, out, THREADS], out, environment)


def peers(suite, source, flan):
    """([contestant], {name: why it is not here}); each has run once."""
    found, missing = [], {}
    out = suite.folder / "peer.out"
    python = os.environ.get("OCTET_TORCH_PYTHON", "python3")

    def try_out(contestant):
        try:
            suite.written_by(contestant)
            found.append(contestant)
        except RuntimeError as error:
            missing[contestant.name] = "does not run here: " + (str(error).strip().splitlines() or [""])[-1]

    lesson, quanto = "the lesson (torch)", "quanto qint8, FLAN-T5"
    if imports(python, "torch, safetensors.torch"):
        try_out(python_peer(lesson, "lesson.py", python, source, out))
    else:
        missing[lesson] = "not here: torch or safetensors cannot be imported"
    if imports(python, "optimum.quanto, transformers"):
        try_out(python_peer(quanto, "quanto.py", python, flan, out))
    else:
        missing[quanto] = "not here: optimum.quanto or transformers cannot be imported"
    program = shutil.which("llama-quantize")
    kinds = ("Q8_0", "Q4_K_M")
    if program is None or suite.options.tiny:
        missing.update({f"llama-quantize {kind}": "not here: not on PATH" if program is None else "not tried" for kind in kinds})
        return found, missing
    gguf = os.environ.get("OCTET_BENCH_GGUF")
    if not gguf:
        gguf = suite.folder / "gpt2.gguf"
        subprocess.run([sys.executable, PEERS / "make_gguf.py", source, gguf], check=True)
    for kind in kinds:
        try_out(Contestant(f"llama-quantize {kind}", [program, gguf, out, kind, THREADS], out))
    return found, missing
