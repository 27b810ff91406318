"""octet compare: figures against numpy and against quantize's own, structure, exit codes, text and JSON."""
import json
import re
import struct
import subprocess

from octet_case import SHARED, SOURCE_DIR, TESTDATA, OctetCase, Tensor, f32, main, make_file, make_sharded, needs_shared, read_file

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

    def three_sides(self):
        """A set, a GGUF file, and the plain checkpoint of the set's values."""
        self.octet("quantize", MODEL, "q4", "--preset", "q4", "--no-sync")
        self.octet("quantize", MODEL, "q8.gguf", "--type", "q8_0", "--no-sync")
        self.octet("dequantize", "q4", "back", "--no-sync")
        return "q4", "q8.gguf", "back"

    def test_several_are_judged_at_once(self):
        sides = self.three_sides()
        alone = [without_seconds(self.compare(MODEL, side)) for side in sides]
        report = self.compare(MODEL, *sides)
        self.assertEqual(list(report), ["command", "version", "input", "output", "outputs", "comparisons", "summary", "seconds"])
        self.assertEqual((report["output"], report["outputs"]), ("", list(sides)))
        self.assertEqual([without_seconds(one) for one in report["comparisons"]], alone)
        for row, one in zip(report["summary"], alone):
            totals = one["totals"]
            for key in ("bits_per_weight", "sqnr_db", "max_abs_error", "output_bytes"):
                self.assertEqual(row.get(key), totals.get(key), key)
            self.assertEqual((row["output"], row["output_format"], row["passed"]), (one["output"], one["output_format"], True))
            differ = sorted((tensor for tensor in one["tensors"] if tensor["max_abs_error"] > 0), key=lambda tensor: tensor["sqnr_db"])
            self.assertEqual(row["worst"], [{key: tensor[key] for key in ("name", "sqnr_db", "max_abs_error")} for tensor in differ[:3]])
            self.assertAlmostEqual(row["overall_bits_per_weight"],
                                   8 * sum(tensor["output_bytes"] for tensor in one["tensors"]) / totals["parameters"], delta=1e-4)
            self.assertNotIn("mean_kl", row)

    def test_the_same_values_have_the_same_overall_sqnr_in_every_format(self):
        """The totals of a set leave out what it keeps, so that they say less well: 21.7 dB against 22.8 here."""
        in_set, _, plain = self.compare(MODEL, *self.three_sides())["summary"]
        self.assertEqual(in_set["overall_sqnr_db"], plain["overall_sqnr_db"])
        self.assertGreater(plain["sqnr_db"], in_set["sqnr_db"] + 1)
        self.assertEqual(plain["overall_bits_per_weight"], 32)

    def test_one_table_in_the_order_given(self):
        sides = self.three_sides()
        out = self.octet("compare", MODEL, *sides).out
        self.assertTrue(all(len(line) <= 80 for line in out.splitlines() if str(MODEL) not in line), out)
        rows = [line.split() for line in out.splitlines() if line.startswith(("  B  ", "  C  ", "  D  "))]
        self.assertEqual([row[:2] for row in rows[:3]], [["B", "q4"], ["C", "q8.gguf"], ["D", "back"]])
        summary = self.compare(MODEL, *sides)["summary"]
        self.assertEqual([row[-2] for row in rows[3:6]], [f"{one['overall_sqnr_db']:.2f}" for one in summary])
        self.assertEqual([row[1] for row in rows[6:]], [one["worst"][0]["name"] for one in summary])
        self.assertNotIn("\x1b", out)
        colored = self.octet("compare", MODEL, *sides, "--color", "always").out
        marked = re.findall("\x1b\\[1m(.*?)\x1b\\[0m", colored)
        self.assertEqual(marked[1:-1], [rows[3][1] + " kB", rows[3][3], rows[4][-2], rows[4][-1]])  # between two headings
        verbose = self.octet("compare", MODEL, *sides, "--verbose").out
        self.assertEqual([verbose.count(f" with {side}\n") for side in sides], [1, 1, 1])
        self.assertEqual(self.octet("compare", MODEL, *sides, "--quiet").out, "")

    def test_a_gate_names_the_sides_that_miss_it(self):
        sides = self.three_sides()
        run = self.run_octet("compare", MODEL, *sides, "--min-sqnr", "22", "--json")
        report = json.loads(run.out)
        self.assertEqual((run.code, [row["passed"] for row in report["summary"]]), (1, [False, True, True]))
        self.assertRegex(run.err, r"^octet: q4: the SQNR is 21\.\d+ dB, 0\.2\d+ dB below --min-sqnr 22\n$")
        self.assertEqual(report["error"], {"code": 1, "message": run.err[len("octet: "):-1]})
        self.assertEqual(["error" in one for one in report["comparisons"]], [True, False, False])
        run = self.run_octet("compare", MODEL, *sides, "--min-sqnr", "60")
        self.assertEqual((run.code, run.err.count("\n")), (1, 1))
        for side in sides:
            self.assertIn(f" {side}: the SQNR is ", run.err)
        make_file(self.dir / "part.safetensors", read_file(MODEL / "model.safetensors")[1][:-2])
        run = self.run_octet("compare", MODEL, "q4", "part.safetensors")
        self.assertEqual(run.code, 1)
        self.assertRegex(run.err, r"^octet: part\.safetensors: 2 tensors are missing ")
        self.assertIn("a checkpoint, 2 missing\n", run.out)

    def test_a_text_gives_the_figures_of_evaluate(self):
        sides = self.three_sides()
        (self.dir / "few.txt").write_text("".join((MODEL / "eval.txt").read_text().splitlines(True)[:12]))
        report = self.compare(MODEL, *sides, "--text", "few.txt")
        for side, row, one in zip(sides, report["summary"], report["comparisons"]):
            evaluated = self.octet_json("evaluate", side, "--text", "few.txt", "--reference", MODEL)
            for key in ("mean_kl", "same_top_1", "perplexity_ratio"):
                self.assertEqual(row[key], evaluated[key], (side, key))
            self.assertGreater(row["mean_kl"], 0)
            for key, value in one["evaluation"].items():
                self.assertEqual(value, evaluated[key], (side, key))
        alone = self.compare(MODEL, "q4", "--text", "few.txt")
        self.assertEqual(alone["evaluation"], report["comparisons"][0]["evaluation"])
        self.assertIn(f"mean {alone['evaluation']['mean_kl']:.6g} +- ", self.octet("compare", MODEL, "q4", "--text", "few.txt").out)
        self.assertIn(f"  {report['summary'][1]['mean_kl']:#.4g}  ", self.octet("compare", MODEL, *sides, "--text", "few.txt").out)
        run = self.run_octet("compare", MODEL, *sides, "--text", "few.txt", "--max-kl", "1e-4")
        self.assertEqual(run.code, 1)
        self.assertRegex(run.err, r"^octet: q4: the mean KL divergence is .* above --max-kl 0\.0001; back: the mean KL divergence is .*\n$")

    def test_a_t5_is_run_on_pairs(self):
        model = TESTDATA / "tiny-flan-t5"
        self.octet("quantize", model, "set", "--no-sync")
        (self.dir / "few.tsv").write_text("".join((model / "eval.tsv").read_text().splitlines(True)[:9]))
        found = self.compare(model, "set", "--text", "few.tsv")["evaluation"]
        evaluated = self.octet_json("evaluate", "set", "--pairs", "few.tsv", "--reference", model)
        self.assertEqual([found[key] for key in ("mean_kl", "exact", "pairs")], [evaluated[key] for key in ("mean_kl", "exact", "pairs")])

    def test_what_is_not_run_is_compared_all_the_same(self):
        self.octet("quantize", MODEL, "set", "--no-sync")
        make_file(self.dir / "lone.safetensors", read_file(MODEL / "model.safetensors")[1])
        (self.dir / "few.txt").write_text("a few words\n")
        why = "config.json: not found; to run a model octet needs the config.json that belongs to it"
        report = self.compare(MODEL, "lone.safetensors", "set", "--text", "few.txt")
        lone, whole = report["summary"]
        self.assertTrue(lone["not_run"].endswith(why), lone)
        self.assertEqual((lone["passed"], "mean_kl" in lone, lone["overall_sqnr_db"], "not_run" in whole), (True, False, "inf", False))
        self.assertEqual(report["comparisons"][0]["evaluation"], {"not_run": lone["not_run"]})
        self.assertIn(why, self.octet("compare", MODEL, "lone.safetensors", "--text", "few.txt").out)
        # A limit of which nothing can be said is not held.
        run = self.run_octet("compare", MODEL, "set", "lone.safetensors", "--text", "few.txt", "--max-kl", "9", "--json")
        report = json.loads(run.out)
        self.assertEqual((run.code, run.err.count("\n"), len(report["summary"])), (3, 1, 1))
        self.assertEqual(report["error"], report["comparisons"][1]["error"])
        self.assertTrue(report["error"]["message"].endswith(why))

    def test_a_side_that_cannot_be_opened_is_told_before_any_is_read(self):
        self.octet("quantize", MODEL, "set", "--no-sync")
        run = self.run_octet("compare", MODEL, "set", "nothing", "--json")
        self.assertEqual((run.code, run.err), (3, "octet: nothing: not found; check the path\n"))
        self.assertEqual(list(json.loads(run.out)), ["command", "version", "input", "output", "error"])
        self.assert_refused(2, "a path is empty; see octet compare --help", "compare", MODEL, "set", "set", "")
        self.assert_refused(2, "--max-kl requires --text; see octet compare --help", "compare", MODEL, "set", "--max-kl", "1")
        self.assert_refused(3, "gone.txt: not found; check the path", "compare", MODEL, "set", "set", "--text", "gone.txt")
        self.assert_refused(2, "--text: '/dev/null' can be read once only, and several are judged; give a file",
                            "compare", MODEL, "set", "set", "--text", "/dev/null")

    def test_bad_input_is_refused(self):
        make_file(self.dir / "a.safetensors", [f32("x", [1, 2])])
        self.assert_refused(3, "nothing: not found; check the path", "compare", "a.safetensors", "nothing")
        self.assert_refused(2, "B is required; see octet compare --help", "compare", "a.safetensors")
        self.assert_refused(2, "a path is empty; see octet compare --help", "compare", "a.safetensors", "")


if __name__ == "__main__":
    main()
