"""Limits of the system and other runs: file sizes, open files, another file system, two runs at once, a source cut while it is read."""
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from octet_case import BIN, OctetCase, Tensor, contents, f32, main, make_file, make_sharded, snapshot


def limited(what, value):
    return lambda: resource.setrlimit(what, (value, value))


class Limits(OctetCase):
    def setUp(self):
        super().setUp()
        make_file(self.dir / "model.safetensors", [Tensor("w", "F32", [1 << 17], bytes(1 << 19)), f32("v", [1, 2, 3])])
        self.octet("quantize", "model.safetensors", "set")

    def assert_stopped(self, message, *arguments, **options):
        before = snapshot(self.dir)
        run = self.run_octet(*arguments, **options)
        self.assertEqual((run.code, run.out), (4, ""))
        self.assertRegex(run.err, rf"\Aoctet: {re.escape(str(self.dir))}/[^\n]*{message}\n\Z")
        self.assertEqual(snapshot(self.dir), before)

    def test_a_limit_of_file_sizes_is_an_error_and_no_signal(self):
        what = r"cannot reserve \d{3}\.\d kB \([\d,]+ bytes\): File too large; raise the limit of file sizes \(ulimit -f\) or choose another file system"
        for target, options in (("out", ()), ("set", ("--force",))):
            self.assert_stopped(what, "quantize", "model.safetensors", target, *options,
                                preexec_fn=limited(resource.RLIMIT_FSIZE, 100_000))
        self.assert_stopped(what, "dequantize", "set", "back.safetensors", preexec_fn=limited(resource.RLIMIT_FSIZE, 100_000))

    @unittest.skipIf(os.environ.get("OCTET_SANITIZE"), "the sanitizers' runtime opens files of its own")
    def test_a_limit_of_open_files_is_an_error(self):
        make_file(self.dir / "many.safetensors", [f32(f"t{i}", [i, 1]) for i in range(12)])
        make_sharded(self.dir / "many", self.dir / "many.safetensors", 12)
        before = snapshot(self.dir)
        for files in (6, 12, 16, 20):  # the sources do not fit, the targets do not, the last of them
            run = self.run_octet("quantize", "many", "out", preexec_fn=limited(resource.RLIMIT_NOFILE, files))
            self.assertEqual((run.code, run.out), (4, ""))
            self.assertRegex(run.err, r"\Aoctet: [^\n]*: Too many open files; raise the limit of open files \(ulimit -n\)\n\Z")
            self.assertEqual(snapshot(self.dir), before)
        self.octet("quantize", "many", "out", preexec_fn=limited(resource.RLIMIT_NOFILE, 64))

    @unittest.skipUnless(os.access("/dev/shm", os.W_OK), "no second file system")
    def test_a_target_on_another_file_system(self):
        other = Path(tempfile.mkdtemp(prefix="octet-test-", dir="/dev/shm"))
        self.addCleanup(shutil.rmtree, other)
        for options in ((), ("--force",)):
            self.octet("quantize", "model.safetensors", other / "out", *options)
            self.assertEqual(contents(other / "out"), contents(self.dir / "set"))
            self.assertEqual(os.listdir(other), ["out"])

    def large(self):
        """512 MiB of zeros that take no room, so that a run lasts."""
        header = b'{"w":{"dtype":"F32","shape":[134217728],"data_offsets":[0,536870912]}}'
        with open(self.dir / "large.safetensors", "wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + (1 << 29))
        process = subprocess.Popen([str(BIN), "quantize", "large.safetensors", "out", "--no-sync", "--quiet"], cwd=self.dir,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not list(self.dir.glob(".out.octet-building-*/model.octet.safetensors")) and process.poll() is None:
            time.sleep(0.0005)
        self.assertIsNone(process.poll())
        return process

    def test_of_two_runs_at_once_one_wins_and_the_other_says_so(self):
        first = self.large()
        second = self.run_octet("quantize", "model.safetensors", "out")
        self.assertIsNone(first.poll(), "the first run was over too early to be a test")
        self.assertEqual((second.code, second.out, second.err), (4, "", f"octet: {self.dir}/out: another run of octet is writing "
                                                                 "it; wait for that run or choose another target\n"))
        self.assertEqual(first.communicate(), (b"", b""))
        self.assertEqual(first.returncode, 0)
        self.octet("inspect", "out")
        self.assertEqual(list(self.dir.glob(".out.octet-*")), [])

    def test_a_source_that_is_cut_while_it_is_read(self):
        run = self.large()
        os.truncate(self.dir / "large.safetensors", 1 << 20)
        out, err = run.communicate()
        self.assertEqual((run.returncode, out), (4, b""))
        self.assertRegex(err.decode(), r"\Aoctet: large.safetensors: ended at byte [\d,]+ of 536,870,\d\d\d while it was read; let "
                                       r"nothing write to it and try again\n\Z")
        self.assertEqual([name for name in os.listdir(self.dir) if "out" in name], [])


if __name__ == "__main__":
    main()
