"""Channels, groups, fewer bits, symmetric and integer zero points, in numpy: written from docs/quantization.md and docs/format.md, shares nothing with octet.

A tensor is seen as a matrix (more than two dimensions: the first against the rest); state is a grid of blocks over it. A batch is as many
tensors as its first dimension says, each with a grid of its own.
"""
import re

import numpy as np

NAME = re.compile(r"([us])([234568])(?:-(channel)|-group(\d+))?(?:-axis([01]))?(-batch)?(-rows)?(-intzp)?(-trunc)?(?:-(mse)|-pct([\d.]+))?(?:-(f16|bf16|two))?$")
F32 = np.float32


class Scheme:
    def __init__(self, name):
        sign, bits, channel, group, axis, batch, rows, intzp, trunc, mse, percentile, dtype = NAME.match(name).groups()
        self.bits, self.symmetric, self.integer, self.truncate = int(bits), sign == "s", bool(intzp), bool(trunc)
        self.batch, self.row_packing = bool(batch), bool(rows)
        self.tensor = not channel and not group
        self.by_columns, self.group = axis == "1", int(group or 0)
        self.percentile, self.mse, self.dtype = percentile, bool(mse), dtype or "f32"
        self.two = dtype == "two"
        self.from_middle = self.two and not self.symmetric
        self.largest = 2 ** (self.bits - 1) - 1 if self.symmetric or self.two else 2**self.bits - 1
        self.least = -self.largest if self.symmetric else -self.largest - 1 if self.from_middle else 0

    def matrix(self, values, shape):
        rows = shape[0] if len(shape) >= 2 else 1
        return values.reshape(rows, -1) if values.size else values.reshape(0, 0)

    def packed_row(self, shape):
        """Codes that are packed together."""
        if self.row_packing:
            return int(np.prod(shape[1:]))
        return shape[-1] if shape else 1

    def block(self, rows, columns):
        """Elements of a block, down and across."""
        if self.tensor:
            return max(rows, 1), max(columns, 1)
        inputs = self.group or max(rows if self.by_columns else columns, 1)
        return (inputs, 1) if self.by_columns else (1, inputs)

    def grid(self, rows, columns):
        down, across = self.block(rows, columns)
        return (-(-rows // down), -(-columns // across)) if rows and columns else (0, 0)

    def expand(self, grid, rows, columns):
        """One number an element."""
        down, across = self.block(rows, columns)
        return np.repeat(np.repeat(grid, down, axis=0), across, axis=1)[:rows, :columns]

    def reduce(self, function, x):
        """`function` over each block: a grid."""
        down, across = self.block(*x.shape)
        by_row = function.reduceat(x, np.arange(0, x.shape[0], down), axis=0)
        return function.reduceat(by_row, np.arange(0, x.shape[1], across), axis=1)


def round_up(values, dtype):
    """The smallest number of that dtype not below."""
    if dtype == "f16":
        half = values.astype(np.float16)
        return np.where(half.astype(F32) < values, np.nextafter(half, np.float16(np.inf)), half).astype(F32)
    if dtype == "bf16":
        bits = values.view(np.uint32)
        cut = bits & 0xFFFF0000
        return np.where((bits != cut) & (values > 0), cut + 0x10000, cut).astype(np.uint32).view(F32)
    return values


def covered(scheme, x):
    """The ends of what the codes of each block are to cover: grids."""
    if not scheme.percentile:
        return scheme.reduce(np.minimum, x), scheme.reduce(np.maximum, x)
    down, across = scheme.block(*x.shape)
    low = np.empty(scheme.grid(*x.shape), F32)
    high = np.empty_like(low)
    ppm = round(float(scheme.percentile) * 10_000)
    for i, j in np.ndindex(low.shape):
        values = np.sort(x[i * down:(i + 1) * down, j * across:(j + 1) * across], axis=None)
        outside = values.size * (1_000_000 - ppm) // 1_000_000
        if scheme.symmetric:
            high[i, j] = np.sort(np.abs(values))[values.size - 1 - outside]
            low[i, j] = -high[i, j]
        else:
            low[i, j], high[i, j] = values[outside // 2], values[values.size - 1 - outside // 2]
    return low, high


def states(scheme, x):
    """Scales and zero points that minmax and percentile give: float32 grids."""
    low, high = covered(scheme, x)
    largest = F32(scheme.largest)
    if scheme.symmetric:
        scale = round_up(np.maximum(np.abs(low), np.abs(high)) / largest, scheme.dtype)
        return scale, np.zeros_like(scale)
    if scheme.integer:
        low, high = np.minimum(low, F32(0)), np.maximum(high, F32(0))
        scale = round_up((high - low) / largest, scheme.dtype) + F32(0)
        zero_point = np.rint(-low / np.where(scale == 0, F32(np.inf), scale))
        return scale, np.minimum(zero_point, largest) + F32(0)
    zero_point = -round_up(-(low + F32(0)), scheme.dtype) + F32(0)
    return round_up((high - zero_point) / largest, scheme.dtype) + F32(0), zero_point


def quantize(scheme, x, scale, zero_point):
    """Codes as integers, symmetric ones with their sign, those of two levels counted from the middle."""
    scale, zero_point = (scheme.expand(grid, *x.shape) for grid in (scale, zero_point))
    divisor = np.where(scale == 0, F32(np.inf), scale)
    with np.errstate(over="ignore"):
        quotient = (x if scheme.symmetric or scheme.integer else x - zero_point) / divisor
    code = np.trunc(quotient) if scheme.truncate else np.rint(quotient)
    if scheme.integer:
        return np.clip(code, -zero_point, scheme.largest - zero_point) + zero_point
    return np.clip(code, scheme.least, scheme.largest)


def restore(scheme, codes, scale, zero_point):
    scale, zero_point = (scheme.expand(grid, *codes.shape) for grid in (scale, zero_point))
    codes = codes.astype(F32)
    if scheme.integer:
        return (codes - zero_point) * scale
    return codes * scale if scheme.symmetric else codes * scale + zero_point


def ulp(values):
    """Of float64 numbers, the distance of float32 numbers there."""
    exponent = np.floor(np.log2(np.maximum(np.abs(values), 2.0**-126)))
    return 2.0 ** (exponent - 23)


def bound(scheme, x, scale, zero_point, is_f64):
    """The largest of the blocks' bounds."""
    low, high = (scheme.reduce(f, x).astype(np.float64) for f in (np.minimum, np.maximum))
    s, z, largest = scale.astype(np.float64), zero_point.astype(np.float64), scheme.largest
    if scheme.integer:
        ends = -z * s, (largest - z) * s
    else:
        ends = scheme.least * s + z, largest * s + z
    rounded = s if scheme.truncate else s / 2
    clipped = np.maximum(np.maximum(ends[0] - low, high - ends[1]), 0)
    magnitude = np.max(np.abs([low, high, ends[0], ends[1]]), axis=0)
    span = np.maximum(ends[1], high) - np.minimum(ends[0], low)
    slack = np.where(s == 0, 0, ulp(magnitude) + 2 * ulp(span))
    narrowing = ulp(np.maximum(np.abs(low), np.abs(high))) / 2 if is_f64 else 0
    return float(np.max(np.maximum(rounded, clipped) + slack + narrowing))


def packed_bytes(count, bits):
    return (count * bits + 7) // 8


def unpack(raw, rows, count, bits, signed):
    """Rows of `count` packed codes: an integer matrix."""
    raw = np.frombuffer(raw, np.uint8).reshape(rows, packed_bytes(count, bits))
    stream = np.unpackbits(raw, axis=1, bitorder="little")[:, :count * bits].reshape(rows, count, bits)
    codes = (stream.astype(np.int32) << np.arange(bits)).sum(axis=2)
    assert (np.unpackbits(raw, axis=1, bitorder="little")[:, count * bits:] == 0).all(), "bits beyond the last code are not 0"
    return np.where(codes >= 2 ** (bits - 1), codes - 2**bits, codes) if signed else codes
