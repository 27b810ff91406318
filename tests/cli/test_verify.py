"""verify: a whole set passes; damage of any kind is exit 1 with findings that name the file and, where it is in one, the tensor."""
import json
import struct

from octet_case import (DATA_FILE, SIDECAR, TESTDATA, OctetCase, Tensor, contents, f32, floats, main, make_file, make_sharded,
                        read_file, read_header, snapshot)
from xxh3 import sealed

INDEX = "model.safetensors.index.octet.json"
VALUES = [0.5, -1.25, 3.0, 0.125, -0.75, 2.5, 0.0, 1.0]
TENSORS = [f32("a", VALUES, [2, 4]), Tensor("i", "I8", [3], b"abc"), f32("b", VALUES[::-1], [2, 4]), f32("c", [1, 2])]


class Verify(OctetCase):
    def setUp(self):
        super().setUp()
        (self.dir / "model").mkdir()
        self.source = make_file(self.dir / "model" / "model.safetensors", TENSORS, {"format": "pt"})
        (self.dir / "model" / "config.json").write_text('{"n": 1}\n')
        self.octet("quantize", "model", "set")
        self.codes, self.state = self.dir / "set" / DATA_FILE, self.dir / "set" / SIDECAR
        self.start = read_header(self.codes)[0]

    def findings(self, *options, path="set"):
        """What verify finds, as [(file, tensor, what)]. The exit code, the text and the JSON agree, and nothing is written."""
        before = snapshot(self.dir)
        run = self.run_octet("verify", path, *options, "--json")
        report = json.loads(run.out)
        found = [(f["file"], f["tensor"], f["what"]) for f in report["findings"]]
        self.assertEqual(run.code, 1 if found else 0)
        text = self.run_octet("verify", path, *options)
        self.assertEqual((text.code, text.err), (run.code, run.err))
        if found:
            many = f"{len(found)} finding" + ("s" if len(found) > 1 else "")
            other = ", or name the source that it was made of" if "--source" in options else ""
            self.assertEqual(run.err, f"octet: {path}: {many}; restore the files or quantize again{other}\n")
            self.assertEqual(report["error"], {"code": 1, "message": run.err[len("octet: "):-1]})
            self.assertIn(f"\n{many}\n", text.out)
        else:
            self.assertEqual(run.err, "")
            self.assertNotIn("error", report)
        for file, tensor, what in found:
            self.assertIn(f"  {file}" + (f" tensor '{tensor}'" if tensor else "") + f": {what}\n", text.out)
        self.assertEqual(snapshot(self.dir), before)
        return found

    def changed(self, path, at, new):
        data = path.read_bytes()
        self.assertNotEqual(data[at:at + len(new)], new)
        path.write_bytes(data[:at] + new + data[at + len(new):])

    def only(self, found, file, tensor, what):
        self.assertEqual([f[:2] for f in found], [(file, tensor)])
        self.assertRegex(found[0][2], what)

    def test_the_json_has_the_shared_keys(self):
        report, inspected = self.octet_json("verify", "set"), self.octet_json("inspect", "set")
        self.assertEqual((report["tensors"], report["totals"]["tensors"], report["checks"]),
                         (inspected["tensors"], len(inspected["tensors"]), []))
        self.codes.unlink()
        broken = json.loads(self.run_octet("verify", "set", "--json").out)
        self.assertEqual((broken["tensors"], broken["checks"]), ([], []))

    def test_whole_sets(self):
        self.assertEqual(self.findings(), [])
        self.assertEqual(self.findings(path="set/" + DATA_FILE), [])
        self.assertEqual(self.findings("--source", "model"), [])
        for model in ("tiny-gpt2", "tiny-flan-t5"):
            for options in ([], ["--preset", "lesson"]):
                self.octet("quantize", TESTDATA / model, "other", "--force", *options)
                self.assertEqual(self.findings("--source", TESTDATA / model, path="other"), [])

    def test_json(self):
        report = self.octet_json("verify", "set")
        self.assertEqual(list(report), ["command", "version", "input", "output", "totals", "tensors", "checks", "findings", "seconds"])
        self.assertEqual((report["command"], report["input"], report["output"]), ("verify", "set", ""))
        inspected = self.octet_json("inspect", "set")["totals"]
        self.assertEqual(report["totals"], {k: inspected[k] for k in report["totals"]})
        self.assertGreater(report["totals"]["framework_bytes"], 0)
        self.assertEqual(set(inspected) - set(report["totals"]), {"by_dtype", "by_kind"})
        report = self.octet_json("verify", "set", "--source", "model/model.safetensors")
        self.assertEqual(report["source"], "model/model.safetensors")
        self.assertEqual(self.octet("verify", "set", "--quiet").out, "")

    def test_what_is_no_set(self):
        self.assert_refused(3, "gone: not found; check the path", "verify", "gone")
        self.assert_refused(3, "gone: not found; check the path", "verify", "set", "--source", "gone")
        self.assertEqual(self.run_octet("verify").code, 2)
        self.assertEqual(self.findings(path="model"), [(SIDECAR, "", "not found; a folder without it is no set")])
        self.state.unlink()
        for path in ("set", "set/" + DATA_FILE):
            self.only(self.findings(path=path), SIDECAR, "", "not found|is not")

    def test_a_changed_code(self):
        _, tensors, _ = read_file(self.codes)
        at = self.start
        for tensor in tensors:
            for byte in range(at, at + len(tensor.data)):
                data = self.codes.read_bytes()
                self.changed(self.codes, byte, bytes([data[byte] ^ 1]))
                found = self.findings()
                self.assertEqual([f[:2] for f in found], [(DATA_FILE, ""), (DATA_FILE, tensor.name)])
                self.assertIn(f"its {len(data)} bytes have the checksum", found[0][2])
                self.assertIn(f"bytes {at} to {at + len(tensor.data)} ", found[1][2])
                self.codes.write_bytes(data)
            at += len(tensor.data)
        self.assertEqual(self.findings(), [])

    def test_tensors_that_changed_places(self):
        """Equal dtype and shape, so that only the checksums know."""
        at = self.start + 8 + 3
        data = self.codes.read_bytes()
        a, b = data[self.start:self.start + 8], data[at:at + 8]
        self.assertNotEqual(a, b)
        self.codes.write_bytes(data[:self.start] + b + data[self.start + 8:at] + a + data[at + 8:])
        self.assertEqual([f[:2] for f in self.findings()], [(DATA_FILE, ""), (DATA_FILE, "a"), (DATA_FILE, "b")])
        self.codes.write_bytes(data.replace(b'"a":', b'"x":').replace(b'"b":', b'"a":').replace(b'"x":', b'"b":'))
        found = self.findings()
        self.assertEqual([f[:2] for f in found], [(DATA_FILE, "")] * 2)
        self.assertIn("holds tensor 'b' where the sidecar has 'a'", found[1][2])

    def test_headers(self):
        self.changed(self.codes, self.codes.read_bytes().index(b'"pt"'), b'"tp"')
        found = self.findings()
        self.assertEqual([f[:2] for f in found], [(DATA_FILE, "")] * 2)
        self.assertEqual(found[1][2], "its header is not what was written; all tensor data are")
        self.changed(self.codes, 8, b"[")
        self.assertEqual([f[:2] for f in self.findings()], [(DATA_FILE, "")] * 2)

    def test_files_that_are_cut_or_longer_or_gone(self):
        data = self.codes.read_bytes()
        for size in (0, 7, self.start, len(data) - 1):
            self.codes.write_bytes(data[:size])
            self.assertEqual(self.findings(), [(DATA_FILE, "", f"has {size} bytes, the sidecar says {len(data)}")])
        self.codes.write_bytes(data + b"\0")
        self.assertEqual(self.findings(), [(DATA_FILE, "", f"has {len(data) + 1} bytes, the sidecar says {len(data)}")])
        self.codes.unlink()
        self.assertEqual(self.findings(), [(DATA_FILE, "", "is missing")])
        self.codes.mkdir()
        self.only(self.findings(), DATA_FILE, "", "^is not a regular file")

    def test_companions(self):
        config = self.dir / "set" / "config.json"
        config.write_text('{"n": 2}\n')
        self.only(self.findings(), "config.json", "", "^is not what was copied: its checksum differs$")
        config.write_text("{}\n")
        self.only(self.findings(), "config.json", "", "^has 3 bytes, the sidecar says 9$")
        config.unlink()
        self.only(self.findings(), "config.json", "", "^is missing$")
        config.mkdir()
        self.only(self.findings(), "config.json", "", "^is not a regular file")
        self.codes.write_bytes(b"")
        self.assertEqual([f[0] for f in self.findings()], [DATA_FILE, "config.json"])

    def test_the_sidecar(self):
        text = self.state.read_text()
        for changed, what in ((text.replace('"clipped": 0', '"clipped": 1', 1), "^does not match its own checksum"),
                              (text[:-1], "^does not match its own checksum"), (text[:-2], "^not valid JSON"),
                              (text.replace(' "version": 1', ' "version": 3'), "^is of version 3"), ("", "^not valid JSON")):
            self.assertNotEqual(text, changed)
            self.state.write_text(changed)
            self.only(self.findings(), SIDECAR, "", what)

    def test_shards(self):
        make_sharded(self.dir / "sharded", self.source, 2)
        self.octet("quantize", "sharded", "set", "--force")
        shards = [self.dir / "set" / f"model.octet-0000{i}-of-00002.safetensors" for i in (1, 2)]
        self.assertEqual(self.findings("--source", "sharded"), [])
        index = self.dir / "set" / INDEX
        whole = contents(self.dir / "set")
        for changed in (whole[INDEX].replace(b"00001-of", b"00002-of", 1), whole[INDEX] + b" ", b""):
            index.write_bytes(changed)
            self.only(self.findings(), INDEX, "", "^is not what was written")
        index.unlink()
        self.only(self.findings(), INDEX, "", "^is missing$")
        index.write_bytes(whole[INDEX])
        start = read_header(shards[1])[0]
        self.changed(shards[1], start, bytes([whole[shards[1].name][start] ^ 0x80]))
        self.assertEqual([f[:2] for f in self.findings()], [(shards[1].name, ""), (shards[1].name, "i")])
        shards[0].unlink()
        self.assertEqual([f[:2] for f in self.findings()], [(shards[0].name, ""), (shards[1].name, "")])

    def reseal(self, change):
        sidecar = json.loads(self.state.read_text())
        del sidecar["xxh3_128"]
        change(sidecar["tensors"])
        self.state.write_text(sealed(json.dumps(sidecar)))

    def test_a_sealed_lie_is_found_by_its_source(self):
        text = self.state.read_text()
        lies = ((lambda t: t["a"].update(scale=t["a"]["scale"] * 1.5), "a", "^scale .* do not follow from the source"),
                (lambda t: t["a"].update(zero_point=0.5), "a", "^scale .* and zero point 0.5 do not follow"),
                (lambda t: t["b"].update(scheme="u8-trunc"), "b", r"^the code at \[\d, \d\] is not what"),
                (lambda t: t["i"]["xxh3_128_tiles"].update(source="0" * 32), "i", "^was made from other bytes"))
        for change, tensor, what in lies:
            self.state.write_text(text)
            self.reseal(change)
            self.assertEqual(self.findings(), [])
            self.only(self.findings("--source", "model"), DATA_FILE, tensor, what)

    def other_source(self, tensors):
        make_file(self.dir / "other.safetensors", tensors, {"format": "pt"})
        return self.findings("--source", "other.safetensors")

    def test_another_source(self):
        for values, what in (([*VALUES[:-1], 1.5], r"^the code at \[1, 3\] is not what"),        # another code
                             ([*VALUES[:-1], 1.0000001], "^was made from other bytes"),          # the same code
                             ([*VALUES[:-1], 4.0], "^scale .* do not follow from the source"),   # another range
                             ([*VALUES[:-1], -9.0], "^scale .* do not follow from the source"),
                             ([*VALUES[:-1], 1e38], "^scale .* do not follow from the source"),
                             ([*VALUES[:-1], float("nan")], "^its source cannot be quantized: other.safetensors: tensor"),
                             ([*VALUES[:-1], float("-inf")], "^its source cannot be quantized: other.safetensors: tensor")):
            with self.subTest(values[-1]):
                self.only(self.other_source([f32("a", values, [2, 4]), *TENSORS[1:]]), DATA_FILE, "a", what)
        self.only(self.other_source([TENSORS[0], TENSORS[1]._replace(data=b"abd"), *TENSORS[2:]]), DATA_FILE, "i",
                  "^is not a copy of its source: byte 2 differs$")
        self.only(self.other_source([TENSORS[0]._replace(shape=[8]), *TENSORS[1:]]), DATA_FILE, "a",
                  r"^was made from F32 \[2, 4\], the source has F32 \[8\]$")
        wide = Tensor("a", "F64", [2, 4], struct.pack("<8d", *VALUES))
        self.only(self.other_source([wide, *TENSORS[1:]]), DATA_FILE, "a", r"the source has F64 \[2, 4\]$")
        self.only(self.other_source(TENSORS[:3]), DATA_FILE, "c", "^is not in the source$")
        found = self.other_source([*TENSORS, f32("d", [1, 2])])
        self.assertEqual(found, [("other.safetensors", "d", "is in the source, not in the set")])

    def test_a_large_source_with_one_changed_value(self):
        """More than a step of the comparison and a piece of the checksums."""
        block = [((i * 2654435761) % 4096) / 4096 - 0.5 for i in range(1 << 14)]
        data = b"".join(floats([x * (1 + k / 150) for x in block]) for k in range(150))
        make_file(self.dir / "large.safetensors", [Tensor("w", "F32", [150, 1 << 14], data)])
        self.octet("quantize", "large.safetensors", "large")
        for threads in (1, 2, 7):
            self.assertEqual(self.findings("--source", "large.safetensors", "--threads", threads, path="large"), [])
        at = 140 * (1 << 14) + 77
        changed = data[:4 * at] + floats([0.25 - struct.unpack_from("<f", data, 4 * at)[0]]) + data[4 * at + 4:]
        make_file(self.dir / "large.safetensors", [Tensor("w", "F32", [150, 1 << 14], changed)])
        for threads in (1, 7):
            self.only(self.findings("--source", "large.safetensors", "--threads", threads, path="large"), DATA_FILE, "w",
                      r"^the code at \[140, 77\] is not what its scale and zero point give$")


if __name__ == "__main__":
    main()
