"""Weights that came quantized by another method, restored to plain weights: FP8 and what all methods share."""
import json
import shutil
import struct

from method_values import (bf16_bytes, e4m3, e5m2, e8m0, f32, finite_f8, float_tensor, folder_of, packed, restored, rng_of)
from octet_case import OctetCase, Tensor, f32 as f32_tensor, main, make_file, read_file, snapshot

CONFIG = {"architectures": ["XForCausalLM"], "torch_dtype": "bfloat16", "hidden_size": 8,
          "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}, "vocab_size": 7}


def fp8(name, shape, rng, dtype="F8_E4M3"):
    """The tensor of codes, and its values."""
    count = 1
    for n in shape:
        count *= n
    codes = finite_f8(rng, count, dtype == "F8_E5M2")
    return Tensor(name, dtype, shape, bytes(codes)), [(e5m2 if dtype == "F8_E5M2" else e4m3)(c) for c in codes]


class Fp8(OctetCase):
    def restore(self, folder, *options):
        shutil.rmtree(self.dir / "out", ignore_errors=True)
        self.octet("dequantize", folder, "out", *options)
        return restored(self.dir / "out" / "model.safetensors")

    def check(self, tensors, values, shape, config=None, name="m.weight"):
        """In float32 to the bit, and once more rounded to BF16."""
        for i, (dtype, options) in enumerate([("F32", ["--dtype", "f32"]), ("BF16", ["--dtype", "bf16"])]):
            folder = folder_of(self.dir / f"in{i}", tensors, config)
            found = self.restore(folder, *options)
            self.assertEqual(list(found), [name])
            self.assertEqual(found[name][:2], (dtype, shape))
            data = read_file(self.dir / "out" / "model.safetensors")[1][0].data
            self.assertEqual(data, packed("f", values) if dtype == "F32" else bf16_bytes(values))
            shutil.rmtree(folder)

    def test_a_block_has_a_scale_and_the_last_ones_are_smaller(self):
        for scale_dtype, block, declared in (("F32", 128, None), ("BF16", 128, CONFIG), ("F32", 16, [16, 16])):
            config = CONFIG if declared is CONFIG else None
            if isinstance(declared, list):
                config = {**CONFIG, "quantization_config": {"quant_method": "fp8", "weight_block_size": declared}}
            with self.subTest(scale_dtype, block=block):
                rng = rng_of(scale_dtype)
                rows, columns = 150, 3 * block + 5
                codes, q = fp8("m.weight", [rows, columns], rng)
                down, across = -(-rows // block), -(-columns // block)
                scales, s = float_tensor("m.weight_scale_inv", scale_dtype, [down, across],
                                         [rng.uniform(1e-4, 3) for _ in range(down * across)])
                values = [f32(v * s[i // columns // block * across + i % columns // block]) for i, v in enumerate(q)]
                self.check([codes, scales], values, [rows, columns], config)

    def test_a_scale_for_the_tensor_or_for_each_row(self):
        for dtype in ("F8_E4M3", "F8_E5M2"):
            for shape in ([], [1], [1, 1], [6], [6, 1]):
                with self.subTest(dtype, shape=shape):
                    rng = rng_of(f"{dtype}{shape}")
                    codes, q = fp8("m.weight", [6, 20], rng, dtype)
                    count = 6 if 6 in shape else 1
                    scales, s = float_tensor("m.weight_scale", "F32", shape, [rng.uniform(1e-4, 3) for _ in range(count)])
                    self.check([scales, codes], [f32(v * s[i // 20 if count == 6 else 0]) for i, v in enumerate(q)], [6, 20])

    def test_scales_that_are_powers_of_two(self):
        for dtype in ("F8_E8M0", "U8"):
            with self.subTest(dtype):
                rng = rng_of(dtype)
                codes, q = fp8("m.weight", [3, 64], rng)
                powers = [rng.randrange(90, 160) for _ in range(6)]
                scales = Tensor("m.weight_scale", dtype, [3, 2], bytes(powers))
                self.check([codes, scales], [f32(v * e8m0(powers[i // 32])) for i, v in enumerate(q)], [3, 64])

    def test_fused_experts_have_scales_of_their_own(self):
        rng = rng_of("experts")
        codes, q = fp8("m.experts.gate_up_proj", [3, 8, 10], rng)
        scales, s = float_tensor("m.experts.gate_up_proj_scale", "F32", [3, 1, 10], [rng.uniform(0.1, 2) for _ in range(30)])
        self.check([codes, scales], [f32(v * s[i // 80 * 10 + i % 10]) for i, v in enumerate(q)], [3, 8, 10],
                   name="m.experts.gate_up_proj")

    def test_codes_without_any_scale_are_the_values(self):
        codes, q = fp8("m.weight", [4, 5], rng_of("cast"))
        self.check([codes], q, [4, 5])

    def sharded(self):
        """Weights in the first shard, all scales in the second one."""
        rng = rng_of("sharded")
        codes, q = fp8("model.a.weight", [4, 130], rng)
        scales, s = float_tensor("model.a.weight_scale_inv", "F32", [1, 2], [0.5, 3.25])
        norm = Tensor("model.norm.weight", "BF16", [4], bf16_bytes([1.0, 2.0, 3.0, 4.0]))
        static = f32_tensor("model.a.input_scale", [2.0], [])
        folder = self.dir / "in"
        folder.mkdir()
        names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
        make_file(folder / names[0], [codes, norm], {"format": "pt"})
        make_file(folder / names[1], [f32_tensor("other", [1.5]), scales, static], {"format": "pt", "x": "y"})
        weight_map = {codes.name: names[0], norm.name: names[0], scales.name: names[1], static.name: names[1], "other": names[1]}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": 9}, "weight_map": weight_map}))
        (folder / "config.json").write_text(json.dumps(CONFIG, indent=2))
        (folder / "tokenizer.json").write_text("{}")
        return folder, names, [f32(v * s[i % 130 // 128]) for i, v in enumerate(q)]

    def test_shards_names_index_and_companions_stay(self):
        folder, names, values = self.sharded()
        report = self.octet_json("dequantize", folder, "out", "--dtype", "bf16")
        self.assertEqual(report["format"], "fp8")
        self.assertEqual(sorted(p.name for p in (self.dir / "out").iterdir()),
                         sorted(names + ["config.json", "model.safetensors.index.json", "tokenizer.json"]))
        metadata, tensors, _ = read_file(self.dir / "out" / names[0])
        self.assertEqual(metadata, {"format": "pt"})
        self.assertEqual([(t.name, t.dtype, t.shape) for t in tensors],
                         [("model.a.weight", "BF16", [4, 130]), ("model.norm.weight", "BF16", [4])])
        self.assertEqual(tensors[0].data, bf16_bytes(values))
        metadata, tensors, _ = read_file(self.dir / "out" / names[1])
        self.assertEqual((metadata, [(t.name, t.dtype) for t in tensors]), ({"format": "pt", "x": "y"}, [("other", "BF16")]))
        index = json.loads((self.dir / "out" / "model.safetensors.index.json").read_text())
        self.assertEqual(index, {"metadata": {"total_size": 1040 + 8 + 2},
                                 "weight_map": {"model.a.weight": names[0], "model.norm.weight": names[0], "other": names[1]}})
        kept = {k: v for k, v in CONFIG.items() if k != "quantization_config"}
        self.assertEqual((self.dir / "out" / "config.json").read_text(), json.dumps(kept, indent=2))

    def test_a_shard_that_is_missing_is_named(self):
        folder, names, _ = self.sharded()
        (folder / names[1]).unlink()
        run = self.run_octet("dequantize", folder, "out")
        self.assertEqual(run.code, 3)
        self.assertIn(names[1], run.err)
        self.assertFalse((self.dir / "out").exists())

    def test_without_a_dtype_they_are_what_the_model_says(self):
        folder, names, _ = self.sharded()
        self.octet("dequantize", folder, "out")
        dtypes = [(t.name, t.dtype) for name in names for t in read_file(self.dir / "out" / name)[1]]
        self.assertEqual(dtypes, [("model.a.weight", "BF16"), ("model.norm.weight", "BF16"), ("other", "F32")])

    def test_one_file_holds_them_all(self):
        folder, _, values = self.sharded()
        self.octet("dequantize", folder, "all.safetensors", "--dtype", "f32")
        found = restored(self.dir / "all.safetensors")
        self.assertEqual(list(found), ["model.a.weight", "model.norm.weight", "other"])
        self.assertEqual(found["model.a.weight"][2], values)

    def test_threads_do_not_change_a_byte(self):
        rng = rng_of("threads")
        codes, _ = fp8("m.weight", [700, 300], rng)
        scales, _ = float_tensor("m.weight_scale_inv", "F32", [6, 3], [rng.uniform(0.1, 2) for _ in range(18)])
        folder_of(self.dir / "in", [codes, scales])
        self.octet("dequantize", "in", "one", "--threads", "1")
        self.octet("dequantize", "in", "many", "--threads", "7")
        self.assertEqual(snapshot(self.dir / "one"), snapshot(self.dir / "many"))

    def test_compare_and_inspect_see_weights(self):
        folder, _, values = self.sharded()
        self.octet("dequantize", folder, "plain", "--dtype", "f32")
        report = self.octet_json("compare", "plain", folder)
        self.assertEqual([t["name"] for t in report["tensors"]], ["model.a.weight", "model.norm.weight", "other"])
        self.assertEqual([t["max_abs_error"] for t in report["tensors"]], [0, 0, 0])
        self.assertEqual((report["missing"], report["extra"]), ([], []))
        text = self.octet("inspect", folder).out
        self.assertIn("fp8", text)
        report = self.octet_json("inspect", folder)
        self.assertEqual(report["format"], "fp8")
        found = {t["name"]: t.get("scheme") for t in report["tensors"]}
        self.assertEqual(found, {"model.a.weight": "fp8-block128x128", "model.norm.weight": "keep", "other": "keep"})
        self.assertEqual(report["totals"]["bits_per_weight"], float(f"{8 * (520 + 8) / 520:.6g}"))


class Refused(OctetCase):
    def refuse(self, tensors, message, config=None):
        folder_of(self.dir / "in", tensors, config)
        try:
            self.assert_refused(3, message, "dequantize", "in", "out")
        finally:
            shutil.rmtree(self.dir / "in")

    def test_a_scale_of_another_size(self):
        codes, _ = fp8("m.weight", [200, 200], rng_of("refused"))
        for shape in ([3, 2], [2], [2, 1], [2, 2, 1], [200, 3]):
            with self.subTest(shape=shape):
                count = 1
                for n in shape:
                    count *= n
                text = "[" + ", ".join(map(str, shape)) + "]"
                self.refuse([codes, f32_tensor("m.weight_scale_inv", [1.0] * count, shape)],
                            f"in/model.safetensors: tensor 'm.weight_scale_inv' has the shape {text}, which does not fit the weight "
                            "'m.weight' of shape [200, 200]", CONFIG)

    def test_no_scale(self):
        codes, _ = fp8("m.weight", [4, 4], rng_of("refused"))
        self.refuse([codes], "in/model.safetensors: tensor 'm.weight' came quantized, and 'm.weight_scale_inv', without which it cannot "
                    "be restored, is missing; fetch the whole checkpoint", CONFIG)

    def test_a_method_that_is_not_read(self):
        self.refuse([Tensor("m.codes", "I16", [4, 4], bytes(32))],
                    "in: came quantized (aqlm), which is not read; docs/formats.md lists what is",
                    {"quantization_config": {"quant_method": "aqlm"}})

    def test_nothing_came_quantized(self):
        self.refuse([f32_tensor("m.weight", [1.0])], "in/quantization_state.json: not found; a folder without it is no set")


if __name__ == "__main__":
    main()
