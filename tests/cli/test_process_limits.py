"""Limits of a process: threads that cannot be had, a stack of some kilobytes, little address space. Either the work is done, with the same bytes,
or one line says why not; never a signal, never "internal error"."""
import errno
import os
import resource
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from faults import SHIM, needs_shim
from octet_case import BIN, TESTDATA, OctetCase, Tensor, contents, f32, main, make_file

ANOTHER_USER = 54321  # whose only process is the one that is started here
STACKS = (48, 64, 96, 128, 512, 4096)  # KiB
MODEL = TESTDATA / "tiny-gpt2"
T5 = TESTDATA / "tiny-flan-t5"
PRESETS = ((), ("--preset", "q4"), ("--preset", "q8"), ("--granularity", "channel", "--axis", "1", "--range", "mse"), ("--range", "percentile:99"))


def limits(*pairs, user=None):
    """What a child does before it becomes octet."""
    def set_them():
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        for what, value in pairs:
            resource.setrlimit(what, (value, value))
    return set_them


@unittest.skipIf(os.environ.get("OCTET_SANITIZE"), "the sanitizers' runtime takes memory and threads of its own")
class ProcessLimits(OctetCase):
    def setUp(self):
        super().setUp()
        noise = [((i * 2654435761) % 4096) / 4096 - 0.5 for i in range(200_000)]
        make_file(self.dir / "large.safetensors", [f32("a", noise, [400, 500]), Tensor("d", "F64", [500, 400], bytes(1_600_000)),
                                                   Tensor("h", "F16", [500, 400], bytes(400_000)), f32("b", noise[:64])])

    def everything(self, check, **options):
        """Runs commands that start threads; check(run, made by it or None, as it should be) after each."""
        made = 0
        for preset in PRESETS:
            for threads in ("4", "1"):
                expected = self.dir / f"expected-{made}"
                self.octet("quantize", "large.safetensors", expected, *preset, "--threads", threads)
                run = self.run_octet("quantize", "large.safetensors", "made", *preset, "--threads", threads, "--quiet", **options)
                check(run, self.dir / "made", expected)
                shutil.rmtree(self.dir / "made", ignore_errors=True)
                made += 1
        self.octet("dequantize", "expected-2", "expected-back")
        check(self.run_octet("dequantize", "expected-2", "made", "--threads", "4", "--quiet", **options), self.dir / "made",
              self.dir / "expected-back")
        for command in (("verify", "expected-2", "--source", "large.safetensors"), ("compare", "large.safetensors", "expected-2"),
                        ("plan", "large.safetensors", "--max-size", "700kB"), ("inspect", "expected-2", "--sizes"),
                        ("generate", MODEL, "--prompt", "The", "--max-new-tokens", "3"),
                        ("generate", T5, "--prompt", "The", "--max-new-tokens", "3")):
            options_of = () if command[0] in ("inspect",) else ("--threads", "4")
            check(self.run_octet(*command, *options_of, **options), None, None)

    def assert_done(self, run, made, expected):
        self.assertEqual((run.code, run.err if made else ""), (0, ""), run.err)
        if made:
            self.assertEqual(contents(made), contents(expected))

    @needs_shim
    def test_no_thread_can_be_made(self):
        for fault in (f"thread:0:{errno.EAGAIN}", f"thread:2:{errno.EAGAIN}", f"thread:1:{errno.ENOMEM}"):
            with self.subTest(fault):
                self.everything(self.assert_done, env={"LD_PRELOAD": SHIM, "OCTET_FAULT": fault})
                for path in list(self.dir.glob("expected-*")) + [self.dir / "made"]:
                    shutil.rmtree(path, ignore_errors=True)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to be a user without other processes")
    def test_a_limit_of_processes(self):
        place = Path(tempfile.mkdtemp(prefix="octet-test-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, place)
        shutil.copy(BIN, place / "octet")
        shutil.copy(self.dir / "large.safetensors", place)
        os.chmod(place, 0o777)
        self.octet("quantize", "large.safetensors", "expected", "--threads", "4")
        run = subprocess.run([place / "octet", "quantize", "large.safetensors", "made", "--threads", "4", "--quiet"], cwd=place,
                             preexec_fn=limits((resource.RLIMIT_NPROC, 1), user=ANOTHER_USER), capture_output=True, text=True)
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))
        self.assertEqual(contents(place / "made"), contents(self.dir / "expected"))

    def test_a_stack_of_some_kilobytes(self):
        for kib in STACKS:
            with self.subTest(kib):
                self.everything(self.assert_done, preexec_fn=limits((resource.RLIMIT_STACK, kib << 10)))
                for path in list(self.dir.glob("expected-*")) + [self.dir / "made"]:
                    shutil.rmtree(path, ignore_errors=True)

    def test_a_pattern_that_recurses_has_the_stack_that_it_needs(self):
        make_file(self.dir / "name.safetensors", [f32("a" * 1024, [1, 2])])
        run = self.run_octet("inspect", "name.safetensors", "--tensors", "re:(a|b)*", "--sizes",
                             preexec_fn=limits((resource.RLIMIT_STACK, 64 << 10)))
        self.assertEqual((run.code, run.err), (0, ""))

    @needs_shim
    def test_a_small_stack_and_no_thread_is_one_line(self):
        run = self.run_octet("quantize", "large.safetensors", "made", env={"LD_PRELOAD": SHIM, "OCTET_FAULT": f"thread:0:{errno.EAGAIN}"},
                             preexec_fn=limits((resource.RLIMIT_STACK, 64 << 10)))
        self.assertEqual((run.code, run.out, run.err),
                         (4, "", "octet: the stack is limited to 64 kB, and the system has no thread with more to give; raise the "
                                 "limit (ulimit -s)\n"))
        self.assertFalse((self.dir / "made").exists())

    def test_little_address_space_is_done_or_a_line(self):
        codes = {}

        def check(run, made, expected):
            codes[run.code] = codes.get(run.code, 0) + 1
            if run.code == 0:
                return self.assert_done(run, made, expected)
            self.assertIn(run.code, (4, 5), run.err)
            self.assertRegex(run.err, r"\Aoctet: [^\n]*\n\Z")
            self.assertNotIn("internal error", run.err)
            if made:
                self.assertFalse(made.exists())

        for mib in (16, 20, 24, 40, 64, 96, 160, 256, 400):
            with self.subTest(mib):
                self.everything(check, preexec_fn=limits((resource.RLIMIT_AS, mib << 20)))
                for path in list(self.dir.glob("expected-*")) + [self.dir / "made"]:
                    shutil.rmtree(path, ignore_errors=True)
        print(f"exit codes with little address space: {codes}")
        self.assertGreater(codes[0], 20)
        self.assertGreater(codes[5], 20)


if __name__ == "__main__":
    main()
