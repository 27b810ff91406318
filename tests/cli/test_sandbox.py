"""What a hostile file could make octet do: nothing but read its input and write its output. At the first read of data the test's own code in the
process (tests/faults) tries to read and write elsewhere, to make a socket, to start a program."""
import ctypes
import errno
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from faults import SHIM, needs_shim
from octet_case import BIN, TESTDATA, OctetCase, contents, f32, main, make_file, make_sharded

DENIED = f"escape: read {errno.EACCES} write {errno.EACCES} socket {errno.EPERM} exec {errno.EPERM}\n"


def kernel_can():
    """Landlock's second version, and seccomp."""
    create_ruleset, version_flag = 444, 1
    version = ctypes.CDLL(None).syscall(create_ruleset, None, ctypes.c_size_t(0), version_flag)
    return version >= 2 and os.path.exists("/proc/sys/kernel/seccomp")


@needs_shim
@unittest.skipUnless(kernel_can(), "this kernel has no Landlock or no seccomp")
class Sandbox(OctetCase):
    def setUp(self):
        super().setUp()
        self.secrets = Path(tempfile.mkdtemp(prefix="octet-test-"))  # not where a set lies: one that is replaced comes from there
        self.addCleanup(shutil.rmtree, self.secrets)
        self.secret = self.secrets / "key"
        self.secret.write_text("secret")
        (self.dir / "in").mkdir()
        make_file(self.dir / "in" / "model.safetensors", [f32("a", [i / 7 for i in range(500)])])
        (self.dir / "place").mkdir()
        self.env = {"LD_PRELOAD": SHIM, "OCTET_FAULT_ESCAPE": str(self.secret), "OCTET_READER": "pread"}

    def test_every_command_is_confined(self):
        self.octet("quantize", "in", "place/set")
        gpt2, t5 = TESTDATA / "tiny-gpt2", TESTDATA / "tiny-flan-t5"
        for command in (("quantize", "in", "place/set", "--force"), ("quantize", "in/model.safetensors", "place/other"),
                        ("plan", "in"), ("verify", "place/set"), ("quantize", "in", "place/more", "--report", "place/r.md", "--report=r.html"),
                        ("verify", "place/set", "--source", "in"), ("inspect", "place/set"),
                        ("compare", "in", "place/set"), ("dequantize", "place/set", "place/back"),
                        ("dequantize", "place/set", "place/back.safetensors", "--sha256"),
                        ("generate", gpt2, "--prompt", "The", "--max-new-tokens", "2"),
                        ("generate", t5, "--prompt", "The", "--max-new-tokens", "2")):
            with self.subTest(command[0]):
                run = self.run_octet(*command, env=self.env)
                self.assertEqual(run.code, 0, run.err)
                self.assertIn(DENIED, run.err)
        self.assertEqual(os.listdir(self.secrets), ["key"])

    def test_no_sandbox(self):
        """The process becomes the program that it may start, and says nothing more."""
        run = self.run_octet("inspect", "in", "--no-sandbox", env=self.env)
        self.assertEqual((run.code, run.out, run.err), (0, "", ""))
        self.assertEqual(sorted(os.listdir(self.secrets)), ["key", "key.escaped"])

    def test_paths_of_all_kinds_work(self):
        """Relative, absolute, through links, in the hub's cache, as option=path, from standard input."""
        expected = None
        cache = self.dir / "models--x--y"
        (cache / "blobs").mkdir(parents=True)
        (cache / "snapshots" / "1").mkdir(parents=True)
        shutil.copy(self.dir / "in" / "model.safetensors", cache / "blobs" / "abc")
        (cache / "snapshots" / "1" / "model.safetensors").symlink_to("../../blobs/abc")
        (self.dir / "elsewhere").mkdir()
        shutil.copy(self.dir / "in" / "model.safetensors", self.dir / "elsewhere" / "weights")
        (self.dir / "linked").mkdir()
        (self.dir / "linked" / "model.safetensors").symlink_to(self.dir / "elsewhere" / "weights")
        (self.dir / "way").symlink_to("in")
        (self.dir / "rules").write_text("a = u8\n")
        for source in ("in", "./in/", self.dir / "in", "in/model.safetensors", "way", cache / "snapshots" / "1", "linked"):
            for options in ((), ("--rule=a=u8",)):
                out = self.dir / "place" / "made"
                self.octet("quantize", source, out, *options)
                found = contents(out)["model.octet.safetensors"]
                expected = expected or found
                self.assertEqual(found, expected)
                shutil.rmtree(out)
        (self.dir / "place" / "link").symlink_to("../elsewhere")
        self.octet("quantize", "in", self.dir / "place" / "link" / "set")
        self.assertTrue((self.dir / "elsewhere" / "set").exists())
        done = subprocess.run([BIN, "generate", TESTDATA / "tiny-gpt2", "--prompt-file", "/dev/stdin", "--max-new-tokens", "2"],
                              input="The quick", capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        (self.dir / "prompt").write_text("The quick")
        with open(self.dir / "prompt") as prompt:
            again = subprocess.run([BIN, "generate", TESTDATA / "tiny-gpt2", "--prompt-file", "/dev/stdin", "--max-new-tokens", "2"],
                                   stdin=prompt, capture_output=True, text=True)
        self.assertEqual((again.returncode, again.stderr, again.stdout.splitlines()[0]), (0, "", done.stdout.splitlines()[0]))


if __name__ == "__main__":
    main()
