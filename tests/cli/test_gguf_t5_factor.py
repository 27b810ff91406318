"""The factor that T5 scales the input of its head with: in a GGUF file it is folded into the last norm, noted, and undone when the file is read,
whether the head is the embedding or not."""
import json
import shutil
import struct

from octet_case import TESTDATA, OctetCase, main, make_file, read_file

NORM = "decoder.final_layer_norm.weight"


class Factor(OctetCase):
    def model(self, folder, has_head, **config):
        path = self.dir / folder
        shutil.copytree(TESTDATA / "tiny-flan-t5", path)
        if not has_head:
            _, tensors, _ = read_file(path / "model.safetensors")
            make_file(path / "model.safetensors", [t for t in tensors if t.name != "lm_head.weight"])
        values = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps({**values, **config}))

    def norm(self, path):
        data = next(t for t in read_file(self.dir / path)[1] if t.name == NORM).data
        return struct.unpack(f"<{len(data) // 4}f", data)

    def test_the_norm_comes_back_with_any_head(self):
        asked = ("--prompt", "where is Delhi", "--max-new-tokens", 8)
        for has_head, tied in ((True, False), (True, True), (False, True)):
            for scales in (False, True):
                name = f"{has_head}{tied}{scales}"
                with self.subTest(name):
                    self.model(name, has_head, tie_word_embeddings=tied, scale_decoder_outputs=scales)
                    self.octet("quantize", name, name + ".gguf", "--type", "f32")
                    keys = self.octet_json("inspect", name + ".gguf")["metadata"]
                    width = json.loads((self.dir / name / "config.json").read_text())["d_model"]
                    self.assertAlmostEqual(float(keys["octet.folded_factor"]), width ** -0.5 if scales else 1.0, delta=1e-6)
                    self.octet("dequantize", name + ".gguf", name + "-back.safetensors")
                    for was, now in zip(self.norm(f"{name}/model.safetensors"), self.norm(name + "-back.safetensors")):
                        self.assertAlmostEqual(now, was, delta=abs(was) * 2 ** -23)
                    answers = [self.octet_json("generate", path, *asked)["ids"] for path in (name, name + ".gguf")]
                    self.assertEqual(answers[0], answers[1])
                    losses = [self.octet_json("evaluate", path, "--pairs", TESTDATA / "tiny-flan-t5" / "eval.tsv")["loss"]
                              for path in (name, name + ".gguf")]
                    self.assertAlmostEqual(losses[0], losses[1], delta=1e-4 * losses[0])

    def test_a_factor_that_is_none_is_refused(self):
        self.model("model", True, tie_word_embeddings=False, scale_decoder_outputs=True)
        self.octet("quantize", "model", "m.gguf", "--type", "f32")
        raw = (self.dir / "m.gguf").read_bytes()
        at = raw.index(b"octet.folded_factor") + len("octet.folded_factor") + 4
        for value in (0.0, -1.0, float("nan"), float("inf")):
            (self.dir / "bad.gguf").write_bytes(raw[:at] + struct.pack("<f", value) + raw[at + 4:])
            run = self.run_octet("inspect", "bad.gguf")
            self.assertEqual((run.code, run.err.count("\n")), (3, 1), run.err)
            self.assertIn("octet.folded_factor", run.err)


if __name__ == "__main__":
    main()
