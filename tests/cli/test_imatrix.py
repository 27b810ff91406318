"""--importance takes llama.cpp's importance matrices: the old .dat and the newer .gguf, both written here by the format's description. They mean
what a safetensors file of the same weights means, by the names of GGUF files; broken ones are refused by name."""
import hashlib
import random
import struct

import gguf_files as g
from octet_case import TESTDATA, OctetCase, f32, floats, main, make_file, read_file

GPT2 = TESTDATA / "tiny-gpt2"
PARTS = {"attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}


def weights_of_gpt2():
    """Name in the checkpoint, name in a GGUF file, sums of squares of 50 tokens."""
    source = random.Random(11)
    found = []
    for tensor in read_file(GPT2 / "model.safetensors")[1]:
        if not tensor.name.startswith("h.") or len(tensor.shape) != 2:
            continue
        _, layer, part = tensor.name[:-len(".weight")].split(".", 2)
        found.append((tensor.name, f"blk.{layer}.{PARTS[part]}.weight", [g.single(50 * source.expovariate(1) ** 4) for _ in range(tensor.shape[0])]))
    return found


def dat(entries, calls=50, tail=struct.pack("<ii", 3, 9) + b"wiki.text", count=None):
    raw = struct.pack("<i", len(entries) if count is None else count)
    for name, values in entries:
        raw += struct.pack("<i", len(name)) + name.encode() + struct.pack(f"<ii{len(values)}f", calls, len(values), *values)
    return raw + tail


def imatrix_gguf(entries, kind=g.TYPE_F32):
    """entries: name, rows of sums, counts."""
    tensors = []
    for name, rows, counts in entries:
        values = [x for row in rows for x in row]
        shape = [len(rows), len(rows[0])] if len(rows) > 1 else [len(rows[0])]
        tensors.append((name + ".in_sum2", shape, kind, floats(values) if kind == g.TYPE_F32 else struct.pack(f"<{len(values)}e", *values)))
        tensors.append((name + ".counts", [len(counts), 1] if len(counts) > 1 else [len(counts)], g.TYPE_F32, floats(counts)))
    return g.gguf(tensors, [("general.type", g.STRING, "imatrix"), ("imatrix.datasets", (g.ARRAY, g.STRING), ["wiki.text"]),
                            ("imatrix.chunk_count", g.U32, 3), ("imatrix.chunk_size", g.U32, 512)])


class Imatrix(OctetCase):
    def write(self, name, raw):
        (self.dir / name).write_bytes(raw)

    def three_files(self):
        weights = weights_of_gpt2()
        make_file(self.dir / "own.safetensors", [f32(name, [x / 50 for x in values]) for name, _, values in weights])
        self.write("old.dat", dat([(name, values) for _, name, values in weights]))
        self.write("short.dat", dat([(name, values) for _, name, values in weights], tail=b""))
        self.write("new.gguf", imatrix_gguf([(name, [values], [50.0]) for _, name, values in weights]))
        return ("own.safetensors", "old.dat", "short.dat", "new.gguf")

    def tensors(self, path):
        """Bytes of the tensors: the keys name the file of weights."""
        report = self.octet_json("inspect", path)
        self.octet("verify", path)
        return [(t["stored_name"], t["scheme"], t.get("rmse")) for t in report["tensors"]]

    def test_all_of_them_make_the_same_gguf_file(self):
        names = self.three_files()
        self.octet("quantize", GPT2, "plain.gguf", "--type", "q4_k_m")
        for options in (("--type", "q4_k_m"), ("--type", "gguf", "--max-size", "700kB")):
            found = []
            for number, name in enumerate(names):
                self.octet("quantize", GPT2, f"{number}.gguf", *options, "--importance", name, "--force")
                self.octet("dequantize", f"{number}.gguf", f"{number}.safetensors", "--force")
                restored = hashlib.sha256((self.dir / f"{number}.safetensors").read_bytes()).hexdigest()
                found.append((self.tensors(f"{number}.gguf"), restored))
                keys = self.octet_json("inspect", f"{number}.gguf")["metadata"]
                self.assertEqual((keys["quantize.imatrix.file"], keys["quantize.imatrix.entries_count"]), (name, "16"))
            for one in found[1:]:
                self.assertEqual(found[0], one)
        self.assertNotEqual(self.tensors("plain.gguf"), found[0][0])

    def test_all_of_them_make_the_same_set(self):
        names = self.three_files()
        data = []
        for name in names:
            self.octet("quantize", GPT2, "set", "--preset", "q4", "--importance", name, "--force")
            self.octet("verify", "set", "--source", GPT2, "--importance", name)
            data.append(hashlib.sha256(next(self.dir.glob("set/*.octet.safetensors")).read_bytes()).hexdigest())
        self.assertEqual(len(set(data)), 1, data)
        run = self.run_octet("verify", "set", "--source", GPT2, "--importance", "old.dat")
        self.assertEqual((run.code, "is not the file that the set was quantized with" in run.err), (3, True), run.err)
        plan = self.octet_json("plan", GPT2, "--max-size", "600kB", "--importance", "old.dat")
        report = self.octet_json("quantize", GPT2, "planned", "--max-size", "600kB", "--importance", "new.gguf")
        self.assertEqual([t["scheme"] for t in plan["tensors"]], [t["scheme"] for t in report["tensors"]])

    def experts(self, fused):
        """Three experts of one layer, [experts, out, in] or each by itself."""
        noise = random.Random(5)
        values = [[noise.gauss(0, 1) for _ in range(32 * 64)] for _ in range(3)]
        if fused:
            return [f32("model.layers.4.mlp.experts.down_proj", sum(values, []), [3, 32, 64])]
        return [f32(f"model.layers.4.mlp.experts.{e}.down_proj.weight", values[e], [32, 64]) for e in range(3)]

    def test_each_expert_has_its_own_weights(self):
        """Fused or apart, old format or new, as a set or GGUF: the same codes."""
        source = random.Random(2)
        rows = [[source.expovariate(1) ** 4 for _ in range(64)] for _ in range(3)]
        name = "blk.4.ffn_down_exps.weight"
        self.write("new.gguf", imatrix_gguf([(name, [[50 * x for x in row] for row in rows[:2]] + [[0.0] * 64], [50.0, 50.0, 0.0])]))
        rows[2] = [1.0] * 64  # no token met it
        self.write("old.dat", dat([(name, sum(rows, []))], calls=1))
        make_file(self.dir / "apart.safetensors", self.experts(False))
        make_file(self.dir / "fused.safetensors", self.experts(True))
        make_file(self.dir / "own.safetensors", [f32(t.name, rows[e]) for e, t in enumerate(self.experts(False))])
        for options in (("--arch", "none", "--type", "q4_0"), ("--preset", "q4")):
            restored = []
            for model, weights in (("apart", "own.safetensors"), ("apart", "new.gguf"), ("apart", "old.dat"), ("fused", "new.gguf"), ("fused", "old.dat"),
                                   ("apart", None)):
                out = "out.gguf" if "--type" in options else "out"
                more = ("--importance", weights) if weights else ()
                self.octet("quantize", f"{model}.safetensors", out, *options, *more, "--force")
                self.octet("dequantize", out, "back.safetensors", "--force")
                restored.append(hashlib.sha256(b"".join(t.data for t in read_file(self.dir / "back.safetensors")[1])).hexdigest())
            self.assertEqual(len(set(restored[:5])), 1, (options, restored))
            self.assertNotEqual(restored[0], restored[5])

    def test_a_larger_model_may_have_more_and_another_one_is_refused(self):
        weights = weights_of_gpt2()
        entries = [(name, values) for _, name, values in weights]
        self.write("more.dat", dat(entries + [("blk.77.ffn_up.weight", [1.0] * 64)]))
        self.octet("quantize", GPT2, "out.gguf", "--type", "q4_0", "--importance", "more.dat")
        self.write("other.dat", dat([("blk.77.ffn_up.weight", [1.0] * 64)]))
        for command in (("quantize", GPT2, "x.gguf", "--type", "q4_0"), ("quantize", GPT2, "x", "--preset", "q4"), ("plan", GPT2, "--type", "q4_0")):
            run = self.run_octet(*command, "--importance", "other.dat")
            self.assertEqual((run.code, run.err), (3, "octet: other.dat: tensor 'blk.77.ffn_up.weight' is for no tensor of the checkpoint, nor is any "
                                                      "other: it is of another model\n"))
        self.write("wide.dat", dat([(entries[0][0], entries[0][1] + [1.0])]))
        for command in (("quantize", GPT2, "x.gguf", "--type", "q4_0"), ("quantize", GPT2, "x", "--preset", "q4")):
            run = self.run_octet(*command, "--importance", "wide.dat")
            self.assertEqual(run.code, 3, run.err)
            self.assertIn(f"wide.dat: tensor '{entries[0][0]}' has 129 weights, its namesake 128 inputs", run.err)

    def test_what_is_broken_is_named(self):
        name, values = "blk.0.ffn_up.weight", [1.0] * 128
        whole = dat([(name, values)], tail=b"")
        nan, huge = float("nan"), 2 ** 31 - 1
        cases = [
            ("cut.dat", whole[:-5], "entry 'blk.0.ffn_up.weight' needs 512 bytes, and the file has 507 more"),
            ("name.dat", whole[:20], "entry 1 of 1 needs 19 bytes, and the file has 12 more"),
            ("many.dat", dat([(name, values)], tail=b"", count=2), "entry 2 of 2 needs 4 bytes, and the file has 0 more"),
            ("huge.dat", whole[:27] + struct.pack("<ii", 5, huge) + whole[35:], "needs 8,589,934,588 bytes"),
            ("none.dat", whole[:27] + struct.pack("<ii", 5, 0) + whole[35:], "has 0 values of 5 calls"),
            ("calls.dat", whole[:27] + struct.pack("<ii", -1, 128) + whole[35:], "has 128 values of -1 calls"),
            ("nan.dat", dat([(name, values[1:] + [nan])]), "entry 'blk.0.ffn_up.weight' holds nan"),
            ("minus.dat", dat([(name, values[1:] + [-1.0])]), "entry 'blk.0.ffn_up.weight' holds -0.02"),
            ("twice.dat", dat([(name, values)] * 2), "entry 'blk.0.ffn_up.weight' stands there twice"),
            ("tail.dat", whole + struct.pack("<ii", 3, 90) + b"x", "the name of a dataset of 90 bytes, and the file has 1 more"),
            ("long.dat", whole + struct.pack("<ii", 3, -2) + b"x", "the name of a dataset of -2 bytes"),
            ("alone.gguf", g.gguf([(name + ".in_sum2", [128], g.TYPE_F32, floats(values))]), "'blk.0.ffn_up.weight.in_sum2' has no"),
            ("half.gguf", imatrix_gguf([(name, [values], [1.0])], g.TYPE_F16), "'blk.0.ffn_up.weight.in_sum2' is f16, and an imatrix has f32"),
            ("rows.gguf", imatrix_gguf([(name, [values, values], [1.0])]), "'blk.0.ffn_up.weight.counts' has 1 counts"),
            ("count.gguf", imatrix_gguf([(name, [values], [-4.0])]), "has a count of -4"),
            ("infinite.gguf", imatrix_gguf([(name, [values], [float("inf")])]), "has a count of inf"),
            ("model.gguf", g.gguf([("a", [4], g.TYPE_F32, floats([1.0] * 4))]), "without any tensor NAME.in_sum2, and so no imatrix"),
            ("cut.gguf", imatrix_gguf([(name, [values], [1.0])])[:-200], "it was cut"),
        ]
        for file, raw, message in cases:
            self.write(file, raw)
            for command in (("quantize", GPT2, "x.gguf", "--type", "q4_0"), ("quantize", GPT2, "x", "--preset", "q4")):
                with self.subTest(file):
                    run = self.run_octet(*command, "--importance", file)
                    self.assertEqual((run.code, run.out, run.err.count("\n")), (3, "", 1), run.err)
                    self.assertTrue(run.err.startswith(f"octet: {file}: "), run.err)
                    self.assertIn(message, run.err)

    def test_no_damage_is_more_than_one_line(self):
        weights = weights_of_gpt2()[:3]
        source = random.Random(4)
        for name, raw in (("m.dat", dat([(n, v) for _, n, v in weights])), ("m.gguf", imatrix_gguf([(n, [v], [50.0]) for _, n, v in weights]))):
            for _ in range(60):
                broken = bytearray(raw[:source.randrange(len(raw))] if source.random() < 0.3 else raw)
                for _ in range(source.randrange(4)):
                    if broken:
                        broken[source.randrange(min(len(broken), 200))] = source.randrange(256)
                self.write(name, bytes(broken))
                run = self.run_octet("plan", GPT2, "--type", "q4_0", "--importance", name)
                self.assertIn(run.code, (0, 2, 3), run.err)
                self.assertLessEqual(run.err.count("\n"), 1)


if __name__ == "__main__":
    main()
