"""Folders for other engines, decoded here by the formulas of those engines: what they see is what octet's own set of the same scheme restores,
to the bit. Pairs that an engine refuses, or loads wrong without a word, are refused by name."""
import json
import os
import random
import struct

from octet_case import OctetCase, f32, main, make_file, read_file

ROWS, COLUMNS = 32, 128
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": COLUMNS, "torch_dtype": "float32", "tie_word_embeddings": False}
WEIGHTS = ("q_proj", "k_proj", "v_proj", "o_proj")


def codes_of(data, bits, count):
    """Codes of one little-endian bit string."""
    number = int.from_bytes(data, "little")
    return [number >> bits * i & ((1 << bits) - 1) for i in range(count)]


def to_f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


class EngineFolders(OctetCase):
    def setUp(self):
        super().setUp()
        rng = random.Random(1)
        normal = lambda n: [rng.gauss(0.01, 0.1) for _ in range(n)]
        (self.dir / "model").mkdir()
        self.names = [f"model.layers.0.self_attn.{name}.weight" for name in WEIGHTS]
        tensors = [f32(name, normal(ROWS * COLUMNS), [ROWS, COLUMNS]) for name in self.names]
        tensors += [f32("model.embed_tokens.weight", normal(40 * COLUMNS), [40, COLUMNS]), f32("lm_head.weight", normal(40 * COLUMNS), [40, COLUMNS]),
                    f32("model.norm.weight", normal(COLUMNS), [COLUMNS])]
        make_file(self.dir / "model" / "model.safetensors", tensors)
        (self.dir / "model" / "config.json").write_text(json.dumps(LLAMA))

    def written(self, folder):
        return {t.name: t for t in read_file(self.dir / folder / "model.safetensors")[1]}

    def restored(self, scheme):
        """What octet's own set of that scheme restores of the weights."""
        rules = [word for name in self.names for word in ("--rule", f"{name}={scheme}")]
        self.octet("quantize", "model", "set", "--no-sync", "--force", *rules)
        self.octet("dequantize", "set", "back.safetensors", "--no-sync", "--force")
        return {t.name: struct.unpack(f"<{ROWS * COLUMNS}f", t.data) for t in read_file(self.dir / "back.safetensors")[1] if t.name in self.names}

    def test_packed_codes_of_compressed_tensors_are_those_of_the_set(self):
        for bits in (8, 4):
            self.octet("quantize", "model", "out", "--no-sync", "--force", "--format", "compressed-tensors", "--bits", bits)
            self.octet("verify", "out")
            config = json.loads((self.dir / "out" / "config.json").read_text())["quantization_config"]
            self.assertEqual((config["quant_method"], config["quantization_status"]), ("compressed-tensors", "compressed"))
            group = next(iter(config["config_groups"].values()))["weights"]
            self.assertEqual((group["num_bits"], group["symmetric"], group["strategy"], group["group_size"]), (bits, True, "group", 128))
            written, expected = self.written("out"), self.restored(f"s{bits}-group128-axis0-f16")  # engines compute in F16
            self.assertEqual(written["lm_head.weight"].dtype, "F32")
            for name in self.names:
                module = name[:-len(".weight")]
                shape = struct.unpack("<2q", written[module + ".weight_shape"].data)
                self.assertEqual(shape, (ROWS, COLUMNS))
                scales = struct.unpack(f"<{ROWS}e", written[module + ".weight_scale"].data)
                packed = written[module + ".weight_packed"]
                self.assertEqual((packed.dtype, packed.shape), ("I32", [ROWS, COLUMNS * bits // 32]))
                each = COLUMNS * bits // 8
                seen = [to_f32((code - (1 << bits - 1)) * scales[row]) for row in range(ROWS)
                        for code in codes_of(packed.data[row * each:(row + 1) * each], bits, COLUMNS)]
                self.assertTrue(seen == list(expected[name]), name)

    def test_a_byte_each_with_integer_zero_points(self):
        self.octet("quantize", "model", "out", "--no-sync", "--format", "compressed-tensors", "--for", "transformers", "--bits", "8", "--granularity", "channel",
                   "--zero-point", "integer")
        written, expected = self.written("out"), self.restored("u8-channel-axis0-intzp")
        for name in self.names:
            module = name[:-len(".weight")]
            scales = struct.unpack(f"<{ROWS}f", written[module + ".weight_scale"].data)
            zeros = struct.unpack(f"<{ROWS}b", written[module + ".weight_zero_point"].data)
            codes = struct.unpack(f"<{ROWS * COLUMNS}b", written[name].data)
            seen = [to_f32((codes[i] - zeros[i // COLUMNS]) * scales[i // COLUMNS]) for i in range(ROWS * COLUMNS)]
            self.assertTrue(seen == list(expected[name]), name)

    def test_mlx_has_octets_own_formula_in_every_width(self):
        for bits in (2, 3, 4, 5, 6, 8):
            for group in (32, 64, 128):
                with self.subTest(bits=bits, group=group):
                    self.octet("quantize", "model", "out", "--no-sync", "--force", "--format", "mlx", "--bits", bits, "--granularity", "group", "--group-size", group)
                    written, expected = self.written("out"), self.restored(f"u{bits}-group{group}-axis0")
                    config = json.loads((self.dir / "out" / "config.json").read_text())
                    self.assertEqual((config["quantization"]["bits"], config["quantization"]["group_size"]), (bits, group))
                    for name in self.names:
                        module = name[:-len(".weight")]
                        across = COLUMNS // group
                        scales = struct.unpack(f"<{ROWS * across}f", written[module + ".scales"].data)
                        biases = struct.unpack(f"<{ROWS * across}f", written[module + ".biases"].data)
                        each = COLUMNS * bits // 8
                        self.assertEqual((written[name].dtype, written[name].shape), ("U32", [ROWS, COLUMNS * bits // 32]))
                        seen = []
                        for row in range(ROWS):
                            for i, code in enumerate(codes_of(written[name].data[row * each:(row + 1) * each], bits, COLUMNS)):
                                at = row * across + i // group
                                seen.append(to_f32(to_f32(code * scales[at]) + biases[at]))
                        self.assertTrue(seen == list(expected[name]), name)

    def test_what_an_engine_would_refuse_is_refused(self):
        tiny = os.path.join(os.environ["OCTET_SOURCE_DIR"], "testdata")
        for model, options in (("tiny-gpt2", ["--format", "compressed-tensors"]), ("tiny-flan-t5", ["--format", "compressed-tensors"]),
                               ("tiny-flan-t5", ["--format", "mlx"])):
            run = self.run_octet("quantize", os.path.join(tiny, model), "refused", *options)
            self.assertIn(run.code, (2, 3), run.err)
            self.assertEqual(run.err.count("\n"), 1)
            self.assertFalse((self.dir / "refused").exists())
        for options in (["--bits", "6"], ["--granularity", "group", "--group-size", "48"],
                        ["--scale-dtype", "two-level", "--granularity", "group"]):
            run = self.run_octet("quantize", "model", "refused", "--format", "compressed-tensors", *options)
            self.assertIn(run.code, (2, 3), f"{options}: {run.out}{run.err}")
            self.assertFalse((self.dir / "refused").exists())

    def test_a_folder_is_replaced_verified_and_read_back(self):
        self.octet("quantize", "model", "out", "--no-sync", "--format", "compressed-tensors", "--for", "transformers")
        run = self.run_octet("quantize", "model", "out", "--format", "compressed-tensors")
        self.assertEqual(run.code, 2, run.err)
        self.octet("quantize", "model", "out", "--no-sync", "--force", "--format", "compressed-tensors")
        self.octet("dequantize", "out", "plain", "--no-sync")
        self.assertNotIn("quantization_config", json.loads((self.dir / "plain" / "config.json").read_text()))
        expected = self.restored("s8-group128-axis0-f16")
        for tensor in read_file(self.dir / "plain" / "model.safetensors")[1]:
            if tensor.name in self.names:
                self.assertEqual(tensor.dtype, "F32")
                self.assertTrue(struct.unpack(f"<{ROWS * COLUMNS}f", tensor.data) == expected[tensor.name], tensor.name)
        data = self.dir / "out" / "model.safetensors"
        damaged = bytearray(data.read_bytes())
        damaged[-1] ^= 1
        data.write_bytes(damaged)
        self.assertEqual(self.run_octet("verify", "out").code, 1)


if __name__ == "__main__":
    main()
