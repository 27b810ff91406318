"""Values of other methods' codes by their plain formulas, in float32 arithmetic that Python's own floats do exactly: a product or a
sum of two float32 numbers is rounded once to float64, which the rounding to float32 does not see. Standard library only."""
import json
import math
import random
import struct
from pathlib import Path

from octet_case import Tensor, make_file, read_file


def f32(value):
    """The nearest float32; beyond the largest one infinity."""
    if math.isnan(value) or math.isinf(value):
        return value
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def bf16_bytes(values):
    """To the nearest, ties to even."""
    out = bytearray()
    for value in values:
        bits = struct.unpack("<I", struct.pack("<f", value))[0]
        out += struct.pack("<H", (bits + 0x7fff + ((bits >> 16) & 1)) >> 16 & 0xffff)
    return bytes(out)


def bf16_values(data):
    return [struct.unpack("<f", struct.pack("<I", bits << 16))[0] for bits in struct.unpack(f"<{len(data) // 2}H", data)]


def packed(code, values):
    return struct.pack(f"<{len(values)}{code}", *values)


def float_tensor(name, dtype, shape, values):
    """Values are taken as that dtype rounds them; returns the tensor and those values."""
    if dtype == "BF16":
        data = bf16_bytes([f32(v) for v in values])
        return Tensor(name, dtype, shape, data), bf16_values(data)
    code = {"F32": "f", "F16": "e", "F64": "d"}[dtype]
    data = packed(code, values)
    return Tensor(name, dtype, shape, data), list(struct.unpack(f"<{len(values)}{code}", data))


def e4m3(code):
    sign, exponent, mantissa = code >> 7, code >> 3 & 15, code & 7
    if code & 0x7f == 0x7f:
        return math.nan
    value = mantissa / 8 * 2.0 ** -6 if exponent == 0 else (1 + mantissa / 8) * 2.0 ** (exponent - 7)
    return -value if sign else value


def e5m2(code):
    return struct.unpack("<e", bytes([0, code]))[0]


def e8m0(code):
    return 2.0 ** (code - 127)


E2M1 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
E2M1 = E2M1 + [-v for v in E2M1]


def finite_f8(rng, count, e5=False):
    """Codes of finite numbers."""
    codes = []
    while len(codes) < count:
        code = rng.randrange(256)
        if not math.isfinite(e5m2(code) if e5 else e4m3(code)):
            continue
        codes.append(code)
    return codes


def bit_string(codes, bits, words=4):
    """One little-endian bit string, padded with zeros to whole words."""
    total = 0
    for i, code in enumerate(codes):
        total |= code << (i * bits)
    size = -(-len(codes) * bits // (8 * words)) * words
    return total.to_bytes(size, "little")


def folder_of(path, tensors, config=None, beside=None):
    path = Path(path)
    path.mkdir()
    make_file(path / "model.safetensors", tensors, {"format": "pt"})
    if config is not None:
        (path / "config.json").write_text(json.dumps(config, indent=2))
    for name, content in (beside or {}).items():
        (path / name).write_text(json.dumps(content))
    return path


def restored(path):
    """name: (dtype, shape, float32 values) of the float tensors of a plain file."""
    out = {}
    for t in read_file(path)[1]:
        if t.dtype in ("F32", "F16"):
            out[t.name] = (t.dtype, t.shape, list(struct.unpack(f"<{len(t.data) // (4 if t.dtype == 'F32' else 2)}{'f' if t.dtype == 'F32' else 'e'}", t.data)))
        elif t.dtype == "BF16":
            out[t.name] = (t.dtype, t.shape, bf16_values(t.data))
    return out


def rng_of(name):
    return random.Random(name)
