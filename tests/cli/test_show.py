#!/usr/bin/env python3
"""octet show: one tensor as torch prints it. The golden strings were made once with torch 2.15
(`str(torch.tensor(...))` of the values beside them); figures are computed here in float64, codes
and states from the formulas of docs/format.md."""
import ast
import json
import math
import random
import statistics
import struct
import unittest

from octet_case import TESTDATA, OctetCase, Tensor, f32, main, make_file, read_file, snapshot

NAME = "h.0.attn.c_attn.weight"
LESSON = json.loads((TESTDATA / "lesson_vectors.json").read_text())["lesson_printout"]
GOLDEN = [
    ([3], [1.0, 2.5, -3.0], "tensor([ 1.0000,  2.5000, -3.0000])"),
    ([2, 2], [1e-5, 2e-5, -3e5, 1.0],
     "tensor([[ 1.0000e-05,  2.0000e-05],\n        [-3.0000e+05,  1.0000e+00]])"),
    ([4], [math.nan, math.inf, 1.25, 0.0], "tensor([   nan,    inf, 1.2500, 0.0000])"),
    ([4], [0.0, 1000.0, 2000.0, 3000.0], "tensor([   0., 1000., 2000., 3000.])"),
    ([0], [], "tensor([])"),
    ([], [2.0], "tensor(2.)"),
    ([2, 3, 4], [i * 0.5 for i in range(24)],
     "tensor([[[ 0.0000,  0.5000,  1.0000,  1.5000],\n"
     "         [ 2.0000,  2.5000,  3.0000,  3.5000],\n"
     "         [ 4.0000,  4.5000,  5.0000,  5.5000]],\n\n"
     "        [[ 6.0000,  6.5000,  7.0000,  7.5000],\n"
     "         [ 8.0000,  8.5000,  9.0000,  9.5000],\n"
     "         [10.0000, 10.5000, 11.0000, 11.5000]]])"),
]


def block(out, title):
    """The tensor that is printed below this line."""
    lines = out.split("\n")
    at = lines.index(title) + 1
    end = next(i for i in range(at, len(lines)) if lines[i].endswith(")"))
    return "\n".join(lines[at:end + 1])


def rounded(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


class Show(OctetCase):
    def show(self, *arguments):
        return self.octet("show", *arguments)

    def shown(self, *arguments):
        return self.octet_json("show", *arguments)

    def refused(self, code, *arguments):
        """One line that names the program, nothing else, nothing changed; returns the line."""
        before = snapshot(self.dir)
        run = self.run_octet("show", *arguments)
        self.assertEqual((run.code, run.out, run.err.count("\n")), (code, "", 1), run.err)
        self.assertEqual(snapshot(self.dir), before)
        return run.err

    def lesson_file(self):
        """The 36 values that the lesson prints stand in the corners of a tensor of its shape, and
        the ends of its range somewhere in the middle: what is between is not printed."""
        rows, columns = 768, 2304
        values = [0.0] * (rows * columns)
        corners = lambda size: [0, 1, 2, size - 3, size - 2, size - 1]
        for i, row in enumerate(corners(rows)):
            for j, column in enumerate(corners(columns)):
                values[row * columns + column] = LESSON["values"][i][j]
        values[300 * columns + 7] = sum(LESSON["min_between"]) / 2
        values[301 * columns + 9] = sum(LESSON["max_between"]) / 2
        return make_file(self.dir / "lesson.safetensors", [f32(NAME, values, [rows, columns])])

    def test_prints_as_torch_does(self):
        tensors = [f32(f"t{i}", values, shape) for i, (shape, values, _) in enumerate(GOLDEN)]
        path = make_file(self.dir / "m.safetensors", tensors)
        for i, (_, _, expected) in enumerate(GOLDEN):
            with self.subTest(i):
                self.assertEqual(block(self.show(path, f"t{i}").out, "values"), expected)

    def test_the_lessons_cells(self):
        source, out = self.lesson_file(), self.dir / "out"
        self.octet("quantize", source, out, "--preset", "lesson")
        printed = self.show(out, NAME, "--source", source).out
        rows = [[f"{v:7.4f}" for v in row] for row in LESSON["values"]]
        values = block(printed, "values")
        for row in rows:
            self.assertIn(", ".join(row[:3]) + ",  ..., " + ", ".join(row[3:]), values)
        codes = block(printed, "codes")
        for row in LESSON["codes"]:
            text = [f"{code:3d}" for code in row]
            self.assertIn(", ".join(text[:3]) + ",  ..., " + ", ".join(text[3:]), codes)
        found = self.shown(out, NAME, "--source", source)
        self.assertEqual(found["codes"], LESSON["codes"])
        self.assertEqual([[rounded(v) for v in row] for row in found["values"]],
                         [[rounded(v) for v in row] for row in LESSON["values"]])
        scale = found["scale"]
        self.assertEqual(round(scale, 7), 0.0221157)
        for codes_row, restored, errors, row in zip(found["codes"], found["restored"],
                                                    found["abs_error"], found["values"]):
            for code, back, error, value in zip(codes_row, restored, errors, row):
                expected = code * scale + found["zero_point"]
                self.assertLessEqual(abs(back - expected), 3e-7)
                self.assertLessEqual(abs(error - abs(value - back)), 3e-7)
                self.assertLess(error, scale * 1.001)

    def test_figures(self):
        generator = random.Random(5)
        values = [rounded(generator.gauss(0.25, 2)) for _ in range(6000)]
        values[17] = 0.0
        values[40] = 30.0
        path = make_file(self.dir / "m.safetensors", [f32("a.weight", values, [60, 100])])
        found = self.shown(path, "a.weight")
        mean, std = statistics.fmean(values), statistics.stdev(values)
        self.assertAlmostEqual(found["mean"], mean, delta=1e-12)
        self.assertAlmostEqual(found["std"], std, delta=1e-9)  # as torch.std: of n - 1
        self.assertEqual((found["min"], found["max"]), (min(values), max(values)))
        self.assertEqual(found["zeros"], 1)
        self.assertEqual(found["outliers"], sum(abs(v - mean) > 4 * std for v in values))
        self.assertEqual(sum(found["histogram"]["counts"]) + found["histogram"]["outside"], 6000)

    def test_index_rows_and_precision(self):
        values = [float(i) for i in range(200)]
        path = make_file(self.dir / "m.safetensors", [f32("t", values, [10, 20])])
        self.assertEqual(block(self.show(path, "t", "--index", "3,5").out, "values"), "tensor(65.)")
        self.assertEqual(self.shown(path, "t", "--index", "-1,-1")["values"], 199)
        self.assertEqual(self.shown(path, "t", "--index", "9")["values"], values[180:])
        found = self.shown(path, "t", "--rows", "2", "--columns", "2")
        self.assertEqual(found["values"], [[0, 19], [180, 199]])
        text = block(self.show(path, "t", "--index", "0,1", "--precision", "2").out, "values")
        self.assertEqual(text, "tensor(1.)")
        for bad in ("10,0", "0,20", "0,0,0", "x", ""):
            with self.subTest(bad):
                self.refused(2, path, "t", "--index", bad)

    def test_npy_is_what_dequantize_restores(self):
        for preset in ("all", "q4", "q6"):
            out, back, npy = self.dir / f"out-{preset}", self.dir / f"back-{preset}", self.dir / "t.npy"
            self.octet("quantize", TESTDATA / "tiny-gpt2", out, "--preset", preset)
            self.octet("dequantize", out, back)
            self.show(out, "h.0.mlp.c_fc.weight", "--npy", npy, "--force")
            _, tensors, _ = read_file(back / "model.safetensors")
            expected = next(t for t in tensors if t.name == "h.0.mlp.c_fc.weight")
            raw = npy.read_bytes()
            self.assertEqual(raw[:8], b"\x93NUMPY\x01\x00")
            length = struct.unpack("<H", raw[8:10])[0]
            header = ast.literal_eval(raw[10:10 + length].decode())
            self.assertEqual(header, {"descr": "<f4", "fortran_order": False,
                                      "shape": tuple(expected.shape)})
            self.assertEqual(raw[10 + length:], expected.data)

    def test_npy_never_replaces_what_octet_did_not_write(self):
        path = make_file(self.dir / "m.safetensors", [f32("t", [1.0, 2.0])])
        (self.dir / "mine.npy").write_text("not yours")
        self.refused(2, path, "t", "--npy", self.dir / "mine.npy")
        self.refused(2, path, "t", "--npy", path, "--force")

    def test_dtypes_are_named(self):
        tensors = [Tensor("h", "F16", [2], struct.pack("<2e", 1.0, 2.0)),
                   Tensor("d", "F64", [2], struct.pack("<2d", 1.0, 2.0)),
                   Tensor("i", "I64", [2], struct.pack("<2q", 1, 2)),
                   Tensor("b", "BF16", [2], b"\x80\x3f\x00\x40"),
                   f32("f", [1.0, 2.0])]
        path = make_file(self.dir / "m.safetensors", tensors)
        for name, expected in (("h", "tensor([1., 2.], dtype=torch.float16)"),
                               ("d", "tensor([1., 2.], dtype=torch.float64)"),
                               ("i", "tensor([1, 2])"),
                               ("b", "tensor([1., 2.], dtype=torch.bfloat16)"),
                               ("f", "tensor([1., 2.])")):
            with self.subTest(name):
                self.assertEqual(block(self.show(path, name).out, "values"), expected)

    def test_what_is_not_there(self):
        path = make_file(self.dir / "m.safetensors", [f32("h.0.attn.weight", [1.0]),
                                                      f32("h.1.attn.weight", [1.0])])
        self.assertIn("'h.0.attn.weight'", self.refused(2, path, "h.0.attn.wieght"))
        self.refused(3, self.dir / "nowhere", "x")
        self.refused(2, path, "h.0.attn.weight", "--source", path, "--rows", "-1")


if __name__ == "__main__":
    main()
