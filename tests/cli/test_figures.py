"""The figures of the seed documents (docs/seeds.md) and of the genuine GPT-2 tensors, out of the program's own reports."""
from octet_case import DATA_FILE, SHARED, TESTDATA, OctetCase, main, needs_shared, read_file, read_header

GPT2_PARAMETERS = 497_759_232  # bytes of the 148 parameters as float32
GPT2_FRAMEWORK = 510_342_192   # and 12 boolean masks of 1 MiB and 12 scalars of 4 bytes
GPT2_QUANTIZED = 137_022_768   # codes, masks and scalars
GPT2_STATE = 1_184             # a scale and a zero point of 4 bytes for each parameter
T5_PARAMETERS = 307_844_608
T5_QUANTIZED = 126_828_680


@needs_shared
class Figures(OctetCase):
    def sparse_checkpoint(self, model):
        """A file of full size with that model's header; its data are a hole, which reads as zeros."""
        header = (SHARED / "data" / "headers" / f"{model}.json").read_bytes()
        path = self.dir / "model.safetensors"
        path.write_bytes(len(header).to_bytes(8, "little") + header)
        _, tensors = read_header(path)
        end = max(entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__")
        with open(path, "r+b") as file:
            file.truncate(8 + len(header) + end)
        return path

    def assert_in_text(self, folder, *lines):
        words = [" ".join(line.split()) for line in self.octet("inspect", folder, "--sizes").out.splitlines()]
        for line in lines:
            self.assertIn(line, words)

    def test_gpt2_takes_the_bytes_that_the_lesson_printed(self):
        source = self.sparse_checkpoint("gpt2")
        self.assertEqual(source.stat().st_size, 548_105_171)
        before = self.octet_json("inspect", source)["totals"]
        self.assertEqual((before["tensors"], before["framework_bytes"]), (160, GPT2_FRAMEWORK))
        buffers = before["by_kind"]["buffer"]
        self.assertEqual(buffers, {"tensors": 12, "parameters": 12 * 1024**2, "bytes": 12 * 4 * 1024**2})
        self.assertEqual(sum(kind["bytes"] for kind in before["by_kind"].values()) - buffers["bytes"], GPT2_PARAMETERS)
        self.assertEqual(GPT2_PARAMETERS + 12 * (1024**2 + 4), GPT2_FRAMEWORK)
        self.assert_in_text(source, "framework 510.3 MB (510,342,192 bytes) as a framework counts its memory")

        quantized = self.octet_json("quantize", source, "set", "--preset", "lesson", "--no-sync")["totals"]
        for totals in (quantized, self.octet_json("inspect", "set", "--sizes")["totals"]):
            self.assertEqual(totals["source_framework_bytes"], GPT2_FRAMEWORK)
            self.assertEqual(totals["framework_bytes"], GPT2_QUANTIZED)
            self.assertEqual(totals["state_bytes"], GPT2_STATE)
            self.assertEqual((totals["quantized"], totals["kept"]), (148, 12))
        self.assert_in_text("set", "state 1,184 bytes of scales and zero points",
                            "framework 137.0 MB (137,022,768 bytes) as a framework counts its memory",
                            "510.3 MB (510,342,192 bytes) before quantizing")
        self.assertEqual(quantized["output_bytes"], (self.dir / "set" / DATA_FILE).stat().st_size)

    def test_flan_t5_takes_the_bytes_that_the_article_names(self):
        source = self.sparse_checkpoint("flan-t5-small")
        totals = self.octet_json("inspect", source)["totals"]
        self.assertEqual((totals["tensors"], totals["parameters"]), (190, T5_PARAMETERS // 4))
        self.assertEqual(totals["framework_bytes"], T5_PARAMETERS)
        self.assert_in_text(source, "framework 307.8 MB (307,844,608 bytes) as a framework counts its memory")

    def test_flan_t5_takes_the_bytes_that_the_article_names_for_its_quantized_linear_layers(self):
        source = self.sparse_checkpoint("flan-t5-small")
        # Codes, what is kept, row scales, and two activation scales a layer, which the library adds.
        self.assertEqual(60_489_728 + 65_885_696 + 113_024 * 4 + 145 * 8, T5_QUANTIZED)
        planned = self.octet_json("plan", source, "--preset", "linear")["totals"]
        quantized = self.octet_json("quantize", source, "set", "--preset", "linear", "--no-sync")["totals"]
        for totals in (planned, quantized, self.octet_json("inspect", "set", "--sizes")["totals"]):
            self.assertEqual((totals["framework_bytes"], totals["source_framework_bytes"]), (T5_QUANTIZED, T5_PARAMETERS))
            self.assertEqual((totals["quantized"], totals["kept"], totals["state_bytes"]), (145, 45, 113_024 * 4))
        by_dtype = self.octet_json("inspect", "set")["totals"]["by_dtype"]
        self.assertEqual({name: share["tensors"] for name, share in by_dtype.items()}, {"F32": 45, "I8": 145})
        self.assert_in_text("set", "framework 126.8 MB (126,828,680 bytes) as a framework counts its memory",
                            "307.8 MB (307,844,608 bytes) before quantizing")
        self.assertEqual(self.octet_json("compare", source, "set")["totals"]["framework_bytes"], T5_QUANTIZED)

    def test_linear_on_gpt2_means_its_conv1d_weights(self):
        plan = self.octet_json("plan", self.sparse_checkpoint("gpt2"), "--preset", "linear")
        quantized = {t["name"]: t for t in plan["tensors"] if t["scheme"] != "keep"}
        names = {f"h.{layer}.{part}.weight" for layer in range(12) for part in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")}
        self.assertEqual(set(quantized), names)
        for tensor in quantized.values():
            rows, columns = tensor["shape"]
            self.assertEqual((tensor["scheme"], tensor["output_bytes"]), ("s8-channel-axis1", rows * columns + 4 * columns))

    def test_the_genuine_tensors_reach_the_measured_sqnr(self):
        model = SHARED / "data" / "gpt2-124m-partial" / "model.safetensors"
        names = [f"h.{layer}.attn.c_proj.weight" for layer in (0, 1, 9, 11)] + ["wpe.weight"]
        for rounding, expected in (("truncate", (20.2, 14.3, 24.4, 13.2, 16.6)), ("nearest", (26.2, 20.3, 30.4, 19.2, 19.5))):
            report = self.octet_json("quantize", model, rounding, "--rounding", rounding, "--no-sync")
            found = {t["name"]: t["sqnr_db"] for t in report["tensors"]}
            for name, sqnr_db in zip(names, expected):
                # 0.1 dB, and the table's own rounding to one digit.
                self.assertAlmostEqual(found[name], sqnr_db, delta=0.1 + 0.05, msg=f"{name} {rounding}")
            table = self.octet("inspect", rounding, "--tensors", names[0]).out
            self.assertIn(f"{found[names[0]]:.2f}", table)

    def test_channels_and_groups_reach_the_measured_sqnr(self):
        model = SHARED / "data" / "gpt2-124m-partial" / "model.safetensors"
        table = {("--granularity", "channel"): (41.3, 40.0, 42.4, 41.0, 45.2),
                 ("--granularity", "channel", "--axis", "0"): (35.5, 33.6, 39.7, 34.7, 34.9),
                 ("--group-size", "64", "--zero-point", "integer", "--scale-dtype", "f16"): (45.35, 45.20, 45.43, 45.93),
                 ("--group-size", "64", "--zero-point", "integer", "--scale-dtype", "f16", "--axis", "0"): (41.39, 42.86, 44.77, 42.86),
                 ("--group-size", "32", "--zero-point", "integer", "--scale-dtype", "f16"): (46.39, 46.26, 46.46, 46.91),
                 ("--bits", "4", "--group-size", "64", "--zero-point", "integer", "--scale-dtype", "f16"): (20.74, 20.60, 20.81, 21.26)}
        for options, expected in table.items():
            report = self.octet_json("quantize", model, "set", "--force", "--no-sync", *options)
            found = {t["name"]: t["sqnr_db"] for t in report["tensors"]}
            for name, sqnr_db in zip([f"h.{layer}.attn.c_proj.weight" for layer in (0, 1, 9, 11)] + ["wpe.weight"], expected):
                self.assertAlmostEqual(found[name], sqnr_db, delta=0.05, msg=f"{name} {options}")


class Quanto(OctetCase):
    def test_symmetric_channels_are_quantos_int8_to_the_bit(self):
        model = TESTDATA / "tiny-flan-t5"
        theirs = {t.name: t.data for t in read_file(model / "quanto" / "model.safetensors")[1]}
        weights = [name[:-len("._data")] for name in theirs if name.endswith("._data")]
        self.assertEqual(len(weights), 55)
        for options in (("--symmetric", "--granularity", "channel"), ("--preset", "linear")):
            self.octet("quantize", model, "set", "--no-sync", "--force", *options)
            ours = {t.name: t.data for t in read_file(self.dir / "set" / DATA_FILE)[1]}
            for name in weights:
                self.assertEqual(ours[name], theirs[name + "._data"], name)
                self.assertEqual(ours[name + ".scale"], theirs[name + "._scale"], name)
        # What quanto leaves alone the preset copies: the last set is that of the preset.
        self.assertEqual({name for name in ours if name + ".scale" in ours}, set(weights))
        for name, data in theirs.items():
            if name in ours:
                self.assertEqual(ours[name], data, name)
        self.assertLessEqual(set(ours) - set(theirs), set(weights) | {name + ".scale" for name in weights})


if __name__ == "__main__":
    main()
