"""Outputs that are made in parts while system calls fail; test_parts.py has kills, and what is refused."""
import errno
import os
import random
import shutil
import unittest

from faults import SHIM
from octet_case import OctetCase, main
from random_checkpoints import files, hidden, make_random

FAILURES = {"open": errno.EMFILE, "read": errno.EIO, "write": errno.ENOSPC, "reserve": errno.ENOSPC, "sync": errno.EIO,
            "rename": errno.EIO, "remove": errno.EIO, "mkdir": errno.EACCES, "lock": errno.ENOLCK, "look": errno.EIO}


@unittest.skipUnless(SHIM, "LD_PRELOAD and a sanitizer do not go together")
class Faults(OctetCase):
    """Every system call of a part and of join fails: exit code 4 and one line; done again, the output is that of a single run."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

    def run_with(self, command, fault, **env):
        return self.run_octet(*command, "--quiet", "--no-sandbox", "--threads", "1", env={"LD_PRELOAD": SHIM, "OCTET_FAULT": fault, **env})

    def counts(self, command):
        log = self.dir / "log"
        self.assertEqual(self.run_with(command, "", OCTET_FAULT_LOG=str(log)).code, 0)
        return {kind: int(count) for kind, count in (line.split() for line in log.read_text().splitlines())}

    def prepare(self, done):
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        for number in done:
            self.octet("quantize", "model", self.out, "--part", f"{number}/2", "--no-sync")

    def finish(self):
        if hidden(self.out).exists():
            run = self.run_octet("join", self.out, "--force")
            if run.code != 0:
                self.assertRegex(run.err, "octet join --discard removes (it|the rest)")
                self.octet("join", self.out, "--discard")
        self.assertEqual(files(self.out), self.whole)
        self.assertEqual([path.name for path in self.place.iterdir()], ["out"])

    def sweep(self, command, done):
        self.prepare(done)
        runs = 0
        for kind, number in self.counts(command).items():
            for call in range(1, number + 1 if kind in FAILURES else 0):
                self.prepare(done)
                with self.subTest(f"{command[0]}, {kind} {call}"):
                    run = self.run_with(command, f"{kind}:{call}:{FAILURES[kind]}")
                    self.assertIn(run.code, (0, 4))
                    self.assertLessEqual(run.err.count("\n"), 1)
                    if self.out.exists():
                        self.assertEqual(files(self.out), self.whole)
                        self.assertTrue(run.code == 0 or "whole" in run.err, run.err)
                    elif command[0] == "quantize":
                        self.octet(*command)
                    self.finish()
                runs += 1
        return runs

    def test_every_call_fails(self):
        make_random(self.dir / "model", random.Random(4))
        self.octet("quantize", "model", "single")
        self.whole = files(self.dir / "single")
        self.place = self.dir / "place"
        self.out = self.place / "out"
        runs = self.sweep(("quantize", "model", self.out, "--part", "2/2"), (1,)) + self.sweep(("join", self.out), (1, 2))
        print(f"{runs} failures")
        self.assertGreater(runs, 150)


if __name__ == "__main__":
    main()
