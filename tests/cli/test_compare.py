"""octet compare: figures against numpy and against quantize's own, structure, exit codes, text and JSON."""
import json
import struct
import subprocess

from octet_case import SHARED, SOURCE_DIR, TESTDATA, OctetCase, Tensor, f32, main, make_file, make_sharded, needs_shared

MODEL = TESTDATA / "tiny-gpt2"
FIGURES = ("sqnr_db", "rmse", "max_abs_error")


def without_seconds(report):
    return {key: value for key, value in report.items() if key != "seconds"}


class Compare(OctetCase):
    def compare(self, a, b, *options, code=0):
        """The JSON report of a run that has to end with that code."""
        run = self.run_octet("compare", a, b, "--json", *options)
        self.assertEqual(run.code, code, run.out + run.err)
        return json.loads(run.out)

    def check_figures(self, a, b):
        (self.dir / "report.json").write_text(json.dumps(self.compare(a, b)))
        found = subprocess.run([str(SOURCE_DIR / "scripts" / "python_env.sh")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if found.returncode == 77:
            self.skipTest(found.stderr.decode().strip())
        program = [found.stdout.decode().strip(), str(SOURCE_DIR / "tests" / "compare_figures.py")]
        done = subprocess.run(program + [str(self.dir / "report.json"), str(self.dir / a), str(self.dir / b)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout.decode())

    def test_figures_are_those_of_numpy(self):
        for rounding in ("nearest", "truncate"):
            self.octet("quantize", MODEL, rounding, "--rounding", rounding)
            self.octet("dequantize", rounding, rounding + ".safetensors")
            self.check_figures(MODEL, rounding)
            self.check_figures(MODEL, rounding + ".safetensors")
            self.check_figures(rounding, MODEL)
        self.check_figures("nearest", "truncate")
        self.check_figures("nearest", "nearest.safetensors")

    def assert_as_quantize_says(self, model, *options):
        quantized = self.octet_json("quantize", model, "set", "--force", *options)
        compared = self.compare(model, "set")
        for key in ("sqnr_db", "max_abs_error", "source_bytes", "output_bytes", "state_bytes", "bits_per_weight"):
            self.assertEqual(compared["totals"][key], quantized["totals"][key], key)
        self.assertEqual(len(compared["tensors"]), len(quantized["tensors"]))
        for mine, theirs in zip(compared["tensors"], quantized["tensors"]):
            keys = FIGURES if theirs["scheme"] != "keep" else ()
            for key in (*keys, "name", "dtype", "shape", "kind", "scheme", "source_bytes", "output_bytes"):
                self.assertEqual(mine[key], theirs[key], (mine["name"], key))
            if theirs["scheme"] != "keep":
                self.assertEqual((mine["scale"], mine["zero_point"]), (theirs["scale"], theirs["zero_point"]))

    def test_figures_are_those_of_quantize(self):
        self.assert_as_quantize_says(MODEL)
        self.assert_as_quantize_says(MODEL, "--preset", "lesson")
        self.assert_as_quantize_says(TESTDATA / "tiny-flan-t5")

    def test_figures_of_half_and_double_precision_are_those_of_quantize(self):
        values = [((i * 7919) % 1000 - 500) / 256 for i in range(5000)]
        make_file(self.dir / "m.safetensors", [
            Tensor("half", "F16", [50, 100], struct.pack("<5000e", *values)),
            Tensor("double", "F64", [5000], struct.pack("<5000d", *(value * 1.0000001 for value in values)))])
        self.assert_as_quantize_says("m.safetensors")

    @needs_shared
    def test_figures_of_the_genuine_tensors_are_those_of_quantize(self):
        self.assert_as_quantize_says(SHARED / "data" / "gpt2-124m-partial" / "model.safetensors", "--no-sync")

    def test_a_set_and_what_was_restored_from_it_are_equal(self):
        self.octet("quantize", MODEL, "set")
        self.octet("dequantize", "set", "back.safetensors")
        for a, b in (("set", "back.safetensors"), ("back.safetensors", "set"), ("set", "set")):
            report = self.compare(a, b, "--max-abs-error", "0")
            self.assertEqual((report["totals"]["sqnr_db"], report["totals"]["max_abs_error"]), ("inf", 0))
            self.assertEqual((report["missing"], report["extra"], report["changed"]), ([], [], []))
            self.assertTrue(all("max_at" not in tensor for tensor in report["tensors"]))

    def test_shards_and_the_joined_file_are_equal(self):
        make_sharded(self.dir / "shards", MODEL / "model.safetensors", 3)
        report = self.compare("shards", MODEL)
        self.assertEqual((report["totals"]["sqnr_db"], report["totals"]["tensors"]), ("inf", 56))
        self.octet("quantize", "shards", "set")
        self.octet("quantize", MODEL, "joined")
        self.assertEqual(self.compare("set", "joined")["totals"]["sqnr_db"], "inf")

    def test_the_number_of_threads_and_the_loops_do_not_matter(self):
        self.octet("quantize", MODEL, "set")
        reports = [without_seconds(self.compare(MODEL, "set", "--threads", threads)) for threads in (1, 2, 7, 1024)]
        reports.append(without_seconds(json.loads(
            self.octet("compare", MODEL, "set", "--json", env={"OCTET_ISA": "scalar"}).out)))
        self.assertTrue(all(report == reports[0] for report in reports))

    def test_one_changed_value_is_found_where_it_is(self):
        values = [0.01 * i for i in range(600)]
        make_file(self.dir / "a.safetensors", [f32("t", values, [2, 10, 30])])
        values[431] += 1
        make_file(self.dir / "b.safetensors", [f32("t", values, [2, 10, 30])])
        tensor = self.compare("a.safetensors", "b.safetensors")["tensors"][0]
        self.assertEqual(tensor["max_at"], [1, 4, 11])
        self.assertAlmostEqual(tensor["max_abs_error"], 1, places=5)
        self.assertNotIn("histogram", tensor)

    def test_structure_decides_the_exit_code(self):
        whole = [f32("x", [1, 2]), f32("y", [3, 4], [2, 1]), Tensor("ids", "I64", [1], b"12345678")]
        make_file(self.dir / "a.safetensors", whole)
        for name, tensors, key, found, message in (
                ("missing", whole[:2], "missing", ["ids"], "1 tensor is missing ('ids')"),
                ("extra", whole + [f32("z", [0]), f32("zz", [0])], "extra", ["z", "zz"], "2 tensors are extra ('z' and 1 more)"),
                ("shape", [whole[0], f32("y", [3, 4]), whole[2]], "changed", [{"name": "y", "what": "shape [2, 1] in A, [2] in B"}],
                 "1 tensor is changed ('y': shape [2, 1] in A, [2] in B)"),
                ("bytes", whole[:2] + [Tensor("ids", "I64", [1], b"1234567X")], "changed",
                 [{"name": "ids", "what": "1 of 8 bytes differ, the first at 7"}],
                 "1 tensor is changed ('ids': 1 of 8 bytes differ, the first at 7)")):
            make_file(self.dir / "b.safetensors", tensors)
            run = self.run_octet("compare", "a.safetensors", "b.safetensors", "--json")
            report = json.loads(run.out)
            self.assertEqual((run.code, run.err), (1, f"octet: b.safetensors: {message}\n"), name)
            self.assertEqual(report["error"], {"code": 1, "message": f"b.safetensors: {message}"})
            self.assertEqual(report[key], found)

    def test_a_dtype_alone_is_only_reported(self):
        make_file(self.dir / "a.safetensors", [f32("x", [1, 2])])
        make_file(self.dir / "b.safetensors", [Tensor("x", "F16", [2], struct.pack("<2e", 1, 2))])
        report = self.compare("a.safetensors", "b.safetensors")
        self.assertEqual(report["changed"], [{"name": "x", "what": "dtype F32 in A, F16 in B"}])
        self.assertEqual(report["totals"]["sqnr_db"], "inf")
        self.assertNotIn("error", report)

    def test_a_pattern_selects_on_both_sides(self):
        make_file(self.dir / "a.safetensors", [f32("h.0", [1, 2]), f32("only.a", [1])])
        make_file(self.dir / "b.safetensors", [f32("h.0", [1, 2]), f32("only.b", [1])])
        report = self.compare("a.safetensors", "b.safetensors", "--tensors", "h.*")
        self.assertEqual([tensor["name"] for tensor in report["tensors"]], ["h.0"])
        self.compare("a.safetensors", "b.safetensors", "--tensors", "*.b", code=1)
        self.assert_refused(2, "--tensors: 'zz*' matches no tensor; octet inspect PATH lists their names",
                            "compare", "a.safetensors", "b.safetensors", "--tensors", "zz*")

    def test_not_a_number_is_infinitely_far_from_a_number(self):
        make_file(self.dir / "a.safetensors", [f32("x", [1, float("nan"), 3])])
        make_file(self.dir / "b.safetensors", [f32("x", [1, float("nan"), float("nan")])])
        tensor = self.compare("a.safetensors", "b.safetensors")["tensors"][0]
        self.assertEqual([tensor[key] for key in (*FIGURES, "max_at")], ["-inf", "inf", "inf", [2]])
        self.assertEqual(self.compare("b.safetensors", "b.safetensors")["tensors"][0]["sqnr_db"], "inf")
        run = self.run_octet("compare", "a.safetensors", "b.safetensors", "--max-abs-error", "1e30", "--quiet")
        self.assertEqual((run.code, run.out), (1, ""))
        self.assertIn("tensor 'x' is off by inf, inf above --max-abs-error 1e+30", run.err)

    def test_the_text_is_sorted_worst_first_and_fits_the_terminal(self):
        self.octet("quantize", MODEL, "set")
        lines = self.octet("compare", MODEL, "set", "--verbose").out.splitlines()
        first = next(i for i, line in enumerate(lines) if line.startswith("  tensor ")) + 1
        rows = [line.split() for line in lines[first:first + 56]]
        found = [float(row[1]) for row in rows]
        self.assertEqual(found, sorted(found))
        self.assertEqual(rows[0][0], "h.3.mlp.c_proj.weight")
        self.assertTrue(all(len(line) <= 80 for line in lines if str(MODEL) not in line), lines)
        self.assertIn("and 42 more; --verbose lists them", self.octet("compare", MODEL, "set").out)

    def test_the_text_counts_signs_and_zeros_in_words(self):
        make_file(self.dir / "a.safetensors", [f32("x", [1, 2, 3, 4])])
        for values, line in (([-1, 2, 3, 4], "1 changed sign, none became 0"), ([1, 2, 0, 0], "none changed sign, 2 became 0"),
                             ([-1, 0, 3, 4], "1 changed sign, 1 became 0"), ([1, 2, 3, 5], None)):
            make_file(self.dir / "b.safetensors", [f32("x", values)])
            lines = [text.split(None, 1)[1] for text in self.octet("compare", "a.safetensors", "b.safetensors").out.splitlines()
                     if text.startswith("  values ")]
            self.assertEqual(lines, [line] if line else [])

    def test_what_is_missing_stands_before_the_table(self):
        make_file(self.dir / "a.safetensors", [f32("x", [1, 2]), f32("gone\x1b", [1])])
        make_file(self.dir / "b.safetensors", [f32("x", [1, 3])])
        out = self.run_octet("compare", "a.safetensors", "b.safetensors").out
        self.assertLess(out.index("missing    gone\\x1b"), out.index("worst tensors"))

    def test_bad_input_is_refused(self):
        make_file(self.dir / "a.safetensors", [f32("x", [1, 2])])
        self.assert_refused(3, "nothing: not found; check the path", "compare", "a.safetensors", "nothing")
        self.assert_refused(2, "B is required; see octet compare --help", "compare", "a.safetensors")
        self.assert_refused(2, "a path is empty; see octet compare --help", "compare", "a.safetensors", "")


if __name__ == "__main__":
    main()
