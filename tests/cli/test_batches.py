"""Fused experts are matrices of their own, in either order, and convolutions are packed as rows of their matrix: each test is named for a fault
that was there. An independent program in numpy (tests/check_set.py) agrees with codes, states and restored values."""
import json
import random
import struct

from octet_case import DATA_FILE, SIDECAR, TESTDATA, OctetCase, Tensor, contents, f32, main, make_file, read_file
from test_schemes import options_of
from xxh3 import sealed

SCHEMES = ["s8-channel", "u8-channel-intzp-f16", "u4-channel-mse-f16", "u6-channel-pct99", "u2-group16", "u3-group32-f16", "s4-group64-bf16", "u4-group32-intzp-f16",
           "u5-group24-mse-f16", "u6-group18-mse-two", "u8-group18-two", "s3-group17-trunc", "u4-group18-mse-two"]
GATE_UP, DOWN = "model.layers.0.mlp.experts.gate_up_proj", "model.layers.0.mlp.experts.down_proj"


class Batches(OctetCase):
    def noise(self, name, *shape, dtype="F32"):
        rng = random.Random(name + str(shape))
        count = 1
        for size in shape:
            count *= size
        values = [rng.gauss(0, 0.02) * 2.0 ** rng.randrange(4) for _ in range(count)]
        if dtype == "BF16":
            return Tensor(name, dtype, list(shape), b"".join(struct.pack("<f", x)[2:] for x in values))
        return f32(name, values, list(shape))

    def experts(self, order, experts=3, hidden=70, inner=44, dtype="F32"):
        """One layer: `gate_up` reads the hidden size, `down` writes it."""
        turned = (lambda e, out, inputs: (e, out, inputs)) if order == "oi" else (lambda e, out, inputs: (e, inputs, out))
        return [self.noise("model.embed_tokens.weight", 150, hidden, dtype=dtype), self.noise(GATE_UP, *turned(experts, 2 * inner, hidden), dtype=dtype),
                self.noise(DOWN, *turned(experts, hidden, inner), dtype=dtype)]

    def convolutions(self):
        return [self.noise("features.0.conv.weight", 9, 5, 3, 3), self.noise("features.1.conv.weight", 16, 8, 3), self.noise("features.2.conv.weight", 12, 3, 1, 1),
                self.noise("features.3.conv3d.weight", 4, 3, 3, 3, 3), self.noise("features.4.patch.weight", 6, 3, 16, 16, dtype="BF16"),
                self.noise("features.5.depthwise.weight", 40, 1, 7)]

    def goes_both_ways(self, source, *options):
        """Whatever makes it, the same set; numpy agrees with it; verify finds its source, and compare the errors that quantize counted."""
        report = self.octet_json("quantize", source, "set", "--force", "--no-sync", *options)
        found = contents(self.dir / "set")
        for isa, threads in (("scalar", "1"), ("", "7")):
            run = self.run_octet("quantize", source, "again", "--force", "--no-sync", "--threads", threads, *options, env={"OCTET_ISA": isa} if isa else {})
            self.assertEqual(run.code, 0, run.err)
            self.assertTrue(contents(self.dir / "again") == found, options)
        self.octet("dequantize", "set", "restored.safetensors", "--force", "--no-sync")
        self.check_set(source, "set", "restored.safetensors")
        self.octet("verify", "set", "--source", source)
        compared = {t["name"]: t for t in self.octet_json("compare", source, "set")["tensors"]}
        for t in report["tensors"]:
            if t["scheme"] != "keep":
                self.assertEqual((compared[t["name"]]["rmse"], compared[t["name"]]["max_abs_error"]), (t["rmse"], t["max_abs_error"]), t)
        self.assertEqual({t["name"]: t["scheme"] for t in self.octet_json("inspect", "set")["tensors"]}, {t["name"]: t["scheme"] for t in report["tensors"]})
        return {t["name"]: t for t in report["tensors"]}

    def test_experts_of_both_orders_share_no_scale_at_any_width(self):
        for order, axis in (("oi", "-axis0-batch"), ("io", "-axis1-batch")):
            source = make_file(self.dir / f"{order}.safetensors", self.experts(order))
            for scheme in SCHEMES:
                with self.subTest(order=order, scheme=scheme):
                    made = self.goes_both_ways(source, *options_of(scheme))
                    for name in (GATE_UP, DOWN):
                        self.assertIn(axis, made[name]["scheme"])
                    self.assertEqual(self.sidecar("set")["version"], 2)

    def test_each_expert_has_the_codes_and_states_of_a_tensor_of_its_own(self):
        """Also where groups, superblocks and tiles do not fit its rows."""
        for order, axis in (("oi", "0"), ("io", "1")):
            fused = self.experts(order, experts=3, hidden=1100, inner=37)[2]
            each = len(fused.data) // 3
            apart = [Tensor(f"e{i}.weight", "F32", fused.shape[1:], fused.data[i * each:(i + 1) * each]) for i in range(3)]
            table = self.noise("model.embed_tokens.weight", 1101, 1100, dtype="BF16")
            make_file(self.dir / "fused.safetensors", [fused, table])
            make_file(self.dir / "apart.safetensors", apart)
            for scheme in ("u4-group18-mse-two", "u3-group16-two", "u6-group100-f16", "s8-channel", "u4-channel-mse"):
                options = ["--no-sync", "--force", *options_of(scheme), "--axis", axis, "--rule", "model.embed*=keep"]
                self.octet("quantize", "fused.safetensors", "fused", *options)
                self.octet("quantize", "apart.safetensors", "apart", *[o for o in options if o not in ("--rule", "model.embed*=keep")])
                stored = {t.name: t for t in read_file(self.dir / "fused" / DATA_FILE)[1]}
                parts = {t.name: t for t in read_file(self.dir / "apart" / DATA_FILE)[1]}
                for suffix in ("", ".scale", ".zero_point", ".super_scale", ".super_zero_point"):
                    if DOWN + suffix not in stored:
                        continue
                    of_each = [parts[f"e{i}.weight{suffix}"] for i in range(3)]
                    self.assertEqual(stored[DOWN + suffix].shape, [3, *of_each[0].shape], (scheme, suffix))
                    self.assertTrue(stored[DOWN + suffix].data == b"".join(t.data for t in of_each), (order, scheme, suffix))

    def test_presets_quantize_experts_and_the_planner_does(self):
        for order in ("oi", "io"):
            source = make_file(self.dir / "m.safetensors", self.experts(order, experts=4, hidden=96, inner=96, dtype="BF16") + [self.noise("norm.weight", 96, dtype="BF16")])
            for options, budget in ((("--preset", "linear"), 8.5), (("--preset", "q8"), 8.5), (("--preset", "q6"), 6.5625), (("--preset", "q4"), 4.5),
                                    (("--max-size", "80kB"), 8.6), (("--target-sqnr", "30"), 8.6)):
                made = self.goes_both_ways(source, *options)
                for name in (GATE_UP, DOWN):
                    self.assertIn("-batch", made[name]["scheme"], options)
                    self.assertLessEqual(made[name]["bits_per_weight"] if "bits_per_weight" in made[name] else 16 * made[name]["output_bytes"] / made[name]["source_bytes"], budget)

    def test_kernels_of_three_by_three_waste_no_bits(self):
        source = make_file(self.dir / "m.safetensors", self.convolutions() + [self.noise("fc.weight", 40, 45)])
        for scheme in SCHEMES + ["u4", "s3-mse", "u6-pct99", "u4-channel-axis1", "u3-group16-axis1-f16"]:
            with self.subTest(scheme=scheme):
                made = self.goes_both_ways(source, *options_of(scheme))
                bits = int(scheme[1])
                stored = {t.name: t for t in read_file(self.dir / "set" / DATA_FILE)[1]}
                self.assertEqual(stored["features.0.conv.weight"].shape, [9, 5, 3, 3] if bits == 8 else [9, -(-45 * bits // 8)])
                self.assertEqual("-rows" in made["features.0.conv.weight"]["scheme"], bits < 8)
                self.assertNotIn("-rows", made["features.4.patch.weight"]["scheme"])  # 16 codes fill bytes
                self.assertEqual(self.sidecar("set")["version"], 1 if bits == 8 else 2)

    def test_presets_quantize_convolutions_within_their_budgets(self):
        tensors = [self.noise(f"conv{c}x{k}.weight", 16, c, k, k) for c in (8, 16, 33) for k in (3, 5)] + [self.noise("conv1d.weight", 16, 24, 3)]
        source = make_file(self.dir / "m.safetensors", tensors)
        for preset, budget in (("q8", 8.5), ("q6", 6.5625), ("q4", 4.5)):
            made = self.goes_both_ways(source, "--preset", preset)
            for name, t in made.items():
                self.assertNotEqual(t["scheme"], "keep", (preset, name))
                self.assertLessEqual(32 * t["output_bytes"] / t["source_bytes"], budget, (preset, name))

    def test_the_planner_takes_no_scheme_that_u8_beats_in_bytes_and_error(self):
        """Rows of nine inputs: with a scale each, 6 bits take more than 8 bits for the tensor do."""
        source = make_file(self.dir / "m.safetensors", [self.noise("a.conv.weight", 300, 1, 3, 3), self.noise("b.weight", 60, 96)])
        u8 = {t["name"]: t for t in self.octet_json("quantize", source, "plain", "--no-sync")["tensors"]}
        for size in range(7000, 12_000, 250):
            run = self.run_octet("plan", source, "--max-size", str(size), "--json")
            if run.code != 0:
                continue
            for t in json.loads(run.out)["tensors"]:
                plain = u8[t["name"]]
                if t["scheme"] not in ("keep", "u8"):
                    self.assertFalse(plain["output_bytes"] <= t["output_bytes"] and plain["sqnr_db"] >= t["sqnr_db"], t)

    def test_sets_that_need_neither_are_of_version_1(self):
        source = make_file(self.dir / "m.safetensors", self.experts("io") + self.convolutions())
        for options, version in (((), 1), (("--preset", "lesson"), 1), (("--bits", "8", "--symmetric"), 1), (("--bits", "4"), 2), (("--preset", "linear"), 2),
                                 (("--preset", "linear", "--rule", "*experts*=keep"), 1), (("--rule", "*experts*=u4", "--rule", "*conv*=keep"), 1)):
            self.octet("quantize", source, "set", "--force", "--no-sync", *options)
            self.assertEqual(self.sidecar("set")["version"], version, options)

    def test_version_1_has_no_batches_and_other_versions_are_refused(self):
        source = make_file(self.dir / "m.safetensors", self.experts("io"))
        self.octet("quantize", source, "set", "--no-sync", "--preset", "linear")
        path = self.dir / "set" / SIDECAR
        text = path.read_text()
        for old, new, words in (('"version": 2', '"version": 1', f"tensor '{GATE_UP}' has a scheme that version 1 does not know"),
                                ('"version": 2', '"version": 3', "is of version 3; this octet reads versions 1 and 2"),
                                ("s8-channel-axis1-batch", "s8-channel-axis1-rows", "is not known to this octet"),
                                ("s8-channel-axis1-batch", "s8-channel-batch", "is not known to this octet"),
                                ('"shape": [3, 70, 88]', '"shape": [210, 88]', "needs three dimensions or more")):
            self.assertIn(old, text)
            path.write_text(sealed(text.replace(old, new, 1)))
            for command in (("inspect", "set"), ("dequantize", "set", "back.safetensors")):
                run = self.run_octet(*command)
                self.assertEqual((run.code, words in run.err), (3, True), (command, run.err))
            run = self.run_octet("verify", "set")
            self.assertEqual((run.code, words in run.out), (1, True), run.out)

    def test_a_rule_may_ask_for_a_batch_of_what_has_one(self):
        source = make_file(self.dir / "m.safetensors", [self.noise("bank.weight", 4, 20, 32), self.noise("fc.weight", 40, 48)])
        made = self.goes_both_ways(source, "--rule", "bank*=u4-group16-axis1-batch-f16")
        self.assertEqual(made["bank.weight"]["scheme"], "u4-group16-axis1-batch-f16")
        self.assert_refused(2, "tensor 'fc.weight': has 2 dimensions, of which none counts the matrices of a batch; leave -batch out",
                            "quantize", source, "none", "--rule", "fc*=u4-group16-axis1-batch")
        for scheme in ("u4-batch", "u8-channel-batch", "u8-rows", "u4-group16-axis0-batch-rows"):
            run = self.run_octet("plan", source, "--rule", f"bank*={scheme}")
            self.assertEqual((run.code, "is no scheme" in run.err), (2, True), run.err)

    def test_importance_takes_one_vector_for_a_tensor_or_for_each_expert(self):
        for order in ("oi", "io"):
            tensors = self.experts(order, experts=3, hidden=64, inner=48)
            source = make_file(self.dir / "m.safetensors", tensors)
            rng = random.Random(5)
            rows = [[1.0 if rng.random() < 0.25 else 0.001 for _ in range(64)], [0.0] * 64, [rng.random() for _ in range(64)]]
            files = {"one": f32(GATE_UP, rows[0], [64]), "each": f32(GATE_UP, sum(rows, []), [3, 64])}
            for name, tensor in files.items():
                make_file(self.dir / f"{name}.safetensors", [tensor])
            apart, each = [], len(tensors[1].data) // 3
            for i in range(3):
                apart.append(Tensor(f"e{i}", "F32", tensors[1].shape[1:], tensors[1].data[i * each:(i + 1) * each]))
            make_file(self.dir / "apart.safetensors", apart)
            axis = ("--axis", "0" if order == "oi" else "1")
            for name in files:
                # An expert that no token met has equal weights.
                of_each = [rows[0]] * 3 if name == "one" else [rows[0], [1.0] * 64, rows[2]]
                make_file(self.dir / "apart-weights.safetensors", [f32(f"e{i}", row, [64]) for i, row in enumerate(of_each)])
                for scheme in ("u4-group32-mse-f16", "u4-group18-mse-two", "u4-channel-mse"):
                    self.octet("quantize", source, "set", "--force", "--no-sync", *options_of(scheme), "--importance", f"{name}.safetensors")
                    self.octet("verify", "set", "--source", source, "--importance", f"{name}.safetensors")
                    self.octet("quantize", "apart.safetensors", "apart", "--force", "--no-sync", *options_of(scheme), *axis, "--importance", "apart-weights.safetensors")
                    stored = {t.name: t for t in read_file(self.dir / "set" / DATA_FILE)[1]}[GATE_UP]
                    parts = {t.name: t for t in read_file(self.dir / "apart" / DATA_FILE)[1]}
                    self.assertTrue(stored.data == b"".join(parts[f"e{i}"].data for i in range(3)), (order, name, scheme))
            wrong = make_file(self.dir / "wrong.safetensors", [f32(GATE_UP, [1.0] * 128, [2, 64])])
            run = self.run_octet("quantize", source, "none", "--preset", "q4", "--importance", wrong)
            self.assertEqual(run.code, 3)
            self.assertIn(f"tensor '{GATE_UP}' has 2 x 64 weights, its namesake 64 inputs along axis {2 if order == 'oi' else 1} of 3 experts", run.err)

    def test_sets_of_version_1_are_read_as_they_were(self):
        """Made by octet before version 2: packed by the last dimension, groups across experts."""
        folder = TESTDATA / "version-1"
        for name in ("u4", "u3-channel", "u6-group16-two"):
            self.octet("verify", folder / name, "--source", folder / "model.safetensors")
            self.octet("dequantize", folder / name, "back.safetensors", "--force", "--no-sync")
            self.check_set(folder / "model.safetensors", folder / name, "back.safetensors")
            state = json.loads((folder / name / SIDECAR).read_text())
            self.assertEqual(state["version"], 1)
            codes = {t.name: t for t in read_file(folder / name / DATA_FILE)[1]}["conv.weight"]
            self.assertEqual(codes.shape, [7, 3, 3, -(-3 * int(name[1]) // 8)])
            report = self.octet_json("compare", folder / "model.safetensors", folder / name)
            for t in report["tensors"]:
                self.assertEqual(t["rmse"], state["tensors"][t["name"]]["stats"]["rmse"])


if __name__ == "__main__":
    main()
