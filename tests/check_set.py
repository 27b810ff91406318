#!/usr/bin/env python3
"""Checks a set and what was restored from it, with code that shares nothing with octet.

    check_set.py SOURCE SET RESTORED        a checkpoint (file, index or folder), a set's folder, a checkpoint

Recomputes every code, scale and zero point from the source by the documented rule and compares them with the set as the
safetensors package reads it; computes what the codes stand for and compares it with RESTORED, and RESTORED with SOURCE under
the documented bound; recomputes every checksum with the xxhash package. Needs numpy, safetensors and xxhash. Exits 0 or 1.
"""
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import xxhash
from safetensors import safe_open

import block_schemes

KINDS = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "F64": "<f8"}


class Stored:
    """One tensor where it lies in its file."""

    def __init__(self, path, start, name, entry):
        begin, end = entry["data_offsets"]
        self.name, self.dtype, self.shape, self.path = name, entry["dtype"], entry["shape"], path
        self.raw = np.memmap(path, np.uint8, "r", start + begin, end - begin) if end > begin else np.empty(0, np.uint8)

    def values(self):
        """As numpy's own type; BF16, which numpy does not have, as float32."""
        raw = np.frombuffer(self.raw.tobytes(), KINDS[self.dtype])
        return (raw.astype(np.uint32) << 16).view(np.float32) if self.dtype == "BF16" else raw


def files_of(path):
    path = Path(path)
    index = path / "model.safetensors.index.json" if path.is_dir() else path
    if index.name.endswith(".index.json") and index.exists():
        return [index.parent / name for name in sorted(set(json.loads(index.read_text())["weight_map"].values()))]
    return sorted(path.glob("*.safetensors")) if path.is_dir() else [path]


def read(files):
    """Metadata of the files together, and their tensors in the order of their data."""
    metadata, tensors = {}, []
    for path in files:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        for key, value in header.pop("__metadata__", {}).items():
            metadata.setdefault(key, value)
        entries = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
        tensors += [Stored(path, 8 + length, name, entry) for name, entry in entries]
    return metadata, tensors


def narrowed(values, dtype):
    """float32 as `dtype` stores it, to nearest, ties to even: raw bytes."""
    if dtype == "BF16":
        bits = values.view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
    return values.astype(KINDS[dtype]).tobytes()


def recompute(x, truncate):
    """Codes, scale and zero point of float32 values, by the rule."""
    if x.size == 0:
        return np.empty(0, np.uint8), np.float32(0), np.float32(0)
    low, high = x.min(), x.max()
    scale, zero_point = (high - low) / np.float32(255), low + np.float32(0)
    if scale == 0:
        return np.zeros(x.size, np.uint8), scale, zero_point
    quotient = np.clip((x - zero_point) / scale, np.float32(0), np.float32(255))
    return (np.trunc(quotient) if truncate else np.rint(quotient)).astype(np.uint8), scale, zero_point


def bound_of(x, scale, truncate, source_dtype):
    """What the error of the float32 restoration cannot exceed."""
    if x.size == 0:
        return 0.0
    span = float(x.max()) - float(x.min())
    tiny = np.finfo(np.float32).tiny
    ulp = float(np.spacing(max(abs(x.min()), abs(x.max()), tiny)))
    slack = ulp + 2 * float(np.spacing(max(x.max() - x.min(), tiny)))
    narrowing = ulp / 2 if source_dtype == "F64" else 0.0
    if scale == 0:
        return span + narrowing
    bound = float(scale) * (1 if truncate else 0.5)
    if scale < tiny:
        bound = max(bound, span - 255 * float(scale))
    return bound + slack + narrowing


def stored_values(part):
    return part.values().reshape(part.shape) if part.dtype in KINDS else part.raw


def two_levels(scheme, entry, parts, grid):
    """Scales and zero points of small numbers times the F16 number of their superblock."""
    each = entry["superblock"] // scheme.group
    found = []
    for name, bits in (("scale", entry["scale_bits"]), ("zero_point", entry["zero_point_bits"])):
        if bits == 0:
            found.append(np.zeros(grid, np.float32))
            continue
        small = block_schemes.unpack(parts["." + name].raw.tobytes(), *grid, bits, name == "zero_point").astype(np.float32)
        supers = parts[".super_" + name]
        wide = supers.values().astype(np.float32).reshape(supers.shape).repeat(each, axis=0 if scheme.by_columns else 1)
        found.append(small * wide[:grid[0], :grid[1]])
    return found


class Piece:
    """The part of a tensor that one matrix of a batch has: every part of it is as many equal runs of bytes as there are matrices."""

    def __init__(self, whole, number, count):
        self.dtype, self.shape = whole.dtype, whole.shape[1:]
        each = len(whole.raw) // count
        self.raw = whole.raw[number * each:(number + 1) * each]

    values = Stored.values


def check_matrix(scheme, entry, source, code, parts, back):
    """What is wrong with one tensor, or one matrix of a batch, and the largest error and its bound. States of a search are taken as they are."""
    wrong = []
    exact = scheme.matrix(source.values(), source.shape)
    with np.errstate(over="ignore"):
        x = exact.astype(np.float32)
    last = scheme.packed_row(source.shape)
    codes = block_schemes.unpack(code.raw.tobytes(), x.size // last, last, scheme.bits, scheme.symmetric).reshape(x.shape)
    grid = scheme.grid(*x.shape)
    if ".scale" in parts and not scheme.two and parts[".scale"].shape != list(grid):
        wrong.append(f"scales are {parts['.scale'].shape}")
    if scheme.from_middle:
        codes = codes - entry["code_offset"]
    if scheme.two:
        scale, zero_point = two_levels(scheme, entry, parts, grid)
    elif scheme.tensor:
        scale = np.array([[entry["scale"]]], np.float32)
        zero_point = np.array([[entry.get("zero_point", 0)]], np.float32)
    else:
        scale = stored_values(parts[".scale"]).astype(np.float32).reshape(grid)
        zero_point = np.zeros(grid, np.float32)
        if scheme.integer:
            zero_point = block_schemes.unpack(parts[".zero_point"].raw.tobytes(), *grid, scheme.bits, False).astype(np.float32)
        elif not scheme.symmetric:
            zero_point = stored_values(parts[".zero_point"]).astype(np.float32).reshape(grid)
    if not scheme.mse and not scheme.two:
        for what, found, expected in zip(("scale", "zero point"), (scale, zero_point), block_schemes.states(scheme, x)):
            if found.tobytes() != expected.tobytes():
                at = tuple(np.argwhere(found != expected)[0]) if (found != expected).any() else "a sign of 0"
                wrong.append(f"{(found != expected).sum()} of {found.size} {what}s differ, first at {at}")
    expected = block_schemes.quantize(scheme, x, scale, zero_point)
    if not np.array_equal(codes, expected):
        at = tuple(np.argwhere(codes != expected)[0])
        wrong.append(f"{(codes != expected).sum()} of {x.size} codes differ, first at {at}: {codes[at]}, not {expected[at]}")
    restored = block_schemes.restore(scheme, codes, scale, zero_point)
    if narrowed(restored.reshape(-1), back.dtype) != back.raw.tobytes():
        wrong.append("restored bytes are not what codes and state stand for")
    limit = block_schemes.bound(scheme, x, scale, zero_point, source.dtype == "F64")
    error = float(np.abs(exact.astype(np.float64) - restored).max())
    if error > limit:
        wrong.append(f"error {error:g} exceeds the bound {limit:g}")
    return wrong, error, limit


def check_blocks(source, entry, code, parts, back):
    """Yields what is wrong with one tensor that was quantized in blocks."""
    scheme = block_schemes.Scheme(entry["scheme"])
    shape = source.shape
    if scheme.bits < 8:
        rows = shape[:1] if scheme.row_packing else (shape or [1])[:-1]
        shape = rows + [block_schemes.packed_bytes(scheme.packed_row(source.shape), scheme.bits)]
    if (code.dtype, code.shape) != ("I8" if scheme.symmetric and scheme.bits == 8 else "U8", shape):
        yield f"codes are {code.dtype} {code.shape}"
        return
    if 0 in source.shape:
        return
    count = source.shape[0] if scheme.batch else 1
    found = []
    for i in range(count):
        piece = (lambda whole: Piece(whole, i, count)) if scheme.batch else lambda whole: whole
        found.append(check_matrix(scheme, entry, piece(source), piece(code), {name: piece(part) for name, part in parts.items()}, piece(back)))
        yield from found[-1][0]
    error, limit = (max(values) for values in list(zip(*found))[1:])
    if error > entry["stats"]["bound"]:
        yield f"error {error!r} exceeds the stated bound {entry['stats']['bound']!r}"
    for key, value in (("max_abs_error", error), ("bound", limit)):
        if abs(entry["stats"][key] - value) > 1e-5 * value:
            yield f"stats.{key} is {entry['stats'][key]}, not {value:.6g}"


def check_quantized(source, entry, codes, back):
    """Yields what is wrong with one quantized tensor."""
    truncate = entry["scheme"] == "u8-trunc"
    exact = source.values()
    with np.errstate(over="ignore"):
        x = exact.astype(np.float32)
    expected, scale, zero_point = recompute(x, truncate)
    wrong = np.flatnonzero(codes.reshape(-1) != expected)
    if wrong.size:
        yield f"{wrong.size} of {x.size} codes differ, first at {wrong[0]}: {codes.flat[wrong[0]]}, not {expected[wrong[0]]}"
    for key, value in (("scale", scale), ("zero_point", zero_point)):
        if np.float32(entry[key]).tobytes() != value.tobytes():
            yield f"{key} is {entry[key]}, not {value}"
    restored = expected.astype(np.float32) * scale + zero_point
    if narrowed(restored, back.dtype) != back.raw.tobytes():
        yield "restored bytes are not code * scale + zero_point"
    error = np.abs(exact.astype(np.float64) - restored).max(initial=0.0)
    limit = bound_of(x, scale, truncate, source.dtype)
    if error > limit:
        yield f"error {error:g} exceeds the bound {limit:g}"
    if error > entry["stats"]["bound"]:
        yield f"error {error!r} exceeds the stated bound {entry['stats']['bound']!r}"
    for key, value in (("max_abs_error", error), ("bound", limit)):
        if abs(entry["stats"][key] - value) > 1e-5 * value:
            yield f"stats.{key} is {entry['stats'][key]}, not {value:.6g}"
    if back.dtype in ("F16", "BF16"):  # half an ulp of that dtype on top
        digits, tiny = (10, 2.0**-24) if back.dtype == "F16" else (7, 2.0**-133)
        limit += max(float(np.abs(restored).max(initial=0.0)) * 2.0**-(digits + 1), tiny / 2)
    error = np.abs(exact.astype(np.float64) - back.values().astype(np.float64)).max(initial=0.0)
    if error > limit:
        yield f"restored as {back.dtype} the error {error:g} exceeds the bound {limit:g}"


def by_pieces(raw):
    """The hash of the hashes of consecutive 4 MiB."""
    size = 4 << 20
    return xxhash.xxh3_128_hexdigest(b"".join(xxhash.xxh3_128_digest(raw[at:at + size]) for at in range(0, len(raw), size)))


def check_files(folder, sidecar):
    """Yields what is wrong with the checksums of files, the sidecar's own included."""
    for file in sidecar["files"] + sidecar["companions"]:
        raw = (folder / file["name"]).read_bytes()
        found = by_pieces(raw) if "xxh3_128_tiles" in file else xxhash.xxh3_128_hexdigest(raw)
        if file.get("xxh3_128_tiles", file.get("xxh3_128")) != found:
            yield f"{file['name']}: the checksum is not {found}"
        if file.get("sha256", hashlib.sha256(raw).hexdigest()) != hashlib.sha256(raw).hexdigest():
            yield f"{file['name']}: its SHA-256 is not {file['sha256']}"
        if file["bytes"] != len(raw):
            yield f"{file['name']}: has {len(raw)} bytes, not {file['bytes']}"
    raw = (folder / "quantization_state.json").read_bytes()
    before = raw[:raw.rindex(b'"xxh3_128"')]
    if raw != before + b'"xxh3_128": "%s"\n}\n' % xxhash.xxh3_128_hexdigest(before).encode():
        yield "the sidecar does not end in the checksum of what stands before it"


def check_tensor(source, entry, code, parts, package, back):
    stored = np.concatenate([code.raw] + [part.raw for part in parts.values()])
    for what, raw in (("source", source.raw), ("stored", stored)):
        if entry["xxh3_128_tiles"][what] != by_pieces(raw):
            yield f"the {what} checksum is not {by_pieces(raw)}"
    if (entry["dtype"], entry["shape"]) != (source.dtype, source.shape):
        yield "dtype or shape in the sidecar is not the source's"
    if entry["scheme"] not in ("keep", "u8", "u8-trunc") and back.shape == source.shape:
        yield from check_blocks(source, entry, code, parts, back)
    elif code.shape != source.shape or back.shape != source.shape:
        yield f"shapes {code.shape} of the codes and {back.shape} restored are not {source.shape}"
    elif entry["scheme"] == "keep":
        if code.dtype != source.dtype or not np.array_equal(code.raw, source.raw):
            yield "is kept, but not with the source's dtype and bytes"
        if back.dtype == source.dtype and not np.array_equal(back.raw, source.raw):
            yield "was kept, but did not come back byte for byte"
    elif code.dtype != "U8":
        yield f"codes are {code.dtype}, not U8"
    else:
        yield from check_quantized(source, entry, package.get_tensor(code.name), back)


def tied_to_others(source, owners):
    """Names of tied tensors whose entry is not that of a tensor with the same dtype, shape and bytes."""
    by_name = {tensor.name: tensor for tensor in source}
    for name, owner in owners.items():
        if name == owner or name not in by_name:
            continue
        a, b = by_name[name], by_name.get(owner)
        if b is None or (a.dtype, a.shape) != (b.dtype, b.shape) or not np.array_equal(a.raw, b.raw):
            yield name


def main(source_path, set_path, restored_path):
    sidecar = json.loads((Path(set_path) / "quantization_state.json").read_text())
    metadata, source = read(files_of(source_path))
    set_metadata, codes = read([Path(set_path) / file["name"] for file in sidecar["files"]])
    restored_metadata, restored = read(files_of(restored_path))
    problems = list(check_files(Path(set_path), sidecar))
    names = [tensor.name for tensor in source]
    owners = {name: entry.get("same_as", name) for name, entry in sidecar["tensors"].items()}  # tied tensors lie under another's name
    problems += [f"{name}: is tied to a tensor with other bytes" for name in tied_to_others(source, owners)]
    stored_names = [name for name in names if owners.get(name, name) == name]
    parts = {name: {} for name in stored_names}
    for tensor in codes:  # state tensors lie behind the codes that they are of
        owner, dot, suffix = tensor.name.rpartition(".")
        if tensor.name not in parts and owner in parts:
            parts[owner]["." + suffix] = tensor
    all_codes, codes = codes, [tensor for tensor in codes if tensor.name in parts]
    for what, found in (("the sidecar", list(sidecar["tensors"])), ("the set", [t.name for t in codes]),
                        ("the restored checkpoint", [t.name for t in restored])):
        if found != (stored_names if what == "the set" else names):
            problems.append(f"{what}: tensor names or their order are not the source's")
    if {k: v for k, v in set_metadata.items() if k != "octet.version"} != metadata or restored_metadata != metadata:
        problems.append("metadata is not the source's")
    if len(all_codes) != len(codes) + sum(map(len, parts.values())):
        problems.append("the set holds tensors that are nobody's state")
    packages = {path: safe_open(path, "numpy") for path in {t.path for t in codes + restored}}
    for tensor in all_codes + restored:
        if tensor.name not in packages[tensor.path].keys():
            problems.append(f"{tensor.path.name}: the safetensors package does not see {tensor.name}")
    if not problems:
        by_name = {code.name: code for code in codes}
        for tensor, back in zip(source, restored):
            owner = owners[tensor.name]
            entry, code = sidecar["tensors"][owner], by_name[owner]
            problems += [f"{tensor.name}: {what}" for what in check_tensor(tensor, entry, code, parts[owner], packages[code.path], back)]
    for problem in problems:
        print("check_set:", problem)
    quantized = sum(sidecar["tensors"][owner]["scheme"] != "keep" for owner in owners.values())
    if not problems:
        print(f"check_set: {len(source)} tensors agree: {quantized} quantized, {len(source) - quantized} kept")
    return 1 if problems else 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
