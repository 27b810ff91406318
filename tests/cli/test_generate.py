"""octet generate: the golden texts, original and on codes, side by side, sampling, and what it refuses."""
import json
import shutil
import struct
import subprocess

from octet_case import BIN, SHARED, TESTDATA, OctetCase, Tensor, f32, main, make_file, make_sharded, needs_shared, read_file

GPT2 = TESTDATA / "tiny-gpt2"
T5 = TESTDATA / "tiny-flan-t5"


def golden(model, variant):
    return json.loads((model / "golden.json").read_text())["variants"][variant]["prompts"]


class Generate(OctetCase):
    def generate(self, model, *options):
        return self.octet_json("generate", model, "--max-new-tokens", 16, *options)

    def test_texts_are_the_golden_ones(self):
        self.octet("quantize", GPT2, "lesson", "--preset", "lesson")
        for model, path, variant in ((GPT2, GPT2, "original"), (GPT2, "lesson", "lesson"), (T5, T5, "original")):
            for expected in golden(model, variant):
                found = self.generate(path, "--prompt", expected["prompt"])
                greedy = [token for token in expected["greedy_ids"] if model is GPT2 or token > 1]
                self.assertEqual((found["prompt_ids"], found["ids"], found["text"]),
                                 (expected["ids"], greedy, expected["greedy_text"]))
                self.assertEqual(found["stop"], "length" if len(greedy) == 16 else "end")
                self.assertEqual(found["prompt"], expected["prompt"])

    def test_two_models_side_by_side_show_the_first_different_token(self):
        self.octet("quantize", GPT2, "lesson", "--preset", "lesson")
        fox = golden(GPT2, "original")[0]["prompt"]
        found = self.generate(GPT2, "--versus", "lesson", "--prompt", fox)
        self.assertEqual(found["first_difference"], 0)
        self.assertEqual(found["versus"]["text"], golden(GPT2, "lesson")[0]["greedy_text"])
        out = self.octet("generate", GPT2, "--versus", "lesson", "--prompt", fox).out
        self.assertIn("\n  [ fence] and ran", out)
        self.assertIn("\n  [ wall] and ran", out)
        same = self.generate(GPT2, "--versus", "lesson", "--prompt", "Delhi is a city in")
        self.assertIsNone(same["first_difference"])

    def test_rates_are_plain_numbers_and_null_where_nothing_was_measured(self):
        run = ("generate", GPT2, "--prompt", "The quick brown fox jumped over the", "--max-new-tokens")
        self.assertRegex(self.octet(*run, 9).out, r"after 9 tokens, (\d\d?\.\d|\d{3}|\d{1,3},\d{3}|\d{1,3},\d{3},\d{3}) tokens/s\)\n\Z")
        found = self.octet_json(*run, 9, "--versus", GPT2)
        self.assertGreater(found["tokens_per_second"], 0)
        self.assertEqual(found["checks"], [])
        self.assertGreater(found["seconds"], found["prompt_seconds"])
        one = self.octet_json(*run, 1)
        self.assertEqual((len(one["ids"]), one["tokens_per_second"]), (1, None))
        self.assertNotIn("tokens/s", self.octet(*run, 1).out)

    def test_json_of_models_holds_nothing_that_a_terminal_acts_on(self):
        prompt = "a\u009b31m\u202eb"
        run = self.octet("generate", GPT2, "--prompt", prompt, "--max-new-tokens", 1, "--json")
        self.assertTrue(run.out.replace("\n", "").isprintable(), run.out[:200])
        self.assertEqual(json.loads(run.out)["prompt"], prompt)
        (self.dir / prompt).write_text("1 2 3 4")
        run = self.octet("evaluate", GPT2, "--ids", prompt, "--json")
        self.assertTrue(run.out.replace("\n", "").isprintable(), run.out[:200])
        self.assertEqual(json.loads(run.out)["text"], prompt)

    def test_ids_need_no_tokenizer(self):
        shutil.copytree(GPT2, self.dir / "bare", ignore=shutil.ignore_patterns("vocab.json", "merges.txt"))
        expected = golden(GPT2, "original")[1]
        found = self.generate("bare", "--prompt-ids", ",".join(map(str, expected["ids"])))
        self.assertEqual((found["ids"], found["text"]), (expected["greedy_ids"], ""))
        self.assert_refused(3, "bare: has no tokenizer: neither vocab.json and merges.txt nor tokenizer.json; fetch them, or "
                            "give token ids", "generate", "bare", "--prompt", "x")

    def test_names_with_the_prefix_and_shards_and_doubles_are_the_same_model(self):
        metadata, tensors, _ = read_file(GPT2 / "model.safetensors")
        make_file(self.dir / "prefixed.safetensors",
                  [t._replace(name="transformer." + t.name) for t in tensors if not t.name.endswith(".attn.bias")], metadata, odd=True)
        for name in ("config.json", "vocab.json", "merges.txt"):
            shutil.copy(GPT2 / name, self.dir / name)
        make_sharded(self.dir / "shards", GPT2 / "model.safetensors", 3)
        for name in ("config.json", "vocab.json", "merges.txt"):
            shutil.copy(GPT2 / name, self.dir / "shards" / name)
        doubles = [Tensor(t.name, "F64", t.shape, struct.pack(f"<{len(t.data) // 4}d", *struct.unpack(f"<{len(t.data) // 4}f", t.data)))
                   for t in tensors]
        (self.dir / "doubles").mkdir()
        make_file(self.dir / "doubles" / "model.safetensors", doubles)
        for name in ("config.json", "vocab.json", "merges.txt"):
            shutil.copy(GPT2 / name, self.dir / "doubles" / name)
        expected = golden(GPT2, "original")[0]
        for path in ("prefixed.safetensors", "shards", "doubles"):
            self.assertEqual(self.generate(path, "--prompt", expected["prompt"])["ids"], expected["greedy_ids"], path)

    def test_sampling_depends_on_the_seed_alone(self):
        def ids(*options):
            return self.generate(GPT2, "--prompt", "The", *options)["ids"]
        hot = ("--temperature", "1.5")
        self.assertEqual(ids(*hot, "--seed", 7), ids(*hot, "--seed", 7))
        self.assertEqual(ids(*hot, "--seed", 7), ids(*hot, "--seed", 7, "--threads", 1))
        self.assertGreater(len({tuple(ids(*hot, "--seed", seed)) for seed in range(4)}), 1)
        self.assertEqual(ids(*hot, "--top-k", 1), ids())
        self.assertEqual(ids("--top-p", "1e-9"), ids())

    def test_a_prompt_comes_through_a_pipe_too(self):
        expected = self.generate(GPT2, "--prompt", "The")["ids"]
        for text, code in (("The", 0), ("The" * 6_000_000, 3)):
            run = subprocess.run([BIN, "generate", GPT2, "--prompt-file", "/dev/stdin", "--max-new-tokens", "16", "--json"], input=text, encoding="utf-8", cwd=self.dir,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(run.returncode, code, run.stderr)
            if code == 0:
                self.assertEqual(json.loads(run.stdout)["ids"], expected)
        self.assertEqual(run.stderr, "octet: /dev/stdin: has more than the 16,777,216 bytes that such a text may have; is it the right one?\n")

    def test_it_stops_at_the_end_of_the_context(self):
        found = self.octet_json("generate", GPT2, "--prompt-ids", ",".join(["411"] * 120), "--max-new-tokens", 1000)
        self.assertTrue(found["stop"] in ("context", "end") and len(found["ids"]) <= 9, found)
        full = self.octet_json("generate", GPT2, "--prompt-ids", ",".join(["411"] * 128))
        self.assertLessEqual(len(full["ids"]), 1)
        self.assert_refused(3, "the prompt: has 129 tokens, the model reads 128 at most; shorten it",
                            "generate", GPT2, "--prompt-ids", ",".join(["411"] * 129))

    def test_what_cannot_be_run_is_refused(self):
        refuse = self.assert_refused
        refuse(2, "give one of --prompt, --prompt-file and --prompt-ids", "generate", GPT2)
        refuse(2, "the prompt: is empty; give some text", "generate", GPT2, "--prompt", "")
        refuse(3, "the prompt: is not valid UTF-8; convert it", "generate", GPT2, "--prompt", b"\xff".decode(errors="surrogateescape"))
        refuse(2, "--prompt-ids: '1,,2' is no list of token ids, such as 1,2,3", "generate", GPT2, "--prompt-ids", "1,,2")
        for option, value, what in (("--temperature", "abc", "'abc' is not a number"),
                                    ("--temperature", "-1", "-1 is no number from 0 up"),
                                    ("--top-p", "much", "'much' is not a number"),
                                    ("--top-k", "0", "'0' is not a number from 1 to 1,000,000,000"),
                                    ("--top-k", "ten", "'ten' is not a number from 1 to 1,000,000,000"),
                                    ("--max-new-tokens", "-1", "'-1' is not a number from 1 to 1,000,000"),
                                    ("--max-new-tokens", "0", "'0' is not a number from 1 to 1,000,000"),
                                    ("--max-new-tokens", "1000001", "'1000001' is not a number from 1 to 1,000,000"),
                                    ("--seed", "-1", "'-1' is not a number from 0 to 18,446,744,073,709,551,615")):
            refuse(2, f"{option}: {what}", "generate", GPT2, "--prompt", "x", f"{option}={value}")
        refuse(2, "--top-p: 2 is not above 0 and at most 1", "generate", GPT2, "--prompt", "x", "--top-p", 2)
        refuse(3, "token 768 is beyond the model's vocabulary of 768; the tokenizer, or the ids, belong to another model",
               "generate", GPT2, "--prompt-ids", 768)
        make_file(self.dir / "alone.safetensors", [f32("x", [1])])
        refuse(3, "./config.json: not found; to run a model octet needs the config.json that belongs to it",
               "generate", "alone.safetensors", "--prompt", "x")
        shutil.copy(GPT2 / "config.json", self.dir / "config.json")
        refuse(3, "alone.safetensors: has no tensor 'wte.weight', which config.json asks for; checkpoint and config.json do not "
               "belong together", "generate", "alone.safetensors", "--prompt", "x")
        shutil.copytree(GPT2, self.dir / "wide")
        config = json.loads((GPT2 / "config.json").read_text())
        (self.dir / "wide" / "config.json").write_text(json.dumps({**config, "n_embd": 256}))
        refuse(3, "wide: tensor 'wte.weight' is [768, 128], where config.json makes it [768, 256]; checkpoint and config.json do "
               "not belong together", "generate", "wide", "--prompt", "x")

    def test_a_model_of_more_layers_than_its_config_says_is_refused(self):
        for model, key, tensor in ((GPT2, "n_layer", "h.3.ln_1.weight"),
                                   (T5, "num_layers", "encoder.block.2.layer.0.layer_norm.weight"),
                                   (T5, "num_decoder_layers", "decoder.block.2.layer.0.layer_norm.weight")):
            shutil.rmtree(self.dir / "m", ignore_errors=True)
            shutil.copytree(model, self.dir / "m", copy_function=shutil.copyfile)
            config = json.loads((model / "config.json").read_text())
            less = config.get(key, config.get("num_layers")) - 1
            whole = {"num_decoder_layers": config["num_layers"]} if key == "num_layers" else {}
            (self.dir / "m" / "config.json").write_text(json.dumps({**config, **whole, key: less}))
            self.assert_refused(3, f"m: has tensor '{tensor}', where config.json has {less} layers; checkpoint and config.json do not belong "
                                   "together", "generate", "m", "--prompt", "x")

    def test_files_of_the_model_that_are_broken_are_refused_by_name(self):
        def refuse(message, name, text, model=GPT2):
            shutil.rmtree(self.dir / "m", ignore_errors=True)
            shutil.copytree(model, self.dir / "m", copy_function=shutil.copyfile)
            (self.dir / "m" / name).write_bytes(text)
            self.assert_refused(3, message, "generate", "m", "--prompt", "x")
        refuse("m/vocab.json: the vocabulary is not a JSON object of tokens and numbers; fetch the tokenizer again", "vocab.json", b"[")
        refuse("m/merges.txt: line 2 'x' is not two tokens; fetch the tokenizer again", "merges.txt", b"#version: 0.2\nx\n")
        refuse("m/config.json: is not a JSON object; fetch it again", "config.json", b"\xff")
        refuse("m/config.json: \"n_layer\" is '-1', not a number from 1 to 16,777,216", "config.json",
               b'{"model_type": "gpt2", "vocab_size": 768, "n_embd": 128, "n_head": 4, "n_layer": -1, "n_positions": 128}')
        config = json.loads((GPT2 / "config.json").read_text())
        refuse("m: has no tensor 'lm_head.weight', which config.json asks for; checkpoint and config.json do not belong together",
               "config.json", json.dumps({**config, "tie_word_embeddings": False}).encode())
        (self.dir / "m" / "vocab.json").unlink()
        shutil.copyfile(GPT2 / "config.json", self.dir / "m" / "config.json")
        (self.dir / "m" / "tokenizer.json").write_text('{"model": {"type": "WordPiece"}}')
        self.assert_refused(3, "m/tokenizer.json: is not a byte-level BPE as GPT-2 has it (model BPE, pre_tokenizer ByteLevel without prefix "
                            "space, no normalizer, dropout, ignored merges, prefixes or suffixes of words); octet knows no other", "generate", "m", "--prompt", "x")
        run = self.run_octet("generate", T5, "--prompt-file", "nowhere.txt")
        self.assertEqual((run.code, run.err), (3, "octet: nowhere.txt: not found; check the path\n"))
        (self.dir / "prompt.txt").write_bytes(b"caf\xe9")
        self.assert_refused(3, "the prompt: is not valid UTF-8; convert it", "generate", T5, "--prompt-file", "prompt.txt")
        shutil.copytree(T5, self.dir / "t5", copy_function=shutil.copyfile)
        (self.dir / "t5" / "spiece.model").write_bytes(b"nonsense")
        run = self.run_octet("generate", "t5", "--prompt", "x")
        self.assertEqual(run.code, 3)
        self.assertRegex(run.err, r"^octet: t5/spiece\.model: is not a SentencePiece model \(.*\); fetch it again\n$")
        (self.dir / "t5" / "spiece.model").unlink()
        self.assert_refused(3, "t5: has no tokenizer: no spiece.model; fetch it, or give token ids", "generate", "t5", "--prompt", "x")

    @needs_shared
    def test_a_model_trained_by_others_runs_from_ids(self):
        capp = SHARED / "data" / "capp-gpt2"
        found = self.octet_json("generate", capp, "--prompt-ids", "2,10,15,18", "--max-new-tokens", 5)
        self.assertEqual((found["prompt_ids"], found["text"]), ([2, 10, 15, 18], ""))
        self.assertTrue(found["ids"])


if __name__ == "__main__":
    main()
