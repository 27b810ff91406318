"""Gates of quantize and compare: what fails leaves everything as it was, and is said in the report, in one line and in the exit code."""
import json

from octet_case import TESTDATA, OctetCase, main, snapshot

MODEL = TESTDATA / "tiny-gpt2"
NOTHING = "nothing was written (--keep-on-failure keeps the set)"


class Gates(OctetCase):
    def failing(self, *arguments):
        """A run that ends with 1 and one line; its JSON report and the line."""
        run = self.run_octet(*arguments, "--json")
        self.assertEqual(run.code, 1, run.out + run.err)
        report = json.loads(run.out)
        self.assertEqual(run.err, f"octet: {report['error']['message']}\n")
        self.assertEqual((run.err.count("\n"), report["error"]["code"]), (1, 1))
        return report, run.err

    def test_each_gate_fails_on_its_own_and_says_by_how_much(self):
        for gate, limit, value, what in (
                ("min-sqnr-tensor", "40", 36.1329, "tensor 'h.3.mlp.c_proj.weight' has 36.1329 dB, 3.8671 dB below "
                                                   "--min-sqnr-tensor 40 (and 12 more tensors)"),
                ("min-sqnr", "50.5", 41.027, "the SQNR is 41.027 dB, 9.473 dB below --min-sqnr 50.5"),
                ("max-abs-error", "2e-3", 0.002244, "tensor 'wte.weight' is off by 0.002244, 0.000244 above --max-abs-error 0.002"),
                ("max-output-size", "900kB", 978200, "the output has 978,200 bytes, 78,200 above --max-output-size 900,000")):
            before = snapshot(self.dir)
            report, line = self.failing("quantize", MODEL, "set", "--" + gate, limit)
            self.assertEqual(line, f"octet: set: {what}; {NOTHING}\n")
            check = report["checks"][0]
            self.assertEqual((check["name"], check["value"], check["passed"]), (gate, value, False))
            self.assertEqual(sorted(check), ["limit", "name", "passed", "value"])
            self.assertEqual(len(report["tensors"]), 56)
            self.assertEqual(snapshot(self.dir), before)

    def test_several_gates_stand_in_one_line_and_those_that_hold_do_not(self):
        report, line = self.failing("quantize", MODEL, "set", "--min-sqnr", "60", "--max-abs-error", "1", "--max-output-size", "1KiB")
        self.assertEqual([(c["name"], c["limit"], c["passed"]) for c in report["checks"]],
                         [("min-sqnr", 60, False), ("max-abs-error", 1, True), ("max-output-size", 1024, False)])
        self.assertIn("--min-sqnr 60; the output has", line)
        self.assertNotIn("--max-abs-error", line)

    def test_gates_that_hold_change_nothing(self):
        gates = ("--min-sqnr-tensor", "36.1329", "--min-sqnr", "-5", "--max-abs-error", "0.002244", "--max-output-size", "978200")
        report = self.octet_json("quantize", MODEL, "gated", *gates)
        self.assertEqual([check["passed"] for check in report["checks"]], [True] * 4)
        self.assertNotIn("error", report)
        self.octet("quantize", MODEL, "plain")
        self.assertEqual(snapshot(self.dir / "gated"), snapshot(self.dir / "plain"))

    def test_the_text_report_says_that_nothing_was_written(self):
        run = self.run_octet("quantize", MODEL, "set", "--min-sqnr", "60", "--max-output-size", "1MB")
        self.assertTrue(run.out.startswith("not written: "), run.out)
        self.assertNotIn("  wrote ", run.out)
        self.assertIn("  failed     the SQNR is 41.027 dB, 18.973 dB below --min-sqnr 60\n", run.out)
        self.assertIn("  passed     the output has 978,200 bytes: --max-output-size 1000000\n", run.out)
        quiet = self.run_octet("quantize", MODEL, "set", "--min-sqnr", "60", "--quiet")
        self.assertEqual((quiet.code, quiet.out, quiet.err.count("\n")), (1, "", 1))

    def test_an_old_set_stays_when_its_successor_fails(self):
        self.octet("quantize", MODEL, "set", "--rounding", "truncate")
        before = snapshot(self.dir)
        self.failing("quantize", MODEL, "set", "--force", "--min-sqnr", "60")
        self.assertEqual(snapshot(self.dir), before)
        self.octet("quantize", MODEL, "set", "--force", "--min-sqnr", "40")
        self.assertNotEqual(snapshot(self.dir), before)

    def test_an_empty_folder_stays_empty(self):
        (self.dir / "set").mkdir()
        before = snapshot(self.dir)
        self.failing("quantize", MODEL, "set", "--min-sqnr", "60")
        self.assertEqual(snapshot(self.dir), before)

    def test_a_failed_set_can_be_kept(self):
        _, line = self.failing("quantize", MODEL, "set", "--min-sqnr", "60", "--keep-on-failure")
        self.assertTrue(line.endswith("; the set was written all the same\n"), line)
        self.octet("quantize", MODEL, "plain")
        self.assertEqual(snapshot(self.dir / "set"), snapshot(self.dir / "plain"))

    def test_compare_has_the_same_gates(self):
        self.octet("quantize", MODEL, "set")
        before = snapshot(self.dir)
        report, line = self.failing("compare", MODEL, "set", "--min-sqnr-tensor", "37", "--max-output-size", "0.9MB")
        self.assertEqual(line, "octet: set: tensor 'h.3.mlp.c_proj.weight' has 36.1329 dB, 0.8671 dB below --min-sqnr-tensor 37 "
                               "(and 1 more tensor); the output has 978,200 bytes, 78,200 above --max-output-size 900,000\n")
        self.octet("compare", MODEL, "set", "--min-sqnr", "41.027", "--max-abs-error", "0.002244")
        self.failing("compare", MODEL, "set", "--tensors", "wpe.weight", "--min-sqnr", "36.5")
        self.octet("compare", MODEL, "set", "--tensors", "wte.weight", "--min-sqnr", "36.5")
        self.assertEqual(snapshot(self.dir), before)

    def test_what_is_no_limit_is_a_usage_error(self):
        size = " is not a size; give bytes, or a number with kB, MB, GB, KiB, MiB or GiB"
        for option, value, message in (
                ("--min-sqnr", "high", "'high' is not a number"), ("--min-sqnr", "1e999", "'1e999' is not a number"),
                ("--min-sqnr", "40dB", "'40dB' is not a number"),
                ("--min-sqnr", "nan", "nan is no limit; give a finite number"),
                ("--min-sqnr-tensor", "inf", "inf is no limit; give a finite number"),
                ("--max-abs-error", "-inf", "-inf is no limit; give a finite number"),
                ("--max-abs-error", "-1", "-1 is negative; no error is below 0"),
                ("--max-output-size", "70M", "'70M'" + size), ("--max-output-size", "-1", "'-1'" + size),
                ("--max-output-size", "1e6", "'1e6'" + size)):
            for command in ("quantize", "compare"):
                self.assert_refused(2, f"{option}: {message}", command, MODEL, "set", f"{option}={value}")


if __name__ == "__main__":
    main()
