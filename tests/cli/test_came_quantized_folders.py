"""Weights of MLX and quanto, of their own writers and of octet's, restored to plain weights to the bit."""
import json
import shutil

from method_case import MethodCase
from method_values import bit_string, e4m3, f32, finite_f8, float_tensor, restored, rng_of
from octet_case import TESTDATA, Tensor, f32 as f32_tensor, main, read_file


class Mlx(MethodCase):
    def affine(self, bits, rows, columns, group, dtype="F32", experts=()):
        rng = rng_of(f"mlx{bits}{rows}{columns}{dtype}")
        outer = rows
        for n in experts:
            outer *= n
        codes = [[rng.randrange(1 << bits) for _ in range(columns)] for _ in range(outer)]
        across = columns // group
        scales, s = float_tensor("m.scales", dtype, [*experts, rows, across], [rng.uniform(1e-3, 1) for _ in range(outer * across)])
        biases, b = float_tensor("m.biases", dtype, [*experts, rows, across], [rng.uniform(-4, 1) for _ in range(outer * across)])
        words = b"".join(bit_string(row, bits) for row in codes)
        tensors = [Tensor("m.weight", "U32", [*experts, rows, columns * bits // 32], words), scales, biases, f32_tensor("m.bias", [1.5])]
        values = [f32(f32(q * s[r * across + c // group]) + b[r * across + c // group])
                  for r, row in enumerate(codes) for c, q in enumerate(row)]
        return tensors, {"m.weight": ([*experts, rows, columns], values), "m.bias": ([1], [1.5])}

    def config(self, bits, group, **modules):
        return {"quantization": {"group_size": group, "bits": bits, "mode": "affine", **modules}, "hidden_size": 64}

    def test_every_width_and_group(self):
        for bits in (2, 3, 4, 5, 6, 8):
            for group in (32, 64, 128):
                for dtype in ("F32", "BF16", "F16"):
                    with self.subTest(bits=bits, group=group, dtype=dtype):
                        self.check(*self.affine(bits, 5, 256, group, dtype), self.config(bits, group))
        self.check(*self.affine(4, 3, 64, 32, experts=(2,)), self.config(4, 32))

    def test_a_module_that_is_named_is_another(self):
        self.check(*self.affine(8, 5, 128, 32), self.config(4, 64, m={"group_size": 32, "bits": 8}))
        self.check(*self.affine(3, 5, 128, 32), self.config(4, 64))  # the only pair that its shapes leave

    def test_config_says_nothing_of_codes_then(self):
        tensors, expected = self.affine(4, 5, 128, 64)
        self.check_reports(tensors, expected, "mlx", "mlx-4bit-group64", 5, {**self.config(4, 64), "quantization_config": {"bits": 4}})
        self.assertEqual(json.loads((self.dir / "plain" / "config.json").read_text()), {"torch_dtype": "float32", "hidden_size": 64})

    def test_state_that_does_not_fit(self):
        codes, scales, biases, _ = self.affine(4, 5, 128, 64)[0]
        config = self.config(4, 64)

        def short(tensor, shape, size):
            return tensor._replace(shape=shape, data=tensor.data[:size])
        fit = "which does not fit the codes 'm.weight' of shape [5, 16]"
        self.refuse([codes, short(scales, [4, 2], 32), biases], f"'m.scales' has the shape [4, 2], {fit}", config)
        self.refuse([codes, scales, short(biases, [5, 1], 20)], f"'m.biases' has the shape [5, 1], {fit}", config)
        self.refuse([codes, short(scales, [10], 40), biases], f"'m.scales' has the shape [10], {fit}", config)
        pairs = " by any bits and group_size that config.json says, or by more than one pair"
        three = [Tensor(t.name, "F32", [5, 3], bytes(60)) for t in (scales, biases)]
        self.refuse([codes, *three], f"'m.scales' has the shape [5, 3], {fit}{pairs}", config)
        self.refuse([codes, scales, biases], f"'m.scales' has the shape [5, 2], {fit}{pairs}")
        self.refuse([codes, scales, biases], f"'m.scales' has the shape [5, 2], {fit}{pairs}",
                    self.config(4, 64, m={"group_size": 32, "bits": 4}))
        self.refuse([codes, scales], "'m.weight' came quantized, and 'm.biases', without which it cannot be restored, is missing; fetch the "
                    "whole checkpoint", config)
        self.refuse([codes, scales._replace(dtype="I32"), biases], "'m.scales' is I32, which no scale is", config)
        wide = codes._replace(shape=[5, 15], data=codes.data[:300])
        self.refuse([wide, scales, biases], "'m.scales' has the shape [5, 2], which does not fit the codes 'm.weight' of shape [5, 15]"
                    + pairs, config)


class Quanto(MethodCase):
    def bytes_of(self, shape, scale_shape, float8=False):
        rng = rng_of(f"quanto{shape}{scale_shape}{float8}")
        count = shape[0] * shape[1]
        codes = finite_f8(rng, count) if float8 else [rng.randrange(256) for _ in range(count)]
        n = shape[0] if shape[0] in scale_shape else 1
        scales, s = float_tensor("x.m.weight._scale", "F32", scale_shape, [rng.uniform(1e-3, 1) for _ in range(n)])
        tensors = [Tensor("x.m.weight._data", "F8_E4M3" if float8 else "I8", shape, bytes(codes)), scales,
                   f32_tensor("x.m.input_scale", [1.0], []), f32_tensor("x.m.output_scale", [1.0], []), f32_tensor("x.m.bias", [2.5])]
        value = e4m3 if float8 else lambda c: c - 256 if c > 127 else c
        values = [f32(value(c) * s[i // shape[1] if n > 1 else 0]) for i, c in enumerate(codes)]
        return tensors, {"x.m.weight": (shape, values), "x.m.bias": ([1], [2.5])}

    def test_codes_of_a_byte(self):
        for float8 in (False, True):
            for scale_shape in ([5, 1], [1], []):
                self.check(*self.bytes_of([5, 77], scale_shape, float8))

    def grouped(self, bits, rows, columns, group, module="x.m"):
        rng = rng_of(f"quanto{bits}{rows}{columns}")
        groups, each = rows * columns // group, 8 // bits
        packed_rows = -(-groups // each)
        codes = [rng.randrange(1 << bits) for _ in range(rows * columns)]
        data = bytearray(packed_rows * group)
        for i, code in enumerate(codes):
            row = i // group
            data[row % packed_rows * group + i % group] |= code << (row // packed_rows * bits)
        scales, s = float_tensor(module + ".weight._scale", "F32", [groups, 1], [rng.uniform(1e-3, 1) for _ in range(groups)])
        shifts, z = float_tensor(module + ".weight._shift", "F32", [groups, 1], [rng.uniform(-1, 1) for _ in range(groups)])
        tensors = [Tensor(module + ".weight._data._data", "U8", [packed_rows, group], bytes(data)), scales, shifts,
                   f32_tensor(module + ".input_scale", [1.0], [])]
        values = [f32(f32(c * s[i // group]) - z[i // group]) for i, c in enumerate(codes)]
        return tensors, {module + ".weight": ([rows, columns], values)}

    def test_codes_of_less_in_groups_of_quanto(self):
        for bits in (4, 2):
            for rows, columns, group in ((6, 256, 128), (7, 160, 32), (5, 192, 96), (3, 320, 64), (9, 64, 64), (7, 40, 40), (4, 131, 131)):
                with self.subTest(bits=bits, columns=columns):
                    self.check(*self.grouped(bits, rows, columns, group), {"hidden_size": columns})
        sizes = {"d_model": 64, "d_ff": 256, "num_heads": 5, "d_kv": 64}
        for module, columns, group in (("a.DenseReluDense.wo", 256, 128), ("a.SelfAttention.o", 320, 64), ("a.SelfAttention.q", 64, 64)):
            self.check(*self.grouped(4, 6, columns, group, module), sizes)

    def test_inspect_and_compare(self):
        tensors, expected = self.grouped(4, 6, 256, 128)
        config = {"hidden_size": 256}
        self.check_reports(tensors, expected, "quanto", "quanto-qint4", 4 + 64 / 128, config, {"quanto_qmap.json": {}})
        self.assertEqual(json.loads((self.dir / "plain" / "config.json").read_text()), {"torch_dtype": "float32", **config})
        self.assertFalse((self.dir / "plain" / "quanto_qmap.json").exists())

    def test_state_that_does_not_fit(self):
        codes, scales, shifts, _ = self.grouped(4, 6, 256, 128)[0]
        config = {"hidden_size": 256}
        name = "'x.m.weight._data._data'"
        fit = f"which does not fit the codes {name} of shape [6, 128]"
        self.refuse([codes, scales._replace(shape=[5, 1], data=scales.data[:20]), shifts],
                    "'x.m.weight._shift' has the shape [12, 1], " + fit, config)
        for count in (5, 14):
            both = [f32_tensor(t.name, [1.0] * count, [count, 1]) for t in (scales, shifts)]
            self.refuse([codes, *both], f"'x.m.weight._scale' has the shape [{count}, 1], {fit}", config)
        for wrong in (None, {"hidden_size": 320}, {"hidden_size": 1152}):
            self.refuse([codes, scales, shifts], name + " holds 12 groups of 128 values, and config.json says no size that tells how many "
                        "make a row", wrong)
        self.refuse([codes, scales], name + " came quantized, and 'x.m.weight._shift', without which it cannot be restored, is missing; "
                    "fetch the whole checkpoint", config)
        self.refuse([codes._replace(shape=[768]), scales, shifts], name + " is not codes of quanto, which are U8 and lie in groups", config)
        codes, scales = self.bytes_of([5, 77], [5, 1])[0][:2]
        self.refuse([codes, scales._replace(shape=[4, 1], data=scales.data[:16])],
                    "'x.m.weight._scale' has the shape [4, 1], which does not fit the codes 'x.m.weight._data' of shape [5, 77]")
        self.refuse([codes], "'x.m.weight._data' came quantized, and 'x.m.weight._scale', without which it cannot be restored, is missing; "
                    "fetch the whole checkpoint")


class Own(MethodCase):
    """What octet wrote for other engines, read again: equal to the set with the same codes."""

    def check_own(self, model, format_options, set_options, rename=lambda name: name):
        for path in ("folder", "set", "a", "b"):
            shutil.rmtree(self.dir / path, ignore_errors=True)
        self.octet("quantize", model, "folder", *format_options)
        self.octet("dequantize", "folder", "a", "--dtype", "f32")
        self.octet("quantize", model, "set", *set_options)
        self.octet("dequantize", "set", "b", "--dtype", "f32")
        found = restored(self.dir / "a" / "model.safetensors")
        expected = restored(self.dir / "b" / "model.safetensors")
        self.assertGreater(len(found), 5)
        for name, tensor in found.items():
            self.assertEqual(tensor, expected[rename(name)], name)
        self.assertFalse((self.dir / "a" / "octet_report.json").exists())
        report = json.loads(self.run_octet("compare", model, "folder", "--json").out)
        figures = {t["name"]: t["sqnr_db"] for t in report["tensors"] if t.get("scheme", "keep") != "keep"}
        self.assertGreater(len(figures), 5)
        self.assertGreater(min(figures.values()), 10)
        self.assertEqual(report["missing"], [])

    def test_quanto(self):
        model = TESTDATA / "tiny-flan-t5"
        copies = {"encoder.embed_tokens.weight": "shared.weight", "decoder.embed_tokens.weight": "shared.weight"}
        for bits in (4, 2):
            self.octet("quantize", model, f"q{bits}", "--format", "quanto", "--bits", str(bits))
            self.octet("dequantize", f"q{bits}", f"r{bits}")
            found = {t.name: t.shape for t in read_file(self.dir / f"r{bits}" / "model.safetensors")[1]}
            expected = {t.name: t.shape for t in read_file(model / "model.safetensors")[1]}
            self.assertEqual({name: found[name] for name in expected}, expected)
        self.check_own(model, ["--format", "quanto"], ["--preset", "linear"], lambda name: copies.get(name, name))


if __name__ == "__main__":
    main()
