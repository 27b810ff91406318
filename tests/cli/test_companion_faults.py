"""Every system call of the road that a model's companions take fails in turn: exit 4, one line, nothing visible. A companion is copied or the
run fails; none is dropped in silence."""
import errno
import os
import shutil
import unittest

from faults import FaultCase, needs_shim
from octet_case import SIDECAR, main, snapshot

FAILURES = {"open": errno.EIO, "read": errno.EIO, "look": errno.EIO, "follow": errno.EIO}
COMPANIONS = ("LICENSE", "README.md", "config.json", "tokenizer.json", "vocab.json")


@needs_shim
class Companions(FaultCase):
    def setUp(self):
        super().setUp()
        self.model = self.dir / "new"
        for name in COMPANIONS:
            (self.model / name).write_text(f"{{\"{name}\": 1}}\n")
        (self.model / "vocab.json").rename(self.model / "words")
        (self.model / "vocab.json").symlink_to("words")  # a link within the folder
        (self.model / "tokenizer_config.json").symlink_to("nowhere")  # nothing to copy
        (self.model / "tokenizer").mkdir()  # nor here

    def sweep(self, arguments, expected, error_numbers=FAILURES):
        """Each call fails in turn; `expected` is what a run without a fault leaves. Returns how many runs failed."""
        self.reset(None)
        counts = self.counts(*arguments)
        nothing_but_warned = failed = 0
        for kind, number in error_numbers.items():
            for call in range(1, counts[kind] + 1):
                self.reset(None)
                before = snapshot(self.place)
                run = self.with_fault(f"{kind}:{call}:{number}", *arguments)
                with self.subTest(arguments[0], fault=f"{kind}:{call}"):
                    if run.code == 0:  # asked only for speed, as what processors there are
                        nothing_but_warned += 1
                        self.assertEqual((run.err, snapshot(self.place)), ("", expected))
                        continue
                    failed += 1
                    self.assertEqual((run.code, run.out), (4, ""))
                    self.assertRegex(run.err, r"\Aoctet: [^\n]*: [^\n]*; [^\n]*\n\Z")
                    if "whole" not in run.err:
                        self.assertEqual(snapshot(self.place), before)
        print(f"{arguments[0]}: {failed} failures, {nothing_but_warned} calls that may fail")
        return failed

    def test_every_call_fails(self):
        for command in (("quantize", "new", "place/set", "--quiet", "--threads", "1"), ("plan", "new")):
            self.reset(None)
            self.octet(*command)
            self.assertGreater(self.sweep(command, snapshot(self.place)), 25)

    def test_every_call_fails_on_the_way_back(self):
        self.octet("quantize", "new", "made")
        command = ("dequantize", "made", "place/back", "--quiet", "--threads", "1")
        self.octet(*command)
        self.assertEqual({p.name for p in (self.place / "back").iterdir()} & set(COMPANIONS), set(COMPANIONS))
        self.assertGreater(self.sweep(command, snapshot(self.place)), 25)

    def test_a_link_that_cannot_be_followed_is_an_error(self):
        for number in (errno.EIO, errno.EACCES):
            for call in (1, 2):
                run = self.with_fault(f"follow:{call}:{number}", "quantize", "new", "place/set")
                self.assertEqual(run.code, 4)
                self.assertRegex(run.err, r"\Aoctet: new[^\n]*: cannot follow the links of: [^\n]*; [^\n]*\n\Z")
                self.assertEqual(os.listdir(self.place), [])

    def test_links_that_lead_in_a_circle_are_an_error(self):
        (self.model / "README.md").unlink()
        (self.model / "README.md").symlink_to("README.md")
        run = self.run_octet("quantize", "new", "place/set")
        self.assertEqual((run.code, run.out), (4, ""))
        self.assertRegex(run.err, r"\Aoctet: new/README.md: cannot look for: Too many levels of symbolic links; [^\n]*\n\Z")
        self.assertEqual(os.listdir(self.place), [])

    def test_the_companions_are_copied_where_nothing_fails(self):
        self.octet("quantize", "new", self.target)
        names = {path.name for path in self.target.iterdir()} - {SIDECAR, "model.safetensors.index.octet.json"}
        self.assertEqual({name for name in names if not name.endswith(".safetensors")}, {*COMPANIONS, "words", "1_Pooling", "3_Dense"})
        shutil.rmtree(self.target)


if __name__ == "__main__":
    main()
