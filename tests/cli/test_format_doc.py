#!/usr/bin/env python3
"""The reader that docs/format.md prints reads real sets, and gives what octet's own dequantize gives, bit for bit."""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(os.environ["OCTET_SOURCE_DIR"])
OCTET = os.environ["OCTET_BIN"]
MOST_LINES = 65
SCHEMES = ("--bits 4 --group-size 32 --zero-point integer --scale-dtype f16", "--granularity channel --symmetric", "--bits 3 --symmetric",
           "--bits 5 --group-size 48 --axis 1 --scale-dtype bf16", "--bits 2 --granularity channel --axis 1", "--bits 6 --zero-point integer",
           "--bits 4 --group-size 18 --range mse --scale-dtype two-level", "--bits 3 --group-size 16 --axis 1 --scale-dtype two-level",
           "--bits 8 --group-size 40 --symmetric --axis 1 --range mse --scale-dtype two-level")


def reader_text():
    blocks = re.findall(r"```python\n(.*?)```", (SOURCE / "docs/format.md").read_text(encoding="utf-8"), re.DOTALL)
    found = [block for block in blocks if "def read_set(" in block]
    assert len(found) == 1, f"docs/format.md has {len(found)} readers"
    lines = [line for line in found[0].splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES, f"the reader has {len(lines)} lines, promised are {MOST_LINES}"
    return found[0]


def octet(*arguments):
    subprocess.run([OCTET, *map(str, arguments), "--quiet", "--no-sync"], check=True)


def make_awkward_checkpoint(folder):
    """Two shards: 16-bit and 64-bit floats, a scalar, an empty tensor, fused experts in both orders, integers, and a constant."""
    import json
    import numpy as np
    from safetensors.numpy import save_file
    rng = np.random.default_rng(5)
    shards = {
        "model-00001-of-00002.safetensors": {
            "half": rng.normal(size=(33, 17)).astype(np.float16), "cube": rng.normal(size=(5, 7, 9)).astype(np.float32), "wide": rng.normal(size=77),
            "scalar": np.array(0.3, np.float32), "empty": np.zeros((0, 4), np.float32),
            "embed_tokens.weight": rng.normal(size=(50, 41)).astype(np.float32), "a.experts.down_proj": rng.normal(size=(3, 41, 19)).astype(np.float32),
            "b.experts.down_proj": rng.normal(size=(3, 19, 41)).astype(np.float16)},
        "model-00002-of-00002.safetensors": {
            "ids": np.arange(7), "flags": np.array([True, False, True]), "constant": np.full(5, 0.1, np.float32)},
    }
    folder.mkdir()
    for name, tensors in shards.items():
        save_file(tensors, folder / name, metadata={"format": "pt"})
    weight_map = {tensor: name for name, tensors in shards.items() for tensor in tensors}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def check(read_set, checkpoint, options, work):
    import numpy as np
    from safetensors.numpy import load_file
    name = f"{checkpoint.name} {' '.join(options)}".strip()
    codes, restored = work / f"{name}.set", work / f"{name}.safetensors"
    octet("quantize", checkpoint, codes, *options)
    octet("dequantize", codes, restored)
    ours, theirs = read_set(codes), load_file(restored)
    assert sorted(ours) == sorted(theirs), name
    for tensor, value in theirs.items():
        mine = np.asarray(ours[tensor])
        assert mine.shape == value.shape, (name, tensor, mine.shape, value.shape)
        with np.errstate(over="ignore"):
            mine = mine.astype(value.dtype)
        assert mine.tobytes() == value.tobytes(), f"{name}: {tensor} differs"
    print(f"{name}: {len(theirs)} tensors, the same bits")


def main():
    scope = {}
    exec(compile(reader_text(), "docs/format.md", "exec"), scope)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        make_awkward_checkpoint(work / "awkward")
        for checkpoint in (SOURCE / "testdata/tiny-gpt2", SOURCE / "testdata/tiny-flan-t5", work / "awkward"):
            check(scope["read_set"], checkpoint, [], work)
            check(scope["read_set"], checkpoint, ["--preset", "lesson"], work)
            for options in SCHEMES:
                check(scope["read_set"], checkpoint, options.split(), work)


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        main()
    else:
        python = subprocess.run([SOURCE / "scripts/python_env.sh"], stdout=subprocess.PIPE, text=True)
        if python.returncode != 0:
            print("skipped: no Python with numpy, safetensors and xxhash")
            sys.exit(77)
        sys.exit(subprocess.run([python.stdout.strip(), __file__, "inside"]).returncode)
