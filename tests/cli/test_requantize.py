"""quantize --requantize: what is quantized already is made plain first and quantized again, and a line says that errors add up."""
from method_values import folder_of, float_tensor, rng_of
from octet_case import OctetCase, Tensor, main, snapshot

CONFIG = {"torch_dtype": "float32", "quantization_config": {"quant_method": "compressed-tensors"}}


class Requantize(OctetCase):
    def came_quantized(self):
        rng = rng_of("requantize")
        scales, _ = float_tensor("m.weight_scale", "F32", [4, 1], [rng.uniform(0.1, 1) for _ in range(4)])
        codes = Tensor("m.weight", "I8", [4, 64], bytes(rng.randrange(256) for _ in range(256)))
        return folder_of(self.dir / "in", [codes, scales], CONFIG)

    def test_it_is_what_dequantize_and_quantize_make(self):
        self.came_quantized()
        self.octet("dequantize", "in", "plain")
        self.octet("quantize", "plain", "wanted", "--bits", "4")
        before = {p.name for p in self.dir.iterdir()}
        run = self.run_octet("quantize", "in", "out", "--bits", "4", "--requantize")
        self.assertEqual(run.code, 0, run.err)
        self.assertIn("quantized again: the errors of compressed-tensors and of this add up", run.err)
        self.assertEqual(snapshot(self.dir / "out"), snapshot(self.dir / "wanted"))
        self.assertEqual({p.name for p in self.dir.iterdir()}, before | {"out"})

    def test_without_it_all_is_as_before(self):
        self.came_quantized()
        run = self.run_octet("quantize", "in", "out")
        self.assertEqual(run.code, 0)
        self.assertNotIn("quantized again", run.err)
        self.assert_refused(3, "out: is a quantized set already; give the original checkpoint", "quantize", "out", "again")

    def test_a_failure_leaves_nothing(self):
        self.came_quantized()
        before = {p.name for p in self.dir.iterdir()}
        run = self.run_octet("quantize", "in", "out", "--bits", "2", "--requantize", "--min-sqnr", "90")
        self.assertEqual(run.code, 1)
        self.assertEqual({p.name for p in self.dir.iterdir()}, before)

    def test_a_plain_checkpoint_is_quantized_as_ever(self):
        self.came_quantized()
        self.octet("dequantize", "in", "plain")
        self.octet("quantize", "plain", "a")
        run = self.run_octet("quantize", "plain", "b", "--requantize")
        self.assertNotIn("quantized again", run.err)
        self.assertEqual(snapshot(self.dir / "a"), snapshot(self.dir / "b"))


if __name__ == "__main__":
    main()
