"""Every scheme on the whole road: random shapes, ragged groups, one element, none; an independent program in numpy agrees with codes, state,
statistics and restored values; verify finds nothing; the same bytes for any number of threads and any instruction set."""
import json
import random
import struct

from octet_case import DATA_FILE, SIDECAR, OctetCase, Tensor, contents, f32, main, make_file, read_file

SCHEMES = [
    "s8", "u4", "s3", "u8-intzp", "u5-intzp-trunc", "s8-channel", "u8-channel-axis1", "s4-channel-axis1-trunc", "u6-channel-intzp-bf16",
    "u8-group16", "u8-group64-axis1-f16", "u8-group64-axis1-intzp-f16", "u4-group32-intzp-f16", "u4-group32-axis1-intzp-f16", "s2-group16-bf16",
    "u3-group17-axis1", "s5-group100-trunc", "u2-group1024-axis1", "u6-group24-f16", "u4-group32-pct95-f16", "s8-group64-axis1-pct99.9",
]


def options_of(name):
    """A scheme's name as options of the command line."""
    options = ["--bits", name[1]] + (["--symmetric"] if name[0] == "s" else [])
    for part in name.split("-")[1:]:
        if part == "channel":
            options += ["--granularity", "channel"]
        elif part.startswith("group"):
            options += ["--granularity", "group", "--group-size", part[5:]]
        elif part.startswith("axis"):
            options += ["--axis", part[4:]]
        elif part.startswith("pct"):
            options += ["--range", "percentile:" + part[3:]]
        else:
            options += {"intzp": ["--zero-point", "integer"], "trunc": ["--rounding", "truncate"]}.get(part, ["--scale-dtype", part])
    return options


def tensors():
    """Shapes and values at the edges, in the four float dtypes."""
    noise = random.Random(11)

    def values(count, spread=1.0):
        return [noise.gauss(0, spread) * (8 if noise.random() < 0.01 else 1) for _ in range(count)]

    found = [f32("one", [0.3], [1, 1]), f32("none", [], [0, 7]), f32("no.columns", [], [5, 0]), f32("scalar", [2.5], []),
             f32("vector", values(70)), f32("row", values(333), [1, 333]), f32("column", values(333), [333, 1]),
             f32("constant", [0.7] * 60, [6, 10]), f32("zeros", [0.0] * 35 + [-0.0] * 35, [7, 10]),
             f32("tiny", [1e-45 * (i % 5) for i in range(90)], [9, 10]), f32("far.from.zero", [1000 + x for x in values(120, 0.01)], [12, 10]),
             f32("conv", values(7 * 3 * 5 * 3), [7, 3, 5, 3]), f32("negative", [-abs(x) for x in values(77)], [7, 11])]
    found += [f32(f"random.{i}", values(rows * columns), [rows, columns])
              for i, (rows, columns) in enumerate((noise.randint(1, 90), noise.randint(1, 90)) for _ in range(8))]
    found.append(Tensor("half", "F16", [31, 40], struct.pack("<1240e", *values(1240))))
    found.append(Tensor("brain", "BF16", [40, 31], b"".join(struct.pack("<f", x)[2:] for x in values(1240))))
    found.append(Tensor("double", "F64", [65, 19], struct.pack("<1235d", *values(1235))))
    return found


class Schemes(OctetCase):
    def quantize(self, source, scheme, out="set", *options, **more):
        self.octet("quantize", source, out, "--no-sync", "--force", *options_of(scheme), *options, **more)

    def test_an_independent_program_agrees_with_every_scheme(self):
        source = make_file(self.dir / "source.safetensors", tensors(), {"format": "pt"}, odd=True)
        for scheme in SCHEMES:
            self.quantize(source, scheme)
            self.octet("dequantize", "set", "restored.safetensors", "--force", "--no-sync")
            with self.subTest(scheme):
                self.check_set("source.safetensors", "set", "restored.safetensors")
            self.octet("verify", "set", "--source", source)

    def test_the_parts_of_a_scheme_arrive_in_the_sidecar(self):
        source = make_file(self.dir / "source.safetensors", tensors())
        for scheme in SCHEMES:
            self.quantize(source, scheme)
            state = json.loads((self.dir / "set" / SIDECAR).read_text())
            self.assertEqual(state["options"]["scheme"], scheme)
            stored = state["tensors"]["random.0"]["scheme"]
            self.assertEqual(stored.replace("-axis0", ""), scheme.replace("-axis0", ""))
            self.assertEqual("-axis" in stored, "channel" in scheme or "group" in scheme)
            vector = state["tensors"]["vector"]["scheme"]
            self.assertEqual(vector, scheme[0] + "8" + "".join("-" + p for p in ("intzp", "trunc") if p in scheme))

    def test_states_follow_their_tensors(self):
        source = make_file(self.dir / "source.safetensors", [f32("w", [0.1 * i for i in range(90)], [9, 10]), f32("b", [1, 2])])
        self.quantize(source, "u4-group16-axis1-intzp-f16")
        _, stored, order = read_file(self.dir / "set" / DATA_FILE)
        self.assertEqual([(t.name, t.dtype, t.shape) for t in stored],
                         [("w", "U8", [9, 5]), ("w.scale", "F16", [1, 10]), ("w.zero_point", "U8", [1, 5]), ("b", "U8", [2])])
        self.assertEqual(order, ["w", "w.scale", "w.zero_point", "b"])
        totals = self.octet_json("inspect", "set")["totals"]
        self.assertEqual(totals["state_bytes"], 10 * 2 + 5 + 8)

    def test_a_name_that_a_state_tensor_needs_is_refused(self):
        source = make_file(self.dir / "source.safetensors", [f32("w", [1, 2, 3, 4], [2, 2]), f32("w.scale", [1, 2])])
        run = self.run_octet("quantize", source, "set", "--granularity", "channel")
        self.assertEqual(run.code, 3)
        self.assertIn("holds tensor 'w.scale', the name that a state tensor of 'w' would have", run.err)
        self.octet("quantize", source, "set", "--bits", "4")

    def test_impossible_and_unbuilt_schemes_are_usage_errors(self):
        source = make_file(self.dir / "source.safetensors", [f32("w", [1, 2, 3, 4], [2, 2])])
        for options, words in ((("--bits", "7"), "--bits: 7 is not one of"), (("--bits", "9"), "--bits: '9' is not a number"),
                               (("--symmetric", "--zero-point", "integer"), "a symmetric scheme has no zero point"),
                               (("--group-size", "8"), "--group-size: '8' is not a number from 16 to 1024"),
                               (("--group-size", "32", "--granularity", "channel"), "a group size without groups"),
                               (("--scale-dtype", "f16"), "a 16-bit scale without channels or groups"), (("--axis", "1"), "an axis without"),
                               (("--range", "percentile:40"), "--range: 'percentile:40' is no percentile"),
                               (("--range", "minimax"), "did you mean minmax?")):
            run = self.run_octet("quantize", source, "set", *options)
            self.assertEqual((run.code, words in run.err), (2, True), run.err)

    def test_values_that_are_not_finite_are_named(self):
        values = [0.5] * 6000
        values[4321] = float("inf")
        source = make_file(self.dir / "source.safetensors", [f32("w", values, [60, 100])])
        for scheme in ("u8-channel", "u4-group32-axis1", "s8"):
            run = self.run_octet("quantize", source, "set", *options_of(scheme))
            self.assertEqual(run.code, 3)
            self.assertIn("tensor 'w' holds inf at [43, 21]", run.err)
        self.octet("quantize", source, "set", "--granularity", "channel", "--on-non-finite", "keep")

    def test_verify_finds_a_changed_scale(self):
        source = make_file(self.dir / "source.safetensors", tensors())
        self.quantize(source, "u4-group32-axis1-f16")
        path = self.dir / "set" / DATA_FILE
        raw = bytearray(path.read_bytes())
        start, found = 8 + int.from_bytes(raw[:8], "little"), json.loads(raw[8:8 + int.from_bytes(raw[:8], "little")])
        raw[start + found["conv.scale"]["data_offsets"][0]] ^= 1
        path.write_bytes(raw)
        run = self.run_octet("verify", "set")
        self.assertEqual((run.code, "conv" in run.out + run.err), (1, True))

    def test_threads_and_instruction_sets_give_the_same_bytes(self):
        noise = random.Random(3)
        block = [noise.gauss(0, 0.2) for _ in range(40_000)]
        large = floats_of(block, 30)
        source = make_file(self.dir / "large.safetensors", [f32("wide", large, [12, 100_000]), f32("tall", large, [100_000, 12]),
                                                            f32("square", large, [1000, 1200])] + tensors())
        for scheme in ("u4", "u8-channel", "u8-channel-axis1", "u4-group64-intzp-f16", "s3-group40-axis1-bf16"):
            expected = None
            for isa, threads in (("scalar", 1), ("scalar", 2), ("sse2", 2), ("avx2", 7), ("avx512", 64)):
                probe = self.run_octet("quantize", source, "set", "--force", "--no-sync", "--threads", str(threads), *options_of(scheme),
                                       env={"OCTET_ISA": isa})
                if probe.code == 2 and "OCTET_ISA" in probe.err:
                    continue
                self.assertEqual(probe.code, 0, probe.err)
                found = contents(self.dir / "set")
                self.octet("dequantize", "set", "restored.safetensors", "--force", "--no-sync", "--threads", str(threads),
                           env={"OCTET_ISA": isa})
                found["restored"] = (self.dir / "restored.safetensors").read_bytes()
                expected = expected or found
                self.assertTrue(found == expected, f"{scheme} differs with {isa} and {threads} threads")
            self.octet("verify", "set", "--source", source)


def floats_of(block, times):
    return [x * (1 + i / 7) for i in range(times) for x in block]


if __name__ == "__main__":
    main()
