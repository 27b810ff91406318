"""Tied tensors: what a profile declares to be one tensor is stored once where all bytes are equal, and comes back complete; a byte that
differs, another scheme, another family or another shard, and they are stored apart."""
import json
import random
import struct

from octet_case import DATA_FILE, TESTDATA, OctetCase, Tensor, contents, f32, main, make_file, read_file, read_header

T5_NAMES = ["encoder.embed_tokens.weight", "shared.weight", "decoder.embed_tokens.weight"]


class Ties(OctetCase):
    def t5(self, path="m.safetensors", change=(), header_order=None):
        """A T5 of two embeddings' worth of names; `change`: names whose last byte is another."""
        noise = random.Random(5)
        table = struct.pack("<512f", *(noise.gauss(0, 1) for _ in range(512)))

        def of(name):
            return table[:-1] + bytes([table[-1] ^ 1]) if name in change else table

        tensors = [Tensor(name, "F32", [32, 16], of(name)) for name in T5_NAMES]
        tensors.insert(1, f32("encoder.block.0.layer.0.SelfAttention.q.weight", [0.1 * i for i in range(256)], [16, 16]))
        return make_file(self.dir / path, tensors, {"format": "pt"}, header_order)

    def gpt2(self, path="m.safetensors", change=False, prefix="", order=None):
        metadata, tensors, _ = read_file(TESTDATA / "tiny-gpt2" / "model.safetensors")
        wte = next(t for t in tensors if t.name == "wte.weight")
        head = wte.data[:-1] + bytes([wte.data[-1] ^ 1]) if change else wte.data
        tensors = [t._replace(name=prefix + t.name) for t in tensors]
        tensors.insert(3, Tensor("lm_head.weight", wte.dtype, wte.shape, head))
        names = [t.name for t in tensors]
        return make_file(self.dir / path, tensors, metadata, sorted(names, reverse=True) if order else None)

    def ties(self, *options, source="m.safetensors"):
        self.octet("quantize", source, "set", "--force", "--no-sync", *options)
        return {name: entry["same_as"] for name, entry in self.sidecar("set")["tensors"].items() if "same_as" in entry}

    def assert_complete(self, source, out="back.safetensors"):
        """Everything back under its name, in order; verify, inspect and compare see a whole set."""
        self.octet("dequantize", "set", out, "--force", "--no-sync")
        metadata, tensors, order = read_file(self.dir / out)
        source_metadata, source_tensors, source_order = read_file(self.dir / source)
        self.assertEqual((metadata, order), (source_metadata, source_order))
        self.assertEqual([t[:3] for t in tensors], [t[:3] for t in source_tensors])
        found = {t.name: t.data for t in tensors}
        for name, original in ((n, e["same_as"]) for n, e in self.sidecar("set")["tensors"].items() if "same_as" in e):
            self.assertEqual(found[name], found[original])
        self.octet("verify", "set", "--source", source)
        self.check_set(source, "set", out)
        compared = self.octet_json("compare", source, "set")
        self.assertEqual((compared["missing"], compared["extra"], compared["changed"]), ([], [], []))
        inspected = self.octet_json("inspect", "set")["totals"]
        for key in {"sqnr_db", "max_abs_error", "bits_per_weight", "state_bytes"}.intersection(inspected):
            self.assertEqual(compared["totals"][key], inspected[key], key)
        if "sqnr_db" not in inspected:  # nothing is quantized, so nothing is lost
            self.assertEqual((compared["totals"]["sqnr_db"], compared["totals"]["max_abs_error"]), ("inf", 0))
        inspected = self.octet_json("inspect", "set")
        self.assertEqual([t["name"] for t in inspected["tensors"]], [t.name for t in source_tensors])
        self.octet("inspect", "set", "--sizes")

    def test_t5_has_its_three_names_stored_once_and_restored_complete(self):
        for options in ((), ("--preset", "lesson"), ("--granularity", "channel", "--scale-dtype", "f16"), ("--preset", "q4"), ("--rule", "*=keep")):
            with self.subTest(options):
                self.t5()
                ties = self.ties(*options)
                self.assertEqual(ties, {"encoder.embed_tokens.weight": "shared.weight", "decoder.embed_tokens.weight": "shared.weight"})
                _, stored = read_header(self.dir / "set" / DATA_FILE)
                self.assertFalse(set(ties) & set(stored))
                self.assert_complete("m.safetensors")
                if "*=keep" in options:
                    self.assertEqual(read_file(self.dir / "back.safetensors"), read_file(self.dir / "m.safetensors"))

    def test_one_byte_that_differs_and_they_are_stored_apart(self):
        for change, tied in ((["shared.weight"], []), (["encoder.embed_tokens.weight"], ["decoder.embed_tokens.weight"]),
                             (["decoder.embed_tokens.weight"], ["encoder.embed_tokens.weight"]), (T5_NAMES[1:], ["decoder.embed_tokens.weight"])):
            with self.subTest(change):
                self.t5(change=change)
                self.assertEqual(list(self.ties()), tied)
                self.assert_complete("m.safetensors")

    def test_gpt2s_head_is_its_embedding_with_and_without_the_prefix(self):
        for prefix in ("", "transformer."):
            self.gpt2(prefix=prefix)
            self.assertEqual(self.ties(), {"lm_head.weight": prefix + "wte.weight"})
            self.assert_complete("m.safetensors")
            self.gpt2(prefix=prefix, change=True)
            self.assertEqual(self.ties(), {})
            self.assert_complete("m.safetensors")

    def test_the_header_comes_back_in_its_own_order(self):
        self.gpt2(order=True)
        self.assertEqual(len(self.ties("--granularity", "channel")), 1)
        self.assert_complete("m.safetensors")
        for order in (T5_NAMES, T5_NAMES[::-1]):
            self.t5(header_order=[order[0], "encoder.block.0.layer.0.SelfAttention.q.weight", *order[1:]])
            self.assertEqual(len(self.ties()), 2)
            self.assert_complete("m.safetensors")

    def test_embeddings_and_heads_of_no_known_family_are_stored_once(self):
        same = [0.5, 1, 2, 3]
        make_file(self.dir / "m.safetensors", [f32("shared.weight", same, [2, 2]), f32("decoder.embed_tokens.weight", same, [2, 2]),
                                               f32("wte.weight", same, [2, 2]), f32("lm_head.weight", same, [2, 2]), f32("layers.0.a.weight", same, [2, 2])])
        self.assertEqual(self.ties(), {name: "shared.weight" for name in ("decoder.embed_tokens.weight", "wte.weight", "lm_head.weight")})
        self.assert_complete("m.safetensors")

    def test_another_scheme_and_they_are_stored_apart(self):
        self.gpt2()
        self.assertEqual(self.ties("--rule", "lm_head.weight=keep"), {})
        self.assert_complete("m.safetensors")

    def test_figures_count_it_once(self):
        self.gpt2("tied.safetensors")
        self.gpt2("apart.safetensors", change=True)
        tied = self.octet_json("quantize", "tied.safetensors", "set", "--force")
        alone = self.octet_json("quantize", TESTDATA / "tiny-gpt2" / "model.safetensors", "alone")
        for key in ("state_bytes", "bits_per_weight", "sqnr_db", "framework_bytes", "source_framework_bytes"):
            self.assertEqual(tied["totals"][key], alone["totals"][key], key)
        self.assertEqual(tied["totals"]["quantized"], alone["totals"]["quantized"] + 1)
        inspected = self.octet_json("inspect", "set")
        for report in (tied, inspected):
            head = next(t for t in report["tensors"] if t["name"] == "lm_head.weight")
            self.assertEqual((head["same_as"], head["output_bytes"], head["scheme"]), ("wte.weight", 0, "u8"))
        self.assertEqual(tied["totals"], {key: value for key, value in inspected["totals"].items() if not key.startswith("by_")})

    def test_the_plan_says_that_values_decide_and_scan_knows(self):
        self.gpt2("tied.safetensors")
        self.gpt2("apart.safetensors", change=True)
        for source, tied in (("tied.safetensors", True), ("apart.safetensors", False)):
            self.assertTrue(self.octet_json("plan", source)["depends_on_values"])
            plan = self.octet_json("plan", source, "--scan")
            report = self.octet_json("quantize", source, "set", "--force")
            self.assertFalse(plan["depends_on_values"])
            self.assertEqual(plan["totals"]["output_bytes"], report["totals"]["output_bytes"])
            self.assertEqual(plan["totals"]["output_bytes"], (self.dir / "set" / DATA_FILE).stat().st_size)
            head = next(t for t in plan["tensors"] if t["name"] == "lm_head.weight")
            self.assertEqual((head.get("same_as"), head["rule"]), ("wte.weight", "profile") if tied else (None, "preset all"))

    def test_the_same_bytes_for_any_number_of_threads(self):
        self.t5()
        self.ties("--threads", "1")
        one = contents(self.dir / "set")
        self.ties("--threads", "4")
        self.assertEqual(contents(self.dir / "set"), one)

    def test_shards_each_hold_their_own(self):
        metadata, tensors, _ = read_file(self.gpt2())
        (self.dir / "shards").mkdir()
        apart = [[t for t in tensors if t.name == "lm_head.weight"], [t for t in tensors if t.name != "lm_head.weight"]]
        for split, tied in ((apart, 0), ([tensors[:9] + [t for t in tensors[9:] if t.name == "wte.weight"],
                                          [t for t in tensors[9:] if t.name != "wte.weight"]], 1)):
            names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
            for name, shard in zip(names, split):
                make_file(self.dir / "shards" / name, shard, metadata)
            index = {"metadata": {"total_size": sum(len(t.data) for t in tensors)},
                     "weight_map": {t.name: name for name, shard in zip(names, split) for t in shard}}
            (self.dir / "shards" / "model.safetensors.index.json").write_text(json.dumps(index))
            self.assertEqual(len(self.ties(source="shards")), tied)
            self.octet("verify", "set", "--source", "shards")
            self.octet("dequantize", "set", "back", "--force", "--no-sync")
            for name in names:
                self.assertEqual(read_file(self.dir / "back" / name)[2], read_file(self.dir / "shards" / name)[2])
            self.assertEqual(json.loads((self.dir / "back" / "model.safetensors.index.json").read_text())["weight_map"], index["weight_map"])
            self.octet("dequantize", "set", "joined.safetensors", "--force", "--no-sync")
            self.assertEqual([t.name for t in read_file(self.dir / "joined.safetensors")[1]], [t.name for shard in split for t in shard])


if __name__ == "__main__":
    main()
