"""Sets that are broken or put together from several: inspect and dequantize exit 3 with one exact line and write nothing."""
import json

from octet_case import DATA_FILE, SIDECAR, OctetCase, Tensor, f32, main, make_file, make_sharded
from xxh3 import sealed

RESTORE = "; restore the sidecar or quantize again"
MISFIT = "; codes and sidecar are not of one set: restore the files or quantize again"
PLAIN = ", which is not a plain name; files must lie beside it"


def changed(*path, **values):
    """A change of the sidecar: `values` go into the object at `path`; None takes a key away."""
    def change(sidecar):
        for key in path:
            sidecar = sidecar[key]
        for key, value in values.items():
            sidecar.pop(key, None) if value is None else sidecar.update({key: value})
    return change


def tensor_a(**values):
    return changed("tensors", "a", **values)


def reordered(sidecar):
    sidecar["tensors"] = dict(reversed(sidecar["tensors"].items()))


# Changes of a sidecar that fits, and the line after "set/quantization_state.json: ".
WRONG_CONTENT = [
    (changed(version=3), "is of version 3; this octet reads versions 1 and 2" + RESTORE),
    (changed(version="1"), 'is of version "1"; this octet reads versions 1 and 2' + RESTORE),
    (changed(format="other"), 'is not octet\'s: its format is not "octet"' + RESTORE),
    (changed(extra=1), "the sidecar has the unknown key 'extra'" + RESTORE),
    (changed("source", extra=1), "source has the unknown key 'extra'" + RESTORE),
    (changed("files", 0, extra=1), "files has the unknown key 'extra'" + RESTORE),
    (changed("options", extra=1), "options has the unknown key 'extra'" + RESTORE),
    (tensor_a(extra=1), "tensor 'a' has the unknown key 'extra'" + RESTORE),
    (changed("tensors", "a", "stats", extra=1), "tensor 'a' stats has the unknown key 'extra'" + RESTORE),
    (changed("tensors", "i", scale=1.0), "tensor 'i' has the unknown key 'scale'" + RESTORE),
    (changed(files=None), "the sidecar has no 'files'" + RESTORE),
    (changed(tensors=[]), "tensors is not an object" + RESTORE),
    (changed("tensors", a=5), "tensor 'a' is not an object" + RESTORE),
    (tensor_a(scale=None), "tensor 'a' has no 'scale'" + RESTORE),
    (tensor_a(scale="1"), "tensor 'a' scale is not a number" + RESTORE),
    (tensor_a(scale=1e39), "tensor 'a' scale is not a finite float32" + RESTORE),
    (tensor_a(scale=-1.0), "tensor 'a' scale is negative" + RESTORE),
    (tensor_a(scheme="u9"), "tensor 'a': the scheme 'u9' is not known to this octet" + RESTORE),
    (tensor_a(dtype="F33"), "tensor 'a' has an unknown dtype" + RESTORE),
    (tensor_a(dtype="I32"), "tensor 'a' is quantized from a dtype that is not float" + RESTORE),
    (tensor_a(shape=[-3]), "tensor 'a' shape is not a whole number from 0 up" + RESTORE),
    (tensor_a(shape=[2**63, 2**63]), "tensor 'a' has a shape whose size overflows or does not fill whole bytes" + RESTORE),
    (changed("options", preset="x"), "options.preset is not known to this octet" + RESTORE),
    (changed("files", 0, name="../x"), "names the file '../x'" + PLAIN),
    (changed("source", "files", 0, name="/etc/x"), "names the file '/etc/x'" + PLAIN),
    (changed("source", index={"name": "sub/i"}), "names the file 'sub/i'" + PLAIN),
    (changed(companions=[{"name": "..", "bytes": 1, "xxh3_128": "0" * 32}]), "names the file '..'" + PLAIN),
    (changed(files=[]), "lists another number of files than its source had" + RESTORE),
    (changed("files", 0, xxh3_128_tiles=None), "files has no 'xxh3_128_tiles'" + RESTORE),
    (changed("files", 0, xxh3_128_tiles="0" * 31), "files checksum is not 32 hexadecimal digits" + RESTORE),
    (changed(companions=[{"name": "c", "bytes": 1}]), "companions has no 'xxh3_128'" + RESTORE),
    (tensor_a(xxh3_128_tiles=None), "tensor 'a' has no 'xxh3_128_tiles'" + RESTORE),
    (changed("tensors", "a", "xxh3_128_tiles", stored=None), "tensor 'a' checksums has no 'stored'" + RESTORE),
    (changed("tensors", "i", "xxh3_128_tiles", source="F" * 32),
     "tensor 'i' source checksum is not 32 hexadecimal digits" + RESTORE),
    (changed("tensors", z={"dtype": "I8", "shape": [1], "scheme": "keep", "reason": "integer dtype",
                           "xxh3_128_tiles": {"source": "0" * 32, "stored": "0" * 32}}),
     "lists tensor 'z' that no data file holds" + MISFIT),
]
# Those that only the codes give away, and the line after "set/model.octet.safetensors: ".
DOES_NOT_FIT = [
    (changed("files", 0, bytes=1), "has 215 bytes, the sidecar says 1" + MISFIT),
    (tensor_a(shape=[4]), "holds tensor 'a' as U8 [3], which does not fit F32 [4] in the sidecar" + MISFIT),
    (tensor_a(shape=[3, 1]), "holds tensor 'a' as U8 [3], which does not fit F32 [3, 1] in the sidecar" + MISFIT),
    (changed("tensors", "i", dtype="U8"), "holds tensor 'i' as I8 [2], which does not fit U8 [2] in the sidecar" + MISFIT),
    (changed("tensors", a=None), "holds tensor 'a' where the sidecar has 'i'" + MISFIT),
    (changed("tensors", b=None), "holds tensor 'b' that the sidecar does not know" + MISFIT),
    (reordered, "holds tensor 'a' where the sidecar has 'b'" + MISFIT),
]


class BadSets(OctetCase):
    TENSORS = [f32("a", [1, 2, 3]), Tensor("i", "I8", [2], b"ab"), f32("b", [1, 2], [1, 2])]

    def setUp(self):
        super().setUp()
        make_file(self.dir / "m.safetensors", self.TENSORS)
        self.octet("quantize", "m.safetensors", "set")
        self.state, self.codes = self.dir / "set" / SIDECAR, self.dir / "set" / DATA_FILE
        self.text, self.data = self.state.read_text(), self.codes.read_bytes()

    def refuse(self, message):
        for command in (("inspect", "set"), ("inspect", "set/" + DATA_FILE), ("dequantize", "set", "out"),
                        ("dequantize", "set/" + DATA_FILE, "out.safetensors")):
            self.assert_refused(3, message, *command)

    def test_a_sidecar_says_what_it_has_to_and_nothing_else(self):
        for name, cases in ((SIDECAR, WRONG_CONTENT), (DATA_FILE, DOES_NOT_FIT)):
            for change, message in cases:
                with self.subTest(message):
                    sidecar = json.loads(self.text)
                    del sidecar["xxh3_128"]
                    change(sidecar)
                    self.state.write_text(sealed(json.dumps(sidecar)))
                    self.refuse(f"set/{name}: {message}")

    def test_a_sidecar_that_does_not_fit_its_seal(self):
        self.assertEqual(sealed(self.text), self.text)
        broken = "does not match its own checksum: it was changed after it was written"
        seal = self.text[-36:-4]
        changed_seal = self.text.replace(seal, seal[1:] + seal[0])
        for text, message in (
                (self.text.replace('"clipped": 0', '"clipped": 1', 1), broken),
                (changed_seal, broken), (self.text + " ", broken), (json.dumps(json.loads(self.text)), broken),
                (self.text[:-50].rstrip(" \n,") + "\n}\n", "the sidecar has no 'xxh3_128'")):
            with self.subTest(text[-60:]):
                self.assertNotEqual(text, self.text)
                self.state.write_text(text)
                self.refuse(f"set/{SIDECAR}: {message}{RESTORE}")

    def test_a_sidecar_is_strict_json(self):
        parse = "not valid JSON: parse error at line 1, column"
        for text, message in (
                ("", parse + " 1: syntax error while parsing value - unexpected end of input; expected '[', '{', or a literal"),
                ("{", parse + " 2: syntax error while parsing object key - unexpected end of input; expected string literal"),
                ("[]", "the sidecar is not an object"),
                (self.text.replace("\n", "\0", 1), "NUL at byte 1"),
                ('{"a":' + "[" * 200_000, "nested deeper than 40 levels"),
                (self.text.replace('"generator"', '"format": "octet", "generator"'), "the key 'format' stands twice"),
                (self.text.replace('"shape": [3]', '"shape": [3], "shape": [3]'), "the key 'shape' stands twice"),
                (self.text.replace('"version": 1,', ""), "has no version before its tensors")):
            with self.subTest(message):
                self.state.write_text(text)
                self.refuse(f"set/{SIDECAR}: {message}{RESTORE}")

    def test_every_cut_of_the_sidecar_is_refused(self):
        for size in [*range(1, len(self.text), 7), len(self.text) - 1]:
            self.state.write_text(self.text[:size])
            self.assertEqual(self.run_octet("inspect", "set").code, 3, size)

    def test_a_set_without_sidecar(self):
        self.state.unlink()
        for path in ("set", "set/" + DATA_FILE):
            self.assert_refused(3, f"set/{SIDECAR}: not found; a folder without it is no set", "dequantize", path, "out")

    def test_codes_of_another_set(self):
        make_file(self.dir / "other.safetensors", [*self.TENSORS[:2], f32("c", [1, 2], [1, 2])])
        self.octet("quantize", "other.safetensors", "other")
        self.codes.write_bytes((self.dir / "other" / DATA_FILE).read_bytes())
        self.refuse(f"set/{DATA_FILE}: holds tensor 'c' where the sidecar has 'b'{MISFIT}")

    def test_codes_that_are_damaged_or_gone(self):
        for data, message in ((self.data[:-1], "has 214 bytes, the sidecar says 215" + MISFIT),
                              (self.data + b"x", "has 216 bytes, the sidecar says 215" + MISFIT)):
            self.codes.write_bytes(data)
            self.assert_refused(3, f"set/{DATA_FILE}: {message}", "inspect", "set")
            self.assert_refused(3, f"set/{DATA_FILE}: {message}", "dequantize", "set", "out")
        self.codes.write_bytes(self.data.replace(b"octet.version", b"other.version"))
        for command in (("inspect", "set"), ("dequantize", "set", "out")):
            self.assert_refused(3, f"set/{DATA_FILE}: has no octet.version in its metadata{MISFIT}", *command)
        self.codes.unlink()
        for command in (("inspect", "set"), ("dequantize", "set", "out")):
            self.assert_refused(3, f"set/{DATA_FILE}: not found, though the sidecar lists it; restore the file or quantize again",
                                *command)

    def test_a_companion_that_is_gone(self):
        (self.dir / "model").mkdir()
        make_file(self.dir / "model" / "model.safetensors", self.TENSORS)
        (self.dir / "model" / "config.json").write_text("{}")
        self.octet("quantize", "model", "with")
        (self.dir / "with" / "config.json").unlink()
        self.assert_refused(3, "with/config.json: not found; check the path", "dequantize", "with", "out")

    def test_a_shard_of_another_set(self):
        for name, values in (("one", [1, 2]), ("two", [3, 4, 5])):
            make_file(self.dir / "whole.safetensors", [f32(n, values) for n in "abc"])
            make_sharded(self.dir / "model", self.dir / "whole.safetensors", 3)
            self.octet("quantize", "model", name)
        shard = "model.octet-00002-of-00003.safetensors"
        (self.dir / "one" / shard).write_bytes((self.dir / "two" / shard).read_bytes())
        for command in (("inspect", "one"), ("dequantize", "one", "out")):
            run = self.run_octet(*command)
            self.assertRegex(run.err, rf"^octet: one/{shard}: (has \d+ bytes, the sidecar says|holds tensor 'b' as) .*{MISFIT}\n$")
            self.assertEqual(run.code, 3)

    def test_what_is_no_set_at_all(self):
        (self.dir / "empty").mkdir()
        for path, message in (("m.safetensors", "m.safetensors: is not a quantized set; give a folder that octet quantize wrote"),
                              ("gone", "gone: not found; check the path"),
                              ("empty", f"empty/{SIDECAR}: not found; a folder without it is no set")):
            self.assert_refused(3, message, "dequantize", path, "out")


if __name__ == "__main__":
    main()
