"""The command line itself: usage errors, help, --json, --quiet, colours, link names, and how it gets on with shells."""
import json
import os
import shutil
import subprocess

from octet_case import BIN, DATA_FILE, SIDECAR, SOURCE_DIR, TESTDATA, OctetCase, entry, f32, file_bytes, main, make_file


class Usage(OctetCase):
    def test_a_rule_leaves_the_words_behind_it_to_the_paths(self):
        self.octet("quantize", "--rule", "a=keep", "--rule", "b*=u4", "m.safetensors", "out")
        self.assertEqual([t["scheme"] for t in self.octet_json("inspect", "out")["tensors"]], ["keep", "u4"])

    def test_version_with_json_says_how_the_program_was_built(self):
        plain = self.run_octet("--version")
        for words in (("--version", "--json"), ("--json", "--version")):
            run = self.run_octet(*words)
            self.assertEqual((run.code, run.err), (0, ""))
            facts = json.loads(run.out)
            self.assertEqual(list(facts), ["version", "commit", "compiler", "instruction_sets", "static"])
            self.assertEqual(plain.out, f"octet {facts['version']}\n")
            self.assertRegex(facts["commit"], r"\A([0-9a-f]{12}(-dirty)?|unknown)\Z")
            self.assertRegex(facts["compiler"], r"\A[A-Za-z]+ [0-9.]+\Z")
            self.assertEqual(facts["instruction_sets"][0], "scalar")
        run = self.run_octet("--json")
        self.assertEqual((run.code, run.err), (2, "octet: unknown option '--json'; see octet --help\n"))

    def test_the_commit_is_that_of_the_sources(self):
        """Of a checkout whose program was built since HEAD moved; elsewhere there is nothing to compare."""
        def git(*words):
            return subprocess.run(["git", "-C", SOURCE_DIR, "rev-parse", *words], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True).stdout.strip()
        head, log = git("HEAD"), SOURCE_DIR / git("--git-path", "logs/HEAD")
        if not head or not (SOURCE_DIR / ".git").exists() or not log.exists():
            self.skipTest("the sources are no git checkout")
        if BIN.stat().st_mtime < log.stat().st_mtime:
            self.skipTest("the program is older than the last commit")
        self.assertEqual(json.loads(self.run_octet("--version", "--json").out)["commit"][:12], head[:12])

    def test_unknown_values_in_the_environment_are_refused_by_every_command(self):
        for command in (("inspect", "m.safetensors"), ("plan", "m.safetensors"), ("quantize", "m.safetensors", "out")):
            run = self.run_octet(*command, env={"OCTET_ISA": "foo"})
            self.assertEqual(run.code, 2)
            self.assertTrue(run.err.startswith("octet: OCTET_ISA: no instruction set 'foo' here; use one of scalar, "), run.err)
        run = self.run_octet("quantize", "m.safetensors", "out", env={"OCTET_READER": "foo"})
        self.assertEqual((run.code, run.err), (2, "octet: OCTET_READER: no reader 'foo'; use mapped or pread\n"))

    def test_a_set_with_a_broken_sidecar_is_not_replaced_as_nobody_knows_what_is_its_own(self):
        self.octet("quantize", "m.safetensors", "out")
        (self.dir / "out" / SIDECAR).write_text("")
        self.refuse("out: holds a set whose sidecar is broken (octet verify says how); move it away first",
                    "quantize", "m.safetensors", "out", "--force")

    def setUp(self):
        super().setUp()
        make_file(self.dir / "m.safetensors", [f32("a", [1, 2, 3]), f32("b.weight", [1, 5], [1, 2])])

    def refuse(self, message, *arguments):
        self.assert_refused(2, message, *arguments)

    def test_unknown_words_come_with_the_nearest_right_one(self):
        run = ("quantize", "m.safetensors", "out")
        for message, arguments in (
                ("unknown command 'quantise'; did you mean quantize?", ("quantise", "m.safetensors", "out")),
                ("unknown command 'xyzzyplugh'; see octet --help", ("xyzzyplugh",)),
                ("unknown option '--frobnicate'; see octet --help", ("--frobnicate",)),
                ("unknown option '--rouding'; did you mean --rounding?", (*run, "--rouding", "nearest")),
                ("unknown option '--rouding'; did you mean --rounding?", (*run, "--rouding=nearest")),
                ("unknown option '--bogus'; see octet quantize --help", (*run, "--bogus")),
                ("--preset: 'lessen' is not one of all, lesson, linear, q8, q6, q4; did you mean lesson?", (*run, "--preset", "lessen")),
                ("--preset: 'zzzzzzzz' is not one of all, lesson, linear, q8, q6, q4", (*run, "--preset", "zzzzzzzz")),
                ("--rounding: 'trunc' is not one of nearest, truncate; did you mean truncate?", (*run, "--rounding", "trunc")),
                ("--on-non-finite: 'kep' is not one of error, keep; did you mean keep?", (*run, "--on-non-finite", "kep")),
                ("--color: 'alway' is not one of auto, always, never; did you mean always?", (*run, "--color", "alway")),
                ("--progress: 'no' is not one of auto, always, never", (*run, "--progress", "no")),
                ("--threads: '0' is not a number from 1 to 1024; see octet quantize --help", (*run, "--threads", "0")),
                ("--threads: '1025' is not a number from 1 to 1024; see octet quantize --help", (*run, "--threads", "1025")),
                ("--threads: '-1' is not a number from 1 to 1024; see octet quantize --help", (*run, "--threads", "-1")),
                ("--threads: 'two' is not a number from 1 to 1024; see octet quantize --help", (*run, "--threads", "two")),
                ("--sort: 'siz' is not one of file, name, size, sqnr; did you mean size?",
                 ("inspect", "m.safetensors", "--sort", "siz"))):
            self.refuse(message, *arguments)

    def test_without_a_command_it_shows_those_that_matter(self):
        run = self.run_octet()
        self.assertEqual((run.code, run.err), (2, "octet: no command; see octet --help\n"))
        shown = [line.split()[0] for line in run.out.splitlines() if line.startswith("  ")]
        self.assertEqual(shown, ["quantize", "dequantize", "inspect", "verify", "compare"])
        self.assertIn("More: plan, generate, evaluate, calibrate", run.out)

    def test_missing_and_surplus_arguments(self):
        for message, arguments in (
                ("INPUT is required; see octet quantize --help", ("quantize",)),
                ("OUT_DIR is required; see octet quantize --help", ("quantize", "m.safetensors")),
                ("OUT is required; see octet dequantize --help", ("dequantize", "set")),
                ("PATH is required; see octet inspect --help", ("inspect",)),
                ("--threads: needs a value; see octet quantize --help", ("quantize", "m.safetensors", "out", "--threads")),
                ("one argument too many: 'c'; see octet quantize --help", ("quantize", "m.safetensors", "b", "c")),
                ("one argument too many: 'B'; see octet quantize --help", ("quantize", "m.safetensors", "out", "--rule", "A", "B")),
                ("--bits: is given more than once; see octet plan --help", ("plan", "m.safetensors", "--bits", "4", "--bits", "8")),
                ("a path is empty; see octet quantize --help", ("quantize", "m.safetensors", "")),
                ("a path is empty; see octet quantize --help", ("quantize", "", "out")),
                ("a path is empty; see octet inspect --help", ("inspect", ""))):
            self.refuse(message, *arguments)

    def test_out_dir_has_to_be_acceptable(self):
        (self.dir / "file").touch()
        (self.dir / "full").mkdir()
        (self.dir / "full" / "precious\x1b").touch()
        (self.dir / "nowhere").symlink_to("gone")
        self.octet("quantize", "m.safetensors", "set")
        for force in ((), ("--force",)):
            self.refuse("file: is a file; name a new or empty folder for the set", "quantize", "m.safetensors", "file", *force)
            self.refuse("full: is not empty (precious\\x1b) and holds no set; name a new or empty folder",
                        "quantize", "m.safetensors", "full", *force)
            self.refuse("no/such/out: its parent folder does not exist; create it first",
                        "quantize", "m.safetensors", "no/such/out", *force)
            self.refuse("nowhere: is a link that leads nowhere; remove it", "quantize", "m.safetensors", "nowhere", *force)
        self.refuse("set: holds a set already; --force replaces it", "quantize", "m.safetensors", "set")
        (self.dir / "set" / "stranger").touch()
        self.refuse("set: holds 'stranger', which is not part of the set there; move it away first",
                    "quantize", "m.safetensors", "set", "--force")

    def test_restored_files_replace_nothing_unasked(self):
        self.octet("quantize", "m.safetensors", "set")
        (self.dir / "file").touch()
        (self.dir / "full").mkdir()
        (self.dir / "full" / "precious").touch()
        (self.dir / "folder.safetensors").mkdir()
        self.refuse("m.safetensors: exists already; --force replaces it", "dequantize", "set", "m.safetensors")
        self.refuse("full: is not empty (precious); --force replaces files of the same names", "dequantize", "set", "full")
        self.refuse("file: is a file whose name does not end in .safetensors; name a folder or a .safetensors file",
                    "dequantize", "set", "file")
        self.refuse("folder.safetensors: is a folder; name a file, or a folder that does not end in .safetensors",
                    "dequantize", "set", "folder.safetensors")
        self.octet("dequantize", "set", "full", "--force")
        self.assertEqual({path.name for path in (self.dir / "full").iterdir()}, {"precious", "m.safetensors"})

    def test_the_input_is_never_the_output(self):
        self.octet("quantize", "m.safetensors", "set")
        codes = self.dir / "set" / DATA_FILE
        os.link(codes, self.dir / "hard.safetensors")
        (self.dir / "soft.safetensors").symlink_to(codes)
        for path, name in ((f"set/{DATA_FILE}", DATA_FILE), ("hard.safetensors", "hard.safetensors"),
                           ("soft.safetensors", DATA_FILE)):
            self.refuse(f"{path}: would replace '{name}', which is the input; choose another place",
                        "dequantize", "set", path, "--force")
        # A checkpoint that lies in a set's folder under the name of a file that the set lists.
        codes.unlink()
        os.link(self.dir / "m.safetensors", codes)
        (self.dir / "link").symlink_to("set")
        for path in ("set", "link"):
            self.refuse(f"{path}: would replace '{DATA_FILE}', which is the input; choose another place",
                        "quantize", "m.safetensors", path, "--force")
        (self.dir / "model").mkdir()
        shutil.copy(self.dir / "m.safetensors", self.dir / "model" / "model.safetensors")
        self.refuse("model: is not empty (model.safetensors) and holds no set; name a new or empty folder",
                    "quantize", "model", "model", "--force")

    def test_patterns_have_to_match_something(self):
        self.refuse("--tensors: 'zzz*' matches no tensor; octet inspect PATH lists their names",
                    "inspect", "m.safetensors", "--tensors", "zzz*")
        self.assertEqual(self.run_octet("inspect", "m.safetensors", "--tensors", "re:[").code, 2)
        for pattern in ("*.weight", "re:.*weight"):
            shown = self.octet_json("inspect", "m.safetensors", "--tensors", pattern)["tensors"]
            self.assertEqual([t["name"] for t in shown], ["b.weight"])

    def test_names_with_control_characters_are_escaped(self):
        name = "a\n\x1b[31m\u202e'\\"
        escaped = "a\\n\\x1b[31m\\xe2\\x80\\xae'\\\\"
        bad = "b\rad\x07.safetensors"
        (self.dir / bad).write_bytes(file_bytes({name: entry("F33", [2], 0, 8)}, bytes(8)))
        run = self.run_octet("quantize", bad, "out")
        self.assertEqual(run.code, 3)
        self.assertTrue(run.err.startswith(f"octet: b\\rad\\x07.safetensors: header: tensor '{escaped}': unknown dtype"), run.err)
        self.assertEqual(run.err.count("\n"), 1)
        make_file(self.dir / bad, [f32(name, [1, 2])])
        for command in (("inspect", bad), ("quantize", bad, "out\x1b")):
            out = self.octet(*command).out
            self.assertNotIn("\x1b", out)
            self.assertIn("b\\rad\\x07.safetensors", out)
        self.assertEqual(self.octet_json("inspect", bad)["tensors"][0]["name"], name)

    def test_options_that_would_have_no_effect_are_refused(self):
        self.octet("quantize", "m.safetensors", "set")
        for message, arguments in (
                ("--bits excludes --list-schemes; see octet plan --help", ("plan", "--list-schemes", "--bits", "4")),
                ("--scan excludes --list-schemes; see octet plan --help", ("plan", "--scan", "--list-schemes")),
                ("--importance requires --source; see octet verify --help", ("verify", "set", "--importance", "i.safetensors")),
                ("-o: 'x.bin' does not end in .safetensors, which is what calibrate writes",
                 ("calibrate", "m.safetensors", "--ids", "ids", "-o", "x.bin"))):
            self.refuse(message, *arguments)

    def test_the_planner_says_whom_it_leaves_no_say(self):
        for options, note in (
                (("--max-size", "1MB", "--preset", "q4"), "--max-size chooses the scheme of every tensor that no rule decides; --preset q4 has no say in that"),
                (("--target-sqnr", "20", "--bits", "4"), "--target-sqnr chooses the scheme of every tensor that no rule decides; the scheme options have no say in that"),
                (("--max-size", "1MB", "--preset", "all"), "")):
            for command in (("plan", "m.safetensors"), ("quantize", "m.safetensors", "out", "--force")):
                self.assertEqual(self.octet(*command, *options).err, note and f"octet: {note}\n")

    def test_a_failure_is_one_line_also_where_the_planner_leaves_no_say(self):
        for command in (("plan", "m.safetensors"), ("quantize", "m.safetensors", "out")):
            self.refuse("rule 'zzz=u8': matches no tensor; octet inspect INPUT lists their names", *command, "--max-size", "1MB", "--bits", "4", "--rule", "zzz=u8")
        run = self.run_octet("quantize", "m.safetensors", "out", "--max-size", "1MB", "--bits", "4", "--min-sqnr", "900", "--max-output-size", "1")
        self.assertEqual((run.code, run.err.count("\n")), (1, 1), run.err)

    def test_help_is_a_command_too(self):
        self.assertEqual(self.octet("help").out, self.octet("--help").out)
        self.assertEqual(self.octet("help", "plan").out, self.octet("plan", "--help").out)
        self.refuse("unknown command 'qlan'; did you mean plan?", "help", "qlan")

    def test_help_and_version(self):
        for arguments in (("--help",), ("quantize", "--help"), ("dequantize", "--help"), ("inspect", "--help"), ("-h",)):
            run = self.octet(*arguments)
            self.assertIn("Usage:", run.out)
            self.assertEqual(run.err, "")
        self.assertRegex(self.octet("--version").out, r"\Aoctet \d+\.\d+\.\d+\n\Z")

    def test_each_command_ends_its_help_with_an_example_of_its_own(self):
        for command in ("quantize", "dequantize", "inspect", "verify", "compare", "plan", "generate", "evaluate", "calibrate"):
            last = self.octet(command, "--help").out.rstrip().splitlines()[-1]
            self.assertTrue(last.startswith(f"Example: octet {command} "), last)
        self.assertIn("Example: octet quantize model.safetensors out/ && octet inspect", self.octet("--help").out)

    def test_help_names_values_and_stands_under_headings(self):
        shown = self.octet("quantize", "--help").out
        for line in (r"  --preset NAME +which tensors, and how \(default: all\)", r"      lesson +parameters only, truncated", r"  --max-size SIZE +",
                     r"  --min-sqnr DB +", r"  --rules FILE +", r"  -h, --help +"):
            self.assertRegex(shown, line)
        headings = [line for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
        self.assertEqual(headings, ["Choose what is quantized, and how well:", "Set the scheme yourself:", "Refuse what is not good enough:",
                                    "Write the result:", "Run and report:"])

    def test_long_names_can_be_told_apart_in_every_table(self):
        names = [f"encoder.block.{i}.layer.1.DenseReluDense.wo.weight" for i in range(3)]
        twins = [f"{'a' * 30}.{i}.{'b' * 60}" for i in range(2)]
        make_file(self.dir / "long.safetensors", [f32(name, [1, 2, 3.3, 4], [2, 2]) for name in names + twins])
        make_file(self.dir / "other.safetensors", [f32(name, [1, 2, 3.2, 4], [2, 2]) for name in names + twins])
        make_file(self.dir / "none.safetensors", [f32("x", [1, 2])])
        for arguments in (("quantize", "long.safetensors", "long"), ("inspect", "long"), ("inspect", "long.safetensors"),
                          ("plan", "long.safetensors"), ("compare", "long.safetensors", "other.safetensors")):
            lines = self.octet(*arguments).out.splitlines()
            for name in names + twins:
                self.assertEqual(len([line for line in lines if line.startswith(f"  {name} ")]), 1, (arguments, name))
        gone = self.run_octet("compare", "long.safetensors", "none.safetensors").out
        for name in names + twins:
            self.assertIn(f"  missing    {name}\n", gone)
        # A long name that is like no other is cut.
        make_file(self.dir / "one.safetensors", [f32(twins[0], [1, 2]), f32("short", [1, 2])])
        self.assertIn("bbb F32 ", self.octet("inspect", "one.safetensors").out)
        self.assertNotIn(twins[0], self.octet("inspect", "one.safetensors").out)

    def test_no_table_wraps_at_80_columns(self):
        t5, gpt2 = TESTDATA / "tiny-flan-t5", TESTDATA / "tiny-gpt2"
        in_80 = {"env": {"COLUMNS": "80"}}
        for number, arguments in enumerate((
                ("quantize", t5, "t5", "--verbose"), ("inspect", t5), ("inspect", t5, "--sizes"),
                ("inspect", "t5"), ("compare", t5, "t5", "--verbose"), ("compare", t5, "t5", "t5"),
                ("verify", "t5", "--source", t5), ("plan", t5), ("plan", t5, "--preset", "q4"),
                ("plan", t5, "--max-size", "300kB"), ("plan", t5, "--summary"), ("plan", "--list-schemes"),
                ("quantize", gpt2, "g.gguf", "--type", "q4_k_m", "--verbose"), ("inspect", "g.gguf"),
                *([] if os.environ.get("OCTET_SANITIZE") else  # it takes a sanitizer a minute
                  [("evaluate", "t5", "--reference", t5, "--pairs", t5 / "eval.tsv", "--tensor-ablation")]))):
            with self.subTest(arguments):
                lines = self.octet(*arguments, **in_80).out.splitlines()
                # A path is one word and may be longer than a line.
                self.assertEqual([line for line in lines[1:] if len(line) > 80 and str(self.dir) not in line
                                  and str(TESTDATA) not in line], [])
        rows = [line.split()[0] for line in self.octet("inspect", t5, **in_80).out.splitlines()[4:79]]
        self.assertEqual(len(set(rows)), 75)  # cut in the middle, and still told apart

    def test_plan_shows_some_tensors_or_a_row_for_each_scheme(self):
        gpt2 = TESTDATA / "tiny-gpt2"
        whole = self.octet_json("plan", gpt2, "--preset", "q4")
        found = self.octet_json("plan", gpt2, "--preset", "q4", "--tensors", "h.0.*")
        self.assertEqual(found["tensors"], [t for t in whole["tensors"] if t["name"].startswith("h.0.")])
        self.assertEqual(found["totals"], whole["totals"])
        lines = self.octet("plan", gpt2, "--preset", "q4", "--summary").out.splitlines()
        self.assertEqual(lines[1].split(), ["scheme", "tensors", "bytes", "bits", "each"])
        schemes = {}
        for tensor in whole["tensors"]:
            counted = schemes.setdefault(tensor["scheme"], [0, 0])
            counted[0] += 1
            counted[1] += tensor["output_bytes"]
        rows = [line.split() for line in lines[2:2 + len(schemes)]]
        self.assertEqual({row[0]: [int(row[1]), int(row[2].replace(",", ""))] for row in rows}, schemes)
        self.assert_refused(2, "--tensors: 'nope' matches no tensor; octet inspect PATH lists their names",
                            "plan", gpt2, "--tensors", "nope")

    def test_json_is_one_object_also_on_failure(self):
        for code, message, arguments in (
                (3, "gone: not found; check the path", ("quantize", "gone", "out")),
                (3, "gone: not found; check the path", ("inspect", "gone")),
                (2, "unknown option '--bogus'; see octet inspect --help", ("inspect", "m.safetensors", "--bogus")),
                (2, "--preset: 'x' is not one of all, lesson, linear, q8, q6, q4", ("quantize", "m.safetensors", "out", "--preset", "x"))):
            run = self.run_octet(*arguments, "--json")
            found = json.loads(run.out)
            self.assertEqual(found["error"], {"code": code, "message": message})
            self.assertEqual((found["command"], run.code, run.err), (arguments[0], code, f"octet: {message}\n"))
        for arguments in (("quantize", "m.safetensors", "set"), ("inspect", "set"), ("dequantize", "set", "back")):
            run = self.octet(*arguments, "--json", "--quiet", "--progress", "always")
            found = json.loads(run.out)
            self.assertEqual((found["command"], found["input"], found["output"]),
                             (arguments[0], arguments[1], arguments[2] if len(arguments) > 2 else ""))
            self.assertEqual(found["version"], self.octet("--version").out.split()[1])
            self.assertGreaterEqual(set(found), {"totals", "tensors", "checks", "seconds"})
            self.assertEqual([t["name"] for t in found["tensors"]], ["a", "b.weight"])
            self.assertEqual(run.err, "")

    def test_quiet_says_nothing_but_errors(self):
        for arguments in (("quantize", "m.safetensors", "set"), ("inspect", "set"), ("dequantize", "set", "back")):
            run = self.octet(*arguments, "--quiet")
            self.assertEqual((run.out, run.err), ("", ""))
        self.assert_refused(3, "gone: not found; check the path", "inspect", "gone", "--quiet")

    def test_colours_only_where_they_are_wanted(self):
        self.assertNotIn("\x1b", self.octet("inspect", "m.safetensors").out)
        self.assertIn("\x1b[1m", self.octet("inspect", "m.safetensors", "--color", "always").out)
        self.assertNotIn("\x1b", self.octet("inspect", "m.safetensors", "--color", "never").out)
        for no_color, coloured in (("1", False), ("", True)):
            self.assertEqual("\x1b[1m" in self.on_a_terminal("inspect", "m.safetensors", no_color=no_color), coloured)

    def on_a_terminal(self, *arguments, no_color):
        """What it writes where stdout is a terminal."""
        main_end, program_end = os.openpty()
        environment = {**os.environ, "NO_COLOR": no_color}
        subprocess.run([str(BIN), *arguments], cwd=self.dir, env=environment, stdout=program_end, check=True)
        os.close(program_end)
        out = os.read(main_end, 1 << 16).decode()
        os.close(main_end)
        return out


class Shell(OctetCase):
    def setUp(self):
        super().setUp()
        self.links = self.dir / "bin"
        self.links.mkdir()
        for name in ("octet", "quantize", "dequantize", "inspect"):
            (self.links / name).symlink_to(BIN)
        shutil.copy(TESTDATA / "tiny-gpt2" / "model.safetensors", self.dir)

    def bash(self, script):
        path = f"{self.links}:{os.environ['PATH']}"
        return subprocess.run(["bash", "-c", script], cwd=self.dir, env={**os.environ, "PATH": path},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=60)

    def test_link_names_are_commands_in_a_script_that_stops_at_errors(self):
        done = self.bash("set -e\nquantize model.safetensors out/\ninspect out --sizes\n"
                         "dequantize out/ back.safetensors\nquantize --version\nquantize --help\necho reached the end")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(done.stdout.endswith("reached the end\n"))
        self.assertTrue((self.dir / "out" / SIDECAR).exists() and (self.dir / "back.safetensors").exists())
        done = self.bash("set -e\nquantize model.safetensors out/\necho not reached")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr, "octet: out/: holds a set already; --force replaces it\n")

    def test_json_goes_through_jq(self):
        if not shutil.which("jq"):
            self.skipTest("no jq")
        self.octet("quantize", "model.safetensors", "out")
        done = self.bash("set -eo pipefail; octet inspect out --json | jq .totals")
        self.assertEqual(json.loads(done.stdout), self.octet_json("inspect", "out")["totals"])

    def test_a_reader_that_goes_away_is_no_error(self):
        header = {f"a.rather.long.name.{i}": entry("U8", [1], i, i + 1) for i in range(20_000)}
        (self.dir / "many.safetensors").write_bytes(file_bytes(header, bytes(20_000)))
        for command in ("octet inspect many.safetensors | head -1", "octet inspect many.safetensors --json | head -1"):
            done = self.bash(command + '; echo "${PIPESTATUS[0]}"')
            self.assertEqual((done.stdout.splitlines()[1:], done.stderr), (["0"], ""))

    def test_output_that_cannot_be_written_is(self):
        for command in ("inspect model.safetensors", "inspect model.safetensors --json", "quantize model.safetensors out",
                        "--help"):
            done = self.bash(f"octet {command} > /dev/full")
            self.assertEqual((done.returncode, done.stderr),
                             (4, "octet: standard output: cannot write: No space left on device\n"))
        self.octet("inspect", "out")  # only the report was lost

    def test_closed_descriptors_do_not_end_up_as_output_files(self):
        done = self.bash("octet quantize model.safetensors out <&- >&- 2>&-; echo $?\n"
                         "octet dequantize out back <&- >&- 2>&-; echo $?")
        self.assertEqual(done.stdout, "0\n0\n")
        self.octet("quantize", "model.safetensors", "expected")
        for name in (DATA_FILE, SIDECAR):
            self.assertEqual((self.dir / "out" / name).read_bytes(), (self.dir / "expected" / name).read_bytes())


if __name__ == "__main__":
    main()
