"""quantize --format mlx: tensors, config and refusals, held against octet's own set of the same scheme, to the bit. mlx-lm itself is asked
where OCTET_PEERS names a Python that has it."""
import json
import os
import subprocess

from octet_case import DATA_FILE, SHARED, TESTDATA, OctetCase, contents, main, read_file

GPT2 = TESTDATA / "tiny-gpt2"
PEERS = os.environ.get("OCTET_PEERS")
AXIS = ("--rule", "wpe.weight=u{bits}-group{group}-axis0")  # rows of positions are looked up


def tensors_of(path):
    return {tensor.name: tensor for tensor in read_file(path)[1]}


def codes_of(tensor, bits, columns):
    """Rows of codes from rows of packed bytes."""
    rows = tensor.shape[0]
    each = len(tensor.data) // rows
    out = []
    for row in range(rows):
        value = int.from_bytes(tensor.data[row * each:(row + 1) * each], "little")
        out.append([value >> i * bits & (1 << bits) - 1 for i in range(columns)])
    return out


def floats_of(tensor):
    rows, columns = tensor.shape
    return [[tensor.data[(r * columns + c) * 4:(r * columns + c + 1) * 4] for c in range(columns)] for r in range(rows)]


class Gpt2(OctetCase):
    def compare(self, bits, group):
        rule = (AXIS[0], AXIS[1].format(bits=bits, group=group))
        options = ("--bits", bits, "--group-size", group, "--force")
        self.octet("quantize", GPT2, "out", "--format", "mlx", *options)
        self.octet("quantize", GPT2, "set", *options, *rule)
        self.octet("verify", "out")
        made, own = tensors_of(self.dir / "out" / "model.safetensors"), tensors_of(self.dir / "set" / DATA_FILE)
        modules = [name[:-7] for name in made if name.endswith(".scales")]
        self.assertEqual(len(modules), 18)
        for module in modules:
            name = module.replace("model.", "", 1) + ".weight"
            weight, scales = made[module + ".weight"], made[module + ".scales"]
            inputs = scales.shape[1] * group
            self.assertEqual((weight.dtype, weight.shape[1]), ("U32", inputs * bits // 32))
            turned = ".c_" in name
            wanted = codes_of(own[name], bits, weight.shape[0] if turned else inputs)
            codes = codes_of(weight, bits, inputs)
            self.assertEqual([list(row) for row in zip(*codes)] if turned else codes, wanted, name)
            for part, mine in ((".scales", ".scale"), (".biases", ".zero_point")):
                state = floats_of(made[module + part])
                self.assertEqual([list(row) for row in zip(*state)] if turned else state, floats_of(own[name + mine]), name)

    def test_codes_and_states_are_octets_turned_where_mlx_turns(self):
        for bits, group in ((2, 64), (3, 32), (4, 64), (5, 128), (6, 32), (8, 64)):
            with self.subTest(bits=bits, group=group):
                self.compare(bits, group)

    def test_config_says_how_and_names_what_differs(self):
        self.octet("quantize", GPT2, "out", "--format", "mlx", "--rule", "h.0.mlp.c_fc.weight=u8-group32", "--rule", "wte.weight=keep")
        config = json.loads((self.dir / "out" / "config.json").read_text())
        usual = {"group_size": 64, "bits": 4, "mode": "affine", "model.h.0.mlp.c_fc": {"group_size": 32, "bits": 8}}
        self.assertEqual((config["quantization"], config["quantization_config"]), (usual, usual))
        self.assertEqual(read_file(self.dir / "out" / "model.safetensors")[0], {"format": "mlx"})
        made = tensors_of(self.dir / "out" / "model.safetensors")
        self.assertNotIn("model.wte.scales", made)
        self.assertFalse([name for name in made if name.endswith(".attn.bias") or "lm_head" in name])

    def test_a_kept_conv1d_is_turned_too(self):
        self.octet("quantize", GPT2, "out", "--format", "mlx", "--rule", "h.0.attn.c_attn.weight=keep")
        made = tensors_of(self.dir / "out" / "model.safetensors")["model.h.0.attn.c_attn.weight"]
        source = tensors_of(GPT2 / "model.safetensors")["h.0.attn.c_attn.weight"]
        self.assertEqual(made.shape, source.shape[::-1])
        self.assertEqual([list(row) for row in zip(*floats_of(made))], floats_of(source))

    def test_gpt2_comes_back_with_its_own_names_and_layout(self):
        gpt2 = TESTDATA / "tiny-gpt2"
        self.octet("quantize", gpt2, "mlx", "--format", "mlx")
        report = self.octet_json("compare", gpt2, "mlx")
        self.assertEqual((report["missing"], report["extra"], report["changed"]), ([], [], []))
        self.assertEqual(report["dropped"], [f"h.{i}.attn.bias" for i in range(4)])
        self.assertGreater(report["totals"]["sqnr_db"], 20)  # turned the wrong way it is below 0
        self.octet("dequantize", "mlx", "back", "--dtype", "f32")
        source = {t.name: t.shape for t in read_file(gpt2 / "model.safetensors")[1]}
        back = {t.name: t.shape for t in read_file(self.dir / "back" / "model.safetensors")[1]}
        self.assertEqual(back, {name: shape for name, shape in source.items() if name not in report["dropped"]})
        self.octet("quantize", gpt2, "kept", "--format", "mlx", "--rule", "h.1.mlp.c_fc.weight=keep")
        self.assert_refused(3, "kept/model.safetensors: tensor 'model.h.1.mlp.c_fc.weight' is a weight of GPT-2 that MLX keeps turned and not "
                            "quantized, which octet does not read; quantize it, too", "dequantize", "kept", "b")

    def test_the_same_bytes_for_any_number_of_threads(self):
        self.octet("quantize", GPT2, "one", "--format", "mlx", "--threads", "1")
        self.octet("quantize", GPT2, "five", "--format", "mlx", "--threads", "5")
        self.assertEqual(contents(self.dir / "one"), contents(self.dir / "five"))


class Refusals(OctetCase):
    def refused(self, code, word, model, *options):
        run = self.run_octet("quantize", model, "out", "--format", "mlx", *options)
        self.assertEqual(run.code, code, run.err)
        self.assertIn(word, run.err)
        self.assertFalse((self.dir / "out").exists())

    def test_what_options_alone_rule_out(self):
        for options in (("--symmetric",), ("--preset", "q4"), ("--group-size", "16"), ("--zero-point", "integer"),
                        ("--granularity", "channel"), ("--max-size", "1M"), ("--rule", "*=s8-channel")):
            self.refused(2, options[0].lstrip("-"), GPT2, *options)

    def test_what_the_checkpoint_rules_out(self):
        self.refused(3, "mlx-lm does not run", TESTDATA / "tiny-flan-t5")
        self.refused(3, "config.json", GPT2 / "model.safetensors")
        self.refused(3, "'ln_f.weight'", GPT2, "--rule", "ln_f.weight=u4-group64")


class Peer(OctetCase):
    def test_mlx_lm_sees_octets_values(self):
        if not PEERS or not SHARED:
            self.skipTest("OCTET_PEERS and OCTET_SHARED name no mlx-lm and no checker")
        if subprocess.run([PEERS, "-c", "import mlx_lm"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            self.skipTest("OCTET_PEERS has no mlx-lm")
        self.octet("quantize", GPT2, "out", "--format", "mlx")
        self.octet("quantize", GPT2, "set", "--bits", "4", "--group-size", "64", "--rule", AXIS[1].format(bits=4, group=64), "--rule", "kind:bias=keep", "--rule", "kind:norm=keep")
        done = subprocess.run([PEERS, SHARED / "tools" / "check_dialect.py", "mlx", GPT2, "out", "--set", "set"], cwd=self.dir,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        self.assertEqual(done.returncode, 0, done.stdout[-500:])


if __name__ == "__main__":
    main()
