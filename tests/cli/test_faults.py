"""Every n-th system call fails, of every kind: the documented exit code, one line, and the place as it was before (after the decisive
rename: the new set whole). Interrupted calls and short reads and writes change nothing at all."""
import errno
import os
import unittest

import gguf_files as g
from faults import INNER, NO_EXCHANGE, FaultCase, in_own_namespace, mount_tmpfs, needs_shim
from octet_case import contents, main, snapshot

FAILURES = {"open": (errno.EMFILE, errno.EACCES), "read": (errno.EIO,), "map": (errno.ENOMEM,), "write": (errno.ENOSPC,),
            "reserve": (errno.ENOSPC, errno.EFBIG), "sync": (errno.EIO,), "rename": (errno.EIO,), "remove": (errno.EIO,),
            "mkdir": (errno.EACCES,), "lock": (errno.ENOLCK,), "look": (errno.EIO,)}
NUISANCES = {"open": (errno.EINTR,), "read": (errno.EINTR, "short"), "write": (errno.EINTR, "short"), "reserve": (errno.EINTR,),
             "sync": (errno.EINTR,), "lock": (errno.EINTR,)}
QUANTIZE = ("quantize", "new", "place/set", "--force", "--quiet", "--threads", "1")


class Sweep(FaultCase):
    def each(self, actions, before, arguments, env):
        """Runs once for each call and action, from the state `before`; yields what was done and the run."""
        self.reset(before)
        counts = self.counts(*arguments, env=env)
        for kind, its_actions in actions.items():
            for action in its_actions:
                for number in range(1, counts[kind] + 1):
                    self.reset(before)
                    fault = f"{kind}:{number}:{action}"
                    yield fault, self.with_fault(fault, *arguments, env=env)

    def sweep_failures(self, before, env=None):
        committed = runs = 0
        for fault, run in self.each(FAILURES, before, QUANTIZE, env):
            runs += 1
            with self.subTest(fault, before=before):
                # Not mapped: read in the other way. No list of files to be removed: rmdir() shows that there are none.
                if fault.startswith("map:") or (fault.startswith(("open:", "read:", "look:")) and run.code == 0):
                    self.assertEqual((run.code, run.err, self.standing(), self.hidden()), (0, "", "new", []))
                    continue
                self.assertEqual((run.code, run.out), (4, ""))
                self.assertRegex(run.err, r"\Aoctet: [^\n]*: [^\n]*; [^\n]*\n\Z")
                if self.standing() == "new":
                    committed += 1
                    self.assertRegex(run.err, "the new (set is|files are) whole, but ")
                    self.assertEqual(self.octet("verify", self.target).err, "")
                    self.assert_mended(bool(self.hidden()))
                else:
                    self.assertEqual((self.standing(), self.hidden()), (before, []))
                    self.assertNotIn("whole", run.err)
                    self.assertEqual(self.target.exists(), before is not None or os.path.ismount(self.target))
        return runs, committed

    def sweep_nuisances(self, before, env=None):
        runs = 0
        for fault, run in self.each(NUISANCES, before, QUANTIZE, env):
            runs += 1
            with self.subTest(fault, before=before):
                self.assertEqual((run.code, run.err, self.standing(), self.hidden()), (0, "", "new", []))
        return runs


@needs_shim
class Quantize(Sweep):
    def test_every_call_fails(self):
        total = 0
        for name, before, env in (("no set", None, None), ("an old set", "old", None), ("no exchange", "old", NO_EXCHANGE)):
            runs, committed = self.sweep_failures(before, env)
            print(f"{name}: {runs} failures, {committed} of them after the decisive rename")
            self.assertGreater(committed, 0)
            self.assertGreater(runs, committed + 50)
            total += runs
        self.assertGreater(total, 250)

    def test_interrupted_and_short_calls_change_nothing(self):
        runs = self.sweep_nuisances(None) + self.sweep_nuisances("old") + self.sweep_nuisances("old", NO_EXCHANGE)
        print(f"{runs} interrupted or short calls")
        self.assertGreater(runs, 150)

    def test_the_shim_does_what_it_says(self):
        run = self.with_fault("write:1:5", *QUANTIZE)
        self.assertRegex(run.err, "cannot write: Input/output error; check the disk and try again")
        self.assertEqual(self.with_fault("any:1:kill", *QUANTIZE).code, -9)


@needs_shim
class Dequantize(Sweep):
    def sweep(self, target, before, *options, source="expected-new"):
        """`before`: bytes of the file that stands there, or None; a folder gets what the first clean run gave it."""
        path = self.place / target
        arguments = ("dequantize", source, path, "--quiet", "--threads", "1", *options)
        runs = 0

        def restore():
            self.reset(None)
            if before is not None:
                path.write_bytes(before)

        restore()
        counts = self.counts(*arguments)
        expected = snapshot(self.place)
        restore()
        nothing = snapshot(self.place)
        for kind in FAILURES:
            for number in range(1, counts[kind] + 1):
                restore()
                fault = f"{kind}:{number}:{FAILURES[kind][0]}"
                run = self.with_fault(fault, *arguments)
                runs += 1
                with self.subTest(fault, target=target):
                    if kind in ("map", "remove", "look") and run.code == 0:
                        self.assertEqual((run.err, snapshot(self.place)), ("", expected))
                        continue
                    self.assertEqual((run.code, run.out), (4, ""))
                    self.assertRegex(run.err, r"\Aoctet: [^\n]*: [^\n]*; [^\n]*\n\Z")
                    whole = "the new files are whole" in run.err
                    # What cannot be removed stays for the next run, and no more than that.
                    found = {name: entry for name, entry in snapshot(self.place).items() if ".octet-" not in name}
                    self.assertEqual(found, expected if whole else nothing)
                    self.assertTrue(whole or found == snapshot(self.place))
                    self.octet(*arguments, *(("--force",) if whole and "--force" not in options else ()))
                    self.assertEqual(snapshot(self.place), expected)
        return runs

    def test_every_call_fails(self):
        runs = self.sweep("back.safetensors", None) + self.sweep("back", None) + \
            self.sweep("back.safetensors", b"mine", "--force")
        print(f"{runs} failures")
        self.assertGreater(runs, 90)

    def test_every_call_fails_of_a_gguf_file(self):
        tensors = [(f"blk.{i}.ffn_up.weight", [40, 64], g.TYPE_Q8_0, g.random_blocks(g.TYPE_Q8_0, 2560, i)) for i in range(2)]
        (self.dir / "m.gguf").write_bytes(g.gguf(tensors + [("x", [3], g.TYPE_F32, bytes(12))], [("general.architecture", g.STRING, "gpt2")]))
        runs = self.sweep("back", None, "--like", "new", source="m.gguf") + \
            self.sweep("back.safetensors", b"mine", "--force", source="m.gguf")
        print(f"{runs} failures with a GGUF file")
        self.assertGreater(runs, 60)


@needs_shim
@unittest.skipUnless(os.environ.get(INNER), "runs in a mount namespace of its own")
class MountPoint(Sweep):
    """The output folder is the root of a file system: everything happens inside it."""

    def setUp(self):
        super().setUp()
        mount_tmpfs(self, self.target)

    def test_every_call_fails(self):
        for before in (None, "old"):
            runs, committed = self.sweep_failures(before)
            print(f"mount point, {before or 'empty'}: {runs} failures, {committed} of them after the decisive rename")
            self.assertGreater(runs, committed + 50)
            self.assertGreater(committed, 0)

    def test_interrupted_and_short_calls_change_nothing(self):
        self.assertGreater(self.sweep_nuisances("old"), 50)
        self.assertEqual(contents(self.target), contents(self.dir / "expected-new"))


@needs_shim
class OwnNamespace(unittest.TestCase):
    @unittest.skipIf(os.environ.get(INNER), "this is it")
    def test_a_mount_point_in_a_namespace_of_its_own(self):
        in_own_namespace(self, __file__, "MountPoint", 2)


def load_tests(loader, tests, pattern):
    """Leaves out the half that belongs on the other side of the namespace."""
    cases = (MountPoint,) if os.environ.get(INNER) else (Quantize, Dequantize, OwnNamespace)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


if __name__ == "__main__":
    main()
