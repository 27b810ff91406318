"""Every n-th system call of quantize --type fails, or kills the run: the old file stands, or the new one whole; and what lies about is gone
after the next run."""
import errno
import os

from faults import FaultCase, needs_shim
from octet_case import main
from test_gguf_write import GgufCase, Reader

FAILURES = {"open": errno.EMFILE, "read": errno.EIO, "write": errno.ENOSPC, "reserve": errno.ENOSPC, "sync": errno.EIO,
            "rename": errno.EIO, "remove": errno.EIO, "mkdir": errno.EACCES, "lock": errno.ENOLCK}
QUANTIZE = ("quantize", "model", "place/out.gguf", "--type", "q8_0", "--force", "--quiet", "--threads", "1")


@needs_shim
class Faults(FaultCase, GgufCase):
    def setUp(self):
        super().setUp()
        self.gpt2(layers=1, width=32)
        self.octet("quantize", "model", "old.gguf", "--type", "f32")
        self.octet("quantize", "model", "new.gguf", "--type", "q8_0")
        self.old, self.new = ((self.dir / name).read_bytes() for name in ("old.gguf", "new.gguf"))
        self.file = self.place / "out.gguf"

    def reset_file(self, with_old):
        for path in self.place.iterdir():
            path.unlink() if path.is_file() else self.fail(path)
        if with_old:
            self.file.write_bytes(self.old)

    def test_every_call_fails(self):
        runs = 0
        for with_old in (False, True):
            self.reset_file(with_old)
            counts = self.counts(*QUANTIZE)
            for kind, code in FAILURES.items():
                for number in range(1, counts[kind] + 1):
                    self.reset_file(with_old)
                    fault = f"{kind}:{number}:{code}"
                    run = self.with_fault(fault, *QUANTIZE)
                    runs += 1
                    with self.subTest(fault, with_old=with_old):
                        standing = self.file.read_bytes() if self.file.exists() else None
                        if run.code == 0 or "whole, but" in run.err:
                            self.assertEqual(standing, self.new)
                        else:
                            self.assertIn(run.code, (3, 4), run.err)
                            self.assertEqual(run.err.count("\n"), 1, run.err)
                            self.assertEqual(standing, self.old if with_old else None)
                    self.octet(*QUANTIZE)
                    self.assertEqual(os.listdir(self.place), ["out.gguf"], fault)
        print(f"{runs} failures")
        self.assertGreater(runs, 60)

    def test_killed_at_every_call(self):
        self.reset_file(True)
        counts = self.counts(*QUANTIZE)
        for number in range(1, counts["any"] + 1):
            self.reset_file(True)
            self.with_fault(f"any:{number}:kill", *QUANTIZE)
            self.assertIn(self.file.read_bytes(), (self.old, self.new), number)
            self.octet(*QUANTIZE)
            self.assertEqual(os.listdir(self.place), ["out.gguf"])
            self.assertEqual(self.file.read_bytes(), self.new)
        self.assertGreater(counts["any"], 40)
        Reader(self.file)


if __name__ == "__main__":
    main()
