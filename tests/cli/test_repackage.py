"""quantize SET OUT --format mlx: a finished set is moved into MLX's format: the folder equals the one made from the original under the same
schemes, byte for byte. What does not fit is refused by name."""
from octet_case import TESTDATA, OctetCase, contents, main

GPT2 = TESTDATA / "tiny-gpt2"
KEPT = ("--rule", "kind:bias=keep", "--rule", "kind:norm=keep")


class ToMlx(OctetCase):
    def test_the_folder_is_that_of_the_original(self):
        for bits, group in ((2, 64), (3, 32), (4, 64), (8, 32)):
            with self.subTest(bits=bits, group=group):
                scheme = ("--bits", bits, "--group-size", group, "--force", "--no-sync")
                self.octet("quantize", GPT2, "set", *scheme, "--rule", f"wpe.weight=u{bits}-group{group}-axis0", *KEPT)
                self.octet("quantize", "set", "moved", "--format", "mlx", "--force", "--no-sync")
                self.octet("quantize", GPT2, "made", "--format", "mlx", *scheme)
                self.octet("verify", "moved")
                moved, made = contents(self.dir / "moved"), contents(self.dir / "made")
                self.assertEqual(moved["model.safetensors"], made["model.safetensors"])

    def test_what_does_not_fit_is_refused(self):
        self.octet("quantize", GPT2, "set", "--preset", "linear", "--no-sync")
        run = self.run_octet("quantize", "set", "out", "--format", "mlx")
        self.assertEqual(run.code, 3, run.err)
        for word in ("attn.c_attn.weight'", "s8-channel-axis1", "u8-group64-axis1 would fit"):
            self.assertIn(word, run.err)
        self.assertEqual(self.run_octet("quantize", "set", "out", "--format", "mlx", "--bits", "4").code, 2)
        self.assertFalse((self.dir / "out").exists())


if __name__ == "__main__":
    main()
