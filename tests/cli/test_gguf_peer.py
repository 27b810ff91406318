"""llama.cpp itself loads what quantize --type writes, sees its values to the bit, cuts text into the same tokens and computes the same
logits. OCTET_PEERS names a Python that has llama-cpp-python, gguf, torch, transformers and tokenizers; skipped without."""
import os
import subprocess

from octet_case import SHARED, TESTDATA, OctetCase, main

PEERS = os.environ.get("OCTET_PEERS")
TYPES = ("f32", "f16", "bf16", "q8_0", "q6_k", "q5_k_m", "q5_k_s", "q4_k_m", "q4_k_s", "q3_k_l", "q3_k_m", "q3_k_s", "q2_k", "iq4_nl",
         "q5_1", "q5_0", "q4_1", "q4_0")


class Peer(OctetCase):
    def setUp(self):
        super().setUp()
        if not PEERS or not SHARED:
            self.skipTest("OCTET_PEERS and OCTET_SHARED name no llama.cpp and no checker")

    def check(self, model, kind, *options):
        self.octet("quantize", model, "out.gguf", "--type", kind, "--force")
        self.octet("dequantize", "out.gguf", "out.safetensors", "--force")
        done = subprocess.run([PEERS, SHARED / "tools" / "check_dialect.py", "gguf", model, "out.gguf", "--set", "out.safetensors",
                               *options], cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        self.assertEqual(done.returncode, 0, f"{kind}: {done.stdout[-500:]}")
        self.assertIn("equal to the set", done.stdout)

    def test_gpt2_in_every_type(self):
        for kind in TYPES:
            with self.subTest(kind):
                self.check(TESTDATA / "tiny-gpt2", kind)

    def test_t5(self):
        for kind in ("f32", "f16", "bf16", "q8_0"):  # llama.cpp rounds what its few inputs are multiplied with too far for others
            with self.subTest(kind):
                self.check(TESTDATA / "tiny-flan-t5", kind)


if __name__ == "__main__":
    main()
