"""Peak resident memory does not grow with the checkpoint, nor with the workers."""
import os
import subprocess
import unittest
from pathlib import Path

from octet_case import BIN, OctetCase, entry, file_bytes, main

MIB = 1 << 20
MOST_RESIDENT = 64 * MIB
CACHE = Path(os.environ.get("OCTET_BUILD_DIR", ".")) / "CMakeCache.txt"
# The sanitizers' own memory is many times the program's.
SANITIZED = CACHE.exists() and any(
    line.startswith("OCTET_SANITIZE:") and line.strip().split("=", 1)[1]
    for line in CACHE.read_text(encoding="utf-8").splitlines())


@unittest.skipIf(SANITIZED, "built with sanitizers")
class Memory(OctetCase):
    def sparse_checkpoint(self, mebibytes):
        """One tensor of half the size, the other half in tensors of 1 MiB; the data are a hole, which reads as zeros."""
        sizes = [mebibytes // 2 * MIB] + [MIB] * (mebibytes // 2)
        header, at = {}, 0
        for number, size in enumerate(sizes):
            header[f"t{number}"] = entry("F32", [size // 4], at, at + size)
            at += size
        text = file_bytes(header)
        path = self.dir / f"{mebibytes}.safetensors"
        path.write_bytes(text)
        os.truncate(path, len(text) + at)
        return path

    def peak(self, *arguments):
        with subprocess.Popen([BIN, *map(str, arguments), "--quiet"]) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return usage.ru_maxrss * 1024

    def test_resident_memory_stays_below_64_mib(self):
        for mebibytes in (64, 512):
            source = self.sparse_checkpoint(mebibytes)
            for threads in (1, 2, 64):
                folder = self.dir / f"{mebibytes}-{threads}"
                with self.subTest(mebibytes=mebibytes, threads=threads):
                    self.assertLess(self.peak("quantize", source, folder, "--threads", threads, "--no-sync"), MOST_RESIDENT)
            with self.subTest(mebibytes=mebibytes, command="dequantize"):
                restored = self.dir / "restored.safetensors"
                self.assertLess(self.peak("dequantize", folder, restored, "--force", "--threads", 2, "--no-sync"), MOST_RESIDENT)
            with self.subTest(mebibytes=mebibytes, command="compare"):
                for threads in (1, 1024):
                    self.assertLess(self.peak("compare", source, folder, "--threads", threads), MOST_RESIDENT)

    def test_channels_and_groups_stay_below_it_too(self):
        """A matrix that fits in no worker's memory, and many that fit in some."""
        shapes = [[16384, 2048]] + [[768, 2304]] * 16
        header, at = {}, 0
        for number, (rows, columns) in enumerate(shapes):
            header[f"h.{number}.weight"] = entry("F32", [rows, columns], at, at + 4 * rows * columns)
            at += 4 * rows * columns
        source = self.dir / "matrices.safetensors"
        source.write_bytes(file_bytes(header))
        os.truncate(source, source.stat().st_size + at)
        for scheme in ("--granularity channel --axis 1", "--granularity group --group-size 16 --axis 0",
                       "--symmetric --bits 4", "--granularity group --bits 4 --axis 1 --scale-dtype two-level"):
            for threads in (1, 4, 64):
                with self.subTest(scheme=scheme, threads=threads):
                    peak = self.peak("quantize", source, self.dir / "set", *scheme.split(), "--threads", threads, "--no-sync", "--force")
                    self.assertLess(peak, MOST_RESIDENT)


if __name__ == "__main__":
    main()
