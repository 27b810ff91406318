#!/usr/bin/env python3
"""compare_figures.py REPORT A B: recomputes every figure of an `octet compare --json` report in numpy, with the safetensors package and the
sidecar's own numbers. Float32 checkpoints of one file, or sets of one. Ends with 1 and the differences."""
import json
import math
import sys
from pathlib import Path

import numpy
from safetensors.numpy import load_file


def load(path):
    """Names to float32 arrays and, of a set, names to scales."""
    path = Path(path)
    if path.is_file():
        return load_file(path), {}
    if not (path / "quantization_state.json").exists():
        return load_file(path / "model.safetensors"), {}
    codes = load_file(path / "model.octet.safetensors")
    entries = json.loads((path / "quantization_state.json").read_text())["tensors"]
    scales = {name: numpy.float32(entry["scale"]) for name, entry in entries.items() if "scale" in entry}
    values = {name: code.astype("f4") * scales[name] + numpy.float32(entries[name]["zero_point"]) if name in scales else code
              for name, code in codes.items()}
    return values, scales


def figures(a, b, scale):
    """What the report has to say of one tensor."""
    error = numpy.abs(a - b)
    x, y, e = (values.astype("f8").ravel() for values in (a, b, error))
    signal, noise = (x * x).sum(), (e * e).sum()
    rmse = math.sqrt(noise / e.size)
    found = {"sqnr_db": 10 * math.log10(signal / noise) if noise else math.inf, "rmse": rmse, "max_abs_error": e.max(),
             "cosine": (x * y).sum() / math.sqrt((x * x).sum() * (y * y).sum()),
             "sign_flips": int((x * y < 0).sum()), "to_zero": int(((x != 0) & (y == 0)).sum())}
    if noise:
        found["max_at"] = [int(i) for i in numpy.unravel_index(e.argmax(), a.shape)]
    if scale is not None and scale > 0:
        found["srmse"] = rmse / float(scale)
        edges = [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 2, 4, math.inf]
        ratio = e / float(scale)
        found["histogram"] = [int(((ratio >= low) & (ratio < high)).sum()) for low, high in zip(edges, edges[1:])]
    return found, signal, noise


def differs(key, reported, expected):
    if key == "histogram":
        return reported["counts"] != expected
    if isinstance(expected, float) and math.isfinite(expected):
        return isinstance(reported, str) or abs(reported - expected) > 1e-5 * abs(expected)
    return (float(reported) if isinstance(reported, str) else reported) != expected


def main():
    report = json.loads(Path(sys.argv[1]).read_text())
    (a, scales_a), (b, scales_b) = load(sys.argv[2]), load(sys.argv[3])
    wrong = []
    signals, noises = 0.0, 0.0
    for tensor in report["tensors"]:
        name = tensor["name"]
        expected, signal, noise = figures(a[name], b[name], scales_b.get(name, scales_a.get(name)))
        if tensor["kind"] != "buffer":
            signals, noises = signals + signal, noises + noise
        for key in ("sqnr_db", "rmse", "max_abs_error", "cosine", "sign_flips", "to_zero", "max_at", "srmse", "histogram"):
            if (key in tensor) != (key in expected):
                wrong.append(f"{name}: {key} is there once")
            elif key in expected and differs(key, tensor[key], expected[key]):
                wrong.append(f"{name}: {key} is {tensor[key]}, numpy says {expected[key]}")
    total = 10 * math.log10(signals / noises) if noises else math.inf
    if differs("sqnr_db", report["totals"]["sqnr_db"], total):
        wrong.append(f"total: {report['totals']['sqnr_db']}, numpy says {total}")
    if [tensor["name"] for tensor in report["tensors"]] == [] or len(report["tensors"]) != len(a):
        wrong.append(f"{len(report['tensors'])} tensors of {len(a)}")
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
