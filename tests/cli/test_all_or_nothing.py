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

    def test_a_hidden_folder_that_no_journal_names_is_left_alone_with_a_note(self):
        for target, arguments in (("set", ("quantize", "one.safetensors", "set")),
                                  ("back.safetensors", ("dequantize", "expected-one", "back.safetensors"))):
            planted = self.dir / f".{target}.octet-building"
            planted.mkdir()
            (planted / DATA_FILE).write_bytes(b"half")
            run = self.octet(*arguments)
            self.assertEqual(run.err, f"octet: {planted} is not known as octet's own, as no journal names it; it was left alone\n")
            self.assertEqual(contents(planted), {DATA_FILE: b"half"})
        self.assertEqual(contents(self.dir / "set"), self.one)

    def test_a_run_that_was_really_killed(self):
        with open(self.dir / "large.safetensors", "wb") as file:
            header = b'{"w":{"dtype":"F32","shape":[268435456],"data_offsets":[0,1073741824]}}'
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + (1 << 30))
        self.octet("quantize", "one.safetensors", "set")
        process = subprocess.Popen([str(BIN), "quantize", "large.safetensors", "set", "--force", "--quiet"], cwd=self.dir)
        while not list(self.dir.glob(".set.octet-building-*/*")) and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        self.assertEqual(process.wait(), -signal.SIGKILL)
        self.assertEqual(len(list(self.dir.glob(".set.octet-*"))), 2)  # the folder and the journal
        self.assertEqual(contents(self.dir / "set"), self.one)
        self.assertIn("removed what an interrupted run had left", self.octet("quantize", "two.safetensors", "set", "--force").err)
        self.assertEqual(list(self.dir.glob(".set.octet-*")), [])
        self.assertEqual(contents(self.dir / "set"), self.two)

    def test_a_second_run_at_once_is_refused(self):
        descriptor = os.open(self.dir / ".set.octet-journal", os.O_RDWR | os.O_CREAT, 0o600)
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
            self.assert_refused(4, f"{self.dir}/locked/{target}: cannot create the hidden file '.{target}.octet-journal': {cure}", *arguments,
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

    @unittest.skipUnless(os.geteuid() == 0, "needs root to make another user's files")
    def test_another_users_set_in_a_shared_folder_is_refused_before_anything_is_built(self):
        shared = self.dir / "shared"
        shared.mkdir()
        shared.chmod(0o1777)
        shutil.copytree(self.dir / "set", shared / "out")
        os.chown(shared / "out", 12345, 12345)
        as_nobody = {"program": self.program, "preexec_fn": self.nobody}
        for mode in (0o755, 0o777):
            (shared / "out").chmod(mode)
            run = self.run_octet("quantize", "m.safetensors", "shared/out", "--force", **as_nobody)
            if mode == 0o755:
                self.assertEqual((run.code, run.err), (4, f"octet: {shared}/out: belongs to user 12345, and you may not replace it; "
                                                          "choose another target\n"))
            else:  # whoever may change the folder may replace the files in it
                self.assertEqual((run.code, run.err), (0, ""))
            self.assertEqual(contents(shared / "out"), contents(self.dir / "set"))
            self.assertEqual(os.listdir(shared), ["out"])

    def test_a_folder_that_takes_new_files_only_is_refused_before_anything_is_built(self):
        only_new = self.dir / "only-new"
        only_new.mkdir()
        if not shutil.which("chattr") or subprocess.run(["chattr", "+a", only_new], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("chattr +a does not work here")
        self.addCleanup(subprocess.run, ["chattr", "-a", only_new])
        for arguments in (("quantize", "m.safetensors", "only-new/out"), ("dequantize", "set", "only-new/out"),
                          ("dequantize", "set", "only-new/out.safetensors"), ("quantize", "m.safetensors", "only-new")):
            run = self.run_octet(*arguments)
            self.assertEqual(run.code, 4)
            self.assertRegex(run.err, r"\Aoctet: [^\n]*: takes new files only \(it is append-only or immutable\)[^\n]*\n\Z")
            self.assertEqual(os.listdir(only_new), [])

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

    def test_an_old_set_in_the_lower_layer_of_an_overlay_is_replaced(self):
        """As in a container, whose image holds the set: overlayfs cannot exchange such a folder."""
        for name in ("lower", "upper", "work"):
            (self.disk / name).mkdir()
        merged = self.dir / "merged"
        merged.mkdir()
        shutil.copytree(self.dir / "expected-small", self.disk / "lower" / "out")
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"lowerdir={self.disk}/lower,upperdir={self.disk}/upper,workdir={self.disk}/work".encode()
        if libc.mount(b"overlay", str(merged).encode(), b"overlay", 0, options) != 0:
            self.skipTest(f"no overlayfs here: {os.strerror(ctypes.get_errno())}")
        self.addCleanup(libc.umount2, str(merged).encode(), 2)
        self.octet("quantize", "other.safetensors", "merged/out", "--force")
        self.assertEqual(contents(merged / "out"), contents(self.dir / "expected-other"))
        self.assertEqual(os.listdir(merged), ["out"])

    def test_a_planted_set_of_a_killed_run_is_neither_installed_nor_removed(self):
        old = self.dir / "expected-small"
        for folder in (".octet-saving", ".octet-new", ".octet-old", ".octet-building", ".octet-building-00000000"):
            with self.subTest(folder):
                shutil.copytree(old, self.disk / folder)
                before = snapshot(self.disk)
                self.assert_refused(2, f"disk: is not empty ({folder}) and holds no set; name a new or empty folder", "quantize",
                                    "other.safetensors", "disk", "--force")
                self.assertEqual(snapshot(self.disk), before)
                shutil.rmtree(self.disk / folder)


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
        self.assertIn("Ran 4 tests", done.stdout)
        print(done.stdout)


def load_tests(loader, tests, pattern):
    """Leaves out the half that belongs on the other side of the namespace."""
    cases = (SmallDisk,) if os.environ.get(INNER) else (Replace, ReadOnly, OwnNamespace)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


if __name__ == "__main__":
    main()
