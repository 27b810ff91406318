#!/usr/bin/env python3
"""The module octet against `octet dequantize`: random checkpoints under random schemes, every tensor equal to the bit.

    random_sets.py [--sets 500] [--seed 1]     with OCTET_BIN and PYTHONPATH=python, numpy and safetensors

Every scheme that the options can name is drawn: 2 to 8 bits, tensors, channels, groups (ragged and whole), two levels, both axes,
integer zero points, symmetric, truncated, F16 and BF16 state; sources of F32, F16, BF16 and F64; scalars, empty tensors, vectors,
matrices, convolutions, fused experts, ties, names that end like state tensors.
"""
import argparse
import itertools
import json
import random
import struct
import tempfile
from pathlib import Path

import numpy as np
import octet

WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "F8_E4M3": 1}


def stored(values, dtype):
    """float64 values as the bytes of a dtype."""
    if dtype == "BF16":
        bits = values.astype("<f4").view("<u4")
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
    return values.astype({"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]).tobytes()


def shapes_of(rng):
    side = lambda most=70: rng.randint(1, most)
    return {"scalar": [], "empty": [0, 5], "vector": [side(300)], "h.0.attn.c_attn.weight": [side(), side()],
            "a.weight": [side(), side()], "down.weight": [side(20), side(200)], "embed_tokens.weight": [side(), side()],
            "conv.weight": [side(9), side(9), 3, 3], "x.experts.down_proj": [rng.randint(1, 4), side(40), side(40)],
            "a.weight.scale": [side(6)], "x.experts.gate_up_proj": [rng.randint(2, 4), side(30), side(50)]}


def make_checkpoint(path, rng):
    numbers = np.random.default_rng(rng.getrandbits(32))
    header, parts, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name, shape in shapes_of(rng).items():
        dtype = rng.choice(["F32", "F32", "F16", "BF16", "F64"])
        values = numbers.normal(size=shape) * 10.0 ** rng.randint(-3, 2) + rng.choice([0, 0, 1])
        data = stored(np.asarray(values), dtype)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    for name, dtype in (("ids", "I64"), ("eighths", "F8_E4M3")):
        data = numbers.integers(0, 100, 8 * WIDTHS[dtype], np.uint8).tobytes()
        header[name] = {"dtype": dtype, "shape": [8], "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def options_of(rng):
    """Options of a scheme; not all go together, and what octet refuses is drawn anew."""
    if rng.random() < 0.2:
        return {"preset": rng.choice(["all", "lesson", "linear", "q8", "q6", "q4"])}
    options = {"bits": rng.choice([2, 3, 4, 5, 6, 8]), "granularity": rng.choice(["tensor", "channel", "group", "group"])}
    if options["granularity"] == "group":
        options["group_size"] = rng.choice([8, 16, 18, 24, 32, 40, 64])
    if options["granularity"] != "tensor":
        options["scale_dtype"] = rng.choice(["f32", "f16", "bf16", "two-level"])
        options["axis"] = rng.choice(["auto", 0, 1])
    if options.get("scale_dtype") == "two-level":
        options["range"] = "mse"
    if rng.random() < 0.4:
        options["symmetric"] = True
    elif options.get("scale_dtype") != "two-level" and rng.random() < 0.4:
        options["zero_point"] = "integer"
    if rng.random() < 0.2:
        options["range"] = rng.choice(["mse", "percentile:99"])
    return options


def read_file(path):
    raw = path.read_bytes()
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:start])
    return {name: (place["dtype"], place["shape"], raw[start:][slice(*place["data_offsets"])])
            for name, place in header.items() if name != "__metadata__"}


def check(made, restored, about):
    """Every tensor of the opened set against the restored file."""
    assert list(made) and set(made) == set(restored), about
    for name, (dtype, shape, data) in restored.items():
        value = made[name]
        if dtype == "BF16":  # float32 with a value of BF16's
            value = (value.view("<u4") >> 16).astype("<u2")
        assert value.tobytes() == data, f"{about}: {name} {dtype} {shape} differs"
        assert list(value.shape) == shape or dtype.startswith("F8"), f"{about}: {name} {value.shape} instead of {shape}"
        if made.scheme(name) == "keep":
            continue
        codes, scales = made.codes(name), made.scales(name)
        assert list(codes.shape) == shape and codes.dtype in (np.uint8, np.int8), about
        assert scales.scale.dtype == np.float32 and (scales.zero_point is None) == (codes.dtype == np.int8), about


def one(seed, work):
    """The scheme names that this set has."""
    rng = random.Random(seed)
    source, made, restored = work / f"{seed}.safetensors", work / f"{seed}.set", work / f"{seed}.restored.safetensors"
    make_checkpoint(source, rng)
    for _ in range(100):
        options = options_of(rng)
        try:
            octet.quantize(source, made, no_sync=True, **options)
            break
        except octet.Error as error:
            if error.exit_code != 2:  # options that do not go together
                raise
    octet.dequantize(made, restored, no_sync=True)
    opened = octet.open(made)
    check(opened, read_file(restored), f"seed {seed}, {options}")
    names = {opened.scheme(name) for name in opened}
    for path in itertools.chain(made.iterdir(), [source, restored]):
        path.unlink()
    return names


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    names = set()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seed, arguments.seed + arguments.sets):
            names |= one(seed, Path(folder))
    print(f"{arguments.sets} sets of {len(names)} schemes restored as octet dequantize does, to the bit")


if __name__ == "__main__":
    main()
