"""The same bytes of every file, for every number of threads, every instruction set and every compiler."""
import os
import random
import struct

from octet_case import BIN, TESTDATA, OctetCase, Tensor, contents, main, make_file

ISAS = ("scalar", "sse2", "avx2", "avx512", "neon64")
OTHER_BINS = [path for path in os.environ.get("OCTET_OTHER_BIN", "").split(":") if path]
MIB = 1 << 20


def large_tensors():
    """Tensors that one worker takes whole, and two or seven take tile by tile; no two tiles are alike."""
    noise = random.Random(7)
    block = [noise.gauss(0, 0.14) for _ in range(1 << 16)]
    f32 = b"".join(struct.pack(f"<{len(block)}f", *(x * (1 + i / 7) for x in block)) for i in range(84))
    f32 += struct.pack("<3f", 1, 2, 3)
    f16 = b"".join(struct.pack(f"<{len(block)}e", *(x + i for x in block)) for i in range(40))
    f64 = b"".join(struct.pack(f"<{len(block)}d", *(x * 1.1**i for x in block)) for i in range(12))
    copied = noise.getrandbits(8 * 5 * MIB).to_bytes(5 * MIB, "little") * 5
    return [Tensor("one.byte", "BOOL", [1], b"\1"), Tensor("f32", "F32", [len(f32) // 4], f32),
            Tensor("f16", "F16", [len(f16) // 2], f16), Tensor("f64", "F64", [len(f64) // 8], f64),
            Tensor("i8", "I8", [len(copied)], copied), Tensor("last", "F32", [3], struct.pack("<3f", 0.5, -1, 2))]


class Determinism(OctetCase):
    def isas(self, program=BIN):
        """Those that this binary runs here; any other is refused as a usage error that names the ones it has."""
        found = []
        for isa in ISAS:
            run = self.run_octet("quantize", self.small, "isa", "--force", env={"OCTET_ISA": isa}, program=program)
            if run.code == 0:
                found.append(isa)
            else:
                self.assertEqual(run.code, 2)
        for isa in set(ISAS) - set(found) | {"mmx"}:
            run = self.run_octet("quantize", self.small, "set", env={"OCTET_ISA": isa}, program=program)
            self.assertEqual(run.err, f"octet: OCTET_ISA: no instruction set '{isa}' here; use one of {', '.join(found)}\n")
        self.assertIn("scalar", found)
        return found

    def setUp(self):
        super().setUp()
        self.small = TESTDATA / "tiny-gpt2"
        self.large = make_file(self.dir / "large.safetensors", large_tensors(), {"format": "pt"}, odd=True)

    def outputs(self, model, threads, isa, program=BIN, rounding="nearest"):
        """Every byte that quantize and dequantize write."""
        common = {"env": {"OCTET_ISA": isa}, "program": program}
        common_options = ("--threads", threads, "--no-sync", "--force")
        self.octet("quantize", model, "set", "--rounding", rounding, *common_options, **common)
        files = contents(self.dir / "set")
        for dtype in ("source", "bf16"):
            self.octet("dequantize", "set", "restored.safetensors", "--dtype", dtype, *common_options, **common)
            files["restored " + dtype] = (self.dir / "restored.safetensors").read_bytes()
        return files

    def assert_same(self, expected, found, what):
        self.assertEqual(list(expected), list(found))
        for name in expected:
            self.assertTrue(expected[name] == found[name], f"{name} differs with {what}")

    def assert_all_the_same(self, programs):
        runs = [(program, isa) for program in programs for isa in self.isas(program)]
        for model in (self.small, self.large):
            for rounding in ("nearest", "truncate"):
                expected = self.outputs(model, 1, "scalar", rounding=rounding)
                for program, isa in runs:
                    for threads in (1, 2, 7) if rounding == "nearest" else (2,):
                        found = self.outputs(model, threads, isa, program, rounding)
                        self.assert_same(expected, found, f"{program}: {isa}, {threads} threads, {rounding}")

    def test_threads_and_instruction_sets(self):
        self.assert_all_the_same([BIN])

    def test_compilers(self):
        if not OTHER_BINS:
            self.skipTest("no other compiler's binary in OCTET_OTHER_BIN")
        self.assert_all_the_same(OTHER_BINS)


if __name__ == "__main__":
    main()
