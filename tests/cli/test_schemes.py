"""Every scheme on the whole road: random shapes, ragged groups, one element, none; an independent program in numpy agrees with codes, state,
statistics and restored values; verify finds nothing; the same bytes for any number of threads and any instruction set."""
import json
import os
import random
import struct

from xxh3 import sealed
from octet_case import DATA_FILE, SIDECAR, OctetCase, Tensor, contents, f32, main, make_file, read_file

SCHEMES = [
    "s8", "u4", "s3", "s4-mse", "u3-intzp-mse", "u8-pct99.9", "u4-intzp-trunc-pct80", "u8-intzp", "u5-intzp-trunc", "s8-channel", "u8-channel-axis1", "s4-channel-axis1-trunc", "u6-channel-intzp-bf16",
    "u8-group16", "u8-group64-axis1-f16", "u8-group64-axis1-intzp-f16", "u4-group32-intzp-f16", "u4-group32-axis1-intzp-f16", "s2-group16-bf16",
    "u3-group17-axis1", "s5-group100-trunc", "u2-group1024-axis1", "u6-group24-f16", "u4-group32-pct95-f16", "s8-group64-axis1-pct99.9",
    "s4-channel-axis1-mse-f16", "u6-channel-axis1-intzp-pct90", "s3-channel-pct95-bf16",
    "u4-group32-mse-f16", "u3-group20-axis1-intzp-mse-bf16", "u4-group18-axis1-mse-two", "u8-group18-mse-two", "s5-group32-axis1-mse-two",
    "u2-group1024-axis1-two",
]
if os.environ.get("OCTET_SANITIZE"):
    SCHEMES = SCHEMES[::2]  # all of them in the release build


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
            options += {"intzp": ["--zero-point", "integer"], "trunc": ["--rounding", "truncate"], "mse": ["--range", "mse"],
                        "two": ["--scale-dtype", "two-level"]}.get(part, ["--scale-dtype", part])
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
            convolution = state["tensors"]["conv"]["scheme"]
            self.assertEqual((convolution.replace("-rows", ""), "-rows" in convolution), (stored, scheme[1] != "8"))
            self.assertEqual("-axis" in stored, "channel" in scheme or "group" in scheme)
            vector = state["tensors"]["vector"]["scheme"]
            whole = "-axis" not in stored
            kept = [part for part in scheme.split("-")[1:] if part in ("intzp", "trunc") or (whole and (part == "mse" or part.startswith("pct")))]
            self.assertEqual(vector, "-".join([scheme[0] + "8", *kept]))

    def test_a_searched_range_of_a_tensor_loses_no_more_than_the_plain_one(self):
        source = make_file(self.dir / "source.safetensors", tensors())
        better = 0
        for scheme in ("u8", "s8", "u4", "s4", "u2", "u4-intzp", "s8-channel", "u4-channel-axis1"):
            rmse = []
            for name in (scheme, scheme + "-mse"):
                self.quantize(source, name)
                rmse.append({t["name"]: t["rmse"] for t in self.octet_json("inspect", "set")["tensors"]})
            for name, plain in rmse[0].items():
                # Of channels the search adds up in float32, and does not see what restoring rounds.
                limit = plain * (1 + 1e-5) + 2e-7 if "channel" in scheme else plain
                self.assertLessEqual(rmse[1][name], limit, f"{scheme} {name}")
                better += rmse[1][name] < 0.95 * plain
        self.assertGreater(better, 60)

    def test_a_search_shared_by_workers_gives_the_same_bytes(self):
        noise = random.Random(5)
        block = struct.pack("<50000f", *(noise.gauss(0.1, 0.2) * (20 if noise.random() < 0.001 else 1) for _ in range(50_000)))
        source = make_file(self.dir / "large.safetensors", [Tensor("w", "F32", [2100, 2500], block * 105), f32("b", [1, 2, 4])])
        for scheme in ("u4-mse", "u8-pct99.9"):
            found = []
            for threads in ("1", "2", "7"):
                self.quantize(source, scheme, "set", "--threads", threads)
                found.append(contents(self.dir / "set"))
            self.assertTrue(found[0] == found[1] == found[2], scheme)
            self.octet("verify", "set", "--source", source)

    def goes_both_ways(self, source, scheme):
        """The same set whatever makes it, restored within its bounds, and verified against its source."""
        found = []
        for isa, threads in (("scalar", "1"), ("", "7")):
            run = self.run_octet("quantize", source, "set", "--force", "--no-sync", "--threads", threads, *options_of(scheme),
                                 env={"OCTET_ISA": isa} if isa else {})
            self.assertEqual(run.code, 0, run.err)
            found.append(contents(self.dir / "set"))
        self.assertTrue(found[0] == found[1], scheme)
        self.octet("dequantize", "set", "restored.safetensors", "--force", "--no-sync")
        self.check_set("source.safetensors", "set", "restored.safetensors")
        self.octet("verify", "set", "--source", source)

    def test_channels_longer_than_a_tile_are_searched_and_cut(self):
        noise = random.Random(6)
        values = [noise.gauss(0, 1) * (9 if noise.random() < 0.001 else 1) for _ in range(3 * 40_000)]
        source = make_file(self.dir / "source.safetensors", [
            f32("wide", values, [3, 40_000]), f32("tall", values, [40_000, 3]), f32("deep", values, [2, 30, 2000]), f32("b", [1, 2, 3]),
            Tensor("double", "F64", [3, 40_000], struct.pack("<120000d", *values)), f32("many", values, [300, 400])])
        for scheme in ("u4-channel-mse-f16", "u8-channel-pct99.5", "u4-channel-axis1-mse", "s8-channel-axis1-pct99"):
            self.goes_both_ways(source, scheme)
        source = make_file(self.dir / "long.safetensors", [f32("w", [1.0] * (2 * 65_537), [65_537, 2])])
        for command in (("quantize", source, "none"), ("plan", source)):
            run = self.run_octet(*command, *options_of("u8-channel-axis1-mse"))
            self.assertEqual(run.code, 2)
            self.assertIn("tensor 'w': has columns of 65,537 elements, of which channels along axis 1 have 65,536 at most", run.err)

    def test_long_rows_of_several_dimensions_are_cut_anywhere(self):
        noise = random.Random(8)
        values = [noise.gauss(0, 1) for _ in range(3 * 87_411)]
        source = make_file(self.dir / "source.safetensors", [f32("volume", values * 2, [2, 87_411, 3])])
        for scheme in ("u4-group64", "s2-group32-axis1", "u5-group64-intzp-f16", "u4-group32-mse-two"):
            self.goes_both_ways(source, scheme)
        source = make_file(self.dir / "odd.safetensors", [f32("w", [1.0] * (80 * 4001), [1, 80, 4001])])
        self.octet("quantize", source, "odd", "--no-sync", *options_of("u4-group64"))  # packed by the last dimension this was refused
        self.octet("verify", "odd", "--source", source)

    def test_presets_that_name_their_bits_keep_to_them(self):
        noise = random.Random(7)
        source = make_file(self.dir / "source.safetensors", [
            f32("h.0.attn.c_proj.weight", [noise.gauss(0, 0.1) for _ in range(256 * 64)], [256, 64]), f32("ln_f.weight", [1.0] * 64, [64]),
            f32("wte.weight", [noise.gauss(0, 0.1) for _ in range(50 * 256)], [50, 256]), f32("wpe.weight", [0.1] * 640, [10, 64])])
        for preset, bits, least_db in (("q8", 8.5, 46), ("q6", 6.5625, 34), ("q4", 4.5, 22)):
            self.octet("quantize", source, "set", "--preset", preset, "--force", "--no-sync")
            report = self.octet_json("inspect", "set")
            self.assertLessEqual(report["totals"]["bits_per_weight"], bits)
            self.assertGreater(report["totals"]["sqnr_db"], least_db)
            self.assertEqual([t["scheme"] == "keep" for t in report["tensors"]], [False, True, False, True])
            self.octet("dequantize", "set", "restored.safetensors", "--force", "--no-sync")
            self.check_set("source.safetensors", "set", "restored.safetensors")
            self.octet("verify", "set", "--source", source)
        run = self.run_octet("quantize", source, "set", "--preset", "q4", "--bits", "4", "--force")
        self.assertEqual(run.code, 2)
        self.assertIn("--preset q4: chooses the whole scheme; leave out the other scheme options, or the preset", run.err)

    def test_a_sidecar_with_other_numbers_of_two_levels_is_refused(self):
        source = make_file(self.dir / "source.safetensors", tensors())
        self.quantize(source, "u4-group18-axis1-mse-two")
        path = self.dir / "set" / SIDECAR
        text = path.read_text()
        for old, new in (('"superblock": 1026', '"superblock": 18'), ('"code_offset": 8', '"code_offset": 7'), ('"scale_bits": 4, ', "")):
            self.assertIn(old, text)
            path.write_text(sealed(text.replace(old, new, 1)))
            run = self.run_octet("dequantize", "set", "restored.safetensors")
            self.assertEqual((run.code, "tensor '" in run.err), (3, True), run.err)

    def test_importance_moves_the_error_and_verify_wants_the_same_file(self):
        noise = random.Random(9)
        values = [noise.gauss(0, 0.1) for _ in range(128 * 48)]
        source = make_file(self.dir / "source.safetensors", [f32("w", values, [128, 48]), f32("b", [0.5] * 48, [48])])
        weights = [1.0 if i % 4 == 0 else 0.01 for i in range(128)]
        file = make_file(self.dir / "weights.safetensors", [f32("w", weights, [128])])
        other = make_file(self.dir / "other.safetensors", [f32("w", weights[::-1], [128])])
        errors = {}
        for name, options in (("plain", ()), ("weighted", ("--importance", file))):
            self.quantize(source, "u4-group32-axis1-mse-two", name, *options)
            self.octet("dequantize", name, f"{name}.safetensors", "--no-sync")
            self.check_set("source.safetensors", name, f"{name}.safetensors")
            back = read_file(self.dir / f"{name}.safetensors")[1][0]
            restored = struct.unpack(f"<{len(values)}f", back.data)
            errors[name] = sum(weights[i // 48] * (a - b) ** 2 for i, (a, b) in enumerate(zip(values, restored)))
        self.assertLess(errors["weighted"], 0.8 * errors["plain"])
        for scheme, code in (("u4-channel-axis1-mse", 0), ("u4-mse", 2)):  # counts of a tensor's values know no inputs
            run = self.run_octet("quantize", source, "other", "--force", "--no-sync", *options_of(scheme), "--importance", file)
            self.assertEqual((run.code, "no tensor of it is quantized with a search that knows its inputs" in run.err), (code, code == 2))
        self.quantize(source, "u4-channel-axis1-mse", "unweighted")
        self.assertGreater(*(self.octet_json("inspect", name)["tensors"][0]["rmse"] for name in ("other", "unweighted")))
        self.octet("verify", "other", "--source", source, "--importance", file)
        self.octet("verify", "weighted", "--source", source, "--importance", file)
        for options, code, words in (((), 2, "give the same file again"), (("--importance", other), 3, "is not the file that the set was")):
            run = self.run_octet("verify", "weighted", "--source", source, *options)
            self.assertEqual((run.code, words in run.err), (code, True), run.err)
        wrong = ((f32("w", weights[1:], [127]), 3, "has 127 weights, its namesake 128 inputs along axis 0"), (f32("x", [1.0], [1]), 3, "for no tensor"),
                 (f32("w", [-1.0] * 128, [128]), 3, "negative or not finite"), (f32("b", [1.0] * 48, [48]), 2, "no tensor of it is quantized with a search that knows its inputs"))
        for number, (tensor, code, words) in enumerate(wrong):
            bad = make_file(self.dir / f"bad{number}.safetensors", [tensor])
            run = self.run_octet("quantize", source, "none", *options_of("u4-group32-axis1-mse-two"), "--importance", bad)
            self.assertEqual((run.code, words in run.err), (code, True), run.err)

    def test_states_follow_their_tensors(self):
        source = make_file(self.dir / "source.safetensors", [f32("w", [0.1 * i for i in range(90)], [9, 10]), f32("b", [1, 2])])
        self.quantize(source, "u4-group16-axis1-intzp-f16")
        _, stored, order = read_file(self.dir / "set" / DATA_FILE)
        self.assertEqual([(t.name, t.dtype, t.shape) for t in stored],
                         [("w", "U8", [9, 5]), ("w.scale", "F16", [1, 10]), ("w.zero_point", "U8", [1, 5]), ("b", "U8", [2])])
        self.assertEqual(order, ["w", "w.scale", "w.zero_point", "b"])
        totals = self.octet_json("inspect", "set")["totals"]
        self.assertEqual(totals["state_bytes"], 10 * 2 + 5 + 8)

    def test_a_state_tensor_whose_name_is_taken_has_another(self):
        source = make_file(self.dir / "source.safetensors", [f32("w", [1, 2, 3, 4], [2, 2]), f32("w.scale", [1, 2])])
        self.octet("quantize", source, "set", "--granularity", "channel")
        _, stored, order = read_file(self.dir / "set" / DATA_FILE)
        self.assertEqual(order, ["w", "w.scale_", "w.zero_point", "w.scale"])
        self.octet("verify", "set", "--source", source)
        self.octet("dequantize", "set", "back.safetensors")
        self.assertEqual([t.name for t in read_file(self.dir / "back.safetensors")[1]], ["w", "w.scale"])
        self.octet("plan", source, "--max-size", "1kB")
        other = make_file(self.dir / "other.safetensors",
                          [f32("w", [1, 2, 3, 4], [2, 2]), f32("w.scale", [1, 2]), f32("w.scale_", [1, 2]), f32("w.zero_point", [3])])
        self.octet("quantize", other, "other", "--granularity", "channel")
        self.assertEqual(read_file(self.dir / "other" / DATA_FILE)[2],
                         ["w", "w.scale__", "w.zero_point_", "w.scale", "w.scale_", "w.zero_point"])
        self.octet("verify", "other", "--source", other)
        self.octet("quantize", source, "bits", "--bits", "4")

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
        for scheme in ("u8-channel", "u4-group32-axis1", "s8", "u4-mse", "u8-pct99"):
            run = self.run_octet("quantize", source, "set", *options_of(scheme))
            self.assertEqual(run.code, 3)
            self.assertIn("tensor 'w' holds inf at [43, 21]", run.err)
        self.octet("quantize", source, "set", "--granularity", "channel", "--on-non-finite", "keep")
        source = make_file(self.dir / "far.safetensors", [f32("w", [-3e38, 3e38, 1, 2], [2, 2])])
        for scheme in ("u8", "u4-mse", "u8-pct99", "u8-channel-mse", "u4-group32-mse"):
            run = self.run_octet("quantize", source, "none", *options_of(scheme))
            self.assertEqual(run.code, 3)
            self.assertIn("tensor 'w' spans -3e+38 to 3e+38", run.err)

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
        for scheme in ("u4", "u4-mse", "s8-pct99.9", "u8-channel", "u8-channel-axis1", "u4-group64-intzp-f16", "s3-group40-axis1-bf16", "u4-group18-axis1-mse-two"):
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
