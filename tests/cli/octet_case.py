"""What the command-line tests share: a case that runs the binary in a folder of its own, safetensors files made and read with
nothing but struct and json, and folders compared before and after. Python 3.9 and its standard library only."""
import contextlib
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import NamedTuple

import every_output

BIN = Path(os.environ.get("OCTET_BIN", "octet"))
SOURCE_DIR = Path(os.environ.get("OCTET_SOURCE_DIR", Path(__file__).resolve().parents[2]))
TESTDATA = SOURCE_DIR / "testdata"
SHARED = Path(os.environ["OCTET_SHARED"]) if os.environ.get("OCTET_SHARED") else None
DATA_FILE = "model.octet.safetensors"
SIDECAR = "quantization_state.json"
needs_shared = unittest.skipUnless(SHARED, "OCTET_SHARED is not set")


class Tensor(NamedTuple):
    name: str
    dtype: str
    shape: list
    data: bytes


class Run(NamedTuple):
    code: int
    out: str
    err: str


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def f32(name, values, shape=None):
    return Tensor(name, "F32", [len(values)] if shape is None else shape, floats(values))


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def file_bytes(header, data=b""):
    """A file with this header, a dict or the text itself, whatever it says."""
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def make_file(path, tensors, metadata=None, header_order=None, odd=False):
    """Writes the tensors one after the other; `header_order` are their names as the header lists them; `odd` puts the data at
    an address that no dtype likes."""
    entries, at = {}, 0
    for tensor in tensors:
        entries[tensor.name] = entry(tensor.dtype, tensor.shape, at, at + len(tensor.data))
        at += len(tensor.data)
    header = {"__metadata__": metadata} if metadata else {}
    header.update((name, entries[name]) for name in header_order or entries)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * ((3 if odd else 0) - len(text) % 8 + 8)
    Path(path).write_bytes(file_bytes(text, b"".join(tensor.data for tensor in tensors)))
    return Path(path)


def read_header(path):
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        return 8 + length, json.loads(file.read(length))


def read_file(path):
    """(metadata, tensors in the order of their data, names in the order of the header)"""
    start, header = read_header(path)
    raw = Path(path).read_bytes()
    metadata = header.pop("__metadata__", {})
    tensors = [Tensor(name, t["dtype"], t["shape"], raw[start + t["data_offsets"][0]:start + t["data_offsets"][1]])
               for name, t in sorted(header.items(), key=lambda item: item[1]["data_offsets"])]
    return metadata, tensors, list(header)


def make_sharded(folder, source, count):
    """Deals a one-file checkpoint out over `count` shards with an index; returns its tensors shard by shard."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    metadata, tensors, _ = read_file(source)
    names = [f"model-{i + 1:05}-of-{count:05}.safetensors" for i in range(count)]
    shards = [tensors[i::count] for i in range(count)]
    for name, shard in zip(names, shards):
        make_file(folder / name, shard, metadata)
    index = {"metadata": {"total_size": sum(len(t.data) for t in tensors), "note": "kept"},
             "weight_map": {t.name: name for name, shard in zip(names, shards) for t in shard}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    return [tensor for shard in shards for tensor in shard]


def snapshot(folder):
    """Everything below a folder: kind, mode and content of each path, hidden ones too."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else ""
        if path.is_file() and not path.is_symlink():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path.relative_to(folder))] = (oct(status.st_mode), content)
    return found


def contents(folder):
    """Base names and bytes of the files in a folder."""
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


class OctetCase(unittest.TestCase):
    maxDiff = None
    parent = None  # where the test's folder is made; None: where temporary files go

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="octet-test-", dir=self.parent)).resolve()
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def run_octet(self, *arguments, program=BIN, env=None, **options):
        """Runs it in the test's folder, wherever paths are relative; `env` adds to the environment."""
        environment = {k: v for k, v in os.environ.items() if k not in ("OCTET_ISA", "NO_COLOR", "COLUMNS")}
        environment.update(env or {})
        folder, since = options.pop("cwd", self.dir), time.time_ns()
        done = subprocess.run([str(program), *map(str, arguments)], cwd=folder, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240, **options)
        if done.returncode == 0:
            every_output.keep([*map(str, arguments)], folder, since)
        return Run(done.returncode, done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="surrogateescape"))

    def octet(self, *arguments, **options):
        """Runs it; it must succeed. Returns the run."""
        run = self.run_octet(*arguments, **options)
        self.assertEqual(run.code, 0, f"{arguments}\n{run.out}{run.err}")
        return run

    def octet_json(self, *arguments, **options):
        return json.loads(self.octet(*arguments, "--json", **options).out)

    def assert_refused(self, code, message, *arguments, **options):
        """It ends with this code and exactly this one line, and everything below the test's folder is as it was."""
        before = snapshot(self.dir)
        run = self.run_octet(*arguments, **options)
        self.assertEqual(run.err, f"octet: {message}\n")
        self.assertEqual((run.code, run.out), (code, ""))
        self.assertEqual(snapshot(self.dir), before)

    def check_set(self, source, folder, restored):
        """Runs the independent check; leaves it out, visibly, where there is no Python with numpy, safetensors and xxhash."""
        found = subprocess.run([str(SOURCE_DIR / "scripts" / "python_env.sh")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if found.returncode == 77:
            with self.subTest("the independent check"):  # the rest of the test goes on
                self.skipTest(found.stderr.decode().strip())
            return
        program = [found.stdout.decode().strip(), str(SOURCE_DIR / "tests" / "check_set.py")]
        done = subprocess.run(program + [str(self.dir / path) for path in (source, folder, restored)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout.decode())

    def sidecar(self, folder):
        return json.loads((self.dir / folder / SIDECAR).read_text())


@contextlib.contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


class CountingResult(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def main():
    """Runs the file's tests. Parts left out are said in lines that scripts/test.sh shows; 77 when nothing else was left."""
    result = unittest.main(exit=False, testRunner=unittest.TextTestRunner(resultclass=CountingResult)).result
    for line in sorted({f"skipped part: {case.id().replace('__main__.', '')}: {reason}" for case, reason in result.skipped}):
        print(line)
    count, refused = every_output.unreadable(SOURCE_DIR / "scripts" / "python_env.sh")
    if count is None:
        print(f"skipped part: outputs read by the safetensors package: {refused}")
    elif refused:
        sys.exit(refused)
    elif count:
        print(f"the safetensors package reads all {count} files that were written")
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.skipped and result.passed == 0 else 0)
