"""The same bytes of every file, for every number of threads, every instruction set and every compiler."""
import os
import random
import struct

from octet_case import BIN, TESTDATA, OctetCase, Tensor, contents, main, make_file

ISAS = ("scalar", "sse2", "avx2", "avx512", "neon64")
OTHER_BINS = [path for path in os.environ.get("OCTET_OTHER_BIN", "").split(":") if path]
MIB = 1 << 20

# Every kind of state, of rounding and of blocks, along both axes.
SCHEMES = [
    "--symmetric",
    "--bits 4 --zero-point integer",
    "--granularity channel --axis 1",
    "--granularity channel --axis 0 --symmetric --scale-dtype f16",
    "--granularity channel --axis 1 --bits 4 --zero-point integer --scale-dtype bf16",
    "--granularity group --axis 1 --scale-dtype f16",
    "--granularity group --axis 0 --rounding truncate",
    "--granularity group --axis 0 --bits 4 --group-size 32 --scale-dtype f16",
    "--granularity group --axis 1 --bits 3 --group-size 18 --zero-point integer --scale-dtype f16",
    "--granularity group --axis 0 --bits 5 --group-size 100 --symmetric --range percentile:99",
    "--granularity group --axis 0 --bits 4 --range mse --scale-dtype f16",
    "--granularity group --axis 1 --bits 4 --group-size 18 --range mse --scale-dtype two-level",
    "--range mse",
    "--bits 4 --symmetric --range mse",
    "--granularity group --axis 0 --bits 6 --group-size 32 --scale-dtype two-level",
]


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


def matrices():
    """Matrices of several tiles, of ragged groups and of long rows, in every float dtype."""
    noise = random.Random(9)
    pool = [noise.gauss(0, 0.14) for _ in range(10_007)]

    def matrix(name, dtype, code, rows, columns):
        values = (pool * (rows * columns // len(pool) + 1))[:rows * columns]
        return Tensor(name, dtype, [rows, columns], struct.pack(f"<{rows * columns}{code}", *values))

    return [matrix("f32.weight", "F32", "f", 1400, 770), matrix("f16.weight", "F16", "e", 150, 515),
            matrix("f64.weight", "F64", "d", 33, 100), matrix("long.weight", "F32", "f", 2, 70_001),
            matrix("small.weight", "F32", "f", 20, 31), matrix("small16.weight", "F16", "e", 3, 5),
            Tensor("one.bias", "F32", [3], struct.pack("<3f", 0.5, -1, 2))]


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

    def assert_blocks_all_the_same(self, programs):
        model = make_file(self.dir / "matrices.safetensors", matrices(), {"format": "pt"}, odd=True)
        isas = {program: self.isas(program) for program in programs}
        for number, scheme in enumerate(SCHEMES):
            expected = None
            for program in programs:
                for at, isa in enumerate(isas[program]):
                    # Each instruction set with another number of threads, and the other reader: all pairs over the schemes.
                    threads = (1, 2, 3, 8)[(at + number) % 4]
                    reader = ("mapped", "pread")[(at + number // 4) % 2]
                    self.octet("quantize", model, "set", *scheme.split(), "--threads", threads, "--no-sync", "--force",
                               env={"OCTET_ISA": isa, "OCTET_READER": reader}, program=program)
                    found = contents(self.dir / "set")
                    expected = expected or found
                    self.assert_same(expected, found, f"{program}: {scheme}, {isa}, {threads} threads, {reader}")

    def test_states_that_several_workers_make_are_the_same_kept_in_memory_or_written_apart(self):
        """Up to 5 MiB of states are kept: of groups of 16 in float32 not those of the largest tensor."""
        block = struct.pack("<65536f", *(random.Random(3).gauss(0, 0.14) for _ in range(1 << 16)))
        tensors = [Tensor(f"{name}.weight", "F32", [rows, 1024], block * (rows // 64))
                   for name, rows in (("a", 2560), ("b", 11_264), ("c", 64), ("d", 3008))]
        model = make_file(self.dir / "shared.safetensors", tensors, {"format": "pt"}, odd=True)
        for size, more in ((64, "--scale-dtype f16"), (16, ""), (16, "--bits 4 --zero-point integer")):
            scheme = f"--granularity group --axis 0 --group-size {size} {more}".split()
            expected = None
            for threads, reader in ((1, "pread"), (1, "mapped"), (2, "mapped"), (3, "pread"), (8, "mapped")):
                self.octet("quantize", model, "set", *scheme, "--threads", threads, "--no-sync", "--force",
                           env={"OCTET_READER": reader})
                found = contents(self.dir / "set")
                expected = expected or found
                self.assert_same(expected, found, f"{scheme}, {threads} threads, {reader}")
            self.octet("verify", "set", "--source", model)

    def test_blocks_on_threads_instruction_sets_and_compilers(self):
        self.assert_blocks_all_the_same([BIN, *OTHER_BINS])

    def test_threads_and_instruction_sets(self):
        self.assert_all_the_same([BIN])

    def test_compilers(self):
        if not OTHER_BINS:
            self.skipTest("no other compiler's binary in OCTET_OTHER_BIN")
        self.assert_all_the_same(OTHER_BINS)


if __name__ == "__main__":
    main()
