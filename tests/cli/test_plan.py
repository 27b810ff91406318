"""octet plan: what it says is what quantize does, to the byte; every tensor with what decided and why; nothing is written."""
import json
import re

from octet_case import SOURCE_DIR, TESTDATA, OctetCase, Tensor, f32, main, make_file, make_sharded, snapshot

OPTIONS = [
    (), ("--preset", "lesson"), ("--preset", "linear"), ("--preset", "q8"), ("--preset", "q6"), ("--preset", "q4"), ("--bits", "4", "--granularity", "group", "--scale-dtype", "f16"),
    ("--symmetric", "--granularity", "channel"), ("--bits", "3", "--zero-point", "integer", "--group-size", "16", "--axis", "0"),
    ("--rule", "*.weight=u4-group32-mse-two", "--rule", "kind:bias=keep"), ("--preset", "q6", "--rule", "*.bias=u6"),
    ("--bits", "5", "--rule", "re:.*weight=s8-channel", "--on-non-finite", "keep", "--scan"),
    ("--max-size", "1MB"), ("--target-sqnr", "25", "--rule", "*.weight=s8-channel", "--scan"),
]


class Plan(OctetCase):
    def mixed(self):
        nan = float("nan")
        tensors = [f32("block.weight", [0.1 * i for i in range(9 * 33)], [9, 33]), f32("block.bias", [1, 2, 3]),
                   Tensor("half.weight", "F16", [2, 3], b"\x00\x3c" * 6), Tensor("some.ids", "I64", [2], bytes(16)),
                   Tensor("mask", "BOOL", [3], b"\1\0\1"), f32("none.weight", [], [0, 4]), f32("scalar", [2.5], [])]
        make_file(self.dir / "mixed.safetensors", tensors, {"format": "pt"}, odd=True)
        make_file(self.dir / "broken.safetensors", [*tensors, f32("bad.weight", [1, nan, 3, 4], [2, 2])])
        make_file(self.dir / "empty.safetensors", [])
        make_sharded(self.dir / "sharded", TESTDATA / "tiny-gpt2" / "model.safetensors", 3)

    def without_scan(self, options):
        return [option for option in options if option != "--scan"]

    def test_its_bytes_are_those_of_the_run(self):
        self.mixed()
        inputs = ["mixed.safetensors", "empty.safetensors", "sharded", TESTDATA / "tiny-gpt2", TESTDATA / "tiny-flan-t5"]
        for source in inputs:
            for options in OPTIONS:
                with self.subTest(f"{source} {options}"):
                    self.hold_plan_against_run(source, options)

    def hold_plan_against_run(self, source, options):
        run = self.run_octet("quantize", source, "set", "--no-sync", "--force", "--json", *self.without_scan(options))
        if run.code == 2:  # a rule for names that this checkpoint does not have
            planned = self.run_octet("plan", source, *options)
            self.assertEqual((planned.code, planned.err), (run.code, run.err))
            return
        self.assertEqual(run.code, 0, run.err)
        report, plan = json.loads(run.out), self.octet_json("plan", source, *options)
        keys = ("name", "dtype", "shape", "kind", "scheme", "source_bytes", "output_bytes")
        self.assertEqual([{key: t[key] for key in keys} for t in plan["tensors"]],
                         [{key: t[key] for key in keys} for t in report["tensors"]])
        for totals in (report["totals"], plan["totals"]):
            totals.pop("sqnr_db", None)  # that planners measure
            totals.pop("sqnr_db_with_buffers", None)
            totals.pop("max_abs_error", None)
        self.assertEqual(plan["totals"], report["totals"])
        files = {path.name: path.stat().st_size for path in (self.dir / "set").glob("*.safetensors")}
        self.assertEqual({file["name"]: file["bytes"] for file in plan["files"]}, files)
        self.assertEqual(plan["totals"]["output_bytes"], sum(files.values()))
        self.assertGreaterEqual(plan["free_space_bytes"], sum(files.values()))
        for kept in report["tensors"]:
            if kept["scheme"] == "keep":
                self.assertTrue(kept["reason"])

    def test_it_writes_nothing_and_reads_headers_only(self):
        self.mixed()
        before = snapshot(self.dir)
        self.octet("plan", "mixed.safetensors")
        self.octet("plan", "mixed.safetensors", "--json", "--quiet")
        self.assertEqual(self.octet("plan", "mixed.safetensors", "--quiet").out, "")
        self.assertEqual(snapshot(self.dir), before)
        # The values of this one are not finite: only reading them can tell.
        self.octet("plan", "broken.safetensors")
        self.assert_refused(3, "broken.safetensors: tensor 'bad.weight' holds nan at [0, 1], which is not a finite float32; "
                               "--on-non-finite keep copies such tensors", "plan", "broken.safetensors", "--scan")

    def test_scan_refuses_what_quantize_refuses_in_its_words(self):
        finite = f32("first.weight", [0.5] * 64, [2, 32])
        wide = f32("wide.weight", [3e38] * 32 + [-3e38] * 32, [2, 32])  # beyond float32 as a whole, not by rows
        steep = f32("steep.weight", [0, 7e4] * 32, [2, 32])  # beyond F16, as a zero point not
        broken = f32("broken.weight", [0] * 37 + [float("-inf")] + [1] * 26, [2, 32])
        refused = set()
        for number, tensors in enumerate(([finite, broken], [wide], [wide, broken], [broken, wide], [steep, wide, broken], [steep])):
            make_file(self.dir / f"{number}.safetensors", tensors)
            for options in ((), ("--granularity", "channel"), ("--granularity", "channel", "--scale-dtype", "f16", "--symmetric"),
                            ("--symmetric",), ("--bits", "4", "--range", "mse"), ("--rule", "wide.weight=u8-trunc", "--preset", "q4")):
                if options[:1] == ("--rule",) and wide not in tensors:
                    continue
                with self.subTest(number=number, options=options):
                    run = self.run_octet("quantize", f"{number}.safetensors", "set", "--force", "--no-sync", "--quiet", *options)
                    planned = self.run_octet("plan", f"{number}.safetensors", "--scan", "--quiet", *options)
                    self.assertEqual((planned.code, planned.err), (run.code, run.err))
                    refused.add(run.err.split("; ")[0].split(": ", 2)[-1])
        self.assertEqual(refused, {
            "", "tensor 'broken.weight' holds -inf at [1, 5], which is not a finite float32",
            "tensor 'wide.weight' spans -3e+38 to 3e+38, a range that overflows float32",
            "tensor 'wide.weight' spans -3e+38 to 3e+38 in the block at [0, 0], which overflows float32",
            "tensor 'wide.weight' spans 3e+38 to 3e+38 in the block at [0, 0], which overflows its scale's dtype"})

    def test_what_depends_on_values_is_said_and_scanned(self):
        self.mixed()
        keep = ("broken.safetensors", "--on-non-finite", "keep")
        plan = self.octet_json("plan", *keep)
        self.assertEqual((plan["depends_on_values"], plan["scanned"]), (True, False))
        self.assertIn("--scan", self.octet("plan", *keep).out)
        self.assertEqual(plan["tensors"][-1]["scheme"], "u8")
        scanned = self.octet_json("plan", *keep, "--scan")
        self.assertEqual((scanned["depends_on_values"], scanned["scanned"]), (False, True))
        self.assertEqual({key: scanned["tensors"][-1][key] for key in ("scheme", "rule", "reason", "change")},
                         {"scheme": "keep", "rule": "on-non-finite keep", "reason": "holds values that are not finite", "change": "finite values"})
        report = self.octet_json("quantize", keep[0], "set", *keep[1:])
        self.assertEqual(scanned["totals"]["output_bytes"], report["totals"]["output_bytes"])
        self.assertFalse(self.octet_json("plan", "mixed.safetensors")["depends_on_values"])

    def test_every_tensor_has_what_decided_it_and_why(self):
        self.mixed()
        plan = self.octet_json("plan", "mixed.safetensors", "--bits", "4", "--rule", "scalar=keep", "--rule", "half.*=u8-group16")
        found = {t["name"]: (t["scheme"], t["rule"], t["reason"]) for t in plan["tensors"]}
        self.assertEqual(found, {
            "block.weight": ("u4", "options", "the scheme options ask for u4"),
            "block.bias": ("u8", "options", "the scheme options ask for u4; fewer than two dimensions: per tensor, 8 bits"),
            "half.weight": ("u8-group16-axis0", "rule 'half.*=u8-group16'", "the first rule that matches"),
            "some.ids": ("keep", "dtype", "integer dtype"), "mask": ("keep", "dtype", "boolean dtype"),
            "none.weight": ("u4", "options", "the scheme options ask for u4"),
            "scalar": ("keep", "rule 'scalar=keep'", "the first rule that matches says keep")})
        self.assertTrue(all(t["change"] for t in plan["tensors"]))
        self.assertEqual((plan["command"], plan["output"], plan["curve"], plan["checks"]), ("plan", "", [], []))
        weight = plan["tensors"][0]
        self.assertEqual(weight["output_bytes"], 9 * 17 + 8)
        self.assertEqual(weight["bits_per_weight"], float(f"{8 * (9 * 17 + 8) / 297:.6g}"))
        text = self.octet("plan", "mixed.safetensors").out
        for name in found:
            self.assertIn(name, text)
        self.assertIn("what changes it", text)

    def test_free_space_counts_data_files_companions_and_the_sidecar(self):
        folder = TESTDATA / "tiny-gpt2"
        plan = self.octet_json("plan", folder)
        report = self.octet_json("quantize", folder, "set")
        data = report["totals"]["output_bytes"]
        companions = sum(c["bytes"] for c in self.sidecar("set")["companions"])
        self.assertEqual(plan["free_space_bytes"], data + companions + 400 * len(plan["tensors"]))

    def test_named_schemes_are_those_of_the_documentation_and_can_be_asked_for(self):
        names = self.octet("plan", "--list-schemes").out.split()
        self.assertEqual(self.octet_json("plan", "--list-schemes")["schemes"], names)
        self.assertEqual(len(names), len(set(names)))
        text = (SOURCE_DIR / "docs" / "quantization.md").read_text()
        table = text[text.index("<!-- quality: made by"):text.index("<!-- /quality -->")]
        documented = {re.sub("-axis[01]", "", name) for name in re.findall(r"^\| `([^`]+)` \|", table, re.M)}
        self.assertEqual(set(names), documented | {"u8-trunc"})
        self.mixed()
        for name in names:
            plan = self.octet_json("plan", "mixed.safetensors", "--rule", f"block.weight={name}")
            self.assertEqual(plan["tensors"][0]["scheme"].replace("-axis0", ""), name)

    def test_a_command_line_that_is_none_is_refused(self):
        for message, arguments in (("a path is empty; see octet plan --help", ("plan",)),
                                   ("one argument too many: 'out'; see octet plan --help", ("plan", "m.safetensors", "out")),
                                   ("unknown option '--force'; did you mean --rule?", ("plan", "m.safetensors", "--force"))):
            run = self.run_octet(*arguments)
            self.assertEqual(run.code, 2, run.err)
            self.assertEqual(run.err.split(";")[0], "octet: " + message.split(";")[0])


if __name__ == "__main__":
    main()
