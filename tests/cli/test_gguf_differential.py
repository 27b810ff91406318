#!/usr/bin/env python3
"""Random GGUF files written by gguf-py: inspect shows what gguf-py reads of their keys, and dequantize restores what gguf-py restores, to the
bit. Left out, visibly, where that package is not installed. OCTET_GGUF_FILES sets how many files (100)."""
import os
import random
import sys
import unittest

sys.path.insert(0, os.environ.get("OCTET_GGUF_PACKAGE", ""))
try:
    import gguf
    import numpy as np
except ImportError:
    gguf = None

from octet_case import OctetCase, main, read_file

FILES = int(os.environ.get("OCTET_GGUF_FILES", "100"))
DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I8": "<i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "BF16": "<u2"}


def quantized_types():
    """Those that gguf-py itself restores."""
    named = [t for t in gguf.GGMLQuantizationType if t in gguf.quants._type_traits]
    return [t for t in named if t.name not in ("Q8_1", "Q8_K")]


def random_values(source):
    kind = gguf.GGUFValueType
    return {"k.u8": (kind.UINT8, source.randrange(2**8)), "k.i8": (kind.INT8, source.randrange(-2**7, 2**7)),
            "k.u16": (kind.UINT16, source.randrange(2**16)), "k.i16": (kind.INT16, source.randrange(-2**15, 2**15)),
            "k.u32": (kind.UINT32, source.randrange(2**32)), "k.i32": (kind.INT32, source.randrange(-2**31, 2**31)),
            "k.u64": (kind.UINT64, source.randrange(2**64)), "k.i64": (kind.INT64, source.randrange(-2**63, 2**63)),
            "k.f32": (kind.FLOAT32, source.gauss(0, 1e3)), "k.f64": (kind.FLOAT64, source.gauss(0, 1e-9)),
            "k.bool": (kind.BOOL, source.random() < 0.5),
            "k.text": (kind.STRING, "".join(source.choice("aZ 0\né漢😀\"\\") for _ in range(source.randrange(60))))}


def random_tensor(source, numbers, name):
    """(name, raw bytes as gguf-py takes them, its type)"""
    quants = quantized_types()
    kind = source.choice(quants + [None])
    shape = [source.randrange(1, 5) for _ in range(source.randrange(0, 3))]
    if kind is None:
        dtype = source.choice(["float16", "float32", "float64", "int8", "int16", "int32", "int64"])
        values = numbers.integers(-100, 100, shape + [source.randrange(1, 40)]).astype(dtype)
        return name, values, None
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    raw = numbers.integers(0, 256, shape + [source.randrange(1, 5) * size], dtype=np.uint8)
    return name, raw, kind


@unittest.skipUnless(gguf, "the gguf package (and numpy) is not installed")
class Differential(OctetCase):
    def make(self, seed):
        source, numbers = random.Random(seed), np.random.default_rng(seed)
        path = self.dir / "m.gguf"
        writer = gguf.GGUFWriter(path, "random")
        keys = random_values(source)
        for name, (kind, value) in keys.items():
            writer.add_key_value(name, value, kind)
        lists = {"k.numbers": [source.randrange(-1000, 1000) for _ in range(source.randrange(1, 9))],
                 "k.words": [f"w{source.randrange(100)}" for _ in range(250_000 if seed % 50 == 0 else source.randrange(1, 9))]}
        for name, value in lists.items():
            writer.add_array(name, value)
        if source.random() < 0.5:
            writer.add_custom_alignment(source.choice([8, 16, 32, 64, 256]))
        for i in range(source.randrange(0, 8)):
            name, values, kind = random_tensor(source, numbers, f"tensor.{i}.weight")
            writer.add_tensor(name, values, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return keys, lists

    def check_keys(self, reader, keys, lists, shown):
        self.assertEqual(sorted(shown), sorted(name for name in reader.fields if not name.startswith("GGUF.")))
        for name, (kind, value) in keys.items():
            text = shown[name]
            if kind in (gguf.GGUFValueType.FLOAT32, gguf.GGUFValueType.FLOAT64):
                wanted = reader.fields[name].parts[-1][0]
                self.assertEqual(type(wanted)(float(text)), wanted, name)
            else:
                self.assertEqual(text, {True: "true", False: "false"}[value] if kind == gguf.GGUFValueType.BOOL else str(value), name)
        numbers = lists["k.numbers"]
        self.assertEqual(shown["k.numbers"], "[" + ", ".join(map(str, numbers)) + "]")
        words = lists["k.words"]
        start = "[" + ", ".join(f'"{w}"' for w in words[:16])
        self.assertEqual(shown["k.words"], start + (f", ... {len(words):,} in all]" if len(words) > 16 else "]"))

    def check_tensors(self, reader, path):
        restored = {t.name: t for t in read_file(path)[1]}
        self.assertEqual(sorted(restored), sorted(t.name for t in reader.tensors))
        for tensor in reader.tensors:
            ours = restored[tensor.name]
            values = np.frombuffer(ours.data, DTYPES[ours.dtype]).reshape(ours.shape)
            self.assertEqual(list(values.shape), [int(n) for n in reversed(tensor.shape)], tensor.name)
            kind = tensor.tensor_type
            if kind in quantized_types() and kind.name != "BF16":
                with np.errstate(all="ignore"):
                    wanted = gguf.quants.dequantize(tensor.data, kind).astype(np.float32)
                wanted, values = wanted.reshape(-1), values.reshape(-1)
                same = (wanted.view(np.uint32) == values.view(np.uint32)) | (np.isnan(wanted) & np.isnan(values))
                self.assertTrue(same.all(), f"{tensor.name} {kind.name}: {np.flatnonzero(~same)[:5]}")
                self.seen.add(kind.name)
            else:
                self.assertEqual(ours.data, tensor.data.tobytes(), tensor.name)

    def test_random_files(self):
        self.seen = set()
        for seed in range(FILES):
            with self.subTest(seed=seed):
                keys, lists = self.make(seed)
                reader = gguf.GGUFReader(self.dir / "m.gguf")
                report = self.octet_json("inspect", "m.gguf")
                self.check_keys(reader, keys, lists, report["metadata"])
                self.assertEqual({t["name"]: t["scheme"] for t in report["tensors"]},
                                 {t.name: t.tensor_type.name.lower() for t in reader.tensors})
                self.octet("dequantize", "m.gguf", "out.safetensors", "--force")
                self.check_tensors(reader, self.dir / "out.safetensors")
        print(f"{FILES} files, types restored as gguf-py does: {', '.join(sorted(self.seen))}")


if __name__ == "__main__":
    main()
