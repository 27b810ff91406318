"""Companions: all that is small and not weights goes along into a set and back, in subfolders, too; what is left out is named."""
import json
import os
import shutil
import signal
import subprocess

from octet_case import BIN, DATA_FILE, SIDECAR, OctetCase, f32, main, make_file, snapshot

SMALL = {"config.json": '{\n  "torch_dtype": "float32",\n  "eps": 1e-05\n}\n', "chat_template.jinja": "{{ x }}",
         "preprocessor_config.json": "{}", "modeling_x.py": "import this\n", "adapter_config.json": "{}", "modules.json": "[]",
         "tokenizer.model": "\x00\x01", "sentence_bert_config.json": "{}", "notes.txt": "mine", "vocab": "a b",
         "1_Pooling/config.json": '{"pooling": "mean"}', "additional_chat_templates/tool.jinja": "{}", "a/b/c/d.txt": "deep"}


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


class Companions(OctetCase):
    def setUp(self):
        super().setUp()
        self.model = self.dir / "model"
        self.model.mkdir()
        make_file(self.model / "model.safetensors", [f32("w", [1, 2, 3, 4], [2, 2])], {"format": "pt"})
        for name, text in SMALL.items():
            (self.model / name).parent.mkdir(parents=True, exist_ok=True)
            (self.model / name).write_text(text)
        (self.model / "2_Dense").mkdir()
        make_file(self.model / "2_Dense" / "model.safetensors", [f32("linear.weight", [1, 2], [1, 2])])
        (self.model / "3_Dense").mkdir()
        (self.model / "3_Dense" / "pytorch_model.bin").write_bytes(b"PK")  # a module's only weights
        self.companions = sorted([*SMALL, "2_Dense/model.safetensors", "3_Dense/pytorch_model.bin"])

    def test_every_file_of_the_source_is_there_after_quantize_and_dequantize(self):
        for name in (".git/config", ".gitattributes", "1_Pooling/.DS_Store"):
            (self.model / name).parent.mkdir(exist_ok=True)
            (self.model / name).write_text("hidden")
        report = self.octet_json("quantize", "model", "set")
        self.assertEqual(report["companions"], {"copied": self.companions, "left_out": []})
        self.octet("verify", "set", "--source", "model")
        report = self.octet_json("dequantize", "set", "back")
        self.assertEqual(report["companions"], {"copied": self.companions, "left_out": []})
        source, back = tree(self.model), tree(self.dir / "back")
        self.assertEqual(set(back), {name for name in source if not any(part.startswith(".") for part in name.split("/"))})
        for name in self.companions:
            self.assertEqual(back[name], source[name], name)

    def test_what_is_left_out_is_named_in_one_line_and_in_json(self):
        for name in ("pytorch_model.bin", "model.onnx", "tf_model.h5", "flax_model.msgpack", "model.gguf", "a.pt", "consolidated.00.pth"):
            (self.model / name).write_bytes(b"\0")
        make_file(self.model / "model.fp16.safetensors", [f32("w", [1])])
        with open(self.model / "large.json", "wb") as file:
            file.truncate(100_000_001)
        (self.model / "onnx").mkdir()
        (self.model / "onnx" / "model.onnx").write_bytes(b"\0")
        os.mkfifo(self.model / "pipe")
        run = self.octet("quantize", "model", "set")
        self.assertEqual(run.err, "octet: left out: large.json (100.0 MB, larger than 100.0 MB); model.fp16.safetensors (another "
                         "checkpoint's weights); a.pt, consolidated.00.pth, flax_model.msgpack, model.gguf, model.onnx and 3 more "
                         "(another framework's weights); pipe (no regular file)\n")
        left_out = self.octet_json("quantize", "model", "set", "--force")["companions"]["left_out"]
        self.assertEqual({entry["name"]: entry["why"] for entry in left_out}["onnx/model.onnx"], "another framework's weights")
        self.assertEqual(len(left_out), 11)
        self.assertEqual(self.octet("quantize", "model", "quiet", "--quiet").err, "")

    def test_a_choice_of_companions(self):
        for choice, names in (("all", self.companions), ("known", ["config.json", "tokenizer.model"]), ("none", [])):
            run = self.octet("quantize", "model", choice, "--companions", choice, "--json")
            self.assertEqual(json.loads(run.out)["companions"]["copied"], names)
            self.assertEqual(run.err, "")
            self.assertEqual(set(tree(self.dir / choice)), {DATA_FILE, SIDECAR, *names})
        self.assertEqual(self.run_octet("quantize", "model", "x", "--companions", "some").code, 2)

    def test_large_folders_sets_and_other_checkpoints_do_not_come_along(self):
        (self.model / "many").mkdir()
        for i in range(1001):
            (self.model / "many" / str(i)).touch()
        deep = self.model / "deep" / "/".join("abcdefgh")
        deep.mkdir(parents=True)
        (deep / "x").touch()
        (self.model / "checkpoint-500").mkdir()
        make_file(self.model / "checkpoint-500" / "model.safetensors", [f32("w", [1])])
        self.octet("quantize", "model", "model/out", "--companions", "none")
        report = self.octet_json("quantize", "model", "set")
        large = "a folder with more than 1,000 entries, or deeper than 8 levels"
        self.assertEqual({entry["name"]: entry["why"] for entry in report["companions"]["left_out"]},
                         {"many/": large, "deep/": large, "checkpoint-500/": "another checkpoint", "out/": "a quantized set"})
        self.assertEqual(report["companions"]["copied"], self.companions)

    def test_a_set_with_subfolders_is_replaced_and_what_is_not_its_own_bars_that(self):
        self.octet("quantize", "model", "set")
        first = tree(self.dir / "set")
        self.octet("quantize", "model", "set", "--force")
        self.assertEqual(tree(self.dir / "set"), first)
        (self.dir / "set" / "a" / "b" / "mine").write_text("mine")
        self.assert_refused(2, "set: holds 'a/b/mine', which is not part of the set there; move it away first",
                            "quantize", "model", "set", "--force")
        (self.dir / "set" / "a" / "b" / "mine").unlink()
        self.octet("quantize", "model", "set", "--force", "--companions", "none")
        self.assertEqual(set(tree(self.dir / "set")), {DATA_FILE, SIDECAR})
        self.assertEqual({p.name for p in (self.dir / "set").iterdir()}, {DATA_FILE, SIDECAR})

    def test_dequantize_into_a_folder_that_has_files(self):
        self.octet("quantize", "model", "set")
        self.octet("dequantize", "set", "back")
        (self.dir / "back" / "a" / "mine").write_text("mine")
        (self.dir / "back" / "a" / "b" / "c" / "d.txt").write_text("other")
        self.octet("dequantize", "set", "back", "--force")
        self.assertEqual((self.dir / "back/a/b/c/d.txt").read_text(), "deep")
        self.assertEqual((self.dir / "back/a/mine").read_text(), "mine")
        victim = self.dir / "victim"
        (victim / "b" / "c").mkdir(parents=True)
        shutil.rmtree(self.dir / "back" / "a")
        (self.dir / "back" / "a").symlink_to(victim)
        before = snapshot(victim)
        run = self.run_octet("dequantize", "set", "back", "--force")
        self.assertEqual(run.code, 4, run.err)
        self.assertEqual(snapshot(victim), before)

    def test_a_single_file_takes_none_along_and_says_so_in_json(self):
        self.octet("quantize", "model", "set")
        report = self.octet_json("dequantize", "set", "back.safetensors")
        self.assertEqual(report["companions"]["copied"], [])
        self.assertEqual([entry["name"] for entry in report["companions"]["left_out"]], self.companions)

    def test_killed_runs_leave_nothing_in_subfolders(self):
        for _ in range(12):
            process = subprocess.Popen([str(BIN), "quantize", "model", "out", "--force", "--quiet"], cwd=self.dir)
            try:
                process.wait(timeout=0.004)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
        self.octet("quantize", "model", "out", "--force", "--quiet")
        self.octet("verify", "out")
        self.assertEqual({p.name for p in self.dir.iterdir()}, {"model", "out"})

    def hostile(self, name):
        """The set with a companion of that name in its sidecar, sealed anew."""
        import xxh3
        path = self.dir / "set" / SIDECAR
        sidecar = json.loads(path.read_text())
        sidecar.pop("xxh3_128")
        sidecar["companions"][0]["name"] = name
        text = json.dumps(sidecar)[:-1] + ",\n  "
        path.write_text(text + f'"xxh3_128": "{xxh3.xxh3_128(text.encode())}"\n}}\n')

    def test_a_sidecar_cannot_lead_out_by_the_names_of_companions(self):
        (self.dir / "victim").mkdir()
        (self.dir / "victim" / "x").write_text("secret")
        self.octet("quantize", "model", "set")
        (self.dir / "set" / "sub").symlink_to("../victim")
        where = "which is not a plain name in a subfolder; files must lie beside it or below"
        for name, what in (("../victim/x", where), ("a/../../victim/x", where), ("a//x", where), ("/etc/passwd", where), ("a/", where),
                           ("./config.json", where), ("a/.x", where), ("a/b/c/d/e/f/g/h/i", where),
                           ("sub/x", "whose subfolder is a link; copy the folder there")):
            with self.subTest(name):
                self.hostile(name)
                for command in (("dequantize", "set", "back"), ("inspect", "set")):
                    self.assert_refused(3, f"set/{SIDECAR}: names the file '{name}', {what}", *command)
        for name in ("modules.json", DATA_FILE):  # which would have to be a file and a folder
            self.hostile(f"{name}/x")
            self.assert_refused(3, f"set/{SIDECAR}: has two files of the name '{name}'; restore the sidecar or quantize again",
                                "inspect", "set")


class ConfigDtype(OctetCase):
    """dequantize --dtype changes what config.json says of the weights, and nothing else of it."""

    def setUp(self):
        super().setUp()
        (self.dir / "model").mkdir()
        make_file(self.dir / "model" / "model.safetensors", [f32("w", [1, 2, 3, 4], [2, 2])])

    def restored(self, config, *options):
        (self.dir / "model" / "config.json").write_text(config)
        shutil.rmtree(self.dir / "set", ignore_errors=True)
        shutil.rmtree(self.dir / "back", ignore_errors=True)
        self.octet("quantize", "model", "set")
        run = self.octet("dequantize", "set", "back", *options)
        return (self.dir / "back" / "config.json").read_text(), run.err

    def test_the_dtype_of_the_config_follows_the_weights(self):
        config = '{\n  "a": "torch_dtype",\n  "torch_dtype": "float32",\n  "text_config": {"dtype": "bfloat16", "eps": 1e-05},\n' \
                 '  "quantization_config": {"dtype": "float32"},\n  "id2label": {"0": "dtype\\": "}\n}\n'
        for dtype, name in (("f16", "float16"), ("bf16", "bfloat16"), ("f32", "float32")):
            expected = config.replace('"torch_dtype": "float32"', f'"torch_dtype": "{name}"').replace(
                '{"dtype": "bfloat16"', f'{{"dtype": "{name}"')
            said = f"octet: config.json says {dtype.upper()} now, the dtype of the restored weights\n"
            self.assertEqual(self.restored(config, "--dtype", dtype), (expected, said))
        self.assertEqual(self.restored(config), (config, ""))
        self.assertEqual(self.restored(config, "--dtype", "source"), (config, ""))

    def test_a_config_without_a_dtype_gets_one(self):
        self.assertEqual(self.restored('{\n  "a": 1\n}\n', "--dtype", "f16")[0], '{\n  "torch_dtype": "float16",\n  "a": 1\n}\n')
        self.assertEqual(json.loads(self.restored("{}", "--dtype", "bf16")[0]), {"torch_dtype": "bfloat16"})
        self.assertEqual(json.loads(self.restored('{"dtype": null}', "--dtype", "bf16")[0]), {"dtype": None})

    def test_a_config_that_already_says_so_stays(self):
        self.assertEqual(self.restored('{"dtype": "float16"}', "--dtype", "f16"), ('{"dtype": "float16"}', ""))

    def test_what_is_no_json_object_stays(self):
        self.assertEqual(self.restored('["torch_dtype", "float32"', "--dtype", "f16"), ('["torch_dtype", "float32"', ""))


if __name__ == "__main__":
    main()
