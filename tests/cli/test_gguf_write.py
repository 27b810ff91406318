"""quantize --type: GGUF files of GPT-2, T5 and the family of Llama, read back by a parser of the test's own. Values, layout, keys, types, fallbacks,
rules, gates; whole or absent; the same bytes for any number of threads; verify finds every flipped bit."""
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

from octet_case import BIN, TESTDATA, OctetCase, Tensor, floats, main, make_file, read_file, snapshot

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
TYPES = {0: ("f32", 1, 4), 1: ("f16", 1, 2), 2: ("q4_0", 32, 18), 3: ("q4_1", 32, 20), 6: ("q5_0", 32, 22), 7: ("q5_1", 32, 24),
         8: ("q8_0", 32, 34), 10: ("q2_k", 256, 84), 11: ("q3_k", 256, 110), 12: ("q4_k", 256, 144), 13: ("q5_k", 256, 176),
         14: ("q6_k", 256, 210), 20: ("iq4_nl", 32, 18), 30: ("bf16", 1, 2)}


class Reader:
    """A GGUF file, strictly: keys, and for each tensor (shape, type, bytes)."""

    def __init__(self, path):
        self.raw, self.at = Path(path).read_bytes(), 0
        assert self.take(4) == b"GGUF"
        version, tensors, keys = self.number("I"), self.number("Q"), self.number("Q")
        assert version == 3
        self.keys = {}
        for _ in range(keys):
            name = self.text()
            assert name not in self.keys, name
            self.keys[name] = self.value(self.number("I"))
        infos = []
        for _ in range(tensors):
            name = self.text()
            shape = [self.number("Q") for _ in range(self.number("I"))][::-1]
            infos.append((name, shape, self.number("I"), self.number("Q")))
        start = (self.at + 31) // 32 * 32
        assert not any(self.raw[self.at:start])
        self.header, self.tensors, end = start, {}, start
        for name, shape, kind, offset in infos:
            type_name, block, size = TYPES[kind]
            count = 1
            for n in shape:
                count *= n
            assert count % block == 0 and start + offset == end, name
            length = count // block * size
            self.tensors[name] = (shape, type_name, self.raw[end:end + length])
            assert not any(self.raw[end + length:(end + length + 31) // 32 * 32])
            end = (end + length + 31) // 32 * 32
        assert end == len(self.raw)
        assert len(self.tensors) == tensors

    def take(self, count):
        part = self.raw[self.at:self.at + count]
        assert len(part) == count
        self.at += count
        return part

    def number(self, code):
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def text(self):
        return self.take(self.number("Q")).decode()

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind != 9:
            return self.number(SCALARS[kind])
        element, count = self.number("I"), self.number("Q")
        if element == 8:
            return [self.text() for _ in range(count)]
        return list(struct.unpack(f"<{count}{SCALARS[element]}", self.take(count * struct.calcsize("<" + SCALARS[element]))))

    def types(self):
        return {name: kind for name, (_, kind, _) in self.tensors.items()}


def transposed(tensor):
    rows, columns = tensor.shape
    return b"".join(tensor.data[4 * (r * columns + c):4 * (r * columns + c) + 4] for c in range(columns) for r in range(rows))


def random_tensor(name, shape, seed):
    count = 1
    for n in shape:
        count *= n
    source = random.Random(f"{name}{seed}")
    return Tensor(name, "F32", shape, floats([source.gauss(0, 0.02) for _ in range(count)]))


class GgufCase(OctetCase):
    def quantize(self, model, name, kind, *options):
        self.octet("quantize", model, name, "--type", kind, *options)
        return Reader(self.dir / name)

    def refused(self, code, part, *arguments):
        """One line that has `part` in it, and everything as it was."""
        before = snapshot(self.dir)
        run = self.run_octet(*arguments)
        self.assertEqual((run.code, run.out, run.err.count("\n")), (code, "", 1), run.err)
        self.assertIn(part, run.err)
        self.assertEqual(snapshot(self.dir), before)

    def gpt2(self, layers=2, width=64, folder="model", **config):
        """A GPT-2 of random weights, with masks as the canonical file has them."""
        path = self.dir / folder
        path.mkdir()
        tensors = [random_tensor("wte.weight", [48, width], 1), random_tensor("wpe.weight", [16, width], 1)]
        for i in range(layers):
            h = f"h.{i}."
            for norm in ("ln_1", "ln_2"):
                tensors += [random_tensor(h + norm + ".weight", [width], i), random_tensor(h + norm + ".bias", [width], i)]
            tensors.append(Tensor(h + "attn.bias", "F32", [1, 1, 4, 4], floats([1.0] * 16)))
            for part, shape in (("attn.c_attn", [width, 3 * width]), ("attn.c_proj", [width, width]),
                                ("mlp.c_fc", [width, 4 * width]), ("mlp.c_proj", [4 * width, width])):
                tensors += [random_tensor(h + part + ".weight", shape, i), random_tensor(h + part + ".bias", [shape[1]], i)]
        tensors += [random_tensor("ln_f.weight", [width], 9), random_tensor("ln_f.bias", [width], 9)]
        make_file(path / "model.safetensors", tensors)
        values = {"model_type": "gpt2", "n_embd": width, "n_layer": layers, "n_head": 4, "n_positions": 16, "vocab_size": 48}
        (path / "config.json").write_text(json.dumps({**values, **config}))
        return {t.name: t for t in tensors}


class Contents(GgufCase):
    def test_gpt2_in_float32_has_every_value_in_its_place(self):
        source = {t.name: t for t in read_file(TESTDATA / "tiny-gpt2" / "model.safetensors")[1]}
        file = self.quantize(TESTDATA / "tiny-gpt2", "out.gguf", "f32")
        names = {"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm"}
        parts = {"ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm",
                 "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
        seen = set()
        for name, tensor in source.items():
            bare = name[len("transformer."):] if name.startswith("transformer.") else name
            module, leaf = bare.rsplit(".", 1)
            if module == "lm_head" or (module.endswith(".attn") and leaf in ("bias", "masked_bias")):
                continue
            if module.startswith("h."):
                _, number, part = module.split(".", 2)
                target = f"blk.{number}.{parts[part]}.{leaf}"
            else:
                target = f"{names[module]}.{leaf}"
            shape, kind, raw = file.tensors[target]
            turned = leaf == "weight" and ".c_" in "." + module
            self.assertEqual(kind, "f32")
            self.assertEqual(shape, tensor.shape[::-1] if turned else tensor.shape, name)
            self.assertEqual(raw, transposed(tensor) if turned else tensor.data, name)
            seen.add(target)
        self.assertEqual(seen, set(file.tensors))
        keys = file.keys
        vocabulary = json.loads((TESTDATA / "tiny-gpt2" / "vocab.json").read_text())
        self.assertEqual(keys["general.architecture"], "gpt2")
        self.assertEqual(keys["general.file_type"], 0)
        self.assertEqual([keys["gpt2." + k] for k in ("block_count", "context_length", "embedding_length", "feed_forward_length",
                                                      "attention.head_count")], [4, 128, 128, 512, 4])
        self.assertEqual(keys["tokenizer.ggml.model"], "gpt2")
        self.assertEqual(keys["tokenizer.ggml.pre"], "gpt-2")
        self.assertEqual({t: i for i, t in enumerate(keys["tokenizer.ggml.tokens"]) if not t.startswith("[PAD")}, vocabulary)
        merges = (TESTDATA / "tiny-gpt2" / "merges.txt").read_text().splitlines()
        self.assertEqual(keys["tokenizer.ggml.merges"], [m for m in merges if m and not m.startswith("#version")])
        self.assertEqual(keys["tokenizer.ggml.eos_token_id"], 767)
        self.assertEqual(keys["tokenizer.ggml.token_type"][767], 3)

    def test_t5_and_its_pieces(self):
        source = {t.name: t for t in read_file(TESTDATA / "tiny-flan-t5" / "model.safetensors")[1]}
        file = self.quantize(TESTDATA / "tiny-flan-t5", "out.gguf", "f32")
        self.assertEqual(file.tensors["token_embd.weight"][2], source["shared.weight"].data)
        self.assertEqual(file.tensors["output.weight"][2], source["lm_head.weight"].data)
        self.assertEqual(file.tensors["dec.output_norm.weight"][2], source["decoder.final_layer_norm.weight"].data)
        self.assertEqual(file.tensors["dec.blk.1.cross_attn_q.weight"][2],
                         source["decoder.block.1.layer.1.EncDecAttention.q.weight"].data)
        self.assertEqual(file.keys["tokenizer.ggml.model"], "t5")
        self.assertEqual(len(file.keys["tokenizer.ggml.tokens"]), 480)
        self.assertEqual(len(file.keys["tokenizer.ggml.scores"]), 480)
        self.assertEqual(file.keys["t5.decoder_start_token_id"], 0)
        self.assertIs(file.keys["tokenizer.ggml.add_eos_token"], True)

    def test_a_tied_t5_has_the_factor_of_its_head_in_the_norm_before(self):
        folder = self.dir / "t5"
        shutil.copytree(TESTDATA / "variants" / "t5-relu-tied", folder)
        config = json.loads((folder / "config.json").read_text())
        self.refused(3, '"relative_attention_max_distance" is', "quantize", folder, "out.gguf", "--type", "f32")
        (folder / "config.json").write_text(json.dumps({**config, "relative_attention_max_distance": 128}))
        source = {t.name: t for t in read_file(folder / "model.safetensors")[1]}
        file = self.quantize(folder, "out.gguf", "f32")
        self.assertNotIn("output.weight", file.tensors)
        width = json.loads((folder / "config.json").read_text())["d_model"]
        before = struct.unpack(f"<{width}f", source["decoder.final_layer_norm.weight"].data)
        after = struct.unpack(f"<{width}f", file.tensors["dec.output_norm.weight"][2])
        for a, b in zip(before, after):
            self.assertAlmostEqual(b, a * width ** -0.5, delta=abs(a) * 1e-6)

    def test_llama_interleaves_its_heads_and_stretches_wavelengths(self):
        path = self.dir / "llama"
        path.mkdir()
        hidden, heads, groups = 32, 4, 2
        width = hidden // heads
        layer = "model.layers.0."
        shapes = {"model.embed_tokens": [40, hidden], "model.norm": [hidden], layer + "input_layernorm": [hidden],
                  layer + "post_attention_layernorm": [hidden], layer + "self_attn.q_proj": [heads * width, hidden],
                  layer + "self_attn.k_proj": [groups * width, hidden], layer + "self_attn.v_proj": [groups * width, hidden],
                  layer + "self_attn.o_proj": [hidden, hidden], layer + "mlp.gate_proj": [64, hidden],
                  layer + "mlp.up_proj": [64, hidden], layer + "mlp.down_proj": [hidden, 64]}
        source = {name: random_tensor(name + ".weight", shape, 5) for name, shape in shapes.items()}
        make_file(path / "model.safetensors", list(source.values()))
        (path / "config.json").write_text(json.dumps(
            {"model_type": "llama", "hidden_size": hidden, "num_hidden_layers": 1, "num_attention_heads": heads,
             "num_key_value_heads": groups, "intermediate_size": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
             "max_position_embeddings": 64, "vocab_size": 40, "tie_word_embeddings": True,
             "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                              "original_max_position_embeddings": 8192}}))
        file = self.quantize("llama", "out.gguf", "f32")
        for name, rows in (("q", heads * width), ("k", groups * width)):
            data = source[layer + f"self_attn.{name}_proj"].data
            row = 4 * hidden
            wanted = b""
            for r in range(rows):
                head, i = divmod(r, width)
                old = head * width + i // 2 + i % 2 * (width // 2)
                wanted += data[old * row:(old + 1) * row]
            self.assertEqual(file.tensors[f"blk.0.attn_{name}.weight"][2], wanted)
        self.assertEqual(file.tensors["blk.0.attn_v.weight"][2], source[layer + "self_attn.v_proj"].data)
        stretch = struct.unpack(f"<{width // 2}f", file.tensors["rope_freqs.weight"][2])
        self.assertEqual([stretch[0], stretch[-1]], [1.0, 1.0 if 2 * 3.1416 * 10000 ** (6 / 8) < 2048 else stretch[-1]])
        self.assertEqual(file.keys["llama.attention.head_count_kv"], groups)
        self.assertEqual(file.keys["llama.vocab_size"], 40)
        self.assertEqual(file.keys["tokenizer.ggml.model"], "none")

    def test_what_llama_cpp_does_not_compute_is_refused_by_its_key(self):
        for key, value in (("activation_function", "relu"), ("scale_attn_by_inverse_layer_idx", True), ("add_cross_attention", True)):
            self.gpt2(folder=key, **{key: value})
            run = self.run_octet("quantize", key, "out.gguf", "--type", "f16")
            self.assertEqual(run.code, 3, run.err)
            self.assertIn(f'"{key}"', run.err)
            self.assertFalse((self.dir / "out.gguf").exists())

    def test_any_other_architecture_is_refused_by_name_and_arch_none_writes_weights_alone(self):
        source = self.gpt2(model_type="bloom")
        self.refused(3, '"model_type" is \'bloom\'', "quantize", "model", "out.gguf", "--type", "q8_0")
        file = self.quantize("model", "out.gguf", "q8_0", "--arch", "none")
        self.assertEqual(set(file.tensors), set(source))
        self.assertEqual(file.tensors["h.0.attn.c_attn.weight"][:2], ([64, 192], "q8_0"))
        self.assertEqual(file.tensors["h.0.attn.bias"][2], source["h.0.attn.bias"].data)
        (self.dir / "model" / "config.json").unlink()
        self.refused(3, "config.json: not found", "quantize", "model", "other.gguf", "--type", "q8_0")
        self.quantize("model", "other.gguf", "q8_0", "--arch", "none")


class Types(GgufCase):
    def test_fallbacks_are_named_and_may_fail_the_run(self):
        self.gpt2()
        report = self.octet_json("quantize", "model", "out.gguf", "--type", "q4_k_m")
        self.assertEqual(report["format"], "gguf")
        by_name = {t["stored_name"]: t for t in report["tensors"]}
        self.assertEqual(by_name["blk.0.attn_output.weight"]["scheme"], "q5_0")
        self.assertIn("q4_k needs rows of whole blocks of 256, and these have 64", by_name["blk.0.attn_output.weight"]["reason"])
        self.assertEqual(by_name["blk.0.ffn_down.weight"]["scheme"], "q4_k")
        self.assertEqual(by_name["blk.0.attn_norm.weight"]["scheme"], "f32")
        self.assertEqual(Reader(self.dir / "out.gguf").types(), {name: t["scheme"] for name, t in by_name.items()})
        run = self.run_octet("quantize", "model", "other.gguf", "--type", "q4_k_m", "--no-fallback")
        self.assertEqual(run.code, 1, run.err)
        self.assertIn("q4_k needs rows", run.err)
        self.assertFalse((self.dir / "other.gguf").exists())
        self.octet("quantize", "model", "other.gguf", "--type", "q5_0", "--rule", "token_embd.weight=q8_0", "--no-fallback")

    def test_rules_match_the_names_of_both_worlds(self):
        self.gpt2()
        file = self.quantize("model", "out.gguf", "q4_0", "--rule", "blk.0.ffn_down.*=Q8_0", "--rule", "h.1.mlp.c_proj.weight=f16",
                             "--rule", "wte.weight=keep")
        types = file.types()
        self.assertEqual([types["blk.0.ffn_down.weight"], types["blk.1.ffn_down.weight"], types["token_embd.weight"],
                          types["blk.1.ffn_up.weight"]], ["q8_0", "f16", "f32", "q4_0"])
        self.refused(2, "is a scheme of octet's own sets", "quantize", "model", "x.gguf", "--type", "q8_0", "--rule", "*=u4")
        self.refused(2, "is a type of GGUF files", "quantize", "model", "set", "--rule", "*=q8_0")
        self.refused(2, "reads as F32 alone", "quantize", "model", "x.gguf", "--type", "q8_0", "--rule", "*.ln_1.*=f16")

    def test_names_of_types_and_of_files(self):
        self.gpt2()
        self.assertEqual(self.quantize("model", "a.gguf", "Q8_0").raw, self.quantize("model", "b.gguf", "q8_0").raw)
        self.refused(2, "did you mean q8_0?", "quantize", "model", "x.gguf", "--type", "q8_o")
        self.refused(2, "does not end in .gguf", "quantize", "model", "x", "--type", "q8_0")
        self.refused(2, "needs a type", "quantize", "model", "x.gguf")
        self.refused(2, "--type", "quantize", "model", "x.gguf", "--type", "q8_0", "--bits", "4")
        self.refused(2, "--preset", "quantize", "model", "x.gguf", "--type", "q8_0", "--preset", "q4")

    def test_gates_and_figures(self):
        self.gpt2()
        report = self.octet_json("quantize", "model", "out.gguf", "--type", "q8_0")
        self.assertGreater(report["totals"]["sqnr_db"], 40)
        self.assertAlmostEqual(report["totals"]["bits_per_weight"], 8.5)
        self.assertEqual(report["files"], [{"name": "out.gguf", "bytes": (self.dir / "out.gguf").stat().st_size}])
        keys = Reader(self.dir / "out.gguf").keys
        self.assertEqual([float(t.get("sqnr_db", "inf")) for t in report["tensors"]], keys["octet.sqnr_db"])
        before = (self.dir / "out.gguf").read_bytes()
        run = self.run_octet("quantize", "model", "out.gguf", "--type", "q4_0", "--min-sqnr", "30", "--force")
        self.assertEqual(run.code, 1)
        self.assertEqual((self.dir / "out.gguf").read_bytes(), before)
        compared = self.octet_json("compare", "model", "out.gguf")
        self.assertAlmostEqual(compared["totals"]["sqnr_db"], report["totals"]["sqnr_db"], places=3)

    def test_a_model_in_the_hub_cache_has_its_own_name_not_its_revision(self):
        cache = self.dir / "models--org--tiny"
        (cache / "blobs").mkdir(parents=True)
        revision = cache / "snapshots" / "0123abcd"
        revision.mkdir(parents=True)
        for number, path in enumerate(sorted((TESTDATA / "tiny-gpt2").glob("*.*"))):
            blob = cache / "blobs" / f"{number:040x}"
            shutil.copyfile(path, blob)
            (revision / path.name).symlink_to(f"../../blobs/{blob.name}")
        self.octet("quantize", revision, "hub.gguf", "--type", "q8_0")
        self.octet("quantize", TESTDATA / "tiny-gpt2", "plain.gguf", "--type", "q8_0")
        hub, plain = Reader(self.dir / "hub.gguf"), Reader(self.dir / "plain.gguf")
        self.assertEqual((hub.keys["general.name"], plain.keys["general.name"]), ("tiny", "tiny-gpt2"))
        self.assertEqual(hub.tensors, plain.tensors)

    def test_inspect_tells_the_figures_of_the_run_also_of_a_file_in_parts(self):
        for arguments, first in ((("one.gguf",), "one.gguf"), (("many.gguf", "--split-size", "400kB"), "many-00001-of-00003.gguf")):
            run = self.octet_json("quantize", TESTDATA / "tiny-gpt2", *arguments, "--type", "q8_0")
            shown = self.octet_json("inspect", first)
            of_run, of_file = ({t["name"]: t["sqnr_db"] for t in report["tensors"] if "sqnr_db" in t} for report in (run, shown))
            self.assertEqual(len(of_run), 17)
            self.assertEqual(of_file, of_run)
            self.assertAlmostEqual(shown["totals"]["sqnr_db"], run["totals"]["sqnr_db"], delta=0.001)
            self.assertEqual(shown["totals"]["max_abs_error"], run["totals"]["max_abs_error"])
            self.assertIn("whole", self.octet("verify", first).out)

    def test_values_that_are_not_finite(self):
        source = self.gpt2()
        bad = source["h.1.mlp.c_fc.weight"]
        data = bytearray(bad.data)
        data[4 * (3 * 256 + 7):4 * (3 * 256 + 7) + 4] = floats([float("nan")])
        source["h.1.mlp.c_fc.weight"] = Tensor(bad.name, bad.dtype, bad.shape, bytes(data))
        make_file(self.dir / "model" / "model.safetensors", list(source.values()))
        self.refused(3, "tensor 'h.1.mlp.c_fc.weight' holds nan at [3, 7]", "quantize", "model", "x.gguf", "--type", "q8_0")
        file = self.quantize("model", "x.gguf", "q8_0", "--on-non-finite", "keep")
        self.assertEqual([file.types()[f"blk.{i}.ffn_up.weight"] for i in (0, 1)], ["q8_0", "f32"])


class Whole(GgufCase):
    def test_the_same_bytes_for_any_number_of_threads_and_instruction_set(self):
        self.gpt2(layers=2, width=96)
        for kind in ("q8_0", "q4_k_m", "f16"):
            one = self.quantize("model", "one.gguf", kind, "--threads", "1", "--force").raw
            self.assertEqual(self.quantize("model", "nine.gguf", kind, "--threads", "9", "--force").raw, one)
            self.octet("quantize", "model", "scalar.gguf", "--type", kind, "--force", env={"OCTET_ISA": "scalar"})
            self.assertEqual((self.dir / "scalar.gguf").read_bytes(), one)

    def test_a_file_that_stands_there_needs_force(self):
        self.gpt2()
        (self.dir / "out.gguf").write_bytes(b"mine")
        self.refused(2, "exists already", "quantize", "model", "out.gguf", "--type", "q8_0")
        self.assertEqual((self.dir / "out.gguf").read_bytes(), b"mine")
        self.quantize("model", "out.gguf", "q8_0", "--force")
        self.assertEqual(sorted(os.listdir(self.dir)), ["model", "out.gguf"])

    def test_a_killed_run_leaves_the_old_file_or_the_new_one(self):
        self.gpt2(layers=3, width=128)
        old = self.quantize("model", "out.gguf", "f32").raw
        new = self.quantize("model", "new.gguf", "q8_0").raw
        for i in range(12):
            with subprocess.Popen([str(BIN), "quantize", "model", "out.gguf", "--type", "q8_0", "--force", "--quiet"], cwd=self.dir,
                                  stderr=subprocess.DEVNULL) as process:
                time.sleep(0.002 * i)
                process.send_signal(signal.SIGKILL)
            self.assertIn((self.dir / "out.gguf").read_bytes(), (old, new))
        self.quantize("model", "out.gguf", "q8_0", "--force")
        self.assertEqual(sorted(os.listdir(self.dir)), ["model", "new.gguf", "out.gguf"])

    def test_verify_finds_every_flipped_bit(self):
        self.gpt2(layers=1, width=32)
        raw = self.quantize("model", "out.gguf", "q5_0").raw
        self.octet("verify", "out.gguf")
        source = random.Random(7)
        size = Reader(self.dir / "out.gguf").header
        for i in range(int(os.environ.get("OCTET_FLIPS", "60"))):
            at = source.randrange(size if i % 2 else len(raw))
            broken = bytearray(raw)
            broken[at] ^= 1 << source.randrange(8)
            (self.dir / "broken.gguf").write_bytes(broken)
            run = self.run_octet("verify", "broken.gguf")
            self.assertEqual(run.code, 1, f"byte {at}: {run.out}{run.err}")


if __name__ == "__main__":
    main()
