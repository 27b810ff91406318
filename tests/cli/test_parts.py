"""Outputs that are made in parts and joined: every file has the bytes of a single run, whatever the order, however often a part is
made, killed and made again. What does not belong together is refused by name, and nothing becomes visible. OCTET_PARTS_CASES: how
many random checkpoints (20)."""
import os
import random
import shutil
import signal
import subprocess
import unittest

from faults import SHIM
from octet_case import BIN, TESTDATA, OctetCase, Tensor, f32, main, make_file, snapshot
from random_checkpoints import files, hidden, make_random, values

CASES = int(os.environ.get("OCTET_PARTS_CASES", "20"))
COUNTS = (1, 2, 3, 7, 64)
CHOICES = (("--preset", "q4"), ("--preset", "q6"), ("--preset", "q8"), ("--preset", "linear"), (), ("--preset", "lesson"),
           ("--bits", "4", "--group-size", "32", "--range", "mse"), ("--bits", "8", "--granularity", "channel", "--sha256"),
           ("--bits", "5", "--on-non-finite", "keep"), ("--type", "q4_k_m", "--arch", "none"), ("--type", "q8_0", "--arch", "none"))


class Same(OctetCase):
    def killed(self, dice, *arguments):
        """A run of these that may be killed at any of its system calls."""
        run = self.run_octet(*arguments, "--no-sandbox",
                             env={"LD_PRELOAD": SHIM, "OCTET_FAULT": f"any:{dice.randrange(1, 200)}:kill"})
        self.assertIn(run.code, (0, -signal.SIGKILL), run.err)
        return run.code != 0

    def make_parts(self, dice, arguments, count):
        kills = 0
        numbers = list(range(1, count + 1))
        dice.shuffle(numbers)
        for number in numbers:
            part = (*arguments, "--part", f"{number}/{count}", "--quiet", "--no-sync")
            if SHIM and dice.random() < 0.3:
                kills += self.killed(dice, *part)
            self.octet(*part, "--threads", str(dice.choice((1, 3))))
            if dice.random() < 0.2:
                self.assertTrue(self.octet_json(*part)["part"]["was_done"])
        return kills

    def one(self, number):
        """A random checkpoint in random parts; returns how many of them were killed on the way."""
        dice = random.Random(number)
        model = f"model-{number}"
        make_random(self.dir / model, dice)
        options = dice.choice(CHOICES)
        ending = ".gguf" if "--type" in options else ""
        single, out = self.dir / f"single-{number}" / f"it{ending}", self.dir / f"parts-{number}" / f"it{ending}"
        for path in (single, out):
            path.parent.mkdir()
        run = self.run_octet("quantize", model, single, *options, "--quiet")
        if run.code != 0:  # a checkpoint that these options do not fit
            refused = self.run_octet("quantize", model, out, *options, "--quiet", "--part", "1/2")
            self.assertEqual((refused.code, refused.err.replace(str(out), str(single))), (run.code, run.err))
            return None
        kills = self.make_parts(dice, ("quantize", model, out, *options), dice.choice(COUNTS))
        if SHIM and dice.random() < 0.5:
            kills += self.killed(dice, "join", out, "--quiet")
        if hidden(out).exists():
            joined = self.run_octet("join", out, "--force", "--quiet", *(["--verify"] if dice.random() < 0.3 else []))
            if joined.code != 0:  # the one before was killed while it removed parts
                self.assertEqual(joined.code, 3)
                self.assertIn("octet join --discard removes the rest", joined.err)
                self.octet("join", out, "--discard")
        self.assertEqual(files(out), files(single))
        self.assertEqual([path.name for path in out.parent.iterdir()], [out.name])
        return kills

    def test_random_checkpoints(self):
        made = kills = 0
        for number in range(CASES):
            with self.subTest(number):
                found = self.one(number)
                made += found is not None
                kills += found or 0
        print(f"{made} of {CASES} outputs made in parts, {kills} runs killed on the way")
        self.assertGreater(made, CASES // 2)
        self.assertTrue(kills > 0 or not SHIM)

    def test_all_at_once_and_each_twice(self):
        """Nobody waits for anybody: whoever comes first writes what all of them share."""
        self.octet("quantize", TESTDATA / "tiny-gpt2", "single", "--preset", "q4")
        out = self.dir / "out"
        for _ in range(3):
            runs = [subprocess.Popen([str(BIN), "quantize", str(TESTDATA / "tiny-gpt2"), str(out), "--preset", "q4", "--quiet", "--no-sync",
                                      "--part", f"{number}/4"], stderr=subprocess.PIPE) for number in (1, 2, 3, 4, 1, 2, 3, 4)]
            self.assertEqual([(run.communicate()[1], run.returncode) for run in runs], [(b"", 0)] * 8)
            self.octet("join", out)
            self.assertEqual(files(out), files(self.dir / "single"))
            shutil.rmtree(out)

    def test_every_format(self):
        for model, options in (("tiny-gpt2", ("--format", "mlx")), ("tiny-flan-t5", ("--format", "quanto")),
                               ("tiny-flan-t5", ("--format", "compressed-tensors", "--for", "transformers")),
                               ("tiny-gpt2", ("--type", "q4_k_m", "--split-size", "1MB"))):
            with self.subTest(options):
                name = options[1] + (".gguf" if "--type" in options else "")
                for folder in ("single", "parts"):
                    (self.dir / folder).mkdir(exist_ok=True)
                self.octet("quantize", TESTDATA / model, self.dir / "single" / name, *options)
                for number in (3, 1, 2):
                    self.octet("quantize", TESTDATA / model, self.dir / "parts" / name, *options, "--part", f"{number}/3")
                self.octet("join", self.dir / "parts" / name)
        self.assertEqual({k: v[1] for k, v in snapshot(self.dir / "single").items()},
                         {k: v[1] for k, v in snapshot(self.dir / "parts").items()})

    def test_a_plan(self):
        """The planner looks at all values once; parts take its plan, and refuse another one."""
        gpt2, size = TESTDATA / "tiny-gpt2", ("--max-size", "600kB")
        self.octet("plan", gpt2, *size, "-o", "plan.json")
        self.octet("plan", gpt2, "--max-size", "700kB", "-o", "other.json")
        self.octet("plan", gpt2, "-o", "headers.json")
        self.octet("quantize", gpt2, "single", *size)
        part = lambda number, plan, *options: self.run_octet(
            "quantize", gpt2, "out", *options, "--part", f"{number}/2", "--plan", plan)
        for code, words, run in ((2, "made with", part(1, "plan.json")),
                                 (3, "from headers alone", part(1, "headers.json", *size)),
                                 (3, "is no plan", part(1, gpt2 / "config.json", *size)),
                                 (3, "and the checkpoint has", self.run_octet(
                                     "quantize", TESTDATA / "tiny-flan-t5", "out", *size, "--part", "1/2",
                                     "--plan", "plan.json"))):
            self.assertEqual((run.code, run.err.count("\n")), (code, 1), run.err)
            self.assertIn(words, run.err)
        self.assertEqual(part(2, "plan.json", *size).code, 0)
        run = part(1, "other.json", *size)
        self.assertEqual(run.code, 3)
        self.assertIn("another plan", run.err)
        self.assertEqual(part(1, "plan.json", *size).code, 0)
        self.octet("join", "out")
        self.assertEqual(files(self.dir / "out"), files(self.dir / "single"))
        self.octet("quantize", gpt2, "resumed", *size, "--resume")
        self.assertEqual(files(self.dir / "resumed"), files(self.dir / "single"))

    def test_a_plan_of_what_is_not_finite(self):
        make_file(self.dir / "m.safetensors", [
            f32("a.weight", [float("nan")] + [1.0] * 511, [16, 32]), f32("b.weight", [0.5, -2.0] * 256, [16, 32])])
        keep = ("--on-non-finite", "keep", "--preset", "q8")
        self.octet("plan", "m.safetensors", *keep, "--scan", "-o", "plan.json")
        self.octet("quantize", "m.safetensors", "single", *keep)
        for number in (1, 2):
            self.octet("quantize", "m.safetensors", "out", *keep, "--part", f"{number}/2", "--plan", "plan.json")
        self.octet("join", "out")
        self.assertEqual(files(self.dir / "out"), files(self.dir / "single"))


class Resume(Same):
    """quantize --resume: the same bytes, however often it is killed on the way."""

    test_random_checkpoints = test_every_format = test_all_at_once_and_each_twice = None
    test_a_plan = test_a_plan_of_what_is_not_finite = None

    def test_without_interruption(self):
        dice = random.Random(1)
        make_random(self.dir / "model", dice)
        self.octet("quantize", "model", "single", "--bits", "4", "--group-size", "32")
        run = self.octet_json("quantize", "model", "out", "--bits", "4", "--group-size", "32", "--resume")
        self.assertEqual((run["command"], run["input"], run["output"]), ("quantize", "model", "out"))
        self.assertEqual(files(self.dir / "out"), files(self.dir / "single"))
        self.assertFalse(hidden(self.dir / "out").exists())

    @unittest.skipUnless(SHIM, "LD_PRELOAD and a sanitizer do not go together")
    def test_kills(self):
        went_on = 0
        for number in range(6):
            dice = random.Random(number)
            model, single, out = f"model-{number}", self.dir / f"single-{number}", self.dir / f"out-{number}"
            make_random(self.dir / model, dice)
            self.octet("quantize", model, single, "--preset", "q4")
            command = ("quantize", model, out, "--preset", "q4", "--resume", "--no-sync")
            for _ in range(3):
                if not out.exists():
                    self.run_octet(*command, "--no-sandbox", "--quiet",
                                   env={"LD_PRELOAD": SHIM, "OCTET_FAULT": f"any:{dice.randrange(50, 400)}:kill"})
            if not out.exists():
                went_on += "went on after" in self.octet(*command).err
            self.assertEqual(files(out), files(single))
        self.assertGreater(went_on, 0)

    def test_with_part(self):
        make_random(self.dir / "model", random.Random(2))
        run = self.run_octet("quantize", "model", "out", "--resume", "--part", "1/2")
        self.assertEqual(run.code, 2)
        self.assertIn("--resume", run.err)

    def test_interrupted_by_another_value(self):
        make_random(self.dir / "model", random.Random(3))
        self.octet("quantize", "model", "out", "--part", "1/16")
        run = self.run_octet("quantize", "model", "out", "--resume", "--bits", "4")
        self.assertEqual(run.code, 2)
        self.assertIn("another value of the option bits", run.err)


class Refused(OctetCase):
    """What does not belong together is named, and OUT does not appear."""

    def setUp(self):
        super().setUp()
        dice = random.Random(0)
        make_file(self.dir / "model.safetensors", [Tensor(f"layers.{i}.weight", "F32", [64, 64], values(dice, 4096)) for i in range(9)])
        self.out = self.dir / "out"
        self.parts = hidden(self.out)
        for number in (1, 2, 3):
            self.part(number)

    def part(self, number, *options, count=3, code=0):
        run = self.run_octet("quantize", "model.safetensors", "out", "--part", f"{number}/{count}", *options)
        self.assertEqual(run.code, code, run.err)
        return run.err

    def assert_no_join(self, code, pattern, *options):
        run = self.run_octet("join", "out", *options)
        self.assertEqual(run.code, code, run.err)
        self.assertRegex(run.err, r"\Aoctet: [^\n]*" + pattern + r"[^\n]*\n\Z")
        self.assertFalse(self.out.exists())
        self.assertTrue(self.parts.exists())

    def test_missing_parts(self):
        (self.parts / "part-1-of-3").unlink()
        self.assert_no_join(3, "lacks part 1 of 3")
        (self.parts / "part-3-of-3").unlink()
        self.assert_no_join(3, "lacks parts 1, 3 of 3")
        self.part(1), self.part(3)
        self.octet("join", "out")

    def test_truncated_and_flipped_parts(self):
        file = self.parts / "part-2-of-3"
        whole = file.read_bytes()
        for broken in (b"", whole[:-1], whole[:len(whole) // 2], whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]):
            file.write_bytes(broken)
            self.assert_no_join(3, "part-2-of-3: is broken or cut off")
        self.part(2)  # which is not taken for done
        self.assertEqual(file.read_bytes(), whole)
        self.octet("join", "out")

    def test_a_foreign_part(self):
        self.octet("quantize", "model.safetensors", "other", "--part", "2/3", "--bits", "4")
        (self.parts / "part-2-of-3").write_bytes((hidden(self.dir / "other") / "part-2-of-3").read_bytes())
        self.assert_no_join(3, "part-2-of-3: is of another run")
        (self.parts / "part-2-of-3").write_bytes((self.parts / "part-1-of-3").read_bytes())
        self.assert_no_join(3, "part-2-of-3: is of another run")

    def test_a_broken_record_of_the_run(self):
        file = self.parts / "run"
        text = file.read_bytes()
        for broken in (b"", text[:-1], text.replace(b"option bits -", b"option bits 4")):
            file.write_bytes(broken)
            self.assert_no_join(3, "run: is broken or cut off")
        self.octet("join", "out", "--discard")
        self.assertEqual([path.name for path in self.parts.iterdir()], ["model.octet.safetensors"])  # nobody says whose it is

    def test_data_that_changed(self):
        data = self.parts / "model.octet.safetensors"
        with open(data, "r+b") as file:
            file.seek(-5000, os.SEEK_END)
            byte = file.read(1)
            file.seek(-5000, os.SEEK_END)
            file.write(bytes([byte[0] ^ 1]))
        self.assert_no_join(3, "part-3-of-3: says other checksums", "--verify")
        os.truncate(data, 100)
        self.assert_no_join(3, "model.octet.safetensors: has 100 bytes instead of")
        data.unlink()
        self.assert_no_join(3, "model.octet.safetensors: is missing")

    def test_other_options_and_another_number_of_parts(self):
        self.assertIn("another value of the option bits", self.part(1, "--bits", "4", code=2))
        self.assertIn("another value of the number of parts", self.part(1, count=4, code=2))

    def test_a_source_that_changed(self):
        os.utime(self.dir / "model.safetensors", ns=(0, 0))
        self.assertIn('the source "model.safetensors" was another one'.replace('"', "'"), self.part(1, code=3))
        self.assert_no_join(3, "the source 'model.safetensors' was another one")

    def test_a_failed_gate_leaves_the_parts(self):
        self.octet("join", "out", "--discard")
        self.assertFalse(self.parts.exists())
        for number in (1, 2, 3):
            self.part(number, "--min-sqnr", "90")
        self.assert_no_join(1, "min-sqnr")
        run = self.run_octet("join", "out", "--keep-on-failure")
        self.assertEqual(run.code, 1)
        self.octet("verify", "out")
        self.assertFalse(self.parts.exists())

    def test_strangers_stay(self):
        (self.parts / "mine").write_text("mine")
        run = self.octet("join", "out")
        self.assertRegex(run.err, "/mine is none of the parts' files; it was left alone")
        self.assertEqual([path.name for path in self.parts.iterdir()], ["mine"])

    def test_a_planted_link(self):
        self.octet("join", "out", "--discard")
        (self.dir / "elsewhere").mkdir()
        self.parts.symlink_to(self.dir / "elsewhere")
        self.assertIn("a link to one", self.part(1, code=4))
        self.assertEqual(list((self.dir / "elsewhere").iterdir()), [])
        self.parts.unlink()
        self.parts.mkdir()
        (self.dir / "victim").write_bytes(b"kept")
        (self.parts / "model.octet.safetensors").symlink_to(self.dir / "victim")
        self.part(1, code=4)
        os.unlink(self.parts / "model.octet.safetensors")
        os.link(self.dir / "victim", self.parts / "model.octet.safetensors")
        self.part(1, code=3)
        self.assertEqual((self.dir / "victim").read_bytes(), b"kept")

    def test_a_target_that_stands(self):
        self.octet("join", "out")
        before = snapshot(self.dir)
        self.assertIn("--force", self.part(1, code=2))
        self.assertEqual(snapshot(self.dir), before)
        for number in (1, 2, 3):
            self.part(number, "--force", "--bits", "6")
        self.octet("join", "out")
        self.assertIn("u6", (self.out / "quantization_state.json").read_text())

    def test_no_parts(self):
        self.octet("join", "out")
        run = self.run_octet("join", "out")
        self.assertEqual((run.code, run.err.count("\n")), (3, 1))
        self.assertIn("has no parts", run.err)

    def test_usage(self):
        for text in ("0/3", "4/3", "1", "1/", "/2", "a/b", "1/70000", "-1/2", "1/2/3", ""):
            run = self.run_octet("quantize", "model.safetensors", "new", "--part", text)
            self.assertEqual(run.code, 2, run.err)
            self.assertIn("--part", run.err)
        run = self.run_octet("quantize", "model.safetensors", "new", "--part", "1/2", "--max-size", "1MB")
        self.assertEqual(run.code, 2)
        self.assertIn("--max-size", run.err)
        self.assertFalse(hidden(self.dir / "new").exists())

    def test_json(self):
        done = self.octet_json("quantize", "model.safetensors", "out", "--part", "2/3")
        self.assertTrue(done["part"]["was_done"])
        self.assertEqual((done["part"]["number"], done["part"]["count"], done["part"]["tensors"]), (2, 3, 3))
        joined = self.octet_json("join", "out")
        self.assertEqual((joined["command"], joined["totals"]["tensors"]), ("join", 9))

    def test_a_source_that_moved(self):
        os.rename(self.dir / "model.safetensors", self.dir / "moved.safetensors")
        self.assert_no_join(3, "model.safetensors: ")
        run = self.run_octet("join", "out", "--source", "moved.safetensors")
        self.assertEqual(run.code, 3)  # shards are known by their names, too
        os.mkdir(self.dir / "place")
        os.rename(self.dir / "moved.safetensors", self.dir / "place" / "model.safetensors")
        self.octet("join", "out", "--source", "place/model.safetensors")


if __name__ == "__main__":
    main()
