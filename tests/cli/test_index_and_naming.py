"""How checkpoints are cut into files and named: indexes of other names, numbered shards without one, stale ones, tensors that an index leaves
out, and embeddings and heads that any architecture may hold twice."""
import json
import random
import struct

from octet_case import OctetCase, Tensor, contents, f32, main, make_file, make_sharded, read_file


class Naming(OctetCase):
    def setUp(self):
        super().setUp()
        make_file(self.dir / "whole.safetensors", [f32(name, [1, 2, 3, 4], [2, 2]) for name in "abcdef"], {"format": "pt"})
        self.model = self.dir / "model"
        make_sharded(self.model, self.dir / "whole.safetensors", 3)
        self.index = self.model / "model.safetensors.index.json"
        self.shards = sorted(p.name for p in self.model.glob("*.safetensors"))

    def assert_road(self, source, restored_index=None):
        """There and back: the set is whole, and every file of the source comes back, byte for byte where it can."""
        self.octet("quantize", source, "set", "--quiet")
        self.octet("verify", "set", "--source", source)
        self.octet("dequantize", "set", "back", "--quiet")
        self.assertEqual(set(contents(self.dir / "back")), set(contents(self.dir / source)))
        self.octet("dequantize", "set", "one.safetensors", "--quiet")
        self.assertEqual(self.octet_json("compare", "whole.safetensors", "one.safetensors")["missing"], [])
        for command in (("inspect", source), ("plan", source), ("compare", source, "set")):
            self.octet(*command)

    def test_the_sole_index_has_any_name(self):
        for name in ("diffusion_pytorch_model.safetensors.index.json", "model.safetensors.index.fp16.json"):
            with self.subTest(name):
                self.tearDown()
                self.doCleanups()
                self.setUp()
                self.index.rename(self.model / name)
                self.assert_road("model")
                self.assertEqual(self.sidecar("set")["source"]["index"]["name"], name)
                self.octet("inspect", self.model / name)

    def test_two_indexes_are_named(self):
        self.index.rename(self.model / "a.safetensors.index.json")
        (self.model / "b.safetensors.index.json").write_bytes((self.model / "a.safetensors.index.json").read_bytes())
        self.assert_refused(3, "model: holds 2 indexes: a.safetensors.index.json, b.safetensors.index.json; name the one that is meant",
                            "inspect", "model")

    def test_numbered_shards_need_no_index(self):
        self.index.unlink()
        self.assert_road("model")
        self.assertEqual([file["name"] for file in self.sidecar("set")["files"]],
                         [f"model.octet-0000{i}-of-00003.safetensors" for i in (1, 2, 3)])
        self.assertEqual([file["name"] for file in self.sidecar("set")["source"]["files"]], self.shards)

    def test_numbered_shards_that_are_not_all_there_are_refused(self):
        self.index.unlink()
        for missing, count in ((1, 2), (0, 1)):
            (self.model / self.shards[missing]).unlink()
            self.assert_refused(3, f"model: holds {count} of the 3 files '{self.shards[0]}' and so on, and no index; fetch "
                                f"'{self.shards[missing]}'", "quantize", "model", "out")

    def test_numbered_shards_with_a_tensor_twice_are_refused(self):
        self.index.unlink()
        make_file(self.model / self.shards[2], [f32("a", [1])])
        self.assert_refused(3, f"model: tensor 'a' is in two shards, {self.shards[0]} and {self.shards[2]}; fetch the checkpoint again",
                            "inspect", "model")

    def test_shards_beside_something_else_are_not_guessed_at(self):
        self.index.unlink()
        make_file(self.model / "consolidated.safetensors", [f32("a", [1])])
        self.assertEqual(self.run_octet("inspect", "model").code, 3)

    def test_tensors_that_the_index_leaves_out_are_left_out_with_a_note(self):
        index = json.loads(self.index.read_text())
        del index["weight_map"]["b"]
        self.index.write_text(json.dumps(index))
        note = f"octet: left out what the index does not name: tensor 'b' of {self.shards[1]}\n"
        for command in (("quantize", "model", "set"), ("inspect", "model"), ("plan", "model")):
            self.assertEqual(self.octet(*command).err, note)
        self.octet("verify", "set", "--source", "model")
        self.octet("dequantize", "set", "back")
        self.assertEqual([t.name for t in read_file(self.dir / "back" / self.shards[1])[1]], ["e"])
        self.assertEqual(sorted(json.loads((self.dir / "back" / self.index.name).read_text())["weight_map"]), list("acdef"))

    def test_of_several_tensors_that_the_index_leaves_out_the_note_has_the_first(self):
        index = json.loads(self.index.read_text())
        del index["weight_map"]["a"], index["weight_map"]["f"]
        self.index.write_text(json.dumps(index))
        self.assertEqual(self.octet("inspect", "model").err,
                         f"octet: left out what the index does not name: tensor 'a' of {self.shards[0]} and 1 more\n")

    def test_a_stale_index_beside_a_whole_checkpoint_says_both(self):
        for shard in self.shards:
            (self.model / shard).unlink()
        (self.model / "model.safetensors").write_bytes((self.dir / "whole.safetensors").read_bytes())
        self.assert_refused(3, f"model/{self.index.name}: index: the shard '{self.shards[0]}' is missing, while 'model.safetensors' lies "
                            "beside it; fetch the shard, or name that file if the index is stale", "quantize", "model", "out")
        self.octet("quantize", "model/model.safetensors", "out")


class EqualTensors(OctetCase):
    """Equal bytes and equal shape are stored once, of embeddings and heads of any architecture, and of nothing else."""

    def table(self, seed, rows=32, columns=16):
        noise = random.Random(seed)
        return struct.pack(f"<{rows * columns}f", *(noise.gauss(0, 1) for _ in range(rows * columns)))

    def ties_of(self, names, data=lambda name: 1, options=()):
        tensors = [Tensor(name, "F32", [32, 16], self.table(data(name))) for name in names]
        make_file(self.dir / "m.safetensors", tensors)
        self.octet("quantize", "m.safetensors", "set", "--force", "--quiet", *options)
        self.octet("verify", "set", "--source", "m.safetensors")
        self.octet("dequantize", "set", "back.safetensors", "--force", "--quiet")
        self.assertEqual([t.name for t in read_file(self.dir / "back.safetensors")[1]], names)
        return {name: entry["same_as"] for name, entry in self.sidecar("set")["tensors"].items() if "same_as" in entry}

    def test_heads_and_embeddings_of_any_architecture_are_stored_once(self):
        llama = ["lm_head.weight", "model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight"]
        self.assertEqual(self.ties_of(llama), {"lm_head.weight": "model.embed_tokens.weight"})
        self.assertEqual(self.ties_of(llama, options=("--preset", "q8")), {"lm_head.weight": "model.embed_tokens.weight"})
        self.assertEqual(self.ties_of(["model.decoder.embed_tokens.weight", "proj_out.weight", "model.decoder.layers.0.fc1.weight"]),
                         {"proj_out.weight": "model.decoder.embed_tokens.weight"})
        self.assertEqual(self.ties_of(["model.shared.weight", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight",
                                       "lm_head.weight", "model.decoder.layers.0.fc1.weight"]),
                         {name: "model.shared.weight" for name in ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight",
                                                                   "lm_head.weight")})
        self.assertEqual(self.ties_of(["bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"]),
                         {"cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight"})
        self.assertEqual(self.ties_of(["gpt_neox.embed_in.weight", "embed_out.weight"]), {"embed_out.weight": "gpt_neox.embed_in.weight"})

    def test_other_bytes_are_stored_apart(self):
        self.assertEqual(self.ties_of(["model.embed_tokens.weight", "lm_head.weight"], lambda name: len(name)), {})

    def test_a_head_is_tied_to_the_embedding_that_it_equals(self):
        names = ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"]
        self.assertEqual(self.ties_of(names, lambda name: "encoder" in name), {"lm_head.weight": "model.decoder.embed_tokens.weight"})

    def test_equal_weights_that_are_no_embedding_or_head_are_stored_apart(self):
        self.assertEqual(self.ties_of(["model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"]), {})

    def test_another_scheme_for_one_of_them_keeps_them_apart(self):
        self.assertEqual(self.ties_of(["model.embed_tokens.weight", "lm_head.weight"], options=("--rule", "lm_head.weight=keep")), {})


if __name__ == "__main__":
    main()
