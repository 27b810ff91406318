"""What the search for the least squared error does to a model's predictions: gguf_kl.py OCTET [TYPE...]

One rounding is a lottery, so testdata/tiny-gpt2 is perturbed ten times (every weight by a normal factor of 1 +- 0.002). Each time the same type
is made with the search (the default) and with `--range minmax`, whose blocks of these types are llama-quantize's own, and both are judged by
`octet evaluate --reference` on the held-out text. Prints the ratio of the two mean KL divergences: geometric mean, least, most. Needs numpy and
safetensors (scripts/python_env.sh)."""
import json
import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

MODEL = Path(__file__).resolve().parent.parent / "testdata" / "tiny-gpt2"
TYPES = ["q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]
DRAWS, NOISE, TEXT_BYTES = 10, 2e-3, 12_000


def perturbed(tensors, seed):
    rng = np.random.default_rng(seed)
    is_weight = {name: value.ndim == 2 and value.dtype == np.float32 for name, value in tensors.items()}
    return {name: value * (1 + rng.normal(0, NOISE, value.shape)).astype(np.float32) if is_weight[name] else value for name, value in tensors.items()}


def figures(octet, folder, kind, options):
    """Mean KL against the model in `folder`, and the SQNR."""
    run = lambda *arguments: json.loads(subprocess.run([octet, *map(str, arguments), "--json"], check=True, stdout=subprocess.PIPE).stdout)
    report = run("quantize", folder, folder / "out.gguf", "--type", kind, "--force", "--no-sync", *options)
    judged = run("evaluate", folder / "out.gguf", "--text", folder / "text", "--reference", folder)
    return judged["mean_kl"] if "mean_kl" in judged else judged["reference"]["mean_kl"], float(report["totals"]["sqnr_db"])


def main():
    octet, kinds = sys.argv[1], sys.argv[2:] or TYPES
    tensors = load_file(MODEL / "model.safetensors")
    ratios, gains = {kind: [] for kind in kinds}, {kind: [] for kind in kinds}
    for seed in range(DRAWS):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file in ("config.json", "vocab.json", "merges.txt"):
                shutil.copy(MODEL / file, folder)
            (folder / "text").write_bytes((MODEL / "eval.txt").read_bytes()[:TEXT_BYTES])
            save_file(perturbed(tensors, seed), folder / "model.safetensors")
            for kind in kinds:
                searched, plain = (figures(octet, folder, kind, options) for options in ([], ["--range", "minmax"]))
                ratios[kind].append(searched[0] / plain[0])
                gains[kind].append(searched[1] - plain[1])
    for kind in kinds:
        mean = math.exp(sum(map(math.log, ratios[kind])) / DRAWS)
        print(f"{kind}: KL {mean:.2f} x ({min(ratios[kind]):.2f} to {max(ratios[kind]):.2f}), SQNR {sum(gains[kind]) / DRAWS:+.2f} dB")


if __name__ == "__main__":
    main()
