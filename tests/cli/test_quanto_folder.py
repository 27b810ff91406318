"""quantize --format quanto: tensors, map and refusals, held against the folder that quanto itself wrote and against octet's own set.
The peer's own loaders are asked where OCTET_PEERS names a Python that has optimum-quanto."""
import json
import os
import struct
import subprocess

from octet_case import DATA_FILE, SHARED, TESTDATA, OctetCase, Tensor, contents, main, make_file, make_sharded, needs_shared, read_file

T5 = TESTDATA / "tiny-flan-t5"
COPIES = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}
PEERS = os.environ.get("OCTET_PEERS")


def tensors_of(path):
    return {tensor.name: tensor[1:] for tensor in read_file(path)[1]}


def linear(name, rows, columns, dtype="F32", seed=1):
    """A weight whose values differ, in any float dtype."""
    values = [((seed * 7919 + i * 104729) % 2003 - 1001) / 997 for i in range(rows * columns)]
    raw = struct.pack(f"<{len(values)}{'e' if dtype == 'F16' else 'f'}", *values)
    if dtype == "BF16":
        raw = b"".join(raw[i + 2:i + 4] for i in range(0, len(raw), 4))
    return Tensor(name, dtype, [rows, columns], raw)


def ones(dtype):
    return {"F32": struct.pack("<f", 1), "F16": struct.pack("<e", 1), "BF16": b"\x80\x3f"}[dtype]


class Qint8(OctetCase):
    @needs_shared
    def test_equals_the_folder_that_quanto_wrote(self):
        golden = SHARED / "fixtures" / "tiny-flan-t5" / "quanto"
        self.octet("quantize", SHARED / "fixtures" / "tiny-flan-t5" / "model.safetensors", "out", "--format", "quanto")
        self.assertEqual((self.dir / "out" / "quanto_qmap.json").read_bytes(), (golden / "quanto_qmap.json").read_bytes())
        made, wanted = tensors_of(self.dir / "out" / "model.safetensors"), tensors_of(golden / "model.safetensors")
        self.assertEqual(set(made) - set(wanted), COPIES)
        for name, tensor in wanted.items():
            self.assertEqual(made[name], tensor, name)
        self.assertEqual(read_file(self.dir / "out" / "model.safetensors")[0], {"format": "pt"})
        for name in COPIES:
            self.assertEqual(made[name], made["shared.weight"])

    def test_codes_and_scales_are_those_of_preset_linear(self):
        self.octet("quantize", T5, "set", "--preset", "linear")
        self.octet("quantize", T5, "out", "--format", "quanto")
        own, made = tensors_of(self.dir / "set" / DATA_FILE), tensors_of(self.dir / "out" / "model.safetensors")
        for name, tensor in own.items():
            if name + ".scale" in own:
                self.assertEqual((made[name + "._data"], made[name + "._scale"]), (tensor, own[name + ".scale"]), name)
            elif not name.endswith(".scale"):
                self.assertEqual(made[name], tensor, name)
        module = "lm_head"
        for scale in ("input_scale", "output_scale"):
            self.assertEqual(made[f"{module}.{scale}"], ("F32", [], ones("F32")))
        self.assertEqual(list(json.loads((self.dir / "out" / "quanto_qmap.json").read_text()))[-1], module)

    def test_scales_have_the_dtype_of_their_weight(self):
        for dtype, scheme in (("F16", "f16"), ("BF16", "bf16")):
            make_file(self.dir / "m.safetensors", [linear("a.q_proj.weight", 40, 48, dtype), linear("norm.weight", 1, 48, dtype)])
            self.octet("quantize", "m.safetensors", "out", "--format", "quanto", "--force")
            self.octet("quantize", "m.safetensors", "set", "--preset", "linear", "--scale-dtype", scheme, "--force")
            own, made = tensors_of(self.dir / "set" / DATA_FILE), tensors_of(self.dir / "out" / "model.safetensors")
            self.assertEqual(made["a.q_proj.weight._scale"], own["a.q_proj.weight.scale"])
            self.assertEqual(made["a.q_proj.weight._scale"][0], dtype)
            self.assertEqual(made["a.q_proj.weight._data"], own["a.q_proj.weight"])
            self.assertEqual(made["a.q_proj.input_scale"], (dtype, [], ones(dtype)))

    def test_a_weight_of_rows_longer_than_a_tile_has_its_ones_too(self):
        make_file(self.dir / "m.safetensors", [linear("a.q_proj.weight", 3, 300_000)])
        self.octet("quantize", "m.safetensors", "out", "--format", "quanto")
        made = tensors_of(self.dir / "out" / "model.safetensors")
        self.assertEqual(made["a.q_proj.output_scale"], ("F32", [], ones("F32")))

    def test_copies_that_the_checkpoint_has_are_stored_once_each(self):
        source = read_file(T5 / "model.safetensors")[1]
        shared = next(tensor for tensor in source if tensor.name == "shared.weight")
        make_file(self.dir / "m.safetensors", source + [shared._replace(name=name) for name in sorted(COPIES)])
        self.octet("quantize", "m.safetensors", "more", "--format", "quanto")
        self.octet("quantize", T5 / "model.safetensors", "fewer", "--format", "quanto")
        self.assertEqual(tensors_of(self.dir / "more" / "model.safetensors"), tensors_of(self.dir / "fewer" / "model.safetensors"))

    def test_shards_have_an_index_with_quantos_names(self):
        make_sharded(self.dir / "model", T5 / "model.safetensors", 3)
        self.octet("quantize", "model", "sharded", "--format", "quanto")
        self.octet("quantize", T5 / "model.safetensors", "one", "--format", "quanto")
        index = json.loads((self.dir / "sharded" / "model.safetensors.index.json").read_text())["weight_map"]
        together = {}
        for shard in sorted(set(index.values())):
            found = tensors_of(self.dir / "sharded" / shard)
            self.assertEqual({name for name, where in index.items() if where == shard}, set(found))
            together.update(found)
        self.assertEqual(together, tensors_of(self.dir / "one" / "model.safetensors"))

    def test_the_copies_of_the_embedding_are_held_against_it(self):
        self.octet("quantize", T5, "out", "--format", "quanto")
        report = self.octet_json("compare", T5, "out")
        self.assertEqual((report["missing"], report["extra"], report["changed"]), ([], [], []))
        self.assertGreater(report["totals"]["sqnr_db"], 40)

    def test_the_same_bytes_for_any_number_of_threads(self):
        self.octet("quantize", T5, "one", "--format", "quanto", "--threads", "1")
        self.octet("quantize", T5, "five", "--format", "quanto", "--threads", "5")
        self.assertEqual(contents(self.dir / "one"), contents(self.dir / "five"))

    def test_verify_finds_a_changed_byte_and_force_replaces(self):
        self.octet("quantize", T5, "out", "--format", "quanto")
        self.octet("verify", "out")
        path = self.dir / "out" / "model.safetensors"
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        self.assertEqual(self.run_octet("verify", "out").code, 1)
        self.assertEqual(self.run_octet("quantize", T5, "out", "--format", "quanto").code, 2)
        self.octet("quantize", T5, "out", "--format", "quanto", "--force")
        self.octet("verify", "out")


class Qint4AndQint2(OctetCase):
    """Inputs, and the group that quanto derives from them."""
    GROUPS = ((512, 128), (192, 96), (320, 64), (160, 32), (130, 130), (96, 96), (40, 40))

    def unpacked(self, data, bits, rows, group):
        """Codes row by row: byte (r, c) holds those of rows r + k ceil(rows / f)."""
        per_byte = 8 // bits
        stored = -(-rows // per_byte)
        self.assertEqual(len(data), stored * group)
        codes = [b""] * rows
        for row in range(rows):
            shift = row // stored * bits
            line = data[row % stored * group:(row % stored + 1) * group]
            codes[row] = bytes(byte >> shift & (1 << bits) - 1 for byte in line)
        if rows % per_byte:
            spare = range(rows, stored * per_byte)
            for row in spare:
                line = data[row % stored * group:(row % stored + 1) * group]
                self.assertFalse(any(byte >> row // stored * bits & (1 << bits) - 1 for byte in line))
        return b"".join(codes)

    def packed_rows(self, data, bits, count):
        """Octet's own codes, packed row by row."""
        value = int.from_bytes(data, "little")
        return bytes(value >> i * bits & (1 << bits) - 1 for i in range(count))

    def compare(self, rows, inputs, group, bits, dtype, *options, importance=False):
        source = linear("a.q_proj.weight", rows, inputs, dtype)
        make_file(self.dir / "m.safetensors", [source])
        if importance:
            weights = struct.pack(f"<{inputs}f", *(1 + i % 7 for i in range(inputs)))
            make_file(self.dir / "i.safetensors", [Tensor("a.q_proj.weight", "F32", [inputs], weights)])
            options += ("--importance", "i.safetensors")
        scheme = ("--granularity", "channel") if group == inputs else ("--group-size", str(group))
        state = {"F32": "f32", "F16": "f16", "BF16": "bf16"}[dtype]
        self.octet("quantize", "m.safetensors", "out", "--format", "quanto", "--bits", bits, "--force", *options)
        self.octet("quantize", "m.safetensors", "set", "--bits", bits, *scheme, "--scale-dtype", state, "--force", *options)
        self.octet("verify", "out")
        own, made = tensors_of(self.dir / "set" / DATA_FILE), tensors_of(self.dir / "out" / "model.safetensors")
        count = rows * inputs // group
        name = "a.q_proj.weight"
        self.assertEqual(made[name + "._data._data"][:2], ("U8", [-(-count * bits // 8), group]))
        self.assertEqual(made[name + "._scale"][:2], (dtype, [count, 1]))
        line = -(-inputs * bits // 8)
        mine = b"".join(self.packed_rows(own[name][2][i * line:(i + 1) * line], bits, inputs) for i in range(rows))
        self.assertEqual(self.unpacked(made[name + "._data._data"][2], bits, count, group), mine)
        self.assertEqual(made[name + "._scale"][2], own[name + ".scale"][2])
        each = 4 if dtype == "F32" else 2
        zero = bytearray(own[name + ".zero_point"][2])
        for i in range(each - 1, len(zero), each):
            zero[i] ^= 0x80  # its sign
        self.assertEqual(made[name + "._shift"][2], bytes(zero))
        self.assertEqual(made["a.q_proj.input_scale"], (dtype, [], ones(dtype)))
        self.assertEqual(json.loads((self.dir / "out" / "quanto_qmap.json").read_text()),
                         {"a.q_proj": {"weights": f"qint{bits}", "activations": "none"}})

    def test_codes_and_states_are_octets_in_quantos_own_groups(self):
        for inputs, group in self.GROUPS:
            for bits in (4, 2):
                with self.subTest(inputs=inputs, bits=bits):
                    self.compare(33, inputs, group, bits, "F32")

    def test_every_dtype(self):
        for dtype in ("F16", "BF16"):
            with self.subTest(dtype):
                self.compare(33, 160, 32, 4, dtype)

    def test_many_tiles(self):
        self.compare(531, 512, 128, 4, "F32", "--threads", "3")

    def test_searches_and_importance(self):
        self.compare(33, 512, 128, 4, "F32", "--range", "mse")
        self.compare(33, 512, 128, 4, "F32", "--range", "mse", importance=True)
        self.compare(33, 512, 128, 2, "F32", "--range", "percentile:99.5")
        self.compare(33, 96, 96, 4, "F32", "--range", "mse", importance=True)

    def test_what_is_not_finite_is_named_by_its_place(self):
        source = linear("a.q_proj.weight", 8, 256)
        data = bytearray(source.data)
        data[(5 * 256 + 200) * 4:(5 * 256 + 201) * 4] = struct.pack("<f", float("inf"))
        make_file(self.dir / "m.safetensors", [source._replace(data=bytes(data)), linear("b.q_proj.weight", 8, 256)])
        run = self.run_octet("quantize", "m.safetensors", "out", "--format", "quanto", "--bits", "4")
        self.assertEqual(run.code, 3)
        self.assertIn("'a.q_proj.weight' holds inf at [5,200]", run.err.replace(", ", ","))
        self.octet("quantize", "m.safetensors", "out", "--format", "quanto", "--bits", "4", "--on-non-finite", "keep")
        self.assertEqual(list(json.loads((self.dir / "out" / "quanto_qmap.json").read_text())), ["b.q_proj"])

    def test_a_rule_with_another_group_is_refused(self):
        make_file(self.dir / "m.safetensors", [linear("a.q_proj.weight", 8, 256)])
        run = self.run_octet("quantize", "m.safetensors", "out", "--format", "quanto", "--rule", "*=u4-group64")
        self.assertEqual(run.code, 3)
        self.assertIn("give u4-group128", run.err)
        self.octet("quantize", "m.safetensors", "out", "--format", "quanto", "--rule", "*=u4-group128")


class Refusals(OctetCase):
    def refused(self, code, words, model, *options):
        run = self.run_octet("quantize", model, "out", "--format", "quanto", *options)
        self.assertEqual(run.code, code, run.err)
        self.assertEqual(run.err.count("\n"), 1)
        for word in words:
            self.assertIn(word, run.err)
        self.assertFalse((self.dir / "out").exists())

    def test_options_that_no_qtype_has(self):
        for options, word in ((("--preset", "q4"), "--preset"), (("--bits", "6"), "--bits"), (("--group-size", "64"), "--group-size"),
                              (("--granularity", "tensor"), "--granularity"), (("--max-size", "1M"), "--max-size"),
                              (("--rule", "*=u8"), "rule '*=u8'"), (("--scale-dtype", "two-level"), "--scale-dtype")):
            with self.subTest(options):
                self.refused(2, [word], T5, *options)

    def test_gpt2_has_nothing_to_gain(self):
        self.refused(3, ["GPT-2", "Conv1D", "mlx"], TESTDATA / "tiny-gpt2")

    def test_an_embedding_is_no_linear_layer(self):
        self.refused(3, ["'shared.weight'", "Linear"], T5, "--rule", "shared.weight=s8-channel")

    def test_scales_of_another_dtype(self):
        self.refused(3, ["scales of the weight's dtype"], T5, "--scale-dtype", "bf16")

    def test_a_checkpoint_without_linear_layers(self):
        make_file(self.dir / "m.safetensors", [linear("norm.weight", 1, 16)])
        self.refused(3, ["no weight of a Linear layer"], self.dir / "m.safetensors")


class Peer(OctetCase):
    def check(self, model, *options):
        if not PEERS or not SHARED:
            self.skipTest("OCTET_PEERS and OCTET_SHARED name no quanto and no checker")
        if subprocess.run([PEERS, "-c", "import optimum.quanto"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            self.skipTest("OCTET_PEERS has no optimum-quanto")
        self.octet("quantize", model, "out", "--format", "quanto", "--force", *options)
        done = subprocess.run([PEERS, SHARED / "tools" / "check_dialect.py", "quanto", model, "out", "--min-sqnr", "4"], cwd=self.dir,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        return done.returncode, done.stdout

    def test_both_roads_load_t5_without_its_head(self):
        code, said = self.check(T5, "--rule", "lm_head.weight=keep")
        self.assertEqual(code, 0, said[-500:])
        self.assertIn("quanto class", said)
        self.assertIn("quanto requantize", said)

    def test_qint4_and_qint2(self):
        for bits in ("4", "2"):
            code, said = self.check(T5, "--rule", "lm_head.weight=keep", "--bits", bits)
            self.assertEqual(code, 0, said[-500:])


if __name__ == "__main__":
    main()
