#!/usr/bin/env python3
"""GGUF files of anybody: inspect, dequantize, compare and verify read them, names and layout come back as a checkpoint has them, and what is
broken is refused in one line."""
import json
import random
import shutil
import struct
import unittest

import gguf_files as g
from gguf_files import gguf
from octet_case import TESTDATA, OctetCase, Tensor, contents, f32, floats, main, make_file, read_file

ARCHITECTURE = ("general.architecture", g.STRING, "test")


def matrix(name, kind, shape, seed=1):
    elements = 1
    for n in shape:
        elements *= n
    return (name, shape, kind, g.random_blocks(kind, elements, seed))


def transposed(values, rows, columns):
    return [values[r * columns + c] for c in range(columns) for r in range(rows)]


class Reading(OctetCase):
    def write(self, name, tensors, keys=(ARCHITECTURE,), **options):
        (self.dir / name).write_bytes(gguf(tensors, keys, **options))
        return name

    def restored(self, name="out.safetensors"):
        return {t.name: t for t in read_file(self.dir / name)[1]}

    def test_inspect_shows_keys_types_and_sizes(self):
        keys = [ARCHITECTURE, ("a.u8", g.U8, 200), ("a.i8", g.I8, -100), ("a.u16", g.U16, 60000), ("a.i16", g.I16, -30000),
                ("a.u32", g.U32, 4000000000), ("a.i32", g.I32, -2000000000), ("a.f32", g.F32, 0.5), ("a.true", g.BOOL, 1),
                ("a.false", g.BOOL, 0), ("a.u64", g.U64, 2**64 - 1), ("a.i64", g.I64, -2**63), ("a.f64", g.F64, 1e-300),
                ("a.text", g.STRING, "two\nlines"), ("a.list", (g.ARRAY, g.I32), [3, -2, 1]), ("a.empty", (g.ARRAY, g.F32), []),
                ("a.words", (g.ARRAY, g.STRING), ["x", "y"]), ("a.nested", (g.ARRAY, (g.ARRAY, g.U8)), [[1, 2], [], [3]]),
                ("a.long", (g.ARRAY, g.U16), list(range(1000)))]
        self.write("m.gguf", [matrix("w", g.TYPE_Q8_0, [4, 64]), matrix("v", g.TYPE_F16, [3]), matrix("n", g.TYPE_F32, [8])], keys)
        report = self.octet_json("inspect", "m.gguf")
        self.assertEqual(report["format"], "gguf")
        shown = report["metadata"]
        for name, value in (("a.u8", "200"), ("a.i8", "-100"), ("a.u16", "60000"), ("a.i16", "-30000"), ("a.u32", "4000000000"),
                            ("a.i32", "-2000000000"), ("a.f32", "0.5"), ("a.true", "true"), ("a.false", "false"),
                            ("a.u64", str(2**64 - 1)), ("a.i64", str(-2**63)), ("a.f64", "1e-300"), ("a.text", "two\nlines"),
                            ("a.list", "[3, -2, 1]"), ("a.empty", "[]"), ("a.words", '["x", "y"]'), ("a.nested", "[[1, 2], [], [3]]")):
            self.assertEqual(shown[name], value, name)
        self.assertTrue(shown["a.long"].startswith("[0, 1, 2,") and shown["a.long"].endswith("1,000 in all]"), shown["a.long"])
        self.assertEqual([(t["name"], t["dtype"], t["scheme"], t["shape"], t["output_bytes"]) for t in report["tensors"]],
                         [("w", "F32", "q8_0", [4, 64], 272), ("v", "F16", "f16", [3], 6), ("n", "F32", "f32", [8], 32)])
        self.assertEqual(report["totals"]["bits_per_weight"], 8.5)
        self.assertEqual(report["totals"]["by_dtype"]["q8_0"], {"tensors": 1, "parameters": 256, "bytes": 272})
        text = self.octet("inspect", "m.gguf", "--sizes").out
        self.assertIn("a GGUF file", text)
        self.assertIn("q8_0", text)
        self.octet("inspect", ".")  # the folder that holds nothing else

    def test_dequantize_restores_every_value(self):
        tensors = [matrix("a", g.TYPE_Q8_0, [5, 96], 1), matrix("b", g.TYPE_Q4_0, [2, 3, 32], 2), matrix("c", g.TYPE_F32, [7], 3),
                   matrix("d", g.TYPE_F16, [3, 5], 4), matrix("e", g.TYPE_BF16, [4], 5), matrix("f", g.TYPE_I32, [2, 2], 6),
                   ("scalar", [], g.TYPE_F32, floats([2.5])), ("none", [0, 32], g.TYPE_Q8_0, b"")]
        for version, alignment in ((3, 32), (2, 32), (3, 64), (3, 8)):
            keys = [ARCHITECTURE, ("general.alignment", g.U32, alignment)]
            self.write("m.gguf", tensors, keys, version=version, alignment=alignment)
            self.octet("dequantize", "m.gguf", "out.safetensors", "--force")
            restored = self.restored()
            self.assertEqual(list(restored), [t[0] for t in tensors])
            for name, shape, kind, raw in tensors:
                dtype = {g.TYPE_F16: "F16", g.TYPE_BF16: "BF16", g.TYPE_I32: "I32"}.get(kind, "F32")
                wanted = floats(g.decoded(kind, raw)) if kind in (g.TYPE_Q8_0, g.TYPE_Q4_0) else raw
                self.assertEqual(restored[name], Tensor(name, dtype, shape, wanted), name)
        self.octet("dequantize", "m.gguf", "folder", "--dtype", "bf16")
        self.assertEqual({t.dtype for t in read_file(self.dir / "folder" / "model.safetensors")[1]}, {"BF16", "I32"})

    def test_the_same_bytes_with_any_number_of_threads(self):
        tensors = [matrix(f"blk.{i}.ffn_up.weight", g.TYPE_Q8_0, [96, 1024], i) for i in range(3)]
        self.write("m.gguf", tensors, [("general.architecture", g.STRING, "gpt2")])
        for threads in (1, 2, 7):
            self.octet("dequantize", "m.gguf", "out.safetensors", "--force", "--threads", threads)
            restored = self.restored()
            for i, (name, shape, kind, raw) in enumerate(tensors):
                wanted = transposed(g.decoded(kind, raw), 96, 1024)
                self.assertEqual(restored[f"h.{i}.mlp.c_fc.weight"], Tensor(f"h.{i}.mlp.c_fc.weight", "F32", [1024, 96], floats(wanted)))

    def test_gpt2_comes_back_as_a_checkpoint_has_it(self):
        self.write("m.gguf", [matrix("token_embd.weight", g.TYPE_Q4_0, [6, 32], 1), matrix("blk.11.attn_qkv.weight", g.TYPE_F16, [9, 4], 2),
                              matrix("blk.11.attn_qkv.bias", g.TYPE_F32, [9], 3), matrix("something.else", g.TYPE_F32, [2], 4)],
                   [("general.architecture", g.STRING, "gpt2")])
        self.octet("dequantize", "m.gguf", "out.safetensors")
        restored = self.restored()
        self.assertEqual(list(restored), ["wte.weight", "h.11.attn.c_attn.weight", "h.11.attn.c_attn.bias", "something.else"])
        turned = restored["h.11.attn.c_attn.weight"]
        self.assertEqual((turned.dtype, turned.shape), ("F16", [4, 9]))
        wanted = transposed(g.decoded(g.TYPE_F16, g.random_blocks(g.TYPE_F16, 36, 2)), 9, 4)
        self.assertEqual(turned.data, struct.pack("<36e", *wanted))

    def test_llama_heads_come_back_in_their_order(self):
        heads, groups, half, width = 4, 2, 3, 8
        keys = [("general.architecture", g.STRING, "llama"), ("llama.attention.head_count", g.U32, heads),
                ("llama.attention.head_count_kv", g.U32, groups)]
        rows = {"q": heads * 2 * half, "k": groups * 2 * half, "v": groups * 2 * half}
        self.write("m.gguf", [matrix(f"blk.0.attn_{n}.weight", g.TYPE_F32, [rows[n], width], i) for i, n in enumerate("qkv")] +
                   [matrix("rope_freqs.weight", g.TYPE_F32, [half], 9), matrix("output.weight", g.TYPE_F32, [2, width], 8)], keys)
        self.octet("dequantize", "m.gguf", "out.safetensors")
        restored = self.restored()
        self.assertEqual(list(restored), [f"model.layers.0.self_attn.{n}_proj.weight" for n in "qkv"] + ["lm_head.weight"])
        for i, n in enumerate("qkv"):
            stored = g.random_blocks(g.TYPE_F32, rows[n] * width, i)
            of_row = [stored[r * width * 4:(r + 1) * width * 4] for r in range(rows[n])]
            wanted = b""
            for row in range(rows[n]):
                head, at = divmod(row, 2 * half)
                moved = 2 * at if at < half else 2 * (at - half) + 1
                wanted += of_row[row if n == "v" else head * 2 * half + moved]
            self.assertEqual(restored[f"model.layers.0.self_attn.{n}_proj.weight"].data, wanted, n)

    def test_t5_with_and_without_a_gate(self):
        keys = [("general.architecture", g.STRING, "t5"), ("t5.embedding_length", g.U32, 64)]
        self.write("m.gguf", [matrix("token_embd.weight", g.TYPE_F32, [3, 4]), matrix("enc.blk.0.ffn_up.weight", g.TYPE_F32, [3, 4]),
                              matrix("dec.blk.0.ffn_up.weight", g.TYPE_F32, [3, 4]), matrix("dec.blk.0.ffn_gate.weight", g.TYPE_F32, [3, 4]),
                              ("dec.output_norm.weight", [2], g.TYPE_F32, floats([8.0, 0.5]))], keys)
        self.octet("dequantize", "m.gguf", "out.safetensors")
        restored = self.restored()
        self.assertEqual(list(restored), ["shared.weight", "encoder.block.0.layer.1.DenseReluDense.wi.weight",
                                          "decoder.block.0.layer.2.DenseReluDense.wi_1.weight",
                                          "decoder.block.0.layer.2.DenseReluDense.wi_0.weight", "decoder.final_layer_norm.weight"])
        self.assertEqual(restored["decoder.final_layer_norm.weight"].data, floats([8.0, 0.5]))  # others do not fold the factor

    def test_companions_of_the_model(self):
        self.write("m.gguf", [matrix("w", g.TYPE_Q8_0, [4, 32])])
        model = self.dir / "model"
        model.mkdir()
        make_file(model / "model.safetensors", [f32("w", [0.0] * 128, [4, 32])])
        (model / "model.safetensors.index.json").write_text("{}")
        (model / "config.json").write_text('{"model_type": "x", "torch_dtype": "bfloat16"}')
        (model / "vocab.json").write_text("{}")
        self.octet("dequantize", "m.gguf", "out", "--like", "model")
        found = contents(self.dir / "out")
        self.assertEqual(sorted(found), ["config.json", "model.safetensors", "vocab.json"])
        self.assertEqual(json.loads(found["config.json"]), {"model_type": "x", "torch_dtype": "float32"})
        self.octet("inspect", "out")
        self.assert_refused(2, "--like: nowhere is no folder; name the folder of the model", "dequantize", "m.gguf", "o2", "--like", "nowhere")
        (model / "model.safetensors.index.json").unlink()
        self.octet("quantize", "model", "set")
        self.assert_refused(2, "--like: is of GGUF files; a set brings the companions of its model along", "dequantize", "set", "o2",
                            "--like", "model")

    def test_compare_judges_any_file(self):
        w = g.random_blocks(g.TYPE_F32, 64 * 96, 1)
        values = struct.unpack(f"<{64 * 96}f", w)
        mask = Tensor("transformer.h.0.attn.bias", "F32", [1, 1, 2, 2], floats([1.0, 0.0, 1.0, 1.0]))
        make_file(self.dir / "m.safetensors", [Tensor("transformer.h.0.mlp.c_fc.weight", "F32", [64, 96], w), mask,
                                               f32("transformer.wte.weight", [1.0] * 64, [2, 32])])
        stored = ("blk.0.ffn_up.weight", [96, 64], g.TYPE_F32, floats(transposed(values, 64, 96)))
        head = ("output.weight", [2, 32], g.TYPE_F32, floats([1.0] * 64))
        keys = [("general.architecture", g.STRING, "gpt2")]
        self.write("exact.gguf", [stored, ("token_embd.weight", [2, 32], g.TYPE_F32, floats([1.0] * 64)), head], keys)
        report = self.octet_json("compare", "m.safetensors", "exact.gguf")
        self.assertEqual((report["missing"], report["extra"], report["changed"]), ([], [], []))
        self.assertEqual(report["dropped"], ["transformer.h.0.attn.bias"])
        self.assertEqual(report["totals"]["max_abs_error"], 0)
        self.assertEqual(sorted(t["name"] for t in report["tensors"]), ["lm_head.weight", "transformer.h.0.mlp.c_fc.weight", "transformer.wte.weight"])
        wrong = [x + (0.25 if i == 5 else 0) for i, x in enumerate(transposed(values, 64, 96))]
        self.write("wrong.gguf", [("blk.0.ffn_up.weight", [96, 64], g.TYPE_F32, floats(wrong)), ("token_embd.weight", [2, 32], g.TYPE_F32, floats([1.0] * 64))], keys)
        report = self.octet_json("compare", "m.safetensors", "wrong.gguf")
        worst = next(t for t in report["tensors"] if t["name"].endswith("c_fc.weight"))
        self.assertAlmostEqual(worst["max_abs_error"], 0.25, 6)
        self.assertEqual(worst["max_at"], [5, 0])
        self.octet("compare", "exact.gguf", "exact.gguf")
        self.assertEqual(self.run_octet("compare", "exact.gguf", "wrong.gguf", "--max-abs-error", "0.1").code, 1)

    def test_files_in_parts(self):
        tensors = [matrix(f"t{i}", g.TYPE_Q8_0, [2, 32], i) for i in range(3)]

        def part(number, count=3, total=3, name=None):
            keys = ([ARCHITECTURE] if number == 0 else []) + [("split.no", g.U16, number), ("split.count", g.U16, count),
                                                              ("split.tensors.count", g.I32, total)]
            return self.write(name or f"m-{number + 1:05}-of-{count:05}.gguf", [tensors[number]], keys)

        for number in range(3):
            part(number)
        for given in ("m-00001-of-00003.gguf", "m-00003-of-00003.gguf", "."):
            self.assertEqual([t["name"] for t in self.octet_json("inspect", given)["tensors"]], ["t0", "t1", "t2"])
        self.octet("dequantize", "m-00001-of-00003.gguf", "out.safetensors")
        self.assertEqual(self.restored()["t2"].data, floats(g.decoded(*tensors[2][2:])))
        part(1, total=4)
        part(0, total=4)
        self.assert_refused(3, 'm-00001-of-00003.gguf: key "split.tensors.count" is 4, and its 3 files have 3 tensors; fetch them again',
                            "inspect", "m-00002-of-00003.gguf")
        (self.dir / "m-00002-of-00003.gguf").unlink()
        self.assert_refused(3, "m-00002-of-00003.gguf: not found: the model is in 3 files, and this is one of them; fetch it", "inspect",
                            "m-00001-of-00003.gguf")
        part(0, name="other.gguf")
        self.assert_refused(3, "other.gguf: is file 1 of 3, and its name does not end in -00001-of-00003.gguf, so that the others cannot be "
                            "found; rename it", "inspect", "other.gguf")

    def test_a_file_without_the_ending(self):
        (self.dir / "sha256-0123").write_bytes(gguf([matrix("w", g.TYPE_Q8_0, [4, 32])], [ARCHITECTURE]))
        self.assertEqual(self.octet_json("inspect", "sha256-0123")["format"], "gguf")

    def test_quantize_says_what_to_do(self):
        self.write("m.gguf", [matrix("w", g.TYPE_Q8_0, [4, 32])])
        self.assert_refused(3, "m.gguf: is a GGUF file, whose weights are stored in blocks already; give the checkpoint that it was made "
                            "from, or make one of it first: octet dequantize FILE.gguf OUT", "quantize", "m.gguf", "out")


GPT2_NAMES = {"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm", "ln_1": "attn_norm", "ln_2": "ffn_norm",
              "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}


def gpt2_gguf(folder):
    """The model in that folder as a GGUF file of F32, with config and tokenizer."""
    config = json.loads((folder / "config.json").read_text())
    tensors = []
    for t in read_file(folder / "model.safetensors")[1]:
        module, leaf = t.name.rsplit(".", 1)
        if module.endswith(".attn"):
            continue  # a mask
        layer = module.split(".")[1] if module.startswith("h.") else None
        name = GPT2_NAMES[module if layer is None else module.split(".", 2)[2]]
        values, shape = t.data, t.shape
        if len(t.shape) == 2 and layer is not None:
            numbers = struct.unpack(f"<{len(t.data) // 4}f", t.data)
            values, shape = floats(transposed(numbers, *t.shape)), t.shape[::-1]
        tensors.append((f"blk.{layer}.{name}.{leaf}" if layer is not None else f"{name}.{leaf}", shape, g.TYPE_F32, values))
    vocabulary = json.loads((folder / "vocab.json").read_text())
    merges = (folder / "merges.txt").read_text().splitlines()[1:]
    words = (g.ARRAY, g.STRING)
    keys = [("general.architecture", g.STRING, "gpt2"), ("gpt2.context_length", g.U32, config["n_positions"]),
            ("gpt2.embedding_length", g.U32, config["n_embd"]), ("gpt2.block_count", g.U32, config["n_layer"]),
            ("gpt2.feed_forward_length", g.U32, 4 * config["n_embd"]), ("gpt2.attention.head_count", g.U32, config["n_head"]),
            ("gpt2.attention.layer_norm_epsilon", g.F32, config["layer_norm_epsilon"]), ("tokenizer.ggml.model", g.STRING, "gpt2"),
            ("tokenizer.ggml.pre", g.STRING, "gpt-2"), ("tokenizer.ggml.tokens", words, sorted(vocabulary, key=vocabulary.get)),
            ("tokenizer.ggml.merges", words, merges), ("tokenizer.ggml.eos_token_id", g.U32, config["eos_token_id"])]
    return gguf(tensors, keys)


class Running(OctetCase):
    def test_gpt2_says_what_the_checkpoint_says(self):
        model = TESTDATA / "tiny-gpt2"
        (self.dir / "m.gguf").write_bytes(gpt2_gguf(model))
        asked = ("--prompt", "The dog and the", "--max-new-tokens", 12)
        wanted, found = (self.octet_json("generate", path, *asked) for path in (model, "m.gguf"))
        self.assertEqual((found["prompt_ids"], found["ids"], found["text"]), (wanted["prompt_ids"], wanted["ids"], wanted["text"]))
        wanted, found = (self.octet_json("evaluate", path, "--text", model / "eval.txt") for path in (model, "m.gguf"))
        self.assertEqual((found["tokens"], found["loss"]), (wanted["tokens"], wanted["loss"]))
        self.octet("dequantize", "m.gguf", "back", "--like", model)
        restored = {t.name: t for t in read_file(self.dir / "back" / "model.safetensors")[1]}
        for t in read_file(model / "model.safetensors")[1]:
            if not t.name.endswith(".attn.bias"):
                self.assertEqual(restored.pop(t.name), t)
        self.assertEqual(restored, {})

    def test_names_of_the_model_that_it_is_like(self):
        model = self.dir / "model"
        model.mkdir()
        _, tensors, _ = read_file(TESTDATA / "tiny-gpt2" / "model.safetensors")
        make_file(model / "m.safetensors", [t._replace(name="transformer." + t.name) for t in tensors if not t.name.endswith(".attn.bias")])
        (self.dir / "m.gguf").write_bytes(gpt2_gguf(TESTDATA / "tiny-gpt2"))
        self.octet("dequantize", "m.gguf", "back", "--like", "model")
        self.octet("compare", "model", "back")

    def test_files_of_octets_own(self):
        for name, asked in (("tiny-gpt2", "The dog and the"), ("tiny-flan-t5", "where is Delhi")):
            model = TESTDATA / name
            self.octet("quantize", model, f"{name}.gguf", "--type", "f32")
            answers = [self.octet_json("generate", path, "--prompt", asked, "--max-new-tokens", 8) for path in (model, f"{name}.gguf")]
            self.assertEqual(answers[0]["prompt_ids"], answers[1]["prompt_ids"])
            self.assertEqual(answers[0]["text"], answers[1]["text"])
            report = self.octet_json("compare", model, f"{name}.gguf")
            self.assertEqual((report["missing"], report["extra"], report["totals"]["max_abs_error"]), ([], [], 0))
            self.octet("verify", f"{name}.gguf")
            self.octet("quantize", model, f"{name}-q8.gguf", "--type", "q8_0")
            self.octet("dequantize", f"{name}-q8.gguf", f"{name}-back", "--like", model)
            texts = [self.octet_json("generate", path, "--prompt", asked, "--max-new-tokens", 8)["text"]
                     for path in (f"{name}-q8.gguf", f"{name}-back")]
            self.assertEqual(texts[0], texts[1])
            self.assertEqual(self.octet_json("compare", f"{name}-back", f"{name}-q8.gguf")["totals"]["max_abs_error"], 0)

    def test_t5_whose_head_is_its_embedding(self):
        model = self.dir / "model"
        shutil.copytree(TESTDATA / "tiny-flan-t5", model)
        _, tensors, _ = read_file(model / "model.safetensors")
        make_file(model / "model.safetensors", [t for t in tensors if t.name != "lm_head.weight"])
        config = json.loads((model / "config.json").read_text())
        config["tie_word_embeddings"] = True
        (model / "config.json").write_text(json.dumps(config))
        self.octet("quantize", "model", "m.gguf", "--type", "f32")
        asked = ("--prompt", "where is Delhi", "--max-new-tokens", 8)
        wanted, found = (self.octet_json("generate", path, *asked) for path in ("model", "m.gguf"))
        self.assertEqual(wanted["ids"], found["ids"])
        report = self.octet_json("compare", "model", "m.gguf")  # the factor of the last norm is divided out again
        self.assertLess(report["totals"]["max_abs_error"], 1e-6)
        self.octet("dequantize", "m.gguf", "back", "--like", "model")
        self.assertEqual(self.octet_json("generate", "back", *asked)["ids"], wanted["ids"])

    def test_models_that_octet_does_not_run(self):
        good = [matrix("token_embd.weight", g.TYPE_F32, [4, 2])]

        def refused(keys, what):
            (self.dir / "m.gguf").write_bytes(gguf(good, keys))
            self.assert_refused(3, "m.gguf: " + what, "generate", "m.gguf", "--prompt-ids", "1")

        refused([("general.architecture", g.STRING, "llama")], "\"general.architecture\" is 'llama'; octet runs \"gpt2\" and \"t5\"")
        refused([("general.architecture", g.STRING, "gpt2")], 'has no key "gpt2.embedding_length" with a number; fetch it again')


class Broken(OctetCase):
    GOOD = [matrix("w", g.TYPE_Q8_0, [4, 32]), matrix("v", g.TYPE_F32, [8])]

    def refused(self, raw, what):
        (self.dir / "m.gguf").write_bytes(raw)
        for command in (("inspect", "m.gguf"), ("dequantize", "m.gguf", "out.safetensors"), ("compare", "m.gguf", "m.gguf")):
            self.assert_refused(3, "m.gguf: " + what, *command)

    def test_what_is_wrong_is_named(self):
        w, v = self.GOOD
        self.refused(b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "byte 8: the version of a big-endian file; octet reads little-endian ones: "
                     "convert it with gguf_convert_endian.py of llama.cpp in its beginning")
        self.refused(b"GGUF" + struct.pack("<III", 1, 0, 0), "byte 8: version 1; octet reads versions 2 and 3: convert the model again with "
                     "a current llama.cpp in its beginning")
        self.refused(b"GGUF", "byte 4: its beginning needs 4 more bytes, and the file has 0; it was cut or is damaged: fetch it again")
        self.refused(b"GGUG" + bytes(20), "is no GGUF file: it does not begin with GGUF")
        self.refused(gguf([w, w]), "byte 106: a second entry in tensor 'w'")
        self.refused(gguf([w], [("a", g.U8, 1), ("a", g.U8, 2)]), "byte 52: a second value in key 'a'")
        self.refused(gguf([("w", [4, 33], g.TYPE_Q8_0, b"")]), "byte 57: rows of 33 values, which are no whole blocks of 32 as q8_0 has them in "
                     "tensor 'w'")
        self.refused(gguf([w], [("general.alignment", g.U32, 24)]),
                     'byte 57: "general.alignment" that is no power of two as a 32-bit number in the keys')
        self.refused(gguf([(b"\xff", [1], g.TYPE_F32, bytes(4))]), "byte 33: a name that is no UTF-8 in tensor 1 of 1")
        self.refused(gguf([("w", [1], g.TYPE_F32, bytes(4))], [("a", g.STRING, "x")])[:-4],
                     "tensor 'w' ends at byte 100, and the file at 96; it was cut: fetch it again")

    def test_hostile_numbers(self):
        head = b"GGUF" + struct.pack("<I", 3)
        self.refused(head + struct.pack("<QQ", 0, 2**63), f"byte 24: key 1 of {2**63} needs 8 more bytes, and the file has 0; it was cut or "
                     "is damaged: fetch it again")
        self.refused(head + struct.pack("<QQ", 2**62, 0), f"byte 24: tensor 1 of {2**62} needs 8 more bytes, and the file has 0; it was cut "
                     "or is damaged: fetch it again")
        self.refused(head + struct.pack("<QQQ", 0, 1, 2**40), "byte 32: key 1 of 1 needs 1,099,511,627,776 more bytes, and the file has 0; it "
                     "was cut or is damaged: fetch it again")
        array = head + struct.pack("<QQ", 0, 1) + g.text("a") + struct.pack("<II", g.ARRAY, g.U64)
        self.refused(array + struct.pack("<Q", 2**62), "byte 49: key 'a' needs 18,446,744,073,709,551,615 more bytes, and the file has 0; it "
                     "was cut or is damaged: fetch it again")
        deep = head + struct.pack("<QQ", 0, 1) + g.text("a") + struct.pack("<I", g.ARRAY) + struct.pack("<IQ", g.ARRAY, 1) * 100
        self.refused(deep, "byte 433: arrays are more than 32 deep in key 'a'")
        huge = head + struct.pack("<QQ", 1, 0) + g.info("w", [2**40, 2**40], g.TYPE_F32, 0)
        self.refused(huge, f"byte 57: shape [{2**40}, {2**40}] overflows 64 bits in tensor 'w'")
        many = head + struct.pack("<QQ", 1, 0) + g.text("w") + struct.pack("<I", 2**31)
        self.refused(many, f"byte 37: {2**31} dimensions, more than 64 in tensor 'w'")
        unknown = head + struct.pack("<QQ", 1, 0) + g.info("w", [32], 99, 0)
        self.refused(unknown, "byte 49: type 99, which octet does not read; convert it to another with llama-quantize in tensor 'w'")
        apart = head + struct.pack("<QQ", 2, 0) + g.info("w", [32], 0, 0) + g.info("v", [32], 0, 64) + bytes(400)
        self.refused(apart, "tensor 'v' overlaps tensor 'w'; the file is damaged")
        odd = head + struct.pack("<QQ", 1, 0) + g.info("w", [1], 0, 4) + bytes(100)
        self.refused(odd, "tensor 'w' begins at 4 of the data, which is no multiple of 32; the file is damaged: fetch it again")
        beyond = head + struct.pack("<QQ", 1, 0) + g.info("w", [1], 0, 2**64 - 32) + bytes(100)
        self.refused(beyond, "tensor 'w' lies beyond 64 bits; the file is damaged: fetch it again")
        twins = [("token_embd.weight", [1], 0, bytes(4)), ("wte.weight", [1], 0, bytes(4))]
        self.refused(gguf(twins, [("general.architecture", g.STRING, "gpt2")]),
                     "tensors 'token_embd.weight' and 'wte.weight' are both 'wte.weight' of a checkpoint; the file is damaged")

    def test_no_damage_is_more_than_one_line(self):
        good = gguf(self.GOOD, [("general.architecture", g.STRING, "gpt2"), ("a", (g.ARRAY, g.STRING), ["x", "yz"]), ("b", g.F32, 1.5)])
        source = random.Random(1)
        damaged = [good[:n] for n in range(0, len(good), 3)]
        for _ in range(150):
            raw = bytearray(good)
            for _ in range(source.choice((1, 1, 2, 8))):
                raw[source.randrange(260)] ^= 1 << source.randrange(8)
            damaged.append(bytes(raw))
        codes = {0: 0, 3: 0}
        for raw in damaged:
            (self.dir / "m.gguf").write_bytes(raw)
            run = self.run_octet("inspect", "m.gguf")
            self.assertIn(run.code, codes, run.err)
            codes[run.code] += 1
            self.assertEqual(run.err.count("\n"), 0 if run.code == 0 else 1, run.err)
        self.assertGreater(min(codes.values()), 10)

    def test_250000_strings_take_little_memory_and_time(self):
        words = (g.ARRAY, g.STRING)
        (self.dir / "m.gguf").write_bytes(gguf(self.GOOD, [("tokens", words, [f"token{i}" for i in range(250_000)])]))
        shown = self.octet_json("inspect", "m.gguf")["metadata"]["tokens"]
        self.assertTrue(shown.startswith('["token0", "token1"') and shown.endswith("250,000 in all]"), shown)


if __name__ == "__main__":
    main()
