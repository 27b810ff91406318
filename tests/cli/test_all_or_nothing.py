"""Output is whole or not there: replacing, leftovers of killed runs, locks, modes, folders that cannot be written, full disks."""
import ctypes
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import unittest

from octet_case import BIN, DATA_FILE, SIDECAR, OctetCase, Tensor, contents, f32, main, make_file, snapshot, umask

NOBODY = 65534
INNER = "OCTET_TEST_INNER"  # set where the test runs again in a mount namespace of its own


class Replace(OctetCase):
    def setUp(self):
        super().setUp()
        for name, values in (("one", [1, 2, 3]), ("two", [4, 9])):
            make_file(self.dir / f"{name}.safetensors", [f32("w", values)])
            self.octet("quantize", f"{name}.safetensors", f"expected-{name}")
        self.one, self.two = contents(self.dir / "expected-one"), contents(self.dir / "expected-two")

    def test_force_replaces_the_whole_set(self):
        (self.dir / "model").mkdir()
        shutil.copy(self.dir / "one.safetensors", self.dir / "model" / "model.safetensors")
        (self.dir / "model" / "config.json").write_text("{}")
        self.octet("quantize", "model", "set")
        before = set(os.listdir(self.dir))
        inode = (self.dir / "set").stat().st_ino
        self.octet("quantize", "two.safetensors", "set", "--force")
        self.assertEqual(contents(self.dir / "set"), self.two)
        self.assertEqual(set(os.listdir(self.dir)), before)
        self.assertNotEqual((self.dir / "set").stat().st_ino, inode)  # another folder took its place in one step

    def test_a_reader_never_sees_anything_but_a_whole_set(self):
        self.octet("quantize", "one.safetensors", "set")
        runs = "for i in 1 2 3 4 5 6 7 8; do for m in two one; do " \
               f"'{BIN}' quantize $m.safetensors set --force --quiet --no-sync || exit 1; done; done"
        writer = subprocess.Popen(["bash", "-c", runs], cwd=self.dir)
        seen = 0
        while writer.poll() is None:
            folder = os.open(self.dir / "set", os.O_RDONLY)  # the folder that has the name at this moment
            try:
                found = {name: self.read_at(folder, name) for name in (DATA_FILE, SIDECAR)}
                if None not in found.values():  # None: it was replaced and removed while it was read
                    self.assertIn(found, (self.one, self.two))
                    seen += 1
            finally:
                os.close(folder)
        self.assertEqual(writer.returncode, 0)
        self.assertGreater(seen, 0)

    @staticmethod
    def read_at(folder, name):
        try:
            with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=folder), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def test_a_run_that_fails_leaves_the_old_set(self):
        self.octet("quantize", "one.safetensors", "set")
        make_file(self.dir / "bad.safetensors", [f32("w", [float("nan")])])
        self.assert_refused(3, "bad.safetensors: tensor 'w' holds nan at [0], which is not a finite float32; "
                               "--on-non-finite keep copies such tensors", "quantize", "bad.safetensors", "set", "--force")

    def test_modes_follow_the_umask(self):
        for mask in (0o022, 0o077, 0o002):
            with umask(mask):
                self.octet("quantize", "one.safetensors", f"set{mask:o}")
                self.octet("dequantize", f"set{mask:o}", f"back{mask:o}.safetensors")
                self.octet("dequantize", f"set{mask:o}", f"back{mask:o}")
            for path in (f"set{mask:o}", f"back{mask:o}"):
                self.assertEqual(stat.S_IMODE((self.dir / path).stat().st_mode), 0o777 & ~mask)
            files = [*(self.dir / f"set{mask:o}").iterdir(), *(self.dir / f"back{mask:o}").iterdir(),
                     self.dir / f"back{mask:o}.safetensors"]
            self.assertEqual({stat.S_IMODE(path.stat().st_mode) for path in files}, {0o666 & ~mask})

    def test_leftovers_of_a_killed_run_are_removed_with_a_note(self):
        for target, arguments in (("set", ("quantize", "one.safetensors", "set")),
                                  ("back.safetensors", ("dequantize", "expected-one", "back.safetensors"))):
            leftover = self.dir / f".{target}.octet-building"
            leftover.mkdir()
            (leftover / DATA_FILE).write_bytes(b"half")
            run = self.octet(*arguments)
            self.assertEqual(run.err, f"octet: removed what an interrupted run had left in {leftover}\n")
            self.assertFalse(leftover.exists())
        self.assertEqual(contents(self.dir / "set"), self.one)

    def test_a_run_that_was_really_killed(self):
        with open(self.dir / "large.safetensors", "wb") as file:
            header = b'{"w":{"dtype":"F32","shape":[268435456],"data_offsets":[0,1073741824]}}'
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + (1 << 30))
        self.octet("quantize", "one.safetensors", "set")
        process = subprocess.Popen([str(BIN), "quantize", "large.safetensors", "set", "--force", "--quiet"], cwd=self.dir)
        building = self.dir / ".set.octet-building"
        while not building.exists() and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        self.assertEqual(process.wait(), -signal.SIGKILL)
        self.assertTrue(building.exists())
        self.assertEqual(contents(self.dir / "set"), self.one)
        self.assertIn("removed what an interrupted run had left", self.octet("quantize", "two.safetensors", "set", "--force").err)
        self.assertFalse(building.exists())
        self.assertEqual(contents(self.dir / "set"), self.two)

    def test_a_second_run_at_once_is_refused(self):
        building = self.dir / ".set.octet-building"
        building.mkdir()
        descriptor = os.open(building, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self.assert_refused(4, f"{self.dir}/set: another run of octet is writing it; wait for that run or choose another "
                                   "target", "quantize", "one.safetensors", "set")
        finally:
            os.close(descriptor)
        self.octet("quantize", "one.safetensors", "set")


class ReadOnly(OctetCase):
    """As a user who is not root: nobody, or whoever runs the test."""

    @staticmethod
    def nobody():
        if os.geteuid() != 0:
            return
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    def setUp(self):
        super().setUp()
        make_file(self.dir / "m.safetensors", [f32("w", [1, 2, 3])])
        self.program = shutil.copy(BIN, self.dir / "octet")  # the build may lie where nobody may look
        self.locked = self.dir / "locked"
        (self.locked / "own").mkdir(parents=True)
        if os.geteuid() == 0:
            os.chown(self.locked / "own", NOBODY, NOBODY)
        self.locked.chmod(0o555)
        self.addCleanup(self.locked.chmod, 0o755)
        self.dir.chmod(0o755)
        self.octet("quantize", "m.safetensors", "set")

    def test_a_parent_that_cannot_be_written(self):
        cure = "Permission denied; check the permissions of the file and its folder"
        for target, arguments in (("out", ("quantize", "m.safetensors", "locked/out")),
                                  ("out", ("dequantize", "set", "locked/out")),
                                  ("out.safetensors", ("dequantize", "set", "locked/out.safetensors"))):
            self.assert_refused(4, f"{self.dir}/locked/{target}: cannot create the hidden folder '.{target}.octet-building': {cure}", *arguments,
                                program=self.program, preexec_fn=self.nobody)

    def test_a_folder_of_ones_own_in_such_a_parent_works(self):
        own = self.locked / "own"
        as_nobody = {"program": self.program, "preexec_fn": self.nobody}
        self.octet("quantize", "m.safetensors", "locked/own", **as_nobody)
        self.assertEqual(contents(own), contents(self.dir / "set"))
        make_file(self.dir / "m.safetensors", [f32("other", [7, 8])])
        self.octet("quantize", "m.safetensors", "locked/own", "--force", **as_nobody)
        self.octet("quantize", "m.safetensors", "expected")
        self.assertEqual(contents(own), contents(self.dir / "expected"))
        self.assertEqual(os.listdir(self.locked), ["own"])

    def test_input_that_cannot_be_read(self):
        (self.dir / "m.safetensors").chmod(0o200)
        self.assert_refused(4, "m.safetensors: cannot open: Permission denied; check the permissions of the file and its folder",
                            "inspect", "m.safetensors", program=self.program, preexec_fn=self.nobody)

    def test_a_set_in_a_folder_that_may_not_be_searched_is_not_taken_for_none(self):
        (self.dir / "set").chmod(0o600)
        if os.geteuid() == 0:
            os.chown(self.dir / "set", NOBODY, NOBODY)
        for command in ("verify", "inspect"):
            for path in ("set", f"set/{SIDECAR}", f"set/{DATA_FILE}"):
                run = self.run_octet(command, path, program=self.program, preexec_fn=self.nobody)
                self.assertEqual((run.code, run.out), (4, ""), run.err)
                self.assertRegex(run.err, r"\Aoctet: set/\S+: cannot (look for|open): Permission denied; check the permissions of .+\n\Z")
        self.assert_refused(4, f"set/{SIDECAR}: cannot look for: Permission denied; check the permissions of the file and its folder",
                            "dequantize", "set", "back", program=self.program, preexec_fn=self.nobody)


@unittest.skipUnless(os.environ.get(INNER), "runs in a mount namespace of its own")
class SmallDisk(OctetCase):
    """A tmpfs of 1 MiB, as a folder to write into and as the output folder itself."""

    def setUp(self):
        super().setUp()
        self.disk = self.dir / "disk"
        self.disk.mkdir()
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"tmpfs", str(self.disk).encode(), b"tmpfs", 0, b"size=1m,mode=755") != 0:
            raise OSError(ctypes.get_errno(), "mount")
        self.addCleanup(libc.umount2, str(self.disk).encode(), 2)
        noise = bytes(i * i % 251 for i in range(1 << 12))
        make_file(self.dir / "large.safetensors", [Tensor("w", "U8", [len(noise) * 400], noise * 400)])
        make_file(self.dir / "small.safetensors", [f32("w", [1, 2, 3])])
        make_file(self.dir / "other.safetensors", [f32("other", [4, 9])])
        for name in ("large", "small", "other"):
            self.octet("quantize", f"{name}.safetensors", f"expected-{name}")

    def assert_full(self, *arguments):
        before = snapshot(self.dir)
        run = self.run_octet(*arguments)
        self.assertRegex(run.err, rf"\Aoctet: {self.dir}/{arguments[2]}: needs 1\.63\d MB \(1,63\d,\d\d\d bytes\), and its file "
                                  r"system has (1\.0\d\d MB|9\d\d\.\d kB) \([\d,]* bytes\) free; free some space or choose "
                                  r"another target\n\Z")
        self.assertEqual((run.code, run.out), (4, ""))
        self.assertEqual(snapshot(self.dir), before)

    def test_a_full_disk_leaves_nothing(self):
        self.assert_full("quantize", "large.safetensors", "disk/out")
        self.assert_full("dequantize", "expected-large", "disk/out")
        self.assert_full("dequantize", "expected-large", "disk/out.safetensors")
        self.octet("quantize", "small.safetensors", "disk/out")
        self.assert_full("quantize", "large.safetensors", "disk/out", "--force")
        self.octet("quantize", "other.safetensors", "disk/out", "--force")
        self.assertEqual(contents(self.disk / "out"), contents(self.dir / "expected-other"))

    def test_a_mount_point_as_output_folder(self):
        self.assert_full("quantize", "large.safetensors", "disk")
        self.assert_full("dequantize", "expected-large", "disk")
        self.octet("quantize", "small.safetensors", "disk")
        self.assertEqual(contents(self.disk), contents(self.dir / "expected-small"))
        self.assert_full("quantize", "large.safetensors", "disk", "--force")
        self.octet("quantize", "other.safetensors", "disk", "--force")
        self.assertEqual(contents(self.disk), contents(self.dir / "expected-other"))
        self.assertEqual(set(os.listdir(self.disk)), {DATA_FILE, SIDECAR})

    def test_a_killed_exchange_is_mended(self):
        old, new = self.dir / "expected-small", self.dir / "expected-other"
        for state, left, expected in (
                ("moving the old files away", {".octet-saving": [(old, SIDECAR)], "": [(old, DATA_FILE)],
                                               ".octet-new": [(new, DATA_FILE), (new, SIDECAR)]}, old),
                ("moving the new files in", {".octet-new": [(new, SIDECAR)], "": [(new, DATA_FILE)],
                                             ".octet-old": [(old, DATA_FILE), (old, SIDECAR)]}, new),
                ("removing the old files", {".octet-old": [(old, DATA_FILE)], "": [(new, DATA_FILE), (new, SIDECAR)]}, new),
                ("building", {".octet-building": [(new, DATA_FILE)], "": [(old, DATA_FILE), (old, SIDECAR)]}, old)):
            with self.subTest(state):
                for folder, files in left.items():
                    (self.disk / folder).mkdir(exist_ok=True)
                    for source, name in files:
                        shutil.copy(source / name, self.disk / folder / name)
                run = self.run_octet("quantize", "small.safetensors", "disk")  # mends first, then finds a set
                self.assertEqual(run.code, 2)
                self.assertRegex(run.err, rf"\Aoctet: (removed|put back|completed) [^\n]*{self.disk}[^\n]*\n"
                                          r"octet: disk: holds a set already; --force replaces it\n\Z")
                self.assertEqual(contents(self.disk), contents(expected))
                self.assertEqual(set(os.listdir(self.disk)), {DATA_FILE, SIDECAR})
                for path in self.disk.iterdir():
                    path.unlink()


class OwnNamespace(unittest.TestCase):
    @unittest.skipIf(os.environ.get(INNER), "this is it")
    def test_small_disks_in_a_mount_namespace_of_their_own(self):
        unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        probe = [*unshare, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
        if not shutil.which("unshare") or subprocess.run(probe, stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("mount namespaces are not allowed here")
        done = subprocess.run([*unshare, sys.executable, __file__, "SmallDisk"], env={**os.environ, INNER: "1"},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("Ran 3 tests", done.stdout)


def load_tests(loader, tests, pattern):
    """Leaves out the half that belongs on the other side of the namespace."""
    cases = (SmallDisk,) if os.environ.get(INNER) else (Replace, ReadOnly, OwnNamespace)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


if __name__ == "__main__":
    main()
