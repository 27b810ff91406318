#!/usr/bin/env python3
"""What ggml itself makes of blocks and values: ggml_vectors.py LIBGGML_BASE > testdata/ggml_vectors.json

LIBGGML_BASE is the shared library of ggml's types (libggml-base.so, which the Python package
llama-cpp-python ships). `decoded`: for every type two blocks of random bytes, whose values are
finite, and ggml's dequantization. `encoded`: rows of 32 values made here, and the bytes of ggml's
reference quantization, which is what llama-quantize writes without an imatrix. Hexadecimal, floats
as their little-endian bytes.
"""
import ctypes
import json
import math
import random
import struct
import sys

DECODED = {  # name in ggml, elements and bytes of a block
    "q4_0": (32, 18), "q4_1": (32, 20), "q5_0": (32, 22), "q5_1": (32, 24), "q8_0": (32, 34),
    "q2_K": (256, 84), "q3_K": (256, 110), "q4_K": (256, 144), "q5_K": (256, 176), "q6_K": (256, 210),
    "q8_K": (256, 292), "iq1_s": (256, 50), "iq1_m": (256, 56), "iq2_xxs": (256, 66), "iq2_xs": (256, 74),
    "iq2_s": (256, 82), "iq3_xxs": (256, 98), "iq3_s": (256, 110), "iq4_nl": (32, 18), "iq4_xs": (256, 136),
    "tq1_0": (256, 54), "tq2_0": (256, 66), "mxfp4": (32, 17), "nvfp4": (64, 36), "q1_0": (128, 18),
    "q2_0": (64, 18)}
ENCODED = ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0"]


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def call(library, name, source, result):
    function = getattr(library, name)
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    function.restype = None
    return function, source, result


def dequantize(library, name, blocks, elements):
    values = (ctypes.c_float * elements)()
    function, source, result = call(library, f"dequantize_row_{name}", ctypes.create_string_buffer(blocks, len(blocks)), values)
    function(source, result, elements)
    return bytes(values)


def quantize(library, name, values, size):
    out = ctypes.create_string_buffer(size)
    source = (ctypes.c_float * len(values))(*values)
    function, source, result = call(library, f"quantize_row_{name}_ref", source, out)
    function(source, result, len(values))
    return out.raw


def decoded(library, generator):
    entries = {}
    for name, (elements, size) in DECODED.items():
        while True:
            blocks = generator.randbytes(2 * size)
            values = dequantize(library, name, blocks, 2 * elements)
            if all(math.isfinite(value) for value in struct.unpack(f"<{2 * elements}f", values)):
                break
        entries[name.lower()] = {"blocks": blocks.hex(), "values": values.hex()}
    return entries


def rows(generator):
    """Ordinary rows, and those at which rounding and ends are easily taken wrongly."""
    for deviation in (0.02, 1.0, 3e-7, 2000.0):
        for mean in (0.0, 0.7):
            yield [generator.gauss(mean * deviation, deviation) for _ in range(32)]
    yield [0.0] * 32
    yield [0.25] * 32
    yield [-1.0] + [0.0] * 31
    yield [1.0, -1.0] + [0.0] * 30
    yield [(i - 16) / 16 for i in range(32)]  # codes between two
    yield [i + 0.5 for i in range(31)] + [127.0]
    yield [-(i + 0.5) for i in range(31)] + [-127.0]
    yield [(i % 16 - 8) * 0.5 for i in range(32)]
    yield [i / 62 for i in range(32)]
    yield [2.0 ** -(i % 30) for i in range(32)]
    yield [1e-6 * generator.gauss(0, 1) for _ in range(32)]  # steps are subnormal in F16


def main():
    library = ctypes.CDLL(sys.argv[1])
    generator = random.Random(19)
    values = [struct.unpack("<32f", floats(row)) for row in rows(generator)]
    encoded = {"values": "".join(floats(row).hex() for row in values), "types": {}}
    for name in ENCODED:
        size = DECODED[name][1]
        encoded["types"][name] = "".join(quantize(library, name, row, size).hex() for row in values)
    json.dump({"decoded": decoded(library, generator), "encoded": encoded}, sys.stdout, indent=0)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
