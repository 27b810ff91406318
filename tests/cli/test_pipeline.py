"""The root of a diffusers pipeline, model_index.json beside a folder for each component: one command does all of them."""
import json

from octet_case import DATA_FILE, SIDECAR, OctetCase, f32, main, make_file, make_sharded


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


class Pipeline(OctetCase):
    COMPONENTS = ["text_encoder", "transformer", "vae"]

    def setUp(self):
        super().setUp()
        self.root = self.dir / "pipe"
        for name, text in {"model_index.json": '{"_class_name": "X", "vae": ["diffusers", "AutoencoderKL"]}', "README.md": "text",
                           "scheduler/scheduler_config.json": "{}", "tokenizer/vocab.json": "{}", "vae/config.json": '{"a": 1}',
                           ".gitattributes": "x"}.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        for name in ("text_encoder", "transformer"):
            (self.root / name).mkdir()
        weights = [f32(name, [1, 2, 3, 4.5], [2, 2]) for name in ("a.weight", "b.weight")]
        make_file(self.root / "text_encoder" / "model.safetensors", weights)
        make_file(self.root / "vae" / "diffusion_pytorch_model.safetensors", weights)
        make_file(self.root / "vae" / "diffusion_pytorch_model.fp16.safetensors", weights)
        make_file(self.dir / "whole.safetensors", weights)
        make_sharded(self.root / "transformer", self.dir / "whole.safetensors", 2)
        (self.root / "transformer" / "model.safetensors.index.json").rename(
            self.root / "transformer" / "diffusion_pytorch_model.safetensors.index.json")

    def test_there_and_back_in_one_command_each(self):
        run = self.octet("quantize", "pipe", "out")
        self.assertEqual(run.err, "octet: left out: diffusion_pytorch_model.fp16.safetensors (another checkpoint's weights)\n")
        for name in self.COMPONENTS:
            self.assertTrue((self.dir / "out" / name / SIDECAR).exists())
            self.octet("verify", f"out/{name}", "--source", f"pipe/{name}")
        self.assertEqual((self.dir / "out/scheduler/scheduler_config.json").read_text(), "{}")
        self.octet("verify", "out", "--source", "pipe")
        self.octet("inspect", "out")
        self.octet("plan", "pipe")
        self.octet("dequantize", "out", "back")
        left = {".gitattributes", "vae/diffusion_pytorch_model.fp16.safetensors"}
        source, back = tree(self.root), tree(self.dir / "back")
        self.assertEqual(set(back), set(source) - left)
        for name in back:
            if not name.endswith(".safetensors") and "index" not in name:
                self.assertEqual(back[name], source[name], name)
        self.assertEqual(back["model_index.json"], source["model_index.json"])

    def test_the_reports_are_one_object(self):
        report = self.octet_json("quantize", "pipe", "out")
        self.assertEqual([one["input"] for one in report["components"]], [f"pipe/{name}" for name in self.COMPONENTS])
        self.assertEqual([one["totals"]["quantized"] for one in report["components"]], [2, 2, 2])
        self.assertEqual(report["companions"]["copied"], ["README.md", "model_index.json", "scheduler/scheduler_config.json",
                                                          "tokenizer/vocab.json"])
        self.assertEqual([len(one["tensors"]) for one in self.octet_json("inspect", "out")["components"]], [2, 2, 2])

    def test_a_broken_component_is_found_and_named(self):
        self.octet("quantize", "pipe", "out", "--quiet")
        path = self.dir / "out" / "vae" / DATA_FILE
        path.write_bytes(path.read_bytes()[:-1] + b"\xaa")
        run = self.run_octet("verify", "out", "--json")
        self.assertEqual(run.code, 1)
        self.assertEqual([bool(one["findings"]) for one in json.loads(run.out)["components"]], [False, False, True])
        (self.root / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"GGUF")
        run = self.run_octet("inspect", "pipe", "--json")
        self.assertEqual(run.code, 3)
        self.assertEqual(json.loads(run.out)["error"]["code"], 3)
        self.assertEqual(json.loads(run.out)["components"][2]["error"], json.loads(run.out)["error"])
        self.assertIn("pipe/vae/diffusion_pytorch_model.safetensors: is a GGUF file", run.err)

    def test_what_stands_there_is_replaced_only_with_force(self):
        self.octet("quantize", "pipe", "out", "--quiet")
        before = tree(self.dir / "out")
        self.assert_refused(2, "out: holds a pipeline already; --force replaces it", "quantize", "pipe", "out")
        self.octet("quantize", "pipe", "out", "--force", "--quiet")
        self.assertEqual(tree(self.dir / "out"), before)
        (self.dir / "mine").mkdir()
        (self.dir / "mine" / "x").write_text("mine")
        self.assert_refused(2, "mine: is not empty (x); name a new or empty folder", "quantize", "pipe", "mine", "--force")

    def test_options_about_one_model_are_refused(self):
        self.assert_refused(2, "--max-size: is about one model, and INPUT holds several; name the folder of one",
                            "quantize", "pipe", "out", "--max-size", "1MB")


if __name__ == "__main__":
    main()
