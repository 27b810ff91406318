"""Codes to values by the formulas of docs/format.md, every operation rounded in float32 as the program rounds it. A tensor is
restored in pieces that stay in the processor's cache, and large ones by several threads: numpy lets go of the interpreter
while it computes."""
import functools
import math
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

Entry = Dict[str, Any]
PIECE = 1 << 16  # elements restored at a time
THREADED = 1 << 20  # elements of a tensor from which threads are worth their start
THREADS = min(8, os.cpu_count() or 1)
_NAME = re.compile(r"([us])(\d)(?:-trunc)?(-channel)?(?:-group(\d+))?(?:-axis([01]))?(-batch)?(-rows)?(-intzp)?")


class Part(NamedTuple):
    """What the data file holds under one name."""

    dtype: str
    data: np.ndarray
    shape: List[int]


class Scheme(NamedTuple):
    """A scheme, by its name in the sidecar."""

    signed: bool
    bits: int
    channel: bool
    group: int  # inputs a scale, 0 without groups
    axis: int  # of the inputs' blocks: 1 where columns are the outputs
    batch: bool
    packed_rows: bool
    integer_zero: bool

    @classmethod
    def of(cls, entry: Entry) -> "Scheme":
        return cls.named(entry["scheme"])

    @classmethod
    @functools.lru_cache(maxsize=None)
    def named(cls, name: str) -> "Scheme":
        found = _NAME.match(name)
        if found is None:  # "keep"
            return cls(False, 0, False, 0, 0, False, False, False)
        sign, bits, channel, group, axis, batch, rows, integer = found.groups()
        return cls(sign == "s", int(bits), bool(channel), int(group or 0), int(axis or 0), bool(batch),
                   bool(rows or batch), bool(integer))

    @property
    def has_state_tensors(self) -> bool:
        return self.channel or self.group > 0


def unpack(data: np.ndarray, wide: int, bits: int, signed: bool) -> np.ndarray:
    """Rows of `wide` packed numbers of `bits` bits as uint8, or int8 where `signed`: [rows, wide]."""
    kind = np.int8 if signed else np.uint8
    if bits == 8:
        return data.view(kind).reshape(-1, wide)
    stride = (wide * bits + 7) // 8
    units = -(-stride // bits)  # eight numbers lie in `bits` bytes
    if units * bits == stride:
        codes = _spread(data.reshape(-1, bits), bits).reshape(-1, units * 8)
    else:
        rows = np.zeros((data.size // stride, units * bits), np.uint8)
        rows[:, :stride] = data.reshape(-1, stride)
        codes = _spread(rows.reshape(-1, bits), bits).reshape(len(rows), -1)
    if signed:  # two's complement in `bits` bits: (code ^ top) - top
        top = np.uint8(1 << (bits - 1))
        codes ^= top
        codes -= top
    return codes.view(kind)[:, :wide]


def _spread(units: np.ndarray, bits: int) -> np.ndarray:
    """[units, bits] bytes to [units, 8] numbers of a byte each: a unit as one 64-bit number is cut in two, four and eight."""
    if bits in (2, 4):
        wide = units.view("<u%d" % bits).astype("<u8").ravel()
    else:
        padded = np.zeros((len(units), 8), np.uint8)
        padded[:, :bits] = units
        wide = padded.view("<u8").ravel()
    moved = np.empty_like(wide)
    for cut in (4, 2, 1):
        low = sum(((1 << bits * cut) - 1) << 16 * cut * i for i in range(4 // cut))
        np.left_shift(wide, np.uint64(8 * cut - bits * cut), out=moved)
        moved &= np.uint64(low << 8 * cut)
        wide &= np.uint64(low)
        wide |= moved
    return wide.view(np.uint8).reshape(-1, 8)


def _floats(part: Part) -> np.ndarray:
    if part.dtype == "BF16":
        return (part.data.view("<u2").astype(np.uint32) << 16).view(np.float32)
    return part.data.view("<f2" if part.dtype == "F16" else "<f4").astype(np.float32)


class Layout(NamedTuple):
    """A tensor as the matrix that its scheme sees: `matrices` of them in a batch, else one."""

    matrices: int
    rows: int
    columns: int
    stored: int  # elements of a packed row
    down: int  # rows and columns of one block
    across: int


def layout_of(entry: Entry) -> Layout:
    scheme, shape = Scheme.of(entry), list(entry["shape"])
    count = shape.pop(0) if scheme.batch else 1
    rows = shape[0] if len(shape) > 1 else 1
    if not scheme.has_state_tensors and not scheme.packed_rows:  # any rows will do: those that it is packed by
        rows = math.prod(shape[:-1])
    columns = math.prod(shape) // max(rows, 1)
    stored = columns if scheme.packed_rows else shape[-1] if shape else 1
    down, across = rows, columns
    if scheme.has_state_tensors:
        down, across = (scheme.group or rows, 1) if scheme.axis else (1, scheme.group or columns)
    return Layout(count, rows, columns, stored, down, across)


def unpack_codes(entry: Entry, stored: Part) -> np.ndarray:
    scheme = Scheme.of(entry)
    if 0 in entry["shape"]:
        return np.zeros(entry["shape"], np.int8 if scheme.signed else np.uint8)
    codes = unpack(stored.data, layout_of(entry).stored, scheme.bits, scheme.signed).reshape(entry["shape"])
    return codes if codes.base is None else codes.copy()


def _numbers(part: Part, wide: int, bits: int, signed: bool) -> np.ndarray:
    """A state tensor as float32, [matrices x rows, wide]."""
    if part.dtype in ("U8", "I8"):
        return unpack(part.data, wide, bits, signed).astype(np.float32)
    return _floats(part).reshape(-1, wide)


def unpack_blocks(entry: Entry, parts: Dict[str, Part]) -> Tuple[np.ndarray, Optional[np.ndarray]]:
    """Scale and zero point of each block, float32: [] or [(matrices,) rows of blocks, blocks a row]."""
    scheme = Scheme.of(entry)
    if not scheme.has_state_tensors:
        zero = None if scheme.signed else np.array(entry["zero_point"], np.float32)
        return np.array(entry["scale"], np.float32), zero
    lay = layout_of(entry)
    if 0 in entry["shape"]:
        empty = np.zeros((0, 0), np.float32)
        return empty, None if scheme.signed else empty.copy()
    wide, high = -(-lay.columns // lay.across), -(-lay.rows // lay.down)
    grid = (lay.matrices, high, wide) if scheme.batch else (high, wide)
    two = "superblock" in entry

    def grid_of(name: str, bits: int, signed: bool) -> np.ndarray:
        small = _numbers(parts["." + name], wide, bits, signed).reshape(-1, high, wide)
        if two:
            per = -(-entry["superblock"] // (lay.down if scheme.axis else lay.across))
            big = _floats(parts[".super_" + name])
            big = big.reshape(lay.matrices, -1, wide) if scheme.axis else big.reshape(lay.matrices, high, -1)
            big = big.repeat(per, axis=1)[:, :high] if scheme.axis else big.repeat(per, axis=2)[:, :, :wide]
            small = small * big
        return small.reshape(grid)

    scale = grid_of("scale", entry.get("scale_bits", scheme.bits), False)
    if ".zero_point" not in parts:
        return scale, None
    return scale, grid_of("zero_point", entry.get("zero_point_bits", scheme.bits), two)


def _values(codes: np.ndarray, scale: np.ndarray, zero: Optional[np.ndarray], offset: float, integer: bool,
            out: np.ndarray) -> None:
    """The four formulas. Codes and out have one shape, scale and zero point one that broadcasts to it."""
    np.copyto(out, codes)
    if offset:
        out -= np.float32(offset)
    if integer:
        out -= zero
        out *= scale
        return
    out *= scale
    if zero is not None:
        out += zero


def _blockwise(codes: np.ndarray, grids: List[np.ndarray], block: int, axis: int,
               compute: Callable[..., None], out: np.ndarray) -> None:
    """compute(codes, *numbers, out) on [rows, columns], with a number for each `block` elements along `axis`: the whole
    blocks as one array of a dimension more, and then the short last one."""
    size = codes.shape[axis]
    whole = size // block
    split = whole * block
    if axis == 0:
        if whole:
            shape: Tuple[int, ...] = (whole, block, codes.shape[1])
            compute(codes[:split].reshape(shape), *[g[:whole, None, :] for g in grids], out[:split].reshape(shape))
        if split < size:
            compute(codes[split:], *[g[whole:] for g in grids], out[split:])
        return
    if whole:
        shape = (len(codes), whole, block)  # an axis in two: reshape gives a view of out
        compute(codes[:, :split].reshape(shape), *[g[:, :whole, None] for g in grids], out[:, :split].reshape(shape))
    if split < size:
        compute(codes[:, split:], *[g[:, whole:] for g in grids], out[:, split:])


def _narrow(values: np.ndarray, dtype: str, out: np.ndarray) -> None:
    """float32 to the source's dtype, to nearest with ties to even; BF16 as the float32 of its value."""
    if dtype != "BF16":
        np.copyto(out, values, casting="same_kind")
        return
    bits = values.view(np.uint32)
    rounded = bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))
    np.copyto(out, (rounded & np.uint32(0xFFFF0000)).view(np.float32))


def restore(entry: Entry, parts: Dict[str, Part]) -> np.ndarray:
    """The tensor, in its shape and the dtype of the source."""
    scheme, lay, dtype = Scheme.of(entry), layout_of(entry), entry["dtype"]
    kind = {"F16": np.float16, "F64": np.float64}.get(dtype, np.float32)
    result = np.empty(entry["shape"], kind)
    if result.size == 0:
        return result
    scale, zero = unpack_blocks(entry, parts)
    grids = [scale] if zero is None else [scale, zero]
    if scheme.has_state_tensors:
        grids = [grid.reshape(lay.matrices, *grid.shape[-2:]) for grid in grids]
    compute = functools.partial(_formula, entry.get("code_offset", 0), scheme.integer_zero, dtype)
    flat = result.reshape(lay.matrices, lay.rows, lay.columns)
    packed = parts[""].data.reshape(lay.matrices, lay.rows, -1)

    def piece(place: Tuple[int, int, int]) -> None:
        at, begin, end = place
        out = flat[at, begin:end]
        codes = unpack(packed[at, begin:end].reshape(-1), lay.stored, scheme.bits, scheme.signed)
        codes = codes.reshape(end - begin, lay.columns)
        if not scheme.has_state_tensors:
            compute(codes, *grids, out)
        elif scheme.axis:
            blocks = slice(begin // lay.down, -(-end // lay.down))
            _blockwise(codes, [grid[at, blocks] for grid in grids], lay.down, 0, compute, out)
        else:
            _blockwise(codes, [grid[at, begin:end] for grid in grids], lay.across, 1, compute, out)

    _each(piece, _pieces(lay, scheme), result.size)
    return result


def _formula(offset: float, integer: bool, dtype: str, codes: np.ndarray, *numbers: np.ndarray) -> None:
    """The values of `codes` into the last of `numbers`; before it scale and, where there is one, zero point."""
    *state, out = numbers
    scale, zero = (state[0], state[1]) if len(state) == 2 else (state[0], None)
    values = out if dtype == "F32" else np.empty(codes.shape, np.float32)
    with np.errstate(over="ignore"):
        _values(codes, scale, zero, offset, integer, values)
        if dtype != "F32":
            _narrow(values, dtype, out)


def _pieces(lay: Layout, scheme: Scheme) -> List[Tuple[int, int, int]]:
    """Runs of rows, whole blocks each, of about PIECE elements."""
    step = max(1, PIECE // lay.columns)
    if scheme.has_state_tensors and scheme.axis:
        step = max(1, step // lay.down) * lay.down
    return [(at, begin, min(lay.rows, begin + step))
            for at in range(lay.matrices) for begin in range(0, lay.rows, step)]


@functools.lru_cache(maxsize=None)  # forgotten by a fork, which has no threads
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "octet")


def _each(work: Callable[[Tuple[int, int, int]], None], places: List[Tuple[int, int, int]], elements: int) -> None:
    if elements < THREADED or THREADS == 1:
        for place in places:
            work(place)
        return

    def share(first: int) -> None:
        for place in places[first::THREADS]:
            work(place)

    for _ in _pool().map(share, range(THREADS)):  # also raises what a thread raised
        pass


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
