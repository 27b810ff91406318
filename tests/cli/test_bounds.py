"""Input that is small to make and large to read: time and memory stay in proportion to the file, and bombs end at once."""
import array
import json
import math
import os
import struct
import subprocess
import time
import unittest
from pathlib import Path

from octet_case import BIN, TESTDATA, OctetCase, main

MIB = 1 << 20
MOST_HEADER = 100_000_000
CACHE = Path(os.environ.get("OCTET_BUILD_DIR", ".")) / "CMakeCache.txt"
# The sanitizers' own memory and time are many times the program's.
SANITIZED = CACHE.exists() and any(
    line.startswith("OCTET_SANITIZE:") and line.strip().split("=", 1)[1]
    for line in CACHE.read_text(encoding="utf-8").splitlines())
# Seconds, several times what they take (docs/reliability.md), as the machine may be busy. Bombs take milliseconds.
LONG, SHORT = 20, 5


@unittest.skipIf(SANITIZED, "built with sanitizers")
class Bounds(OctetCase):
    def write(self, name, pieces, data_bytes=0, header=True):
        """Writes a header (or a plain text) from pieces, so that this process stays small: a child's peak begins at its size."""
        path = self.dir / name
        path.parent.mkdir(exist_ok=True)
        with open(path, "wb") as file:
            if header:
                file.write(bytes(8))
            for piece in pieces:
                file.write(piece)
            size = file.tell()
            if header:
                file.seek(0)
                file.write(struct.pack("<Q", size - 8))
                file.truncate(size + data_bytes)
        return name

    def run_measured(self, most_seconds, most_mebibytes, *arguments):
        """(exit code, error line), having kept both limits."""
        start = time.monotonic()
        with subprocess.Popen([BIN, *arguments], cwd=self.dir, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            error = process.stderr.read().decode()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds, mebibytes = time.monotonic() - start, usage.ru_maxrss / 1024
        print(f"{' '.join(map(str, arguments))}: {seconds:.2f} s, {mebibytes:.0f} MiB")
        self.assertLess(seconds, most_seconds)
        self.assertLess(mebibytes, most_mebibytes)
        return process.returncode, error

    def assert_bomb(self, most_mebibytes, path, expected):
        code, error = self.run_measured(SHORT, most_mebibytes, "inspect", path)
        self.assertEqual(code, 3)
        self.assertTrue(error.startswith(f"octet: {expected}"), error)
        self.assertEqual(error.count("\n"), 1)
        self.assertLess(len(error), 500)

    def repeated(self, byte, count):
        piece = byte * 10_000  # one object, however often it stands in a list
        for _ in range(count // 10_000):
            yield piece
        yield byte * (count % 10_000)

    def test_a_header_of_100_million_bytes_is_read_and_one_more_byte_is_not(self):
        name = self.write("most.safetensors", [b"{}", *self.repeated(b" ", MOST_HEADER - 2)])
        self.assertEqual(self.run_measured(LONG, 260, "inspect", name), (0, ""))
        with open(self.dir / "more.safetensors", "wb") as file:
            file.write(struct.pack("<Q", MOST_HEADER + 1) + b"{}")
            file.truncate(8 + MOST_HEADER + 1)
        self.assert_bomb(32, "more.safetensors", "more.safetensors: header: announces 100,000,001 bytes, more than the 100,000,000")

    def test_nesting_bombs_of_50_million_brackets_end_at_once(self):
        for bracket in (b"[", b'{"a":'):
            bomb = list(self.repeated(bracket, 50_000_000 // len(bracket)))
            self.write("bomb.safetensors", [b'{"a":', *bomb])
            self.assert_bomb(96, "bomb.safetensors", "bomb.safetensors: header: tensor 'a': ")
            self.write("bomb.index.json", [b'{"a":', *bomb], header=False)
            self.assert_bomb(96, "bomb.index.json", "bomb.index.json: index: nested deeper than 32 levels")
            self.write("set/quantization_state.json", [b'{"a":', *bomb], header=False)
            self.assert_bomb(96, "set", "set/quantization_state.json: nested deeper than 40 levels")

    def test_number_bombs_are_refused(self):
        digits = list(self.repeated(b"9", 20_000_000))
        for number in ([b"1e999"], digits, [b"1e", *digits], [b"0.", *digits, b"e999999999"], [b"-", *digits]):
            with self.subTest(number[0][:5]):
                self.write("bomb.safetensors", [b'{"a":{"dtype":"F32","shape":[', *number, b'],"data_offsets":[0,8]}}'], 8)
                self.assert_bomb(200, "bomb.safetensors", "bomb.safetensors: header: tensor 'a': ")
                self.write("bomb.index.json", [b'{"weight_map":{"a":', *number, b"}}"], header=False)
                self.assert_bomb(200, "bomb.index.json", "bomb.index.json: index: ")
                self.write("set/quantization_state.json", [b'{"format":"octet","version":1,"generator":', *number, b"}"],
                           header=False)
                self.assert_bomb(200, "set", "set/quantization_state.json: ")

    def tensors(self, count, shape=b"1", size=4):
        yield b"{"
        for begin in range(0, count, 1000):
            yield b",".join(b'"t%07d":{"dtype":"F32","shape":[%s],"data_offsets":[%d,%d]}' % (i, shape, size * i, size * (i + 1))
                            for i in range(begin, begin + 1000)) + (b"," if begin + 1000 < count else b"")
        yield b"}"

    def test_a_million_tensors_are_listed_in_bounded_time_and_memory(self):
        name = self.write("million.safetensors", self.tensors(1_000_000), 4_000_000)
        self.assertEqual(self.run_measured(LONG, 560, "inspect", name), (0, ""))

    def test_100000_tensors_go_there_and_back_in_bounded_time_and_memory(self):
        name = self.write("many.safetensors", self.tensors(100_000), 400_000)
        header = os.path.getsize(self.dir / name) - 400_000
        promised = 64 + 3 * header / 2**20
        for out, threads in (("set", "2"), ("of64", "64")):
            self.assertEqual(self.run_measured(LONG, promised, "quantize", name, out, "--no-sync", "--threads", threads), (0, ""))
        self.assertEqual(self.run_measured(LONG, 240, "dequantize", "set", "back.safetensors", "--no-sync"), (0, ""))
        self.assertEqual(self.run_measured(LONG, 320, "compare", name, "back.safetensors"), (0, ""))

    def test_100000_tensors_of_other_schemes_need_no_more_memory(self):
        name = self.write("many.safetensors", self.tensors(100_000, b"16,16", 1024), 102_400_000)
        header = os.path.getsize(self.dir / name) - 102_400_000
        promised = 64 + 3 * header / 2**20
        for number, scheme in enumerate((["--bits", "4", "--granularity", "group"], ["--granularity", "channel"], ["--range", "mse"],
                                         ["--range", "percentile:99"])):
            self.assertEqual(self.run_measured(LONG, promised, "quantize", name, f"set{number}", "--no-sync", *scheme), (0, ""))
        # A set's own header names codes, scales and zero points.
        with open(self.dir / "set1" / "model.octet.safetensors", "rb") as file:
            of_set = struct.unpack("<Q", file.read(8))[0]
        promised_of_set = 64 + 3 * of_set / 2**20
        self.assertEqual(self.run_measured(LONG, promised_of_set, "dequantize", "set1", "back.safetensors", "--no-sync"), (0, ""))
        self.assertEqual(self.run_measured(LONG, promised_of_set, "verify", "set1", "--source", name), (0, ""))
        self.assertEqual(self.run_measured(LONG, promised_of_set + 3 * header / 2**20, "compare", name, "set1"), (0, ""))
        self.assertEqual(self.run_measured(LONG, promised, "plan", name, "--preset", "q4", "--json"), (0, ""))

    def test_the_planner_of_50000_tensors_keeps_to_the_same_bound(self):
        count = 50_000  # the more tensors, the more of the bound it takes: 100,000 take 75 MiB of 86, for twice as long
        name = self.write("many.safetensors", self.tensors(count, b"16,16", 1024), count * 1024)
        header = os.path.getsize(self.dir / name) - count * 1024
        with open(self.dir / name, "r+b") as file:
            file.seek(header)
            values = array.array("f", (math.sin(i * i) / 50 for i in range(25_600)))
            for _ in range(count // 100):
                values.append(values.pop(0))
                file.write(values.tobytes())
        code, error = self.run_measured(3 * LONG, 64 + 3 * header / 2**20, "plan", name, "--max-size", "30MB")
        self.assertEqual((code, error), (0, ""))

    def test_a_million_keys_of_metadata_are_joined_in_bounded_time(self):
        keys = (b",".join(b'"%07d":""' % i for i in range(begin, begin + 1000)) + (b"," if begin < 999_000 else b"")
                for begin in range(0, 1_000_000, 1000))
        name = self.write("keys.safetensors", [b'{"__metadata__":{', *keys, b"}}"])
        self.assertEqual(self.run_measured(LONG, 400, "quantize", name, "set", "--no-sync"), (0, ""))
        self.assertEqual(self.run_measured(LONG, 400, "dequantize", "set", "back.safetensors", "--no-sync"), (0, ""))

    def test_an_index_of_a_million_tensors_is_read_in_bounded_time_and_memory(self):
        entries = (b",".join(b'"t%07d":"absent.safetensors"' % i for i in range(begin, begin + 1000))
                   + (b"," if begin < 999_000 else b"") for begin in range(0, 1_000_000, 1000))
        self.write("x.index.json", [b'{"weight_map":{', *entries, b"}}"], header=False)
        code, error = self.run_measured(LONG, 420, "inspect", "x.index.json")
        self.assertEqual((code, error), (3, "octet: x.index.json: index: the shard 'absent.safetensors' is missing; fetch it\n"))

    def test_room_for_a_million_new_tokens_is_taken_as_they_come(self):
        self.assertEqual(self.run_measured(SHORT, 128, "generate", TESTDATA / "tiny-flan-t5", "--prompt", "where is Delhi", "--max-new-tokens", "1000000"),
                         (0, ""))

    def test_a_tokenizer_takes_time_and_memory_in_proportion_to_its_file_and_the_text(self):
        t5 = TESTDATA / "tiny-flan-t5"
        (self.dir / "t5").mkdir()
        for name in ("config.json", "model.safetensors"):
            os.symlink(t5 / name, self.dir / "t5" / name)
        unknown = b"\x0a\x09\x0a\x05<unk>\x18\x02"
        # A million pieces of 7 bytes: a file of 11 MB.
        self.write("t5/spiece.model", [unknown, *(b"".join(b"\x0a\x09\x0a\x07z%06x" % i for i in range(begin, begin + 1000))
                                                  for begin in range(0, 1_000_000, 1000))], header=False)
        self.assertEqual(self.run_measured(LONG, 200, "generate", "t5", "--prompt", "x", "--max-new-tokens", "1"), (0, ""))
        # Words of 600 to 1,024 letters a, and a text of nothing else.
        def nested(size):
            text = b"\x0a" + self.varint(size) + b"a" * size
            return b"\x0a" + self.varint(len(text)) + text
        self.write("t5/spiece.model", [unknown, *map(nested, [1, *range(600, 1025)])], header=False)
        (self.dir / "a.txt").write_bytes(b"a" * 100_000)
        self.assertEqual(self.run_measured(SHORT, 64, "generate", "t5", "--prompt-file", "a.txt", "--max-new-tokens", "1"), (0, ""))
        self.write("t5/spiece.model", [bytes(1 << 20)] * 32 + [b"x"], header=False)
        code, error = self.run_measured(SHORT, 64, "generate", "t5", "--prompt", "x")
        self.assertEqual(code, 3)
        self.assertTrue(error.startswith("octet: t5/spiece.model: "), error)

    @staticmethod
    def varint(number):
        return bytes([number]) if number < 128 else bytes([number % 128 + 128, number // 128])

    def test_a_name_of_a_million_bytes_is_shown_cut_and_never_tried_on_a_regular_expression(self):
        long = "x" * 1_000_000
        header = json.dumps({long: {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
        self.write("name.safetensors", [header], 1)
        self.assertEqual(self.run_measured(SHORT, 64, "inspect", "name.safetensors", "--tensors", "x*x*x"), (0, ""))
        code, error = self.run_measured(SHORT, 64, "inspect", "name.safetensors", "--tensors", "re:(x|y)*")
        self.assertEqual((code, error), (3, f"octet: tensor '{'x' * 80}...{'x' * 30}': its name has 1,000,000 bytes, more than the "
                                            "1,024 that a regular expression is tried on; use a glob\n"))


if __name__ == "__main__":
    main()
