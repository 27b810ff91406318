"""octet against llama-quantize with the same importance matrix: gguf_imatrix_kl.py OCTET LLAMA_QUANTIZE [--model FOLDER] [TYPE...]

One rounding is a lottery, so the model (testdata/tiny-gpt2, or FOLDER with eval.txt) is perturbed ten times, every weight by a normal
factor of 1 +- 0.002. Each time `octet calibrate` reads a text, what it collects is written as llama-imatrix's .dat, and both programs
quantize with that file. `octet evaluate --reference` judges every file on other text. Prints, for each type, the mean KL divergence over
that of llama-quantize with the matrix: geometric mean, least and most of the ten, and the SQNR (plain) less its. Needs numpy and
safetensors (scripts/python_env.sh)."""
import argparse
import json
import math
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

import gguf_kl

TYPES = ["q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m", "q2_k", "q5_0", "q4_0", "iq4_nl"]
PARTS = {"attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
CALIBRATION_BYTES = 30_000  # of eval.txt, after what is judged


def name_in_gguf(name):
    if name.endswith("wte.weight"):
        return "token_embd.weight"
    number, part = name.split("h.", 1)[1].removesuffix(".weight").split(".", 1)
    return f"blk.{number}.{PARTS[part]}.weight"


def write_imatrix(path, entries):
    """The old format of llama-imatrix: of each weight the sum over one call."""
    raw = struct.pack("<i", len(entries))
    for name, values in entries.items():
        raw += struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", 1, len(values)) + values.astype("<f4").tobytes()
    path.write_bytes(raw)


class Draw:
    """One perturbed model in a folder, its float32 GGUF file and importance matrices."""

    def __init__(self, octet, quantizer, model, folder, seed):
        self.octet_path, self.quantizer, self.folder = octet, quantizer, folder
        for file in ("config.json", "vocab.json", "merges.txt"):
            shutil.copy(model / file, folder)
        text = (model / "eval.txt").read_bytes()
        (folder / "text").write_bytes(text[:gguf_kl.TEXT_BYTES])
        (folder / "other_text").write_bytes(text[gguf_kl.TEXT_BYTES:][:CALIBRATION_BYTES])
        save_file(gguf_kl.perturbed(load_file(model / "model.safetensors"), seed), folder / "model.safetensors")
        self.octet("calibrate", folder, "--text", folder / "other_text", "-o", folder / "importance.safetensors")
        self.octet("quantize", folder, folder / "f32.gguf", "--type", "f32")
        entries = {name_in_gguf(name): value for name, value in load_file(folder / "importance.safetensors").items()}
        write_imatrix(folder / "real.dat", entries)
        write_imatrix(folder / "ones.dat", {name: np.ones_like(value) for name, value in entries.items()})

    def octet(self, *arguments):
        done = subprocess.run([self.octet_path, *map(str, arguments), "--json"], check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
        return json.loads(done.stdout)

    def judged(self):
        """(mean KL, plain SQNR) of out.gguf."""
        folder = self.folder
        kl = self.octet("evaluate", folder / "out.gguf", "--text", folder / "text", "--reference", folder)
        compared = self.octet("compare", folder, folder / "out.gguf")
        return kl["mean_kl"] if "mean_kl" in kl else kl["reference"]["mean_kl"], float(compared["totals"]["sqnr_db"])

    def by_octet(self, kind, *options):
        self.octet("quantize", self.folder, self.folder / "out.gguf", "--type", kind, "--force", "--no-sync", *options)
        return self.judged()

    def by_llama(self, kind, *options):
        subprocess.run([self.quantizer, *options, self.folder / "f32.gguf", self.folder / "out.gguf", kind, "2"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self.judged()

    def figures(self, kind):
        real, ones = self.folder / "real.dat", self.folder / "ones.dat"
        return {"octet, matrix": self.by_octet(kind, "--importance", real), "octet": self.by_octet(kind),
                "llama, matrix": self.by_llama(kind, "--imatrix", real), "llama, ones": self.by_llama(kind, "--imatrix", ones),
                "llama": self.by_llama(kind)}


def show(kind, draws):
    print(f"{kind}: {1e6 * sum(draw['llama, matrix'][0] for draw in draws) / len(draws):.3g}e-6 by llama-quantize with the matrix")
    for who in draws[0]:
        ratios = [draw[who][0] / draw["llama, matrix"][0] for draw in draws]
        gain = sum(draw[who][1] - draw["llama, matrix"][1] for draw in draws) / len(draws)
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"  {who:14} KL {mean:.3f} x ({min(ratios):.2f} to {max(ratios):.2f}), SQNR {gain:+.2f} dB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("octet")
    parser.add_argument("quantizer")
    parser.add_argument("types", nargs="*", default=TYPES)
    parser.add_argument("--model", type=Path, default=gguf_kl.MODEL)
    given = parser.parse_args()
    draws = {kind: [] for kind in given.types}
    for seed in range(gguf_kl.DRAWS):
        with tempfile.TemporaryDirectory() as name:
            draw = Draw(given.octet, given.quantizer, given.model, Path(name), seed)
            for kind in given.types:
                draws[kind].append(draw.figures(kind))
    for kind in given.types:
        show(kind, draws[kind])


if __name__ == "__main__":
    main()
