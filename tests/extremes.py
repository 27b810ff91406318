"""Tensors at the ends of what floats hold, through many schemes, against an oracle in numpy: extremes.py OCTET [--tensors N] [--schemes N] [--seed N]

For each scheme one run quantizes all tensors (those that it refuses are kept with --on-non-finite keep, and must be refused by name, exit 3,
without it). Then: verify with the source finds nothing; dequantize succeeds, as float32 and in each tensor's own dtype, and gives finite
values; every figure of the sidecar, of the report and of compare is that of the oracle, which counts from the source's exact values and the
restored float32 ones in numbers of 15 bits of exponent; no error is above its bound.
"""
import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent / "cli"))
from octet_case import Tensor, make_file, read_file  # noqa: E402

WIDE = np.longdouble
LARGEST = {"F16": 65504.0, "BF16": float(np.uint32(0x7F7F0000).view(np.float32)), "F32": float(np.finfo(np.float32).max), "F64": float(np.finfo(np.float32).max)}
LARGE = [(3, 40000), (40000, 3), (300, 700), (1, 2_500_000)]  # what is split, searched ahead or cut into tiles
SHAPES = [(1, 1), (1,), (), (2, 2), (3, 5), (4, 16), (2, 64), (8, 20), (1, 96), (17, 33), (5, 130), (64, 3), (2, 1100), (40, 24), (2, 3, 8)]
SCHEMES = ["u8", "s8", "u8-trunc", "u8-intzp", "s8-trunc", "u8-intzp-trunc"]
SCHEMES += [f"{sign}{bits}{rest}" for bits in (2, 4) for sign, rest in (("u", ""), ("s", ""), ("u", "-intzp"), ("u", "-mse"), ("s", "-mse"), ("u", "-intzp-mse"), ("u", "-pct90"), ("s", "-pct80"))]
SCHEMES += ["u8-mse", "s8-mse", "u8-pct99.9", "s8-pct90", "u8-intzp-pct75", "u3-trunc", "u5-intzp-mse", "s6-pct99"]
SCHEMES += [f"{sign}-channel{axis}{rest}" for sign, axis, rest in (
    ("u8", "", ""), ("s8", "", ""), ("u8", "-axis1", ""), ("s4", "-axis1", "-trunc"), ("u4", "", "-intzp"), ("u6", "", "-intzp-bf16"), ("u4", "-axis1", "-f16"), ("s8", "", "-bf16"), ("s3", "", "-pct95-bf16"),
    ("u4", "", "-mse-f16"), ("u4", "-axis1", "-mse"), ("s4", "", "-mse-f16"), ("u8", "", "-mse-bf16"), ("u2", "", "-intzp-mse"), ("s2", "-axis1", "-mse-bf16"), ("u6", "-axis1", "-intzp-pct90"))]
SCHEMES += [f"{name}-group{size}{axis}{rest}" for name, size, axis, rest in (
    ("u8", 16, "", ""), ("u8", 64, "-axis1", "-f16"), ("u8", 64, "-axis1", "-intzp-f16"), ("u4", 32, "", "-intzp-f16"), ("s2", 16, "", "-bf16"), ("u8", 16, "", "-bf16"), ("u2", 16, "", "-bf16"), ("u2", 16, "", "-f16"),
    ("s8", 32, "", "-f16"), ("s4", 32, "", "-f16"), ("u3", 17, "-axis1", ""), ("s5", 100, "", "-trunc"), ("u2", 1024, "-axis1", ""), ("u6", 24, "", "-f16"), ("u4", 32, "", "-pct95-f16"), ("s8", 64, "-axis1", "-pct99.9"),
    ("u4", 32, "", "-mse-f16"), ("u3", 20, "-axis1", "-intzp-mse-bf16"), ("s4", 32, "", "-mse-f16"), ("s4", 32, "", "-mse"), ("u8", 32, "", "-mse"), ("u4", 16, "", "-intzp-mse"), ("u2", 16, "", "-mse-bf16"), ("u8", 16, "", "-intzp-bf16"),
    ("u8", 16, "", "-trunc-f16"), ("u4", 18, "", "-trunc-bf16"), ("u4", 64, "", "-intzp-trunc"), ("u8", 20, "", "-pct75-bf16"))]
SCHEMES += [f"{name}-group{size}{axis}{rest}-two" for name, size, axis, rest in (
    ("u4", 18, "", ""), ("u4", 18, "-axis1", "-mse"), ("u8", 18, "", "-mse"), ("u8", 16, "", ""), ("s5", 32, "-axis1", "-mse"), ("s4", 32, "", ""), ("s4", 32, "", "-mse"), ("u2", 1024, "-axis1", ""), ("u2", 16, "", "-mse"),
    ("u6", 16, "", "-mse"), ("s8", 16, "", ""), ("s2", 64, "", "-mse"), ("u3", 64, "", "-mse"), ("u6", 64, "-axis1", ""), ("s3", 18, "", ""), ("s8", 64, "-axis1", "-mse"), ("u5", 32, "", ""), ("u5", 18, "", "-mse"))]
SCHEMES += ["u6-channel", "s6-channel-axis1-f16", "u5-group64-bf16", "s3-group64", "u4-channel-pct50.1", "u3-channel-axis1-intzp", "s2", "u2-trunc", "u6-pct51"]
PLANNER = ["--target-sqnr 20", "--max-size 900kB"]  # tried and measured, too: always
SCHEMES += ["--preset linear", "--preset q8", "--preset q6", "--preset q4", *PLANNER]


def as_stored(values, dtype):
    """(bytes, the exact values): rounded to nearest, overflows to the largest."""
    values = np.asarray(values, np.float64)
    if dtype == "F64":
        return values.tobytes(), values
    with np.errstate(over="ignore", invalid="ignore"):
        if dtype == "F16":
            narrow = np.where(np.isfinite(values), np.clip(values, -65504, 65504), values).astype(np.float16)
            return narrow.tobytes(), narrow.astype(np.float64)
        most = LARGEST["F32"]
        narrow = np.where(np.isfinite(values), np.clip(values, -most, most), values).astype(np.float32)
    if dtype == "F32":
        return narrow.tobytes(), narrow.astype(np.float64)
    halves = (narrow.view(np.uint32) >> 16).astype(np.uint16)  # cut off: what is finite stays so
    return halves.tobytes(), (halves.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def values_of(kind, shape, dtype, rng):
    n, most = math.prod(shape), LARGEST[dtype]
    sign = rng.choice([-1.0, 1.0], n)
    uniform = rng.uniform(-1, 1, n)
    least = {"F16": 2.0**-24, "BF16": 2.0**-133, "F32": 2.0**-149, "F64": 5e-324}[dtype]
    low = {"F16": -24, "BF16": -133, "F32": -149, "F64": -1070}[dtype]
    if kind == "ends":
        return rng.choice([most, -most, 0.0, 1.0, 2.0, most / 2, -most / 3], n)
    if kind == "least and most":
        return np.where(np.arange(n) % 4 == 0, -most, np.arange(n) % 4 - 1.0)
    if kind == "one side":
        return rng.uniform(0, 1, n) * most * rng.choice([-1.0, 1.0])
    if kind == "near the end":
        return most * (1 - rng.uniform(0, 0.01, n)) * rng.choice([-1.0, 1.0])
    if kind == "most and others":
        return np.where(rng.random(n) < 0.3, most * rng.choice([-1.0, 1.0]), uniform * most * rng.uniform(0, 1))
    if kind == "subnormal":
        return uniform * least * rng.choice([2, 8, 300, 4000, 2.0**16])
    if kind == "denormal scale":
        return uniform * 2.0 ** rng.uniform(-130, -115)
    if kind == "all magnitudes":
        return sign * 2.0 ** rng.uniform(low, math.log2(most), n)
    if kind == "small magnitudes":
        return sign * 2.0 ** rng.uniform(low, low / 2, n)
    if kind == "constant":
        return np.full(n, rng.choice([most, -most, 0.7, -0.0, least, -1e-3, 2.0**-14]))
    if kind == "zeros":
        return np.where(sign > 0, 0.0, -0.0)
    if kind == "one value":
        return np.where(np.arange(n) == rng.integers(max(n, 1)), rng.choice([most, -most, least, 1.0, 1e-10]), 0.0)
    if kind == "outlier":
        return np.where(np.arange(n) == rng.integers(max(n, 1)), rng.choice([1.0, -1.0]) * most * rng.uniform(0.4, 1), uniform * 2.0 ** rng.uniform(low / 2, 3))
    if kind == "half of it":
        return uniform * most / 2 * rng.uniform(0.9, 1)
    if kind == "tiny f64":
        return uniform * 10.0 ** rng.uniform(-320, -150)
    if kind == "huge":
        return uniform * 2.0 ** rng.uniform(60, 127)
    if kind == "zero or one":
        return (rng.random(n) < 0.5) * 2.0 ** rng.uniform(low, 20)
    if kind == "not finite":
        return np.where(np.arange(n) == 0, rng.choice([np.nan, np.inf, -np.inf]), uniform)
    if kind == "beyond float32":
        return np.where(np.arange(n) == 0, rng.choice([1e300, -1e39, 3.4028235677973366e38]), uniform)
    return uniform * 2.0 ** rng.uniform(-20, 20)


KINDS = ["ends", "least and most", "one side", "near the end", "most and others", "subnormal", "denormal scale", "all magnitudes", "small magnitudes", "constant", "zeros", "one value", "outlier", "half of it",
         "tiny f64", "huge", "zero or one", "ordinary"]


def make_tensors(count, rng, large=0):
    """[(tensor, exact values)]; two of a hundred hold what no scheme takes."""
    made = []
    for i in range(count):
        dtype = ["F32", "F16", "BF16", "F64"][i % 4]
        kind = KINDS[int(rng.integers(len(KINDS)))]
        if i % 50 == 7:
            kind = "not finite" if i % 100 == 7 else "beyond float32"
        dtype = {"beyond float32": "F64", "tiny f64": "F64"}.get(kind, dtype)
        shape = LARGE[large - 1 - i] if i < large else SHAPES[int(rng.integers(len(SHAPES)))]
        data, exact = as_stored(values_of(kind, shape, dtype, rng), dtype)
        made.append((Tensor(f"t{i:04}.{kind.replace(' ', '_')}", dtype, list(shape), data), exact))
    return made


class Checker:
    def __init__(self, octet, folder, tensors):
        self.octet, self.folder, self.tensors = octet, folder, tensors
        self.source = make_file(folder / "model.safetensors", [t for t, _ in tensors])
        self.exact = {t.name: x for t, x in tensors}
        self.by_name = {t.name: t for t, _ in tensors}
        self.failures, self.counts = [], Counter()

    def fail(self, scheme, name, what):
        self.failures.append(f"{scheme} {name}: {what}")
        if len(self.failures) <= 40:
            print(self.failures[-1], flush=True)

    def run(self, *arguments):
        done = subprocess.run([self.octet, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def must(self, scheme, *arguments):
        code, out, err = self.run(*arguments)
        if code != 0:
            self.fail(scheme, "", f"{arguments[0]} ended with {code}: {err}{out[-600:] if arguments[0] == 'verify' else ''}")
        return code == 0, out

    def check(self, scheme):
        out = self.folder / "set"
        rule = [*(scheme.split() if scheme.startswith("--") else ["--rule", f"*={scheme}"]), "--no-sync", "--force"]
        good, text = self.must(scheme, "quantize", self.source, out, *rule, "--on-non-finite", "keep", "--json")
        if not good:
            return
        report = json.loads(text)
        sidecar = json.loads((out / "quantization_state.json").read_text())
        kept = [t["name"] for t in report["tensors"] if t["scheme"] == "keep"]
        if not scheme.startswith("--"):  # presets and the planner copy what they like
            self.check_refused(scheme, kept, rule)
        self.must(scheme, "verify", out, "--source", self.source)
        restored = self.restored(scheme, out, "f32", self.folder / "f32.safetensors")
        own = self.restored(scheme, out, "source", self.folder / "own.safetensors")
        good, text = self.must(scheme, "compare", self.source, out, "--json")
        if restored is None or own is None or not good:
            return
        compared = {t["name"]: t for t in json.loads(text)["tensors"]}
        noise = signal = WIDE(0)
        for entry in report["tensors"]:
            if entry["scheme"] == "keep":
                continue
            self.counts["pairs"] += 1
            a, b = self.check_tensor(scheme, entry, restored[entry["name"]], own[entry["name"]], compared[entry["name"]])
            signal, noise = signal + a, noise + b
        stated = sidecar["tensors"]
        for entry in report["tensors"]:
            for key in ("sqnr_db", "rmse", "max_abs_error", "bound"):
                if entry.get(key) != stated[entry["name"]].get("stats", {}).get(key):
                    self.fail(scheme, entry["name"], f"{key} differs between report and sidecar")
        if len(kept) == len(report["tensors"]):  # a preset that finds no weight quantizes nothing, and has no figure
            if report["totals"].get("sqnr_db") is not None:
                self.fail(scheme, "totals", "sqnr_db without a quantized tensor")
            return
        self.number(scheme, "totals", "sqnr_db", report["totals"].get("sqnr_db"), decibels(signal, noise), True)
        self.number(scheme, "totals", "sum_of_squares", sidecar["source"]["sum_of_squares"], float(signal))

    def check_refused(self, scheme, kept, rule):
        """Without --on-non-finite keep the first of them ends the run, and each ends one of its own (a few are tried)."""
        self.counts["kept"] += len(kept)
        for name in kept:
            x = self.exact[name]
            reasonable = not np.isfinite(x).all() or np.abs(x).max() >= min(60000, LARGEST[self.by_name[name].dtype] / 4)
            if not reasonable:
                self.fail(scheme, name, f"kept without a reason: {x.min()} to {x.max()}")
        if not kept:
            return
        tries = [(self.source, kept[0])]
        for name in {kept[0], kept[-1], kept[len(kept) // 2]}:
            tries.append((make_file(self.folder / f"alone.{len(tries)}.safetensors", [self.by_name[name]]), name))
        for source, name in tries:
            code, _, err = self.run("quantize", source, self.folder / "refused", *rule)
            if code != 3 or f"'{name}'" not in err or err.count("\n") != 1:
                self.fail(scheme, name, f"not refused by name: {code} {err}")

    def restored(self, scheme, out, dtype, path):
        options = [] if dtype == "source" else ["--dtype", dtype]
        good, _ = self.must(scheme, "dequantize", out, path, "--no-sync", "--force", *options)
        return {t.name: t for t in read_file(path)[1]} if good else None

    def check_tensor(self, scheme, entry, restored, own, compared):
        name = entry["name"]
        x = self.exact[name].astype(WIDE)
        back = np.frombuffer(restored.data, np.float32)
        narrow = {"F16": np.float16, "F32": np.float32, "F64": np.float64}.get(own.dtype)
        if narrow is None:
            mine = (np.frombuffer(own.data, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            mine = np.frombuffer(own.data, narrow)
            with np.errstate(over="ignore"):
                if not np.array_equal(mine, back.astype(narrow)):
                    self.fail(scheme, name, "restored in its own dtype it is not the float32 restoration narrowed")
        if not np.isfinite(mine).all() or not np.isfinite(back).all():
            self.fail(scheme, name, "came back infinite")
            return WIDE(0), WIDE(0)
        error = x - back.astype(WIDE)
        signal, noise = (x * x).sum(), (error * error).sum()
        largest = np.abs(error).max() if x.size else WIDE(0)
        if float(largest) > entry["bound"]:
            self.fail(scheme, name, f"error {largest} above its bound {entry['bound']}")
        rmse = np.sqrt(noise / max(x.size, 1))
        for where, figures in (("report", entry), ("compare", compared)):
            self.number(scheme, f"{name} {where}", "max_abs_error", figures["max_abs_error"], float(largest))
            self.number(scheme, f"{name} {where}", "rmse", figures["rmse"], float(rmse))
            self.number(scheme, f"{name} {where}", "sqnr_db", figures["sqnr_db"], decibels(signal, noise), True)
        product = (x * back.astype(WIDE)).sum()
        squares = (back.astype(WIDE) ** 2).sum()
        cosine = 1.0 if signal == squares == 0 else 0.0 if signal == 0 or squares == 0 else float(product / (np.sqrt(signal) * np.sqrt(squares)))
        self.number(scheme, f"{name} compare", "cosine", compared["cosine"], cosine)
        return signal, noise

    def number(self, scheme, where, key, found, expected, decibel=False):
        """Six digits, the last of them one off at most: sums are float32 where nothing is lost by it."""
        self.counts["figures"] += 1
        found = float(found)
        if math.isinf(expected) or math.isinf(found) or math.isnan(found):
            good = found == expected
        else:
            digit = 10.0 ** (math.floor(math.log10(abs(expected))) - 5) if abs(expected) > 1e-300 else 1e-305
            good = abs(found - expected) <= 1.01 * digit + (5e-6 if decibel else 0) + (1e-4 if where == "totals" and decibel else 0) + (2e-7 if key == "cosine" else 0)
        if not good:
            self.fail(scheme, where, f"{key} is {found}, the oracle has {expected}")


def decibels(signal, noise):
    if noise == 0:
        return math.inf
    return float(10 * (np.log10(signal) - np.log10(noise))) if signal > 0 else -math.inf


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("octet")
    parser.add_argument("--tensors", type=int, default=1000)
    parser.add_argument("--schemes", type=int, default=len(SCHEMES), help="how many, evenly spaced, and the planner")
    parser.add_argument("--only", help="these, by name, with commas")
    parser.add_argument("--large", type=int, default=0, choices=range(len(LARGE) + 1), help="so many of the tensors are large")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if np.finfo(WIDE).maxexp < 16000:
        print("numpy's longdouble has no wider exponent here")
        return 77
    rng = np.random.default_rng(options.seed)
    schemes = options.only.split(",") if options.only else SCHEMES[::max(1, len(SCHEMES) // options.schemes)][:options.schemes]
    schemes = list(dict.fromkeys([*schemes, *([] if options.only else PLANNER)]))
    folder = Path(tempfile.mkdtemp(prefix="octet-extremes-"))
    try:
        checker = Checker(options.octet, folder, make_tensors(options.tensors, rng, options.large))
        for scheme in schemes:
            checker.check(scheme)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{options.tensors} tensors, {len(schemes)} schemes: {checker.counts['pairs']} quantized, {checker.counts['kept']} refused, {checker.counts['figures']} figures, {len(checker.failures)} failures")
    return 1 if checker.failures else 0


if __name__ == "__main__":
    sys.exit(main())
