"""Every kind of broken checkpoint: exit code 3, one exact line that names file, place and cure, and nothing written."""
import json
import os
import struct

from octet_case import (DATA_FILE, SIDECAR, TESTDATA, OctetCase, Tensor, entry, f32, file_bytes, floats, main, make_file,
                        make_sharded, read_file)

INF, NAN = float("inf"), float("nan")
DATA = bytes(range(64))
BROKEN = "; the file is broken or not safetensors"
ONE = b'"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
DTYPES = "known are BOOL, U8 .. U64, I8 .. I64, F4 .. F64, BF16, C64"


def one(dtype="F32", shape=(2,), begin=0, end=8):
    return {"a": entry(dtype, list(shape), begin, end)}


def two(begin, end):
    return {"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], begin, end)}


def raw_length(length, rest):
    return struct.pack("<Q", length) + rest


# What it is: the file, and what the line says behind its name.
BAD_FILES = {
    "an empty file": (b"", "has 0 bytes, too few for the 8 of a header's length; the file is cut off or not safetensors"),
    "header length 0": (raw_length(0, b""), "header: has 0 bytes" + BROKEN),
    "header length 0 before data": (raw_length(0, b"{}"), "header: has 0 bytes" + BROKEN),
    "a huge header": (raw_length(100_000_001, b"{}"),
                      "header: announces 100,000,001 bytes, more than the 100,000,000 that the format allows" + BROKEN),
    "a header past the end": (raw_length(3, b"{}"), "is cut off: the header announces 3 bytes, the file has 2 behind its length; "
                                                    "fetch it again"),
    "a header length that overflows": (
        raw_length(2**64 - 1, b"{}"),
        "header: announces 18,446,744,073,709,551,615 bytes, more than the 100,000,000 that the format allows" + BROKEN),
    "not JSON": (file_bytes(b'{"a" 1}'),
                 "header: tensor 'a': not valid JSON: syntax error while parsing object separator - unexpected number literal; "
                 "expected ':' (near byte 15)" + BROKEN),
    "text behind the JSON": (file_bytes(b"{} x"),
                             "header: not valid JSON: syntax error while parsing value - invalid literal; last read: '{} x'; "
                             "expected end of input (near byte 12)" + BROKEN),
    "not UTF-8": (file_bytes(b'{"\xff":{}}'),
                  "header: not valid JSON: syntax error while parsing object key - invalid string: ill-formed UTF-8 byte; "
                  "last read: '\"\\xff'; expected string literal (near byte 11)" + BROKEN),
    "a leading space": (file_bytes(b" {}"), "header: does not start with '{' at byte 8" + BROKEN),
    "an array": (file_bytes(b"[]"), "header: does not start with '{' at byte 8" + BROKEN),
    "NUL padding": (file_bytes(b"{}\0\0"), "header: NUL at byte 10; only spaces may pad a header" + BROKEN),
    "arrays nested 200,000 deep": (file_bytes(b'{"a":' + b"[" * 200_000),
                                   "header: tensor 'a': an array instead of an object (near byte 14)" + BROKEN),
    "objects nested 200,000 deep": (
        file_bytes(b'{"a":' * 200_000),
        "header: tensor 'a': unknown key 'a'; a tensor has dtype, shape and data_offsets (near byte 17)" + BROKEN),
    "metadata nested 200,000 deep": (
        file_bytes(b'{"__metadata__":{"x":' + b"[" * 200_000),
        "header: __metadata__: holds an array; only strings are allowed there (near byte 30)" + BROKEN),
    "a tensor that stands twice": (file_bytes(b"{" + ONE + b"," + ONE + b"}", DATA[:8]),
                                   "header: tensor 'a' stands twice, again at byte 62" + BROKEN),
    "a key that stands twice": (
        file_bytes(b'{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', DATA[:8]),
        "header: tensor 'a': the key 'dtype' stands twice (near byte 35)" + BROKEN),
    "metadata that stands twice": (file_bytes(b'{"__metadata__":{},"__metadata__":{}}'),
                                   "header: __metadata__: stands twice (near byte 41)" + BROKEN),
    "a metadata key that stands twice": (file_bytes(b'{"__metadata__":{"a":"b","a":"c"}}'),
                                         "header: __metadata__: the key 'a' stands twice (near byte 41)" + BROKEN),
    "metadata that is no string": (
        file_bytes(b'{"__metadata__":{"a":1}}'),
        "header: __metadata__: holds a number; only strings are allowed there (near byte 31)" + BROKEN),
    "an unknown dtype": (file_bytes(one("F33"), DATA[:8]),
                         f"header: tensor 'a': unknown dtype 'F33'; {DTYPES} (near byte 27)" + BROKEN),
    "no dtype": (file_bytes({"a": {"shape": [2], "data_offsets": [0, 8]}}, DATA[:8]),
                 "header: tensor 'a': has no dtype (near byte 47)" + BROKEN),
    "an unknown key": (
        file_bytes({"a": {**one()["a"], "strides": [1]}}, DATA[:8]),
        "header: tensor 'a': unknown key 'strides'; a tensor has dtype, shape and data_offsets (near byte 70)" + BROKEN),
    "a negative offset": (
        file_bytes(one(begin=-8, end=0), DATA[:8]),
        "header: tensor 'a': data_offsets holds the number -8 where one from 0 up is due (near byte 59)" + BROKEN),
    "a negative dimension": (file_bytes(one(shape=[-2]), DATA[:8]),
                             "header: tensor 'a': shape holds the number -2 where one from 0 up is due (near byte 40)" + BROKEN),
    "a fractional dimension": (file_bytes(one(shape=[2.5]), DATA[:8]),
                               "header: tensor 'a': shape holds the number 2.5 (near byte 41)" + BROKEN),
    "a dimension beyond 64 bits": (file_bytes(one(shape=[10**22]), DATA[:8]),
                                   "header: tensor 'a': shape holds the number 10000000000000000000000 (near byte 61)" + BROKEN),
    "three offsets": (file_bytes(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}', DATA[:8]),
                      "header: tensor 'a': data_offsets has more than two numbers (near byte 62)" + BROKEN),
    "one offset": (file_bytes(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}', DATA[:8]),
                   "header: tensor 'a': data_offsets has fewer than two numbers (near byte 58)" + BROKEN),
    "overlapping offsets": (
        file_bytes(two(4, 12), DATA[:12]),
        "header: tensor 'b': data_offsets begin at 4, inside the data before, which end at 8" + BROKEN),
    "the same offsets twice": (
        file_bytes(two(0, 8), DATA[:8]),
        "header: tensor 'b': data_offsets begin at 0, inside the data before, which end at 8" + BROKEN),
    "a gap": (file_bytes(two(12, 20), DATA[:20]),
              "header: tensor 'b': data_offsets begin at 12, leaving a gap behind the data before, which end at 8" + BROKEN),
    "a gap at the front": (
        file_bytes(one(begin=4, end=12), DATA[:12]),
        "header: tensor 'a': data_offsets begin at 4, leaving a gap behind the data before, which end at 0" + BROKEN),
    "reversed offsets": (file_bytes(one(begin=8, end=0), DATA[:8]),
                         "header: tensor 'a': data_offsets [8, 0] run backwards" + BROKEN),
    "a shape that overflows": (
        file_bytes(one(shape=[2**32, 2**32]), DATA[:8]),
        "header: tensor 'a': the product of shape [4294967296, 4294967296] overflows 64 bits" + BROKEN),
    "a shape whose bits overflow": (
        file_bytes(one("F64", [2**61]), DATA[:8]),
        "header: tensor 'a': the product of shape [2305843009213693952] overflows 64 bits" + BROKEN),
    "a shape that does not fill the offsets": (
        file_bytes(one(shape=[3]), DATA[:8]),
        "header: tensor 'a': shape [3] of F32 takes 12 bytes, but data_offsets hold 8" + BROKEN),
    "half a byte": (file_bytes(one("F4", [3], 0, 2), DATA[:2]),
                    "header: tensor 'a': shape [3] of F4 does not fill whole bytes" + BROKEN),
    "one byte behind the data": (file_bytes(one(), DATA[:9]), "has 1 byte behind its last tensor" + BROKEN),
    "bytes behind the data": (file_bytes(one(), DATA[:10]), "has 2 bytes behind its last tensor" + BROKEN),
}
KEEP = ", which is not a finite float32; --on-non-finite keep copies such tensors"
# What it is: its tensors, and what the line says behind the file's name. The first in file order counts.
NOT_FINITE = {
    "NaN": ([f32("good", [1, 2]), f32("w", [0, 1, 2, NAN, NAN, INF], [2, 3])], "tensor 'w' holds nan at [1, 0]" + KEEP),
    "infinity": ([f32("w", [0, INF])], "tensor 'w' holds inf at [1]" + KEEP),
    "a scalar": ([f32("s", [-INF], [])], "tensor 's' holds -inf at []" + KEEP),
    "F16": ([Tensor("h", "F16", [3], struct.pack("<3e", 1, 2, NAN))], "tensor 'h' holds nan at [2]" + KEEP),
    "BF16": ([Tensor("b", "BF16", [2], b"\x80\x3f\x80\xff")], "tensor 'b' holds -inf at [1]" + KEEP),
    "F64": ([Tensor("d", "F64", [2], struct.pack("<2d", NAN, 1))], "tensor 'd' holds nan at [0]" + KEEP),
    "F64 beyond float32": ([Tensor("d", "F64", [1, 2], struct.pack("<2d", 1, -1e300))],
                           "tensor 'd' holds -1e+300 at [0, 1], which is finite but beyond float32; --on-non-finite keep copies such "
                           "tensors"),
    "a range that overflows": ([f32("r", [-3e38, 3e38])],
                               "tensor 'r' spans -3e+38 to 3e+38, a range that overflows float32; "
                               "--on-non-finite keep copies such tensors"),
    "several": ([f32("z", [NAN]), f32("a", [INF]), f32("r", [-3e38, 3e38])], "tensor 'z' holds nan at [0]" + KEEP),
    "late in a large tensor": ([f32("first", [1]), Tensor("big", "F32", [3000, 1024], bytes(4 * 2999 * 1024 + 4) + floats([NAN])
                                                          + bytes(4 * 1020) + floats([NAN, 0]))],
                               "tensor 'big' holds nan at [2999, 1]" + KEEP),
}


class BadFiles(OctetCase):
    def refuse(self, path, message, *options):
        self.assert_refused(3, f"{path}: {message}", "quantize", path, "out", *options)

    def test_broken_files_are_refused_by_quantize_and_inspect(self):
        for what, (data, message) in BAD_FILES.items():
            with self.subTest(what):
                (self.dir / "bad.safetensors").write_bytes(data)
                self.refuse("bad.safetensors", message)
                self.assert_refused(3, "bad.safetensors: " + message, "inspect", "bad.safetensors")

    def test_cut_off_at_every_byte_of_the_header(self):
        whole = file_bytes({"a": entry("F32", [2], 0, 8)}, DATA[:8])
        header = len(whole) - 16
        for size in range(8 + header):
            (self.dir / "cut.safetensors").write_bytes(whole[:size])
            self.refuse("cut.safetensors", f"has {size} bytes, too few for the 8 of a header's length; the file is cut off or "
                        "not safetensors" if size < 8 else f"is cut off: the header announces {header} bytes, the file has "
                        f"{size - 8} behind its length; fetch it again")

    def test_cut_off_at_twenty_places_of_the_data(self):
        whole = (TESTDATA / "tiny-gpt2" / "model.safetensors").read_bytes()
        start = 8 + int.from_bytes(whole[:8], "little")
        data = len(whole) - start
        for place in range(20):
            left = data * place // 20 if place else 0
            left = data - 1 if place == 19 else left
            (self.dir / "cut.safetensors").write_bytes(whole[:start + left])
            self.refuse("cut.safetensors", f"is cut off: the header announces {data:,} bytes of data, the file has {left:,}; "
                                           "fetch it again")

    def test_values_that_are_not_finite_name_tensor_and_index(self):
        for what, (tensors, message) in NOT_FINITE.items():
            for threads in (1, 2, 7):
                with self.subTest(what, threads=threads):
                    make_file(self.dir / "bad.safetensors", tensors)
                    self.refuse("bad.safetensors", message, "--threads", threads)

    def test_tensors_that_are_not_finite_can_be_kept(self):
        for what, (tensors, _) in NOT_FINITE.items():
            with self.subTest(what):
                make_file(self.dir / "bad.safetensors", tensors + [f32("fine", [0, 1])])
                self.octet("quantize", "bad.safetensors", "set", "--on-non-finite", "keep", "--force", "--no-sync")
                sidecar = self.sidecar("set")
                self.assertEqual(sidecar["options"]["on_non_finite"], "keep")
                fine = [name for name, entry in sidecar["tensors"].items() if entry["scheme"] == "u8"]
                self.assertEqual(fine, [t.name for t in tensors if t.name in ("good", "first")] + ["fine"])
                self.octet("dequantize", "set", "back.safetensors", "--force", "--no-sync")
                back = {t.name: t for t in read_file(self.dir / "back.safetensors")[1]}
                for tensor in tensors:
                    self.assertEqual(back[tensor.name], tensor)


class BadPlaces(OctetCase):
    def test_paths_that_hold_no_checkpoint(self):
        for folder, names in (("empty", []), ("text", ["a", "b\nc", "d", "e", "f", "g", "h"]), ("several", [])):
            (self.dir / folder).mkdir()
            for name in names:
                (self.dir / folder / name).touch()
        for name in ("a", "b"):
            make_file(self.dir / "several" / f"{name}.safetensors", [f32("w", [1])])
        os.mkfifo(self.dir / "pipe")
        for path, message in (
                ("empty", "holds no checkpoint: no .safetensors file, it is empty; name the checkpoint's file"),
                ("text", "holds no checkpoint: no .safetensors file, it has a, b\\nc, d, e, f and 2 more; "
                         "name the checkpoint's file"),
                ("several", "holds 2 .safetensors files and no index: a.safetensors, b.safetensors; name the checkpoint's file"),
                ("absent", "not found; check the path"),
                ("several/a.safetensors/x", "not found; check the path"),
                ("pipe", "is not a regular file; give a file or a folder")):
            with self.subTest(path):
                self.assert_refused(3, f"{path}: {message}", "quantize", path, "out")
                self.assert_refused(3, f"{path}: {message}", "inspect", path)

    def test_a_set_is_not_quantized_again(self):
        make_file(self.dir / "m.safetensors", [f32("w", [1, 2, 3])])
        self.octet("quantize", "m.safetensors", "set")
        already = "is a quantized set already; give the original checkpoint"
        codes = "holds octet's codes, not weights"
        for path, message in (("set", already), (f"set/{SIDECAR}", already),
                              (f"set/{DATA_FILE}", codes + "; give the original checkpoint")):
            self.assert_refused(3, f"{path}: {message}", "quantize", path, "out")
        (self.dir / "set" / SIDECAR).unlink()
        for path in ("set", f"set/{DATA_FILE}"):
            for command in (("quantize", path, "out"), ("inspect", path)):
                self.assert_refused(3, f"set/{DATA_FILE}: {codes}, and its {SIDECAR} is not beside it; give the original "
                                       "checkpoint or the set's folder", *command)


class BadIndexes(OctetCase):
    INDEX = "model/model.safetensors.index.json"
    SHARDS = [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]

    def setUp(self):
        super().setUp()
        make_file(self.dir / "whole.safetensors", [f32(name, [1, 2]) for name in "abcdef"])
        make_sharded(self.dir / "model", self.dir / "whole.safetensors", 3)
        self.text = (self.dir / self.INDEX).read_text()

    def refuse(self, message, index):
        (self.dir / self.INDEX).write_text(index if isinstance(index, str) else json.dumps(index))
        for command in (("quantize", "model", "out"), ("inspect", self.INDEX)):
            self.assert_refused(3, f"{self.INDEX}: {message}", *command)

    def with_map(self, **changes):
        index = json.loads(self.text)
        index["weight_map"].update(changes)
        index["weight_map"] = {name: shard for name, shard in index["weight_map"].items() if shard is not None}
        return index

    def test_index_and_shards_name_the_same_tensors(self):
        again = "; fetch the checkpoint again"
        self.refuse(f"index: tensor 'zz' is not in {self.SHARDS[0]} as it says{again}", self.with_map(zz=self.SHARDS[0]))
        self.refuse(f"index: tensor 'aa' is not in {self.SHARDS[0]} as it says{again}", self.with_map(aa=self.SHARDS[0]))
        self.refuse(f"index: tensor 'a' is not in {self.SHARDS[1]} as it says{again}", self.with_map(a=self.SHARDS[1]))
        make_file(self.dir / "model" / "more.safetensors", [f32("b", [1])])
        self.refuse(f"index: tensor 'b' is in two shards, {self.SHARDS[1]} and more.safetensors{again}",
                    self.with_map(x="more.safetensors"))

    def test_every_shard_is_there(self):
        self.refuse("index: the shard 'model-00004.safetensors' is missing; fetch it", self.with_map(a="model-00004.safetensors"))
        (self.dir / "model" / self.SHARDS[1]).unlink()
        self.refuse(f"index: the shard '{self.SHARDS[1]}' is missing; fetch it", self.text)

    def test_shard_names_are_plain_and_stay_in_the_folder(self):
        for name in ("sub/x.safetensors", "../whole.safetensors", str(self.dir / "whole.safetensors"), "..", ".", ""):
            self.refuse(f"names the file '{name}', which is not a plain name; files must lie beside it", self.with_map(a=name))
        (self.dir / "model" / "link.safetensors").symlink_to("../whole.safetensors")
        self.refuse("names the file 'link.safetensors', a link out of its folder; copy the file there",
                    self.with_map(a="link.safetensors"))

    def test_a_link_within_the_folder_is_followed(self):
        (self.dir / "model" / self.SHARDS[0]).rename(self.dir / "model" / "blob")
        (self.dir / "model" / self.SHARDS[0]).symlink_to("blob")
        self.octet("quantize", "model", "out")

    def test_the_index_is_what_an_index_has_to_be(self):
        broken = "; the index is broken"
        self.refuse("index: weight_map of 'x' is not a file name" + broken, self.with_map(x=5))
        self.refuse("index: has no weight_map object" + broken, {"metadata": {}})
        self.refuse("index: has no weight_map object" + broken, {"weight_map": []})
        self.refuse("index: its weight_map is empty, so the checkpoint has no tensors" + broken, {"weight_map": {}})
        self.refuse("index: metadata is not an object" + broken, {**json.loads(self.text), "metadata": 5})
        self.refuse("index: does not hold an object" + broken, "[]")
        self.refuse("index: 'a' stands twice" + broken, '{"weight_map":{"a":"b","a":"c"}}')
        self.refuse("index: nested deeper than 32 levels" + broken, '{"a":' + "[" * 200_000)
        self.refuse("index: not valid JSON: parse error at line 1, column 2: syntax error while parsing object key - unexpected "
                    "end of input; expected string literal" + broken, "{")


if __name__ == "__main__":
    main()
