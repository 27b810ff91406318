"""What the tests of methods of quantizing share: a small checkpoint restored, reported, or refused by name."""
import shutil

from method_values import restored, folder_of, packed
from octet_case import OctetCase


class MethodCase(OctetCase):
    def folder(self, tensors, config=None, beside=None):
        shutil.rmtree(self.dir / "in", ignore_errors=True)
        return folder_of(self.dir / "in", tensors, config, beside)

    def check(self, tensors, expected, config=None, beside=None):
        """`expected`: name: (shape, float32 values); nothing else comes out."""
        self.folder(tensors, config, beside)
        try:
            self.octet("dequantize", "in", "out", "--dtype", "f32")
            found = restored(self.dir / "out" / "model.safetensors")
            self.assertEqual({n: f[1] for n, f in found.items()}, {n: e[0] for n, e in expected.items()})
            for name, (_, values) in expected.items():
                self.assertEqual(packed("f", found[name][2]), packed("f", values), name)
        finally:
            shutil.rmtree(self.dir / "out", ignore_errors=True)

    def check_reports(self, tensors, expected, method, scheme, bits, config=None, beside=None):
        """inspect names method, scheme and bits per weight; compare sees no difference to the weights."""
        self.folder(tensors, config, beside)
        self.octet("dequantize", "in", "plain", "--dtype", "f32")
        report = self.octet_json("inspect", "in")
        self.assertEqual(report["format"], method)
        found = {t["name"]: t.get("scheme") for t in report["tensors"]}
        self.assertEqual(found, {n: scheme if n.endswith("m.weight") else "keep" for n in expected})
        self.assertEqual(report["totals"]["bits_per_weight"], float(f"{bits:.6g}"))
        self.assertIn(method, self.octet("inspect", "in").out)
        report = self.octet_json("compare", "plain", "in")
        self.assertEqual({t["name"]: t["max_abs_error"] for t in report["tensors"]}, dict.fromkeys(expected, 0))
        self.assertEqual((report["missing"], report["extra"]), ([], []))

    def refuse(self, tensors, message, config=None, beside=None):
        self.folder(tensors, config, beside)
        self.assert_refused(3, f"in/model.safetensors: tensor {message}", "dequantize", "in", "out")
        self.assertFalse((self.dir / "out").exists())
