#!/usr/bin/env python3
"""Two builds of octet must write the same bytes: same_output.py OLD_BINARY NEW_BINARY [--cases 300] [--seed 1] [CHECKPOINT...]

Runs both on the checkpoints that are given, on those of testdata/ and, where OCTET_SHARED names them, of the shared data, each with a list of
options; then on random checkpoints with random options. Compared are every file of every set, every restored file, the JSON reports of quantize,
plan, inspect, verify, compare and dequantize, and the exit codes. Version and seconds are left aside, and so are the words of errors, which
are counted. Exit code 1 where anything else differs. Needs numpy (scripts/python_env.sh).
"""
import argparse
import collections
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
LISTS = [[], ["--preset", "lesson"], ["--preset", "linear"], ["--preset", "q8"], ["--preset", "q6"], ["--preset", "q4"], ["--symmetric"],
         ["--zero-point", "integer"], ["--granularity", "channel"], ["--granularity", "channel", "--axis", "1", "--range", "mse"],
         ["--granularity", "group"], ["--granularity", "group", "--bits", "4", "--axis", "1"], ["--range", "mse"],
         ["--bits", "4", "--range", "percentile:99.9"], ["--granularity", "group", "--bits", "4", "--scale-dtype", "two-level", "--range", "mse",
                                                         "--group-size", "16"], ["--target-sqnr", "35"]]


def file_bytes(header, data):
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


class Random:
    """Random checkpoints and options, the same for the same seed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, share):
        return self.rng.random() < share

    def shape(self):
        dimensions = self.pick(0, 1, 1, 2, 2, 2, 2, 2, 3, 4)
        most = {0: 1, 1: 9000, 2: self.pick(40, 300, 300, 1400), 3: 40, 4: 12}[dimensions]
        shape = [int(self.rng.integers(1, most)) for _ in range(dimensions)]
        if shape and self.chance(0.04):
            shape[self.rng.integers(len(shape))] = 0
        if dimensions == 2 and self.chance(0.4):
            shape = [(n + 31) // 32 * 32 for n in shape]
        return shape

    def values(self, count):
        kind = self.pick("normal", "normal", "normal", "heavy", "constant", "whole", "tiny", "large", "zero", "one-sided", "subnormal")
        x = self.rng.standard_normal(count)
        if kind == "heavy" and count:
            x[self.rng.integers(0, count, max(1, count // 500))] *= 40
        scale = {"tiny": 1e-30, "large": 1e30, "zero": 0, "subnormal": 1e-42}.get(kind, 0.1)
        if kind == "constant":
            return np.full(count, float(self.pick(0.5, -0.0, -3.25, 1e-3)))
        if kind == "whole":
            return np.floor(x * 20)
        return np.abs(x) * scale + 0.5 if kind == "one-sided" else x * scale

    def tensor(self):
        shape = self.shape()
        count = int(np.prod(shape, dtype=np.int64))
        dtype = self.pick("F32", "F32", "F32", "F16", "BF16", "F64", "I64", "U8", "BOOL")
        if dtype in ("I64", "U8", "BOOL"):
            kind = {"I64": "<i8", "U8": "u1", "BOOL": "u1"}[dtype]
            return dtype, shape, self.rng.integers(0, 2, count).astype(kind).tobytes()
        x = self.values(count)
        if self.chance(0.01) and count:
            x[self.rng.integers(count)] = self.pick(np.nan, np.inf, -np.inf)
        if dtype == "BF16":
            with np.errstate(over="ignore"):
                bits = x.astype("<f4").view("<u4")
            return dtype, shape, (bits >> 16).astype("<u2").tobytes()
        with np.errstate(over="ignore"):
            return dtype, shape, np.clip(x, -6e4, 6e4).astype("<f2").tobytes() if dtype == "F16" else x.astype("<f8" if dtype == "F64" else "<f4").tobytes()

    def names(self, count):
        family = self.pick("gpt2", "t5", "llama", "none")
        forms = {"gpt2": ["h.{}.attn.c_attn.weight", "h.{}.mlp.c_fc.weight", "h.{}.ln_1.weight", "h.{}.attn.c_proj.bias", "h.{}.attn.bias"],
                 "t5": ["encoder.block.{}.layer.0.SelfAttention.q.weight", "decoder.block.{}.layer.2.DenseReluDense.wo.weight",
                        "encoder.block.{}.layer.0.layer_norm.weight"],
                 "llama": ["model.layers.{}.self_attn.q_proj.weight", "model.layers.{}.mlp.up_proj.weight", "model.layers.{}.input_layernorm.weight"],
                 "none": ["a.{}", "weight{}", "naïve {}"]}[family]
        heads = {"gpt2": ["wte.weight", "wpe.weight", "lm_head.weight"], "t5": ["shared.weight", "encoder.embed_tokens.weight", "lm_head.weight"],
                 "llama": ["model.embed_tokens.weight", "lm_head.weight"], "none": []}[family]
        names = heads + [form.format(i) for i in range(count) for form in forms]
        return names[:count]

    def checkpoint(self, folder):
        """Writes it; returns the path to give."""
        folder.mkdir()
        tensors = [(name, *self.tensor()) for name in self.names(int(self.rng.integers(1, 14)))]
        if len(tensors) > 2 and self.chance(0.3):
            tensors[2] = (tensors[2][0], *tensors[0][1:])  # perhaps tied
        shards = self.pick(1, 1, 1, 2, 3) if len(tensors) > 3 else 1
        weight_map = {}
        for shard in range(shards):
            own = tensors[shard::shards]
            name = "model.safetensors" if shards == 1 else f"model-{shard + 1:05}-of-{shards:05}.safetensors"
            entries, data = {}, b""
            for one, dtype, shape, bytes_ in own:
                entries[one] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(bytes_)]}
                data += bytes_
                weight_map[one] = name
            header = {"__metadata__": {"format": "pt"}} if self.chance(0.6) else {}
            order = list(entries)
            self.rng.shuffle(order)
            header.update((one, entries[one]) for one in order)
            (folder / name).write_bytes(file_bytes(header, data))
        if shards > 1:
            index = {"metadata": {"total_size": sum(len(t[3]) for t in tensors)}, "weight_map": weight_map}
            (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
        (folder / "config.json").write_text('{"model_type": "gpt2"}')
        self.tensors = tensors
        return folder

    def importance(self, path):
        """Weights for some of the tensors that were written last; by inputs along axis 1."""
        entries, data = {}, b""
        for name, dtype, shape, _ in self.tensors:
            if dtype not in ("F32", "F16", "BF16", "F64") or len(shape) < 2 or 0 in shape:
                continue
            bytes_ = np.abs(self.rng.standard_normal(int(np.prod(shape[1:])))).astype("<f4").tobytes()
            entries[name] = {"dtype": "F32", "shape": [len(bytes_) // 4], "data_offsets": [len(data), len(data) + len(bytes_)]}
            data += bytes_
        path.write_bytes(file_bytes(entries, data))
        return path

    def options(self, folder):
        options = ["--threads", str(self.pick(1, 2, 3, 7))]
        if self.chance(0.3):
            options += ["--on-non-finite", "keep"]
        if self.chance(0.25):
            options += ["--preset", self.pick("all", "lesson", "linear", "q8", "q6", "q4")]
        elif self.chance(0.12):
            return options + self.pick(["--target-sqnr", str(self.pick(20, 30, 40))], ["--max-size", self.pick("300KB", "1MB", "5MB")])
        elif self.chance(0.85):
            options += self.scheme(folder)
        if self.chance(0.2):
            options += ["--rule", self.pick("*0*=s4-group32", "kind:norm=keep", "*weight=u8", "*.1.*=s8-channel", "*=u4-group16-mse", "*head*=u6-channel-intzp")]
        return options

    def scheme(self, folder):
        options = ["--bits", str(self.pick(8, 8, 8, 6, 5, 4, 3, 2))]
        granularity = self.pick("tensor", "tensor", "channel", "group", "group")
        options += ["--granularity", granularity]
        if granularity == "group":
            options += ["--group-size", str(self.pick(16, 32, 64, 100, 128, 1024))]
        if granularity != "tensor":
            options += ["--axis", self.pick("auto", "0", "1")]
            options += self.pick([], [], ["--scale-dtype", self.pick("f16", "bf16", "two-level")])
        options += self.pick([], ["--symmetric"], ["--zero-point", "integer"])
        options += self.pick([], [], ["--rounding", "truncate"])
        options += self.pick([], [], ["--range", "mse"], ["--range", "percentile:99.5"])
        if "mse" in options and granularity != "tensor" and self.chance(0.4):
            options += ["--importance", str(self.importance(folder / "importance.safetensors"))]
        return options


class Side:
    """One binary's run of a case, in a folder of its own."""

    def __init__(self, binary, folder, environment):
        self.binary, self.folder, self.environment = binary, folder, environment
        folder.mkdir()
        self.results = []  # (what, value) in order
        self.words = []

    def run(self, *arguments):
        """In the folder, so that the paths in what it says are the same."""
        done = subprocess.run([self.binary, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True, env=self.environment)
        what = arguments[0]
        self.results.append((what + " exit code", done.returncode))
        out = re.sub(r'"seconds": ?[0-9.e+-]+', '"seconds":0', done.stdout)
        out = re.sub(r'"(version|generator)": ?"[^"]*"', r'"\1":""', out)
        if done.returncode == 0 or '"error"' not in out:
            self.results.append((what + " output", out))
        else:
            self.words.append((what, out))
        self.words.append((what, done.stderr))
        return done.returncode

    def keep(self, name):
        place = self.folder / name
        files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file()) if place.exists() else []
        for path in files:
            data = path.read_bytes()
            if path.name == "quantization_state.json":  # version and seal
                data = re.sub(rb'"generator": "[^"]*"', b"", data)[:-60]
            if path.suffix == ".safetensors":
                data = re.sub(rb'"octet.version":"[^"]*"', b"", data[:4096]) + data[4096:]
            self.results.append((str(path.relative_to(self.folder)), data))


def play(side, checkpoint, options, dtype, tamper):
    side.run("quantize", checkpoint, "set", "--json", "--no-sync", *options)
    side.keep("set")
    code_options = [o for o in options]
    side.run("plan", checkpoint, "--json", *code_options)
    side.run("inspect", checkpoint, "--json")
    if not (side.folder / "set").exists():
        return
    source = ["--source", checkpoint]
    if "--importance" in options:
        source += ["--importance", options[options.index("--importance") + 1]]
    side.run("inspect", "set", "--json")
    side.run("verify", "set", "--json", *source)
    side.run("compare", checkpoint, "set", "--json")
    side.run("dequantize", "set", "restored", "--json", "--no-sync", *(["--dtype", dtype] if dtype else []))
    side.keep("restored")
    side.run("compare", "set", "restored", "--json")
    data = sorted((side.folder / "set").glob("*.safetensors"))
    if tamper is not None and data:
        bytes_ = bytearray(data[0].read_bytes())
        bytes_[-1 - int(tamper * len(bytes_) / 2)] ^= 1
        data[0].write_bytes(bytes_)
        side.run("verify", "set", "--json", *source)


def differences(old, new, checkpoint, options, environment, dtype=None, tamper=None):
    """What differs between the two binaries, and whether the words of errors do."""
    with tempfile.TemporaryDirectory() as folder:
        sides = [Side(binary, Path(folder) / name, environment) for binary, name in ((old, "old"), (new, "new"))]
        for side in sides:
            play(side, checkpoint, options, dtype, tamper)
        found = [what for (what, a), (_, b) in zip(sides[0].results, sides[1].results) if a != b]
        if len(sides[0].results) != len(sides[1].results):
            found.append("the number of results")
        return found, [(a, b) for a, b in zip(sides[0].words, sides[1].words) if a != b], sides[0].results[0][1]


def fixed_checkpoints(given):
    yield from (Path(path).resolve() for path in given)
    roots = [ROOT / "testdata"] + ([Path(os.environ["OCTET_SHARED"]) / "data"] if os.environ.get("OCTET_SHARED") else [])
    for root in roots:
        yield from sorted(root.rglob("model.safetensors"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("checkpoints", nargs="*")
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show-words", action="store_true", help="print errors whose words differ")
    arguments = parser.parse_args()
    old, new = Path(arguments.old).resolve(), Path(arguments.new).resolve()
    count, failed, words, codes = 0, 0, 0, collections.Counter()

    def compare(what, checkpoint, options, environment, dtype=None, tamper=None):
        nonlocal count, failed, words
        found, other_words, code = differences(old, new, checkpoint, options, environment, dtype, tamper)
        count += 1
        codes[code] += 1
        words += bool(other_words)
        if found:
            failed += 1
            print(f"{what} {' '.join(map(str, options))}: {', '.join(found)}", flush=True)
        for a, b in other_words if arguments.show_words else []:
            print(f"{what}: {a} | {b}", flush=True)

    for checkpoint in fixed_checkpoints(arguments.checkpoints):
        for options in LISTS:
            compare(checkpoint, checkpoint, options, dict(os.environ))
    for case in range(arguments.cases):
        random = Random([arguments.seed, case])
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = random.checkpoint(Path(folder) / "checkpoint")
            options = random.options(Path(folder))
            environment = dict(os.environ)
            if random.chance(0.5):
                environment["OCTET_READER"] = random.pick("mapped", "pread")
            if random.chance(0.2):
                environment["OCTET_ISA"] = random.pick("scalar", "sse2")
            dtype = random.pick(None, None, "f16", "bf16", "f32")
            compare(f"case {case}", checkpoint, options, environment, dtype, random.rng.random() if random.chance(0.3) else None)
    shares = ", ".join(f"{number} with exit code {code}" for code, number in sorted(codes.items()))
    print(f"{count} cases ({shares}): {failed} differ, {words} in words of errors alone or too")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
