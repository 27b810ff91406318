"""--type gguf: the planner chooses each tensor's type. Never over the budget by a byte, the target in the run's own figures, rules first, the
plan's bytes and figures the run's, and never worse than one type for all in as many bytes."""
import json
import random
import re

from octet_case import TESTDATA, OctetCase, f32, main, make_file

GPT2 = TESTDATA / "tiny-gpt2"
T5 = TESTDATA / "tiny-flan-t5"
FLOATS = {"f32", "f16", "bf16"}


class GgufPlanner(OctetCase):
    def quantize(self, source, *options, out="out.gguf", **more):
        return self.octet_json("quantize", source, out, "--type", "gguf", "--no-sync", "--force", *options, **more)

    def size(self, name="out.gguf"):
        return (self.dir / name).stat().st_size

    def test_a_budget_is_kept_to_the_byte_and_the_plan_is_the_run(self):
        for source, sizes in ((GPT2, ("600kB", "700001", "1MiB", "3MB")), (T5, ("520kB", "600kB"))):
            for size in sizes:
                with self.subTest(f"{source.name} {size}"):
                    report = self.quantize(source, "--max-size", size)
                    limit = {"520kB": 520_000, "600kB": 600_000, "1MiB": 1 << 20, "3MB": 3_000_000}.get(size, 700_001)
                    self.assertLessEqual(self.size(), limit)
                    self.assertEqual(self.size(), report["totals"]["output_bytes"])
                    plan = self.octet_json("plan", source, "--type", "GGUF", "--max-size", size)
                    self.assertEqual((plan["format"], plan["scanned"]), ("gguf", True))
                    for key in ("tensors", "quantized", "kept", "output_bytes", "framework_bytes", "bits_per_weight", "sqnr_db", "max_abs_error"):
                        self.assertEqual(plan["totals"][key], report["totals"][key], key)
                    self.assertEqual(plan["files"], [{"name": "model.gguf", "bytes": self.size()}])
                    for key in ("name", "stored_name", "scheme", "output_bytes", "sqnr_db", "rmse", "max_abs_error"):
                        self.assertEqual([t.get(key) for t in plan["tensors"]], [t.get(key) for t in report["tensors"]], key)
                    self.octet("verify", "out.gguf")

    def test_it_is_no_worse_than_one_type_or_a_mixture_in_the_same_bytes(self):
        for kind in ("q2_k", "q3_k_m", "q4_k_m", "q5_k_s", "q6_k", "q8_0", "q4_0", "iq4_nl"):
            fixed = self.octet_json("quantize", GPT2, "fixed.gguf", "--type", kind, "--force")
            planned = self.quantize(GPT2, "--max-size", self.size("fixed.gguf") + 32)
            self.assertGreaterEqual(planned["totals"]["sqnr_db"], fixed["totals"]["sqnr_db"], kind)

    def test_a_target_is_reached_with_the_fewest_bytes(self):
        sizes = []
        for target in (20, 25.5, 40, 60, 90):
            report = self.quantize(GPT2, "--target-sqnr", target, *(("--min-sqnr", target) if target < 80 else ()))
            if target < 80:
                self.assertGreaterEqual(report["totals"]["sqnr_db"], target)
            sizes.append(self.size())
        self.assertEqual(sizes, sorted(set(sizes)))
        self.assertNotIn("sqnr_db", report["totals"])  # nothing may be lost: all is as it was
        within = self.quantize(GPT2, "--max-size", sizes[1])
        self.assertGreaterEqual(within["totals"]["sqnr_db"], 25.5)

    def test_what_cannot_be_reached_names_what_can(self):
        run = self.run_octet("quantize", GPT2, "out.gguf", "--type", "gguf", "--max-size", "100kB")
        self.assertEqual(run.code, 1)
        self.assertRegex(run.err, r"octet: --max-size: 100,000 bytes cannot be reached; the smallest GGUF file that the planner has takes "
                                  r"[\d,]+ bytes, with an SQNR of [\d.]+ dB\n$")
        self.assertFalse((self.dir / "out.gguf").exists())
        smallest = int(re.search(r"takes ([\d,]+) bytes", run.err).group(1).replace(",", ""))
        self.quantize(GPT2, "--max-size", smallest)
        self.assertEqual(self.size(), smallest)
        self.assertEqual(self.run_octet("plan", GPT2, "--type", "gguf", "--max-size", smallest - 1).code, 1)
        run = self.run_octet("plan", GPT2, "--type", "gguf", "--target-sqnr", 30, "--rule", "*.weight=q4_0")
        best = re.match(r"octet: --target-sqnr: 30 dB cannot be reached; the best that the planner has is ([\d.]+) dB", run.err)
        self.assertEqual((run.code, bool(best)), (1, True), run.err)
        self.quantize(GPT2, "--target-sqnr", best.group(1), "--rule", "*.weight=q4_0", "--min-sqnr", best.group(1))

    def test_rules_come_first_and_what_llama_cpp_reads_as_floats_stays(self):
        plan = self.octet_json("plan", GPT2, "--type", "gguf", "--max-size", "1.2MB", "--rule", "token_embd.*=q6_k", "--rule", "h.0.mlp.*=keep",
                               "--rule", "blk.1.ffn_down.weight=q5_1")
        by_name = {t["stored_name"]: t for t in plan["tensors"]}
        embedding = by_name["token_embd.weight"]
        self.assertEqual((embedding["scheme"], embedding["rule"]), ("q8_0", "rule 'token_embd.*=q6_k'"))
        self.assertIn("q6_k needs rows of whole blocks of 256", embedding["reason"])
        self.assertEqual([by_name[f"blk.0.ffn_{n}.weight"]["scheme"] for n in ("up", "down")], ["f32", "f32"])
        self.assertEqual(by_name["blk.1.ffn_down.weight"]["scheme"], "q5_1")
        self.assertEqual({t["rule"] for t in plan["tensors"] if t["shape"][0] == t["shape"][-1] == 128 and len(t["shape"]) == 1}, {"llama.cpp"})
        self.assertEqual((by_name["blk.0.attn_output.weight"]["rule"], by_name["blk.0.attn_output.weight"]["reason"]),
                         ("planner", "the least total error within --max-size 1,200,000"))
        for tensor in plan["tensors"]:
            if tensor["rule"] == "llama.cpp":
                self.assertEqual(tensor["scheme"], "f32")
        self.assertLessEqual(plan["totals"]["output_bytes"], 1_200_000)

    def test_plan_knows_the_bytes_of_every_type_from_headers_alone(self):
        for kind in ("q4_k_m", "q8_0", "f16"):
            plan = self.octet_json("plan", GPT2, "--type", kind)
            report = self.octet_json("quantize", GPT2, "out.gguf", "--type", kind, "--force")
            self.assertEqual((plan["scanned"], plan["totals"]["output_bytes"]), (False, self.size()))
            self.assertNotIn("sqnr_db", plan["totals"])
            self.assertEqual([t["scheme"] for t in plan["tensors"]], [t["scheme"] for t in report["tensors"]])
            scanned = self.octet_json("plan", GPT2, "--type", kind, "--scan")
            self.assertEqual(scanned["totals"]["sqnr_db"], report["totals"]["sqnr_db"])
        self.assertIn("type q4_k_m", self.octet("plan", GPT2, "--type", "q4_k").out)

    def test_the_curve_is_what_sizes_give(self):
        plan = self.octet_json("plan", GPT2, "--type", "gguf", "--max-size", "700kB")
        sizes, figures = zip(*((point["bytes"], point["sqnr_db"]) for point in plan["curve"]))
        self.assertGreater(len(sizes), 10)
        self.assertEqual(list(sizes), sorted(set(sizes)))
        self.assertEqual(figures[-1], "inf")
        self.assertLess(plan["planner"]["over_bound"], 0.05)
        for point in (plan["curve"][0], plan["curve"][7]):
            again = self.quantize(GPT2, "--max-size", point["bytes"])
            self.assertEqual((self.size(), again["totals"]["sqnr_db"]), (point["bytes"], point["sqnr_db"]))
        text = self.octet("plan", GPT2, "--type", "gguf", "--max-size", "700kB").out
        self.assertIn("this plan", text)
        self.assertIn("q8_0", text)

    def test_several_files_together_keep_the_budget(self):
        report = self.quantize(GPT2, "--max-size", "700kB", "--split-size", "150kB")
        parts = sorted(self.dir.glob("out-*.gguf"))
        self.assertGreater(len(parts), 3)
        self.assertLessEqual(sum(path.stat().st_size for path in parts), 700_000)
        plan = self.octet_json("plan", GPT2, "--type", "gguf", "--max-size", "700kB", "--split-size", "150kB")
        self.assertEqual([f["bytes"] for f in plan["files"]], [path.stat().st_size for path in parts])
        self.assertEqual(report["totals"]["output_bytes"], plan["totals"]["output_bytes"])

    def test_the_choice_does_not_depend_on_threads_or_instruction_sets(self):
        found = set()
        for threads, isa in ((1, "scalar"), (3, "sse2"), (2, None)):
            self.quantize(T5, "--max-size", "550kB", "--threads", threads, env={"OCTET_ISA": isa} if isa else {})
            found.add((self.dir / "out.gguf").read_bytes())
        self.assertEqual(len(found), 1)

    def test_types_fit_the_rows_and_the_dtype(self):
        noise = random.Random(3)
        tensors = [f32(name + ".weight", [noise.gauss(0, 1) for _ in range(16 * width)], [16, width])
                   for name, width in (("long", 512), ("short", 96), ("odd", 50))]
        make_file(self.dir / "m.safetensors", tensors + [f32("none.weight", [], [0, 64]), f32("v.bias", [0.5] * 64)])
        for target, wanted in ((10, {"long": "q2_k", "short": "q4_0"}), (33, {}), (44, {"long": "q8_0"})):
            report = self.quantize("m.safetensors", "--arch", "none", "--target-sqnr", target)
            schemes = {t["name"].split(".")[0]: t["scheme"] for t in report["tensors"]}
            self.assertIn(schemes["odd"], FLOATS)
            for name, scheme in wanted.items():
                self.assertIn(schemes[name], {scheme, "iq4_nl"} if name == "short" else {scheme})
            self.assertGreaterEqual(report["totals"]["sqnr_db"], target)

    def test_values_that_a_type_cannot_hold_leave_it_out(self):
        values = [1e30 * (i % 7 - 3) for i in range(64 * 256)]
        make_file(self.dir / "m.safetensors", [f32("a.weight", values, [64, 256]), f32("b.weight", [0.5, 2.0] * 4096, [32, 256])])
        report = self.quantize("m.safetensors", "--arch", "none", "--max-size", "100kB")
        self.assertEqual([t["scheme"] for t in report["tensors"]][0], "f32")  # no scale of 16 bits is large enough
        run = self.run_octet("quantize", "m.safetensors", "x.gguf", "--type", "gguf", "--arch", "none", "--max-size", "100kB", "--rule", "a.*=q8_0")
        self.assertEqual(run.code, 3, run.err)
        self.assertIn("'a.weight' holds values", run.err)
        make_file(self.dir / "bad.safetensors", [f32("a.weight", [1.0, float("nan")] * 256, [2, 256]), f32("b.weight", [0.5, 2.0] * 4096, [32, 256])])
        run = self.run_octet("quantize", "bad.safetensors", "x.gguf", "--type", "gguf", "--arch", "none", "--max-size", "50kB")
        self.assertEqual((run.code, "holds nan" in run.err), (3, True), run.err)
        report = self.quantize("bad.safetensors", "--arch", "none", "--max-size", "50kB", "--on-non-finite", "keep", out="kept.gguf")
        self.assertEqual(report["tensors"][0]["reason"], "holds values that are not finite")

    def test_the_file_says_which_type_most_weights_have(self):
        for goal, number in (("600kB", "25"), ("1.1MB", "7"), ("3.6MB", "0")):
            report = self.quantize(GPT2, "--max-size", goal)
            self.assertEqual(self.octet_json("inspect", "out.gguf")["metadata"]["general.file_type"], number, [t["scheme"] for t in report["tensors"]])

    def test_impossible_requests_are_refused(self):
        for message, options in (
                ("--type: gguf leaves the types to the planner, which needs --max-size or --target-sqnr", ("--type", "gguf")),
                ("--max-size: is for the planner, and --type q4_k_m says itself", ("--type", "q4_k_m", "--max-size", "1MB")),
                ("--target-sqnr: is for the planner, and --type q8_0 says itself", ("--type", "q8_0", "--target-sqnr", "40")),
                ("--max-size and --target-sqnr: each says how far to go", ("--type", "gguf", "--max-size", "1MB", "--target-sqnr", 40)),
                ("--target-sqnr: inf is no target", ("--type", "gguf", "--target-sqnr", "inf"))):
            for command in (("quantize", GPT2, "out.gguf"), ("plan", GPT2)):
                run = self.run_octet(*command, *options)
                self.assertEqual((run.code, run.out, run.err.count("\n")), (2, "", 1))
                self.assertTrue(run.err.startswith("octet: " + message), run.err)
        self.assertFalse(any(self.dir.iterdir()))


if __name__ == "__main__":
    main()
