"""SIGKILL at every system call: the old set stands, or the new one, or nothing where there was nothing; verify passes; the next run
removes what was left and says so."""
import os
import signal
import unittest

from faults import INNER, NO_EXCHANGE, FaultCase, in_own_namespace, mount_tmpfs, needs_shim
from octet_case import main, snapshot


class EveryStep(FaultCase):
    def kill_everywhere(self, before, env=None, fallback=False):
        """Returns how often each set (or None) stood after the kill."""
        arguments = ("quantize", "new", "place/set", "--force", "--quiet", "--threads", "1")
        self.reset(before)
        steps = self.counts(*arguments, env=env)["any"]
        seen = {"old": 0, "new": 0, None: 0}
        for step in range(1, steps + 1):
            self.reset(before)
            run = self.with_fault(f"any:{step}:kill", *arguments, env=env)
            with self.subTest(step, before=before, fallback=fallback):
                self.assertEqual((run.code, run.out, run.err), (-signal.SIGKILL, "", ""))
                standing, left = self.standing(), self.hidden()
                self.assertIn(standing, (before, "new", None) if fallback else (before, "new"))
                seen[standing] += 1
                if standing:
                    self.assertEqual(self.octet("verify", self.target).err, "")
                elif fallback and before:
                    found = self.run_octet("verify", self.target)
                    self.assertEqual(found.code, 1)
                    self.assertIn("an interrupted run left the set half replaced", found.out)
                elif not fallback:
                    self.assertEqual(self.target.exists(), os.path.ismount(self.target))
                if fallback and standing != before:  # a run that is refused changes nothing
                    everything = snapshot(self.place)
                    self.assertEqual(self.run_octet("quantize", "old", self.target).code, 2)
                    self.assertEqual(snapshot(self.place), everything)
                self.assert_mended(bool(left))
        print(f"killed at each of {steps} calls, before: {before}, fallback: {fallback}; stood after it: {seen}")
        return seen


@needs_shim
class Steps(EveryStep):
    def test_a_kill_at_any_step_without_a_set(self):
        seen = self.kill_everywhere(None)
        self.assertTrue(seen[None] > 20 and seen["new"] > 0)

    def test_a_kill_at_any_step_over_an_old_set(self):
        seen = self.kill_everywhere("old")
        self.assertTrue(seen["old"] > 20 and seen["new"] > 0 and seen[None] == 0)

    def test_a_kill_at_any_step_where_folders_cannot_be_exchanged(self):
        seen = self.kill_everywhere("old", NO_EXCHANGE, fallback=True)
        self.assertTrue(seen["old"] > 20 and seen["new"] > 0 and seen[None] > 0)


@needs_shim
@unittest.skipUnless(os.environ.get(INNER), "runs in a mount namespace of its own")
class MountPoint(EveryStep):
    def test_a_kill_at_any_step_in_a_mount_point(self):
        mount_tmpfs(self, self.target)
        seen = self.kill_everywhere("old", fallback=True)
        self.assertTrue(seen["old"] > 20 and seen["new"] > 0 and seen[None] > 0)
        self.kill_everywhere(None, fallback=True)


@needs_shim
class OwnNamespace(unittest.TestCase):
    @unittest.skipIf(os.environ.get(INNER), "this is it")
    def test_a_mount_point_in_a_namespace_of_its_own(self):
        in_own_namespace(self, __file__, "MountPoint", 1)


def load_tests(loader, tests, pattern):
    """Leaves out the half that belongs on the other side of the namespace."""
    cases = (MountPoint,) if os.environ.get(INNER) else (Steps, OwnNamespace)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


if __name__ == "__main__":
    main()
