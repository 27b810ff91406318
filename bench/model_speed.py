"""What the experiment speed runs: GPT-2 124M's shapes writing 96 tokens after 8, and reading a prompt of 512, by octet on the original and on sets
of it, by llama-bench and by transformers where these are here. Rates come from the programs' own reports, as loading is measured elsewhere."""
import json
import os
import shutil
import subprocess
from pathlib import Path

from first_token import CONFIG, SETS
from peer_contestants import PEERS, THREADS, imports

WRITTEN, READ = 96, 512
MOST_ROUNDS = 5  # a round takes half a minute
LLAMA_KINDS = {"F32": None, "Q8_0": "Q8_0", "Q4_K_M": "Q4_K_M"}


def ids(count):
    """Token ids without a pattern, the same every time."""
    return ",".join(str((7919 * i + 13) % CONFIG["vocab_size"]) for i in range(count))


class Runner:
    """Runs commands under octet_timed, which does not count the memory of the process that starts them."""

    def __init__(self, suite, folder):
        self.timed, self.result, self.printed = suite.programs / "octet_timed", folder / "timed.json", folder / "printed"

    def __call__(self, command, environment=None):
        """(what it printed, its peak of resident memory in bytes)."""
        prints = ["sh", "-c", 'exec "$@" > "$0"', self.printed, *command]  # octet_timed lets nothing be printed
        done = subprocess.run([str(word) for word in (self.timed, self.result, *prints)], env={**os.environ, **(environment or {})},
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        sample = json.loads(self.result.read_text())
        if done.returncode != 0 or sample["status"] != 0:
            raise RuntimeError(f"{command[0]}: " + done.stderr.decode(errors="replace").strip()[-500:])
        return self.printed.read_text(), sample["resident"]


def octet_rates(run, octet, model):
    """{"write", "read"} in tokens per second, and {"resident"}, the higher peak of the two runs in bytes."""
    def generate(prompt, count):
        printed, resident = run([octet, "generate", model, "--prompt-ids", prompt, "--max-new-tokens", count, "--threads", THREADS, "--json"])
        return json.loads(printed), resident

    (writing, one), (reading, other) = generate(ids(8), WRITTEN), generate(ids(READ), 1)
    return {"write": writing["tokens_per_second"], "read": READ / reading["prompt_seconds"], "resident": max(one, other)}


def llama_rates(run, gguf):
    printed, resident = run(["llama-bench", "-m", gguf, "-t", THREADS, "-p", READ, "-n", WRITTEN, "-r", 1, "-o", "json"])
    rates = {("write" if row["n_gen"] else "read"): row["avg_ts"] for row in json.loads(printed)}
    return {**rates, "resident": resident}


def transformers_rates(run, python, source):
    environment = {"OMP_NUM_THREADS": str(THREADS), "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    printed, resident = run([python, PEERS / "gpt2_speed.py", source, THREADS], environment)
    return {**json.loads(printed), "resident": resident}


def contestants(suite, source, folder):
    """({name: function that returns rates}, {name: why it is not here})."""
    run = Runner(suite, folder)
    model = folder / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps(CONFIG))
    (model / "model.safetensors").symlink_to(source)
    found, missing = {"float32": lambda: octet_rates(run, suite.octet, model)}, {}
    for name, options in SETS.items():
        run([suite.octet, "quantize", model, folder / name, *options, "--no-sync", "--quiet"])
        found[f"`{name}`"] = lambda name=name: octet_rates(run, suite.octet, folder / name)
    if shutil.which("llama-bench") and shutil.which("llama-quantize"):
        original = folder / "gpt2.gguf"
        subprocess.run(["python3", PEERS / "make_gguf.py", source, original], check=True)
        for name, kind in LLAMA_KINDS.items():
            gguf = original
            if kind:
                gguf = folder / f"{kind}.gguf"
                run(["llama-quantize", original, gguf, kind, THREADS])
            found[f"llama.cpp {name}"] = lambda gguf=gguf: llama_rates(run, gguf)
    else:
        missing["llama.cpp"] = "not here: llama-bench and llama-quantize are not on PATH"
    python = os.environ.get("OCTET_TORCH_PYTHON", "python3")
    if imports(python, "torch, transformers"):
        found["transformers, float32"] = lambda: transformers_rates(run, python, Path(source))
    else:
        missing["transformers, float32"] = "not here: torch or transformers cannot be imported"
    return found, missing
