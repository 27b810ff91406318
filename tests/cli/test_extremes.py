"""Values at the ends of what floats hold come back finite or are refused by name, and what they lose is counted. The oracle is tests/extremes.py: a few
tensors here, 1,000 under all its schemes with OCTET_EXTREMES=1000."""
import math
import os
import struct
import subprocess

from octet_case import BIN, SIDECAR, SOURCE_DIR, OctetCase, Tensor, f32, main, make_file, read_file

MOST = struct.unpack("<f", struct.pack("<I", 0x7F7FFFFF))[0]


def half(name, values, shape):
    return Tensor(name, "F16", shape, struct.pack(f"<{len(values)}e", *values))


def double(name, values, shape):
    return Tensor(name, "F64", shape, struct.pack(f"<{len(values)}d", *values))


class Extremes(OctetCase):
    def restored(self, folder):
        self.octet("dequantize", folder, "back.safetensors", "--no-sync", "--force")
        return {t.name: t for t in read_file(self.dir / "back.safetensors")[1]}

    def test_the_largest_floats_come_back_finite(self):
        source = make_file(self.dir / "m.safetensors", [f32("a.weight", [-MOST, 0, 1, 2], [2, 2]), f32("b.weight", [MOST, -1, 1, 2], [2, 2]),
                                                        Tensor("c.weight", "BF16", [1, 2], b"\x7f\x7f\x00\x00"), half("d.weight", [-65504, 65504, 1, 0], [2, 2])])
        for options in (["--symmetric"], ["--preset", "linear"], ["--bits", "4", "--symmetric"], ["--granularity", "channel", "--bits", "2"], ["--zero-point", "integer"],
                        ["--symmetric", "--granularity", "group", "--scale-dtype", "bf16", "--on-non-finite", "keep"], ["--range", "mse", "--symmetric"], []):
            with self.subTest(options):
                report = self.octet_json("quantize", source, "set", "--no-sync", "--force", *options)
                self.octet("verify", "set", "--source", source)
                for tensor in self.restored("set").values():
                    size, letter = {"F32": (4, "f"), "F16": (2, "e")}.get(tensor.dtype, (0, ""))
                    data = tensor.data if size else b"".join(b"\0\0" + tensor.data[i:i + 2] for i in range(0, len(tensor.data), 2))
                    values = struct.unpack(f"<{len(data) // (size or 4)}{letter or 'f'}", data)
                    self.assertTrue(all(abs(x) <= MOST for x in values), values)
                for tensor in report["tensors"]:
                    if tensor["scheme"] != "keep":
                        self.assertLessEqual(tensor["max_abs_error"], tensor["bound"])

    def test_a_set_that_dequantize_would_refuse_is_refused_by_quantize(self):
        """BF16 rounds the zero point -65504 down to -65536, which no F16 is; truncated states never change."""
        source = make_file(self.dir / "m.safetensors", [half("fine.weight", [1, 2], [1, 2]), half("wide.weight", [-65504, 1], [1, 2])])
        for more in ([], ["--rounding", "truncate"]):
            options = ["--granularity", "group", "--group-size", "16", "--scale-dtype", "bf16", *more]
            message = (f"{source.name}: tensor 'wide.weight' spans -65504 to 1 in the block at [0, 0], which would come back as an infinite F16; "
                       "--on-non-finite keep copies such tensors, another scheme has another range")
            self.assert_refused(3, message, "quantize", source.name, "set", "--no-sync", *options)
            self.assert_refused(3, message, "plan", source.name, "--scan", *options)
            report = self.octet_json("quantize", source.name, "set", "--no-sync", "--force", "--on-non-finite", "keep", *options)
            self.assertEqual([t["scheme"] == "keep" for t in report["tensors"]], [False, True])
            self.octet("verify", "set", "--source", source.name)
            self.assertEqual(self.restored("set")["wide.weight"].data, struct.pack("<2e", -65504, 1))
            for path in ("set", "back.safetensors"):
                subprocess.run(["rm", "-r", str(self.dir / path)], check=True)

    def test_keep_copies_no_symmetric_tensor_that_can_be_quantized(self):
        source = make_file(self.dir / "m.safetensors", [f32("w", [-MOST, MOST, 0, 1], [2, 2])])
        report = self.octet_json("quantize", source, "set", "--no-sync", "--symmetric", "--on-non-finite", "keep")
        self.assertEqual(report["tensors"][0]["scheme"], "s8")
        report = self.octet_json("quantize", source, "set", "--no-sync", "--force", "--on-non-finite", "keep")
        self.assertEqual(report["tensors"][0]["scheme"], "keep")

    def test_a_gate_fails_where_subnormal_weights_are_lost(self):
        """Their squares vanish in float32: the SQNR was infinite and the gate passed."""
        source = make_file(self.dir / "m.safetensors", [f32("w", [1e-45 * i for i in range(16)], [1, 16])])
        run = self.run_octet("quantize", source, "set", "--no-sync", "--min-sqnr", "60")
        self.assertEqual(run.code, 1, run.out)
        self.assertRegex(run.err, r"the SQNR is (0|[\d.]+e-06) dB, 60 dB below")  # of the rounded figures, as totals are

    def test_float64_weights_whose_squares_are_no_doubles_have_their_figures(self):
        """Of 3e-200 and 4e-200 all is lost: float32 has nothing that small."""
        source = make_file(self.dir / "m.safetensors", [double("w.weight", [3e-200, 4e-200] * 32, [1, 64])])
        report = self.octet_json("quantize", source, "set", "--no-sync")
        figures = {key: report["tensors"][0][key] for key in ("sqnr_db", "rmse", "max_abs_error")}
        self.assertEqual(figures, {"sqnr_db": 0.0, "rmse": 3.53553e-200, "max_abs_error": 4e-200})
        self.assertEqual(report["totals"]["sqnr_db"], 0.0)
        self.assertEqual(self.octet_json("inspect", "set")["totals"]["sqnr_db"], 0.0)
        compared = self.octet_json("compare", source, "set")
        self.assertEqual({key: compared["tensors"][0][key] for key in figures}, figures)
        self.assertAlmostEqual(compared["totals"]["sqnr_db"], 0.0, places=4)
        planned = self.octet_json("plan", source, "--max-size", "10kB")
        self.assertEqual(planned["planner"]["sqnr_db"], "inf")  # it is copied, as it fits
        run = self.run_octet("plan", source, "--target-sqnr", "20", "--rule", "*=u8")
        self.assertEqual(run.code, 1, run.err)
        self.octet("verify", "set", "--source", source)

    def test_the_planner_passes_over_a_scheme_that_cannot_hold_a_tensor(self):
        """The two ends lie in groups of their own: one scale for the tensor, or a group of both, has no finite range."""
        apart = [-MOST, *[1.0] * 17, *[1.0] * 17, MOST / 2]
        ordinary = [float(i % 19 - 9) for i in range(4096)]
        source = make_file(self.dir / "m.safetensors", [f32("model.layers.0.mlp.up_proj.weight", apart * 2, [4, 18]),
                                                        f32("model.layers.1.mlp.up_proj.weight", ordinary, [64, 64])])
        for target in (["--max-size", "3.6kB"], ["--target-sqnr", "30"]):
            with self.subTest(target):
                report = self.octet_json("quantize", source, "set", "--no-sync", "--force", *target)
                self.assertRegex(report["tensors"][0]["scheme"], "group18|keep")
                self.octet("verify", "set", "--source", source)
                self.assertTrue(all(abs(x) <= MOST for x in struct.unpack("<72f", self.restored("set")["model.layers.0.mlp.up_proj.weight"].data)))

    def test_what_no_scheme_of_the_planner_holds_is_refused_by_name(self):
        source = make_file(self.dir / "m.safetensors", [f32("layers.0.mlp.up_proj.weight", [1, math.nan] * 2304, [64, 72]), f32("layers.1.mlp.up_proj.weight", [1, 2] * 2304, [64, 72])])
        message = (f"{source.name}: tensor 'layers.0.mlp.up_proj.weight' holds nan at [0, 1], which is not a finite float32; --on-non-finite keep copies such tensors")
        self.assert_refused(3, message, "quantize", source.name, "set", "--no-sync", "--max-size", "6kB")
        report = self.octet_json("quantize", source, "set", "--no-sync", "--on-non-finite", "keep", "--max-size", "30kB")
        self.assertEqual(report["tensors"][0]["scheme"], "keep")

    def test_many_extremes_under_many_schemes_have_the_figures_of_the_oracle(self):
        found = subprocess.run([str(SOURCE_DIR / "scripts" / "python_env.sh")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if found.returncode == 77:
            self.skipTest(found.stderr.decode().strip())
        count = os.environ.get("OCTET_EXTREMES")
        program = [found.stdout.decode().strip(), str(SOURCE_DIR / "tests" / "extremes.py"), str(BIN)]
        done = subprocess.run(program + (["--tensors", count] if count else ["--tensors", "72", "--schemes", "34"]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode == 77:
            self.skipTest(done.stdout.decode().strip())
        print(done.stdout.decode().strip().splitlines()[-1])
        self.assertEqual(done.returncode, 0, done.stdout.decode())


if __name__ == "__main__":
    main()
