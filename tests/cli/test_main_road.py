"""Quantize, inspect, dequantize on whole checkpoints: what comes out is what docs/format.md says, and an
independent program agrees."""
import json
import shutil
import struct

from octet_case import (DATA_FILE, SHARED, SIDECAR, TESTDATA, OctetCase, Tensor, contents, f32, main, make_file, make_sharded,
                        needs_shared, read_file, read_header)
from xxh3 import sealed

FLOATS = ("F32", "F16", "BF16", "F64")
MODELS = {"tiny-gpt2": TESTDATA / "tiny-gpt2", "tiny-flan-t5": TESTDATA / "tiny-flan-t5"}
if SHARED:
    MODELS.update((name, SHARED / "data" / name) for name in ("capp-gpt2", "stories260k", "gpt2-124m-partial"))


def mixed_tensors():
    """Every kind of tensor that a file may hold, with shapes and values at the edges."""
    ramp = [0.013 * i - 1.7 for i in range(301)]
    bf16 = b"".join(struct.pack("<f", x)[2:] for x in ramp)
    return [
        f32("z.matrix", ramp[:300], [3, 100]),
        Tensor("flags", "BOOL", [5], b"\1\0\1\1\0"),
        f32("scalar", [3.25], []),
        Tensor("half", "F16", [301], struct.pack("<301e", *ramp)),
        Tensor("brain", "BF16", [7, 43], bf16),
        Tensor("double", "F64", [301], struct.pack("<301d", *(x + 1e-9 for x in ramp))),
        Tensor("ids", "I64", [2, 2], struct.pack("<4q", 1, -2, 2**62, 0)),
        Tensor("bytes", "U8", [3], b"\0\x7f\xff"),
        Tensor("eight", "F8_E4M3", [4], b"\x7f\x80\x38\xff"),
        f32("empty", [], [4, 0, 2]),
        f32("constant", [0.7] * 9),
        f32("zeros", [-0.0, 0.0, -0.0]),
        f32("negative.zero.first", [-0.0, 1.0, 2.0]),
        Tensor("a.byte", "U8", [1], b"\5"),
        f32("huge", [-1.5e38, 1.5e38, 3.0]),
        f32("subnormal", [0.0, 1e-45, 3e-45]),
        Tensor("integers", "I32", [1], b"\1\2\3\4"),
    ]


class RoadCase(OctetCase):
    def assert_same_outline(self, before, after):
        """Metadata and, in the order of the data and in that of the header, names, dtypes and shapes."""
        (metadata, tensors, order), (metadata_after, tensors_after, order_after) = read_file(before), read_file(after)
        self.assertEqual(metadata_after, metadata)
        self.assertEqual([t[:3] for t in tensors_after], [t[:3] for t in tensors])
        self.assertEqual(order_after, order)


def deep_contents(folder):
    """Of the subfolders, too, names relative; without hidden ones."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)}


class MainRoad(RoadCase):
    def there_and_back(self, model, *options):
        self.octet("quantize", model, "set", "--no-sync", *options)
        self.octet("dequantize", "set", "restored.safetensors", "--no-sync")
        self.octet("dequantize", "set", "restored", "--no-sync")

    def assert_sidecar(self, model, preset):
        metadata, tensors, order = read_file(model / "model.safetensors")
        stored_metadata, stored, stored_order = read_file(self.dir / "set" / DATA_FILE)
        sidecar = self.sidecar("set")
        self.assertEqual(list(sidecar), ["format", "version", "generator", "source", "files", "companions", "options", "tensors",
                                         "xxh3_128"])
        self.assertEqual((sidecar["format"], sidecar["version"]), ("octet", 1))
        version = self.octet("--version").out.strip()
        self.assertEqual(sidecar["generator"], version)
        size = (model / "model.safetensors").stat().st_size
        self.assertEqual(sidecar["source"]["files"], [{"name": "model.safetensors", "bytes": size}])
        self.assertEqual([(f["name"], f["bytes"]) for f in sidecar["files"]],
                         [(DATA_FILE, (self.dir / "set" / DATA_FILE).stat().st_size)])
        self.assertEqual((self.dir / "set" / SIDECAR).read_text(), sealed((self.dir / "set" / SIDECAR).read_text()))
        self.assertEqual(sidecar["options"], {"preset": preset, "rules": []})
        self.assertEqual(list(sidecar["tensors"]), [t.name for t in tensors])
        self.assertEqual(stored_metadata, {**metadata, "octet.version": version.split()[1]})
        self.assertEqual(stored_order, order)
        for source, codes in zip(tensors, stored):
            entry = sidecar["tensors"][source.name]
            self.assertEqual((entry["dtype"], entry["shape"]), (source.dtype, source.shape))
            self.assertEqual((codes.name, codes.shape), (source.name, source.shape))
            if entry["scheme"] == "keep":
                self.assertEqual((codes, set(entry)), (source, {"dtype", "shape", "scheme", "reason", "xxh3_128_tiles"}))
                self.assertEqual(entry["xxh3_128_tiles"]["source"], entry["xxh3_128_tiles"]["stored"])
                continue
            self.assertEqual(entry["scheme"], "u8" if preset == "all" else "u8-trunc")
            self.assertEqual(list(entry), ["dtype", "shape", "scheme", "scale", "zero_point", "stats", "xxh3_128_tiles"])
            self.assertEqual(list(entry["stats"]), ["sqnr_db", "rmse", "max_abs_error", "bound", "clipped"])
            self.assertEqual(codes.dtype, "U8")
            self.assertLessEqual(entry["stats"]["max_abs_error"], entry["stats"]["bound"])

    def assert_road(self, model, preset):
        self.there_and_back(model, "--preset", preset)
        self.assert_sidecar(model, preset)
        companions = {name: data for name, data in deep_contents(model).items() if "/" in name or not name.endswith(".safetensors")}
        found = deep_contents(self.dir / "set")
        self.assertEqual(set(found), {DATA_FILE, SIDECAR, *companions})
        self.assertEqual({name: found[name] for name in companions}, companions)
        self.assertEqual([(c["name"], c["bytes"]) for c in self.sidecar("set")["companions"]],
                         sorted((name, len(data)) for name, data in companions.items()))
        restored = deep_contents(self.dir / "restored")
        self.assertEqual(set(restored), {"model.safetensors", *companions})
        self.assertEqual({name: restored[name] for name in companions}, companions)
        self.assertEqual(restored["model.safetensors"], (self.dir / "restored.safetensors").read_bytes())
        self.assert_same_outline(model / "model.safetensors", self.dir / "restored.safetensors")
        inspected = self.octet_json("inspect", "set")
        self.assertEqual([t["scheme"] for t in inspected["tensors"]],
                         [t["scheme"] for t in self.sidecar("set")["tensors"].values()])
        self.assertEqual(inspected["totals"]["output_bytes"], len(found[DATA_FILE]))
        self.check_set(model, "set", "restored")

    def test_every_model_goes_there_and_back_with_both_presets(self):
        for name, model in MODELS.items():
            for preset in ("all", "lesson"):
                with self.subTest(model=name, preset=preset):
                    for made in ("set", "restored"):
                        shutil.rmtree(self.dir / made, ignore_errors=True)
                    (self.dir / "restored.safetensors").unlink(missing_ok=True)
                    self.assert_road(model, preset)

    @needs_shared
    def test_the_shared_models_were_among_them(self):
        self.assertEqual(len(MODELS), 5)

    def test_the_lesson_keeps_mask_buffers_and_the_default_restores_them_exactly(self):
        source = {t.name: t.data for t in read_file(MODELS["tiny-gpt2"] / "model.safetensors")[1]}
        masks = [f"h.{i}.attn.bias" for i in range(4)]
        for preset, scheme in (("lesson", "keep"), ("all", "u8")):
            self.octet("quantize", MODELS["tiny-gpt2"], preset, "--preset", preset)
            self.octet("dequantize", preset, preset + ".safetensors")
            restored = {t.name: t.data for t in read_file(self.dir / (preset + ".safetensors"))[1]}
            for mask in masks:
                self.assertEqual(self.sidecar(preset)["tensors"][mask]["scheme"], scheme)
                self.assertEqual(restored[mask], source[mask])
        kept = [name for name, entry in self.sidecar("lesson")["tensors"].items() if entry["scheme"] == "keep"]
        self.assertEqual(kept, masks)

    def test_a_file_or_an_index_alone_brings_no_companions(self):
        self.octet("quantize", MODELS["tiny-gpt2"] / "model.safetensors", "set")
        self.assertEqual(set(contents(self.dir / "set")), {DATA_FILE, SIDECAR})
        make_sharded(self.dir / "model", MODELS["tiny-gpt2"] / "model.safetensors", 2)
        (self.dir / "model" / "config.json").write_text("{}")
        self.octet("quantize", "model/model.safetensors.index.json", "set", "--force")
        self.assertEqual({name for name in contents(self.dir / "set") if not name.endswith(".safetensors")}, {"model.safetensors.index.octet.json", SIDECAR})

    def test_only_known_companions_come_along_from_a_folder_where_that_is_asked_for(self):
        model = self.dir / "model"
        (model / "folder.model").mkdir(parents=True)
        make_file(model / "weights.safetensors", [f32("w", [1, 2])])
        yes = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "merges.txt",
               "spiece.model", "special_tokens_map.json", "added_tokens.json", "LICENSE", "LICENSE.txt", "README.md"}
        no = {"pytorch_model.bin", "notes.txt", "vocab", "config.json.bak", ".config.json", "training_args.bin"}
        for name in yes | no:
            (model / name).write_bytes(name.encode() + b"\0\n")
        (self.dir / "secret").write_text("outside")
        (model / "tokenizer.link").symlink_to("../secret")
        self.octet("quantize", "model", "set", "--companions", "known")
        found = contents(self.dir / "set")
        self.assertEqual(set(found), {DATA_FILE, SIDECAR} | yes)
        for name in yes:
            self.assertEqual(found[name], name.encode() + b"\0\n")

    def test_mixed_dtypes_and_awkward_shapes_at_any_alignment(self):
        tensors = mixed_tensors()
        order = sorted((t.name for t in tensors), key=lambda name: name[::-1])
        make_file(self.dir / "mixed.safetensors", tensors, {"format": "pt", "note": 'a "quoted" é'}, order, odd=True)
        self.assertEqual(read_header(self.dir / "mixed.safetensors")[0] % 8, 3)
        for preset in ("all", "lesson"):
            self.octet("quantize", "mixed.safetensors", preset, "--preset", preset)
            self.octet("dequantize", preset, preset + ".safetensors")
            self.assert_same_outline(self.dir / "mixed.safetensors", self.dir / (preset + ".safetensors"))
            restored = {t.name: t.data for t in read_file(self.dir / (preset + ".safetensors"))[1]}
            entries = self.sidecar(preset)["tensors"]
            for t in tensors:
                self.assertEqual(entries[t.name]["scheme"] == "keep", t.dtype not in FLOATS, t.name)
                if t.dtype not in FLOATS or t.name in ("scalar", "empty", "constant"):
                    self.assertEqual(restored[t.name], t.data, t.name)
            self.assertEqual(restored["zeros"], bytes(12))
            self.check_set("mixed.safetensors", preset, preset + ".safetensors")
        codes = {t.name: t.data for t in read_file(self.dir / "all" / DATA_FILE)[1]}
        self.assertEqual((codes["constant"], codes["scalar"], codes["zeros"]), (bytes(9), bytes(1), bytes(3)))
        line = next(line for line in (self.dir / "all" / SIDECAR).read_text().splitlines() if "negative.zero" in line)
        self.assertIn('"zero_point": 0.0', line)

    def test_each_dtype_can_be_asked_for(self):
        make_file(self.dir / "mixed.safetensors", [t for t in mixed_tensors() if t.name != "huge"])
        self.octet("quantize", "mixed.safetensors", "set")
        for dtype in ("f32", "f16", "bf16"):
            report = self.octet_json("dequantize", "set", dtype + ".safetensors", "--dtype", dtype)
            restored = {t.name: t for t in read_file(self.dir / (dtype + ".safetensors"))[1]}
            for t in mixed_tensors()[:-3]:
                self.assertEqual(restored[t.name].dtype, dtype.upper() if t.dtype in FLOATS else t.dtype, t.name)
                if t.dtype not in FLOATS:
                    self.assertEqual(restored[t.name].data, t.data)
            self.assertEqual("narrowed_max_abs_error" in report["totals"], dtype != "f32")
            self.check_set("mixed.safetensors", "set", dtype + ".safetensors")

    def test_what_dequantize_reads_of_a_tensor_is_what_quantize_wrote(self):
        make_file(self.dir / "mixed.safetensors", mixed_tensors())
        for options in ((), ("--symmetric",), ("--granularity", "channel", "--scale-dtype", "f16"), ("--bits", "4", "--zero-point", "integer"),
                        ("--granularity", "group", "--group-size", "16", "--scale-dtype", "two-level"), ("--rule", "*=keep")):
            with self.subTest(options):
                wrote = self.octet_json("quantize", "mixed.safetensors", "set", "--force", "--no-sync", *options)
                read = self.octet_json("dequantize", "set", "back.safetensors", "--force", "--no-sync")
                self.assertEqual([t["source_bytes"] for t in read["tensors"]], [t["output_bytes"] for t in wrote["tensors"]])
                self.assertEqual([t["output_bytes"] for t in read["tensors"]], [t["source_bytes"] for t in wrote["tensors"]])
                # Counted from the files: a tensor's own bytes and those of its state, and 4 for each number in the sidecar.
                stored = {t.name: len(t.data) for t in read_file(self.dir / "set" / DATA_FILE)[1]}
                entries = self.sidecar("set")["tensors"]
                for tensor in read["tensors"]:
                    name = tensor["name"]
                    parts = [size for part, size in stored.items() if part == name or (part.startswith(name + ".") and part not in entries)]
                    numbers = [key for key in ("scale", "zero_point") if key in entries[name]]
                    self.assertEqual(tensor["source_bytes"], sum(parts) + 4 * len(numbers), name)

    def test_values_that_overflow_f16_are_refused_by_name(self):
        make_file(self.dir / "m.safetensors", [f32("fits", [65504.0, 0.0]), f32("too.large", [65520.0, 1.0])])
        self.octet("quantize", "m.safetensors", "set")
        self.assert_refused(3, "set/model.octet.safetensors: tensor 'too.large' holds values that overflow F16; "
                               "choose --dtype f32 or bf16", "dequantize", "set", "out.safetensors", "--dtype", "f16")
        self.octet("dequantize", "set", "out.safetensors", "--dtype", "bf16")

    def test_files_without_tensors_and_without_elements(self):
        for name, tensors in (("none", []), ("empty", [f32("e", [], [0, 3])])):
            make_file(self.dir / f"{name}.safetensors", tensors, {"format": "pt"})
            self.octet("quantize", f"{name}.safetensors", name)
            self.octet("dequantize", name, f"{name}-restored.safetensors")
            self.octet("inspect", name, "--sizes")
            self.assertEqual(read_file(self.dir / f"{name}-restored.safetensors"), read_file(self.dir / f"{name}.safetensors"))

    def test_each_rounding_overrides_the_preset(self):
        make_file(self.dir / "m.safetensors", [f32("w", [0.0, 0.6, 1.5, 2.5, 255.0])])
        for rounding, codes in (("nearest", [0, 1, 2, 2, 255]), ("truncate", [0, 0, 1, 2, 255])):
            for preset in ("all", "lesson"):
                self.octet("quantize", "m.safetensors", "set", "--force", "--rounding", rounding, "--preset", preset)
                self.assertEqual(list(read_file(self.dir / "set" / DATA_FILE)[1][0].data), codes)


class Sharded(RoadCase):
    INDEX = "model.safetensors.index.json"
    SET_INDEX = "model.safetensors.index.octet.json"

    def test_shards_come_back_as_shards_or_joined(self):
        tensors = make_sharded(self.dir / "model", MODELS["tiny-gpt2"] / "model.safetensors", 3)
        (self.dir / "model" / "config.json").write_bytes(b"{}\n")
        shards = [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
        data_files = [f"model.octet-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
        self.octet("quantize", "model", "set")
        self.assertEqual(set(contents(self.dir / "set")), {*data_files, SIDECAR, self.SET_INDEX, "config.json"})
        for shard, data_file in zip(shards, data_files):
            self.assertEqual(read_file(self.dir / "set" / data_file)[2], read_file(self.dir / "model" / shard)[2])
        sidecar = self.sidecar("set")
        self.assertEqual([f["name"] for f in sidecar["files"]], data_files)
        self.assertEqual([f["name"] for f in sidecar["source"]["files"]], shards)
        source_index = json.loads((self.dir / "model" / self.INDEX).read_text())
        self.assertEqual(sidecar["source"]["index"], {"name": self.INDEX, "metadata": source_index["metadata"]})
        self.assertEqual(list(sidecar["tensors"]), [t.name for t in tensors])
        set_index = json.loads((self.dir / "set" / self.SET_INDEX).read_text())
        self.assertEqual(set_index["weight_map"], {name: data_files[shards.index(shard)]
                                                   for name, shard in source_index["weight_map"].items()})
        elements = sum(len(t.data) // 4 for t in tensors)
        self.assertEqual(set_index["metadata"], {"note": "kept", "total_size": elements})

        self.octet("dequantize", "set", "restored")
        self.assertEqual(set(contents(self.dir / "restored")), {*shards, self.INDEX, "config.json"})
        for shard in shards:
            self.assert_same_outline(self.dir / "model" / shard, self.dir / "restored" / shard)
        self.assertEqual(json.loads((self.dir / "restored" / self.INDEX).read_text()), source_index)
        self.octet("dequantize", "set", "joined.safetensors")
        self.assertEqual([t[:3] for t in read_file(self.dir / "joined.safetensors")[1]], [t[:3] for t in tensors])
        self.octet("inspect", "restored")
        for restored in ("restored", "joined.safetensors"):
            self.check_set("model", "set", restored)

    def test_the_index_itself_can_be_named(self):
        make_sharded(self.dir / "model", MODELS["tiny-gpt2"] / "model.safetensors", 2)
        self.octet("quantize", "model", "a")
        self.octet("quantize", "model/" + self.INDEX, "b")
        self.assertEqual(contents(self.dir / "a"), contents(self.dir / "b"))
        self.octet("dequantize", "a/" + self.SET_INDEX, "restored")
        self.octet("dequantize", "a/model.octet-00001-of-00002.safetensors", "again")
        self.assertEqual(contents(self.dir / "restored"), contents(self.dir / "again"))


if __name__ == "__main__":
    main()
