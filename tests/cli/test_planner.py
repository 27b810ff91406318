"""--max-size and --target-sqnr: never over the budget by a byte, the target in the run's own figures, rules first, the plan's bytes the run's."""
import json
import random
import re

from octet_case import DATA_FILE, SIDECAR, TESTDATA, OctetCase, contents, f32, main, make_file, make_sharded

GPT2 = TESTDATA / "tiny-gpt2"
T5 = TESTDATA / "tiny-flan-t5"


class Planner(OctetCase):
    def quantize(self, source, *options, out="set", **more):
        return self.octet_json("quantize", source, out, "--no-sync", "--force", *options, **more)

    def data_bytes(self, folder="set"):
        return sum(path.stat().st_size for path in (self.dir / folder).glob("*.octet*.safetensors"))

    def random_file(self, name="source.safetensors"):
        noise = random.Random(3)
        tensors = [f32("one.weight", [noise.gauss(0, 1) for _ in range(40 * 96)], [40, 96]),
                   f32("two.weight", [noise.gauss(0, 0.1) for _ in range(64 * 64)], [64, 64]), f32("two.bias", [0.5] * 64),
                   f32("conv.weight", [noise.gauss(0, 0.3) for _ in range(8 * 4 * 3 * 3)], [8, 4, 3, 3]), f32("none", [], [0, 5])]
        return make_file(self.dir / name, tensors, {"format": "pt"}, odd=True)

    def test_a_budget_is_kept_to_the_byte_and_the_plan_is_the_run(self):
        source = self.random_file()
        make_sharded(self.dir / "sharded", GPT2 / "model.safetensors", 3)
        for name, sizes in ((source, (6000, 7001, 9003, 40_000)), (self.dir / "sharded", ("500kB", "1MiB"))):
            for size in sizes:
                with self.subTest(f"{name} {size}"):
                    report = self.quantize(name, "--max-size", size)
                    limit = {"500kB": 500_000, "1MiB": 1 << 20}.get(size, size)
                    self.assertLessEqual(self.data_bytes(), limit)
                    self.assertEqual(self.data_bytes(), report["totals"]["output_bytes"])
                    plan = self.octet_json("plan", name, "--max-size", size)
                    for key in ("output_bytes", "state_bytes", "framework_bytes", "quantized", "kept"):
                        self.assertEqual(plan["totals"][key], report["totals"][key])
                    self.assertEqual([t["scheme"] for t in plan["tensors"]], [t["scheme"] for t in report["tensors"]])
                    self.assertAlmostEqual(plan["totals"]["sqnr_db"], report["totals"]["sqnr_db"], delta=1e-4)
                    self.octet("verify", "set", "--source", name)

    def test_copies_of_positions_do_not_eat_the_size_of_a_small_model(self):
        """The table was 11 % of 600 kB: a KL of 2.4e-4 instead of some 8e-5."""
        report = self.quantize(GPT2, "--max-size", "600kB")
        spared = [t for t in report["tensors"] if "which the planner copies" in t.get("reason", "") or "smallest tensors" in t.get("reason", "")]
        self.assertTrue(spared)
        self.assertLessEqual(sum(t["source_bytes"] for t in spared), 600_000 / 200)
        self.assertNotEqual({t["name"]: t for t in report["tensors"]}["wpe.weight"]["scheme"], "keep")
        self.octet("evaluate", "set", "--text", GPT2 / "eval.txt", "--reference", GPT2, "--max-kl", "1.2e-4")

    def test_a_budget_that_cannot_be_reached_names_the_smallest_that_can(self):
        source = self.random_file()
        run = self.run_octet("quantize", source, "set", "--max-size", "1kB")
        self.assertEqual(run.code, 1)
        self.assertRegex(run.err, r"^octet: --max-size: 1,000 bytes cannot be reached; the smallest data files that the planner has take "
                                  r"[\d,]+ bytes, with an SQNR of [\d.]+ dB\n$")
        self.assertFalse((self.dir / "set").exists())
        smallest = int(re.search(r"take ([\d,]+) bytes", run.err).group(1).replace(",", ""))
        self.quantize(source, "--max-size", smallest)
        self.assertEqual(self.data_bytes(), smallest)
        for command in (("quantize", source, "other"), ("plan", source)):
            run = self.run_octet(*command, "--max-size", smallest - 1, "--json")
            self.assertEqual((run.code, json.loads(run.out)["error"]["code"]), (1, 1))

    def test_a_target_is_reached_and_one_that_cannot_be_names_the_best(self):
        sizes = []
        for target in (15, 25, 35, 45):
            report = self.quantize(T5, "--target-sqnr", target)
            self.assertGreaterEqual(report["totals"]["sqnr_db"], target)
            self.quantize(T5, "--target-sqnr", target, "--min-sqnr", target)
            sizes.append(self.data_bytes())
        self.assertEqual(sizes, sorted(sizes))
        run = self.run_octet("plan", T5, "--target-sqnr", 30, "--rule", "*.weight=u2")
        self.assertEqual(run.code, 1, run.err)
        found = re.match(r"octet: --target-sqnr: 30 dB cannot be reached; the best that the planner has is ([\d.]+) dB, in [\d,]+ bytes\n$", run.err)
        self.assertTrue(found, run.err)
        report = self.quantize(T5, "--target-sqnr", found.group(1), "--rule", "*.weight=u2")
        self.assertGreaterEqual(report["totals"]["sqnr_db"], float(found.group(1)))

    def test_rules_come_before_the_planner_and_the_planner_before_options(self):
        rules = ("--rule", "wte.weight=u6-group32-f16", "--rule", "*.ln_?.*=keep")
        plan = self.octet_json("plan", GPT2, "--max-size", "700kB", *rules, "--bits", 3, "--preset", "lesson")
        for tensor in plan["tensors"]:
            decided = "rule" if tensor["name"] == "wte.weight" or ".ln_" in tensor["name"] else "planner"
            self.assertTrue(tensor["rule"].startswith(decided), tensor)
        self.assertEqual({t["scheme"] for t in plan["tensors"] if t["rule"].startswith("rule")}, {"keep", "u6-group32-axis0-f16"})
        self.assertEqual((plan["scanned"], plan["depends_on_values"]), (True, False))
        self.assertLessEqual(plan["totals"]["output_bytes"], 700_000)
        self.quantize(GPT2, "--max-size", "700kB", *rules)
        options = self.sidecar("set")["options"]
        self.assertEqual(options["max_size"], 700_000)
        self.octet("verify", "set", "--source", GPT2)
        self.octet("dequantize", "set", "back.safetensors", "--no-sync")
        self.check_set(GPT2 / "model.safetensors", "set", "back.safetensors")

    def test_the_curve_is_shown_as_a_table_and_as_json(self):
        plan = self.octet_json("plan", T5, "--max-size", "300kB")
        sizes, figures = zip(*((point["bytes"], point["sqnr_db"]) for point in plan["curve"]))
        self.assertGreater(len(sizes), 10)
        self.assertEqual(list(sizes), sorted(set(sizes)))
        self.assertEqual(figures[-1], "inf")
        self.assertEqual(list(figures[:-1]), sorted(set(figures[:-1])))
        self.assertLess(plan["planner"]["over_bound"], 0.05)
        # A point of the curve, asked for, is what comes.
        for point in (plan["curve"][0], plan["curve"][len(sizes) // 3]):
            again = self.octet_json("plan", T5, "--max-size", point["bytes"])
            self.assertLessEqual(again["totals"]["output_bytes"], point["bytes"])
            self.assertGreaterEqual(again["planner"]["sqnr_db"], point["sqnr_db"])
        text = self.octet("plan", T5, "--max-size", "300kB").out
        self.assertIn("this plan", text)
        self.assertIn(f"{sizes[0]:,}", text)

    def test_tied_tensors_are_paid_for_once_and_a_state_tensor_whose_name_is_taken_has_another(self):
        noise = random.Random(5)
        shared = [noise.gauss(0, 1) for _ in range(64 * 64)]
        block = [noise.gauss(0, 1) for _ in range(64 * 64)]
        names = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
        source = make_file(self.dir / "t5.safetensors", [f32(name, shared, [64, 64]) for name in names] +
                           [f32("encoder.block.0.layer.0.SelfAttention.q.weight", block, [64, 64]),
                            f32("encoder.block.0.layer.0.SelfAttention.q.weight.scale", [1.0, 2.0])])
        report = self.quantize(source, "--max-size", "7kB")
        self.assertEqual([t.get("same_as", "") for t in report["tensors"][:3]], ["", "shared.weight", "shared.weight"])
        self.assertLessEqual(self.data_bytes(), 7000)
        self.assertIn("group", report["tensors"][3]["scheme"])  # whose scales need the name that a tensor has

    def test_the_choice_does_not_depend_on_threads_or_instruction_sets(self):
        found = []
        for threads, isa in ((1, "scalar"), (3, "sse2"), (2, None)):
            self.quantize(T5, "--max-size", "250kB", "--threads", threads, env={"OCTET_ISA": isa} if isa else {})
            found.append(contents(self.dir / "set"))
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[0], found[2])

    def test_values_that_are_not_finite_are_refused_or_kept(self):
        source = make_file(self.dir / "bad.safetensors", [f32("a.weight", [1.0, float("nan")] * 32, [2, 32]), f32("b.weight", [0.5, 2.0] * 512, [16, 64])])
        run = self.run_octet("quantize", source, "set", "--max-size", "2kB")
        self.assertEqual((run.code, "'a.weight' holds nan at" in run.err), (3, True), run.err)
        report = self.quantize(source, "--max-size", "2kB", "--on-non-finite", "keep")
        self.assertEqual(report["tensors"][0]["reason"], "holds values that are not finite")
        self.assertLessEqual(self.data_bytes(), 2000)

    def test_impossible_requests_are_refused(self):
        source = self.random_file()
        self.assert_refused(2, "--max-size and --target-sqnr: each says how far to go; give one of the two",
                            "quantize", source, "set", "--max-size", "1MB", "--target-sqnr", 40)
        self.assert_refused(2, "--target-sqnr: inf is no target; give a finite number", "plan", source, "--target-sqnr", "inf")
        self.assert_refused(2, "--max-size: '70M' is not a size; give bytes, or a number with kB, MB, GB, KiB, MiB or GiB",
                            "plan", source, "--max-size", "70M")


if __name__ == "__main__":
    main()
