"""What was given for safetensors, or for a folder, and is none: it is named, with what to do."""
import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile

from octet_case import DATA_FILE, OctetCase, f32, main, make_file, make_sharded

LFS = (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
       b"size 548105171\n")
CONVERT = "; save it as safetensors first"


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"x" * 100)
    return file.getvalue()


def tarred():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    return file.getvalue()


HTML = "is an HTML page, not safetensors: what was downloaded is a web page; download the file itself"
JSON = "is JSON text, not safetensors; give the .safetensors file, its *.safetensors.index.json, or the folder"
PICKLE = "is a pickle, as PyTorch (.bin, .pt) saves weights, not safetensors" + CONVERT
FOREIGN = {
    "Git LFS pointer": (LFS, "is a Git LFS pointer, not the file that it stands for; run git lfs pull"),
    "zip": (zipped(), "is a zip archive, as PyTorch (.bin, .pt) and Keras save weights, not safetensors" + CONVERT),
    "pickle 2": (pickle.dumps({"a": [1, 2]}, protocol=2), PICKLE),
    "pickle 4": (pickle.dumps({"a": [1, 2]}, protocol=4), PICKLE),
    "HTML": (b"<!DOCTYPE html>\n<html><body>404</body></html>", HTML),
    "HTML in lower case": (b"\n  <!doctype html><html>", HTML),
    "bare HTML": (b"<html>\n</html>\n", HTML),
    "JSON": (json.dumps({"error": "Repository not found", "more": [1, 2, 3]}).encode(), JSON),
    "JSON of some lines": (b'\n{\n  "architectures": ["X"]\n}\n', JSON),
    "gzip": (gzip.compress(b"x" * 100), "is compressed with gzip; unpack it first (gzip -d)"),
    "ONNX": (b"\x08\x08\x12\x07pytorch\x1a\x052.0.1:\xf8\x01", "is an ONNX model, not safetensors; give the checkpoint that it was made from"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(40), "is an HDF5 file (.h5), as TensorFlow and Keras save weights, not safetensors" + CONVERT),
    "NumPy": (b"\x93NUMPY\x01\0v\0{'descr'", "is a NumPy file, not safetensors" + CONVERT),
    "tar": (tarred(), "is a tar archive; unpack it first (tar -x)"),
}


class ForeignFiles(OctetCase):
    def test_every_format_is_named_whatever_the_file_is_called(self):
        for kind, (content, what) in FOREIGN.items():
            for name in ("model.safetensors", "pytorch_model.bin"):
                (self.dir / name).write_bytes(content)
                for command in (("quantize", name, "out"), ("inspect", name)):
                    with self.subTest(kind, command=command):
                        self.assert_refused(3, f"{name}: {what}", *command)

    def test_gguf_is_read_but_not_as_safetensors(self):
        (self.dir / "model.safetensors").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
        self.assert_refused(3, "model.safetensors: is a GGUF file, not safetensors; give it a name that ends in .gguf, or the checkpoint "
                            "it was made from", "inspect", "model.safetensors")
        (self.dir / "model.gguf").write_bytes(LFS)
        self.assert_refused(3, f"model.gguf: {FOREIGN['Git LFS pointer'][1]}", "inspect", "model.gguf")

    def test_it_is_named_in_a_folder_too(self):
        (self.dir / "model").mkdir()
        (self.dir / "model" / "config.json").write_text("{}")
        (self.dir / "model" / "pytorch_model.bin").write_bytes(zipped())
        self.assert_refused(3, "model: holds no checkpoint: no .safetensors file, it has config.json, pytorch_model.bin; pytorch_model.bin "
                            + FOREIGN["zip"][1], "quantize", "model", "out")

    def test_shards_indexes_and_sets_that_are_pointers(self):
        make_file(self.dir / "whole.safetensors", [f32(name, [1, 2, 3, 4], [2, 2]) for name in "ab"])
        make_sharded(self.dir / "model", self.dir / "whole.safetensors", 2)
        (self.dir / "model" / "model-00002-of-00002.safetensors").write_bytes(LFS)
        pointer = FOREIGN["Git LFS pointer"][1]
        self.assert_refused(3, f"model/model-00002-of-00002.safetensors: {pointer}", "inspect", "model")
        (self.dir / "model" / "model.safetensors.index.json").write_bytes(LFS)
        self.assert_refused(3, f"model/model.safetensors.index.json: {pointer}", "inspect", "model")
        self.octet("quantize", "whole.safetensors", "set")
        (self.dir / "set" / DATA_FILE).write_bytes(LFS)
        self.assert_refused(3, f"set/{DATA_FILE}: {pointer}", "dequantize", "set", "back")

    def test_a_broken_file_that_begins_like_safetensors_is_no_other_format(self):
        (self.dir / "m.safetensors").write_bytes(struct.pack("<Q", 0x080112) + b"{")
        self.assertIn("is cut off", self.run_octet("inspect", "m.safetensors").err)

    def test_a_name_of_the_hub_says_how_to_download_it(self):
        self.assert_refused(3, "openai-community/gpt2: not found; if it is a model of the hub, download it first: hf download "
                            "openai-community/gpt2 --local-dir gpt2", "quantize", "openai-community/gpt2", "out")
        (self.dir / "models").mkdir()
        self.assert_refused(3, "models/gpt2: not found; check the path", "inspect", "models/gpt2")
        self.assert_refused(3, "a/b/c: not found; check the path", "inspect", "a/b/c")
        self.assert_refused(3, "https://huggingface.co/openai-community/gpt2: is an address, not a path; download it first", "inspect",
                            "https://huggingface.co/openai-community/gpt2")

    def test_the_repository_of_the_cache_names_its_snapshot(self):
        for name in ("blobs", "refs", "snapshots/abc123"):
            (self.dir / "models--org--name" / name).mkdir(parents=True)
        self.assert_refused(3, "models--org--name: is a repository of the hub's cache; name the folder of a revision in it: snapshots/abc123",
                            "inspect", "models--org--name")


class OutputNames(OctetCase):
    def setUp(self):
        super().setUp()
        make_file(self.dir / "m.safetensors", [f32("w", [1, 2, 3, 4], [2, 2])])

    def test_names_that_cannot_be_meant_for_a_set(self):
        self.assert_refused(2, "-: is no folder: a set is several files and cannot go to standard output; name a folder",
                            "quantize", "m.safetensors", "-")
        for name, ending in (("out.safetensors", ".safetensors"), ("model.bin", ".bin"), ("sub.pt", ".pt")):
            self.assert_refused(2, f"{name}: reads like the name of a {ending} file, but a set is a folder; name one, such as "
                                f"'{name[:-len(ending)]}'", "quantize", "m.safetensors", name)
        self.assert_refused(2, "out.gguf: is the name of a GGUF file, which needs a type; give one, such as --type q4_k_m", "quantize",
                            "m.safetensors", "out.gguf")
        for name in ("out.v1", "bin", ".safetensors.d"):
            self.octet("quantize", "m.safetensors", name)

    def test_a_folder_that_is_there_is_taken(self):
        (self.dir / "out.bin").mkdir()
        self.octet("quantize", "m.safetensors", "out.bin")
        self.octet("quantize", "m.safetensors", "out.bin", "--force")

    def test_names_that_dequantize_does_not_write(self):
        self.octet("quantize", "m.safetensors", "set")
        self.assert_refused(2, "-: is no place: a checkpoint cannot go to standard output; name a .safetensors file or a folder",
                            "dequantize", "set", "-")
        self.assert_refused(2, "model.bin: reads like the name of a .bin file, which octet does not write; name a .safetensors file or a "
                            "folder", "dequantize", "set", "model.bin")


class Described(OctetCase):
    """What inspect and the JSON of commands that write say."""

    def setUp(self):
        super().setUp()
        make_file(self.dir / "m.safetensors", [f32(name, [1, 2, 3, 4], [2, 2]) for name in "ab"], {"format": "pt", "note": "of mine\n"})

    def test_inspect_shows_the_metadata(self):
        self.assertEqual(self.octet_json("inspect", "m.safetensors")["metadata"], {"format": "pt", "note": "of mine\n"})
        out = self.octet("inspect", "m.safetensors").out
        self.assertIn("format: pt", out)
        self.assertIn("note: of mine\\n", out)
        self.octet("quantize", "m.safetensors", "set")
        self.assertEqual(self.octet_json("inspect", "set")["metadata"]["note"], "of mine\n")
        self.assertEqual(set(self.octet_json("inspect", "set")["metadata"]), {"format", "note", "octet.version"})

    def test_metadata_of_shards_that_differ(self):
        make_sharded(self.dir / "model", self.dir / "m.safetensors", 2)
        make_file(self.dir / "model" / "model-00002-of-00002.safetensors", [f32("b", [1, 2, 3, 4], [2, 2])], {"format": "tf", "more": "x"})
        self.assertEqual(self.octet_json("inspect", "model")["metadata"],
                         {"format": "pt", "note": "of mine\n", "format (model-00002-of-00002.safetensors)": "tf", "more": "x"})

    def test_files_are_in_the_json_of_every_command_that_writes(self):
        def sizes(folder):
            return {p.name: p.stat().st_size for p in (self.dir / folder).iterdir()}
        report = self.octet_json("quantize", "m.safetensors", "set")
        self.assertEqual({file["name"]: file["bytes"] for file in report["files"]}, sizes("set"))
        report = self.octet_json("dequantize", "set", "back")
        self.assertEqual({file["name"]: file["bytes"] for file in report["files"]}, sizes("back"))
        report = self.octet_json("dequantize", "set", "back.safetensors")
        self.assertEqual(report["files"], [{"name": "back.safetensors", "bytes": (self.dir / "back.safetensors").stat().st_size}])
        self.assertNotIn("files", self.octet_json("inspect", "set"))

    def test_files_of_a_set_that_a_gate_kept_back_are_none(self):
        run = self.run_octet("quantize", "m.safetensors", "set", "--max-output-size", "1B", "--json")
        self.assertEqual((run.code, json.loads(run.out)["files"]), (1, []))

    def test_generate_says_which_companions_a_set_lacks_and_where_they_go(self):
        self.octet("quantize", "m.safetensors", "set")
        run = self.run_octet("generate", "set", "--prompt", "x")
        self.assertEqual(run.err, "octet: set/config.json: not found: the set was made from a single file, or without its companions; copy "
                         "config.json and the tokenizer of the original (vocab.json and merges.txt, or tokenizer.json; of T5 spiece.model) "
                         "into set\n")
        self.assertEqual(run.code, 3)


if __name__ == "__main__":
    main()
