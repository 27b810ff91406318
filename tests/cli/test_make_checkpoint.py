"""The checkpoints of the benchmarks are what docs/performance.md says: the published header's size, valid, deterministic."""
import os
import struct
import subprocess
from pathlib import Path

from octet_case import OctetCase, main, read_file, read_header

PROGRAM = Path(os.environ.get("OCTET_BUILD_DIR", ".")) / "bin" / "octet_make_checkpoint"


class MakeCheckpoint(OctetCase):
    def make(self, name, *arguments):
        subprocess.run([PROGRAM, self.dir / name, *map(str, arguments)], check=True)
        return self.dir / name

    def test_gpt2_has_the_published_sizes(self):
        path = self.make("gpt2.safetensors", "--holes")
        self.assertEqual(path.stat().st_size, 548_105_171)
        start, header = read_header(path)
        self.assertEqual(start, 8 + 14_283)
        self.assertEqual(header["h.11.attn.c_attn.weight"]["shape"], [768, 2304])
        totals = self.octet_json("inspect", path)["totals"]
        self.assertEqual((totals["tensors"], totals["framework_bytes"]), (160, 510_342_192))

    def test_flan_t5_has_the_published_sizes(self):
        totals = self.octet_json("inspect", self.make("flan.safetensors", "--model", "flan-t5", "--holes"))["totals"]
        self.assertEqual((totals["tensors"], totals["parameters"]), (190, 76_961_152))

    def test_every_tensor_is_unaligned(self):
        for arguments in (["--tensors", 7], ["--tensors", 1000, "--dtype", "BF16"], ["--size", 10**8, "--holes"]):
            start, header = read_header(self.make("odd.safetensors", *arguments))
            self.assertEqual({(start + t["data_offsets"][0]) % 4 for n, t in header.items() if n != "__metadata__"}, {3})

    def test_the_same_values_every_time_and_in_every_dtype(self):
        first = self.make("first.safetensors", "--tensors", 50, "--bytes-each", 4096)
        second = self.make("second.safetensors", "--tensors", 50, "--bytes-each", 4096)
        self.assertEqual(first.read_bytes(), second.read_bytes())
        wide = [tensor.data for tensor in read_file(first)[1]]
        self.assertEqual(len(set(wide)), 50)
        narrow = read_file(self.make("f16.safetensors", "--tensors", 50, "--bytes-each", 2048, "--dtype", "F16"))[1]
        for f32, f16 in zip(wide, narrow):
            self.assertEqual(struct.pack("<1024e", *struct.unpack("<1024f", f32)), f16.data)

    def test_shards_hold_the_same_tensors(self):
        whole = self.make("whole.safetensors", "--tensors", 100)
        shards = self.make("shards", "--tensors", 100, "--shards", 16)
        self.assertEqual(len(list(shards.glob("model-*-of-00016.safetensors"))), 16)
        joined = {t.name: t.data for file in shards.glob("*.safetensors") for t in read_file(file)[1]}
        self.assertEqual(joined, {t.name: t.data for t in read_file(whole)[1]})
        self.octet("quantize", shards, "set", "--no-sync")
        self.assertEqual(len(list((self.dir / "set").glob("*.safetensors"))), 16)


if __name__ == "__main__":
    main()
