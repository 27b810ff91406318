#!/usr/bin/env python3
"""Holds octet's reader of headers against the reference, the safetensors package.

    differential.py JUDGE [--headers N (3000)] [--seed S (1)]      JUDGE: the program octet_judge

Makes random checkpoints with the package, then N mutations of their headers, lengths and data, always the same for one seed.
octet has to accept every file that the package wrote, refuse every file that the package refuses, and where it is stricter,
be so for one of the reasons in STRICTER, which docs/reliability.md explains. Anything else is a failure.
"""
import argparse
import ctypes
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
from collections import Counter

import safetensors
from safetensors import SafetensorError, deserialize, serialize

# What octet says -> the class of the difference. Every class here passes the reference and is refused by octet.
STRICTER = {
    r"tensor '.*' stands twice, again at byte": "a tensor name twice",
    r"does not start with '\{' at byte 8": "white space before the first bracket",
    r"unknown key '.*'; a tensor has": "an unknown key in a tensor's entry",
    r"an array instead of an object": "an entry as an array instead of an object",
    r"__metadata__: the key '.*' stands twice": "a key of __metadata__ twice",
    r"__metadata__.*null instead of an object": "__metadata__ that is null",
    r"dtype holds an object": "a dtype as an object with one member",
}
DTYPES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int8": 1, "uint8": 1, "bool": 1}
NAMES = ["F64", "F32", "F16", "BF16", "I64", "I32", "U8", "I8", "BOOL", "F8_E4M3", "F4", "C64", "F33", "f32", "U64"]
NUMBERS = ["0", "1", "-1", "-0", "2", "3", "8", "255", "4294967296", "9223372036854775807", "18446744073709551615",
           "18446744073709551616", "1e3", "1.0", "1e999", "00", "01", "0x1", "1_0", "NaN", "9" * 40]
VALUES = ["null", "true", "{}", "[]", '""', '"F32"', '{"F32":null}', '{"a":{}}', "[[0]]", '["F32",[1],[0,4]]', '"\\ud800"', '"\\u0000"',
          '"\\ud83d\\ude00"', '"é"', '{"a":"b"}', '{"a":1}']
SPACES = [" ", "\n", "\t", "\r", "\x0b", "\x0c", "\u00a0", "\0", "\ufeff", "/**/"]
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*|[{}\[\],:]|[a-z]+')
IN_STRINGS = ["\\ud800", "\\udc00\\ud800", "\\u0000", "\\u00e9", "\\x41", "\\/", "\\b", "\\", "\x01", "\x7f", "\u0085", "\n", "\ud800", "😀", "'"]
INNER = re.compile(r'"(?:dtype|shape|data_offsets)":(?:"[^"]*"|\[[^\]]*\])')
ENTRY = re.compile(r'\{"dtype":("[^"]*"),"shape":(\[[^\]]*\]),"data_offsets":(\[[^\]]*\])\}')
MEMBER = re.compile(r'"(?:[^"\\]|\\.)*":(?:\{[^{}]*\}|\[[^\[\]]*\]|"(?:[^"\\]|\\.)*"|[-+.0-9a-zA-Z]+)')


def packed(tensors, metadata):
    """The package's own writer, which takes dicts in older versions and TensorSpec in newer ones."""
    if not hasattr(safetensors, "TensorSpec"):
        return bytes(serialize(tensors, metadata))
    buffers = {name: ctypes.create_string_buffer(t["data"], len(t["data"]) or 1) for name, t in tensors.items()}
    specs = {name: safetensors.TensorSpec(dtype=t["dtype"], shape=t["shape"], data_ptr=ctypes.addressof(buffers[name]),
                                          data_len=len(t["data"])) for name, t in tensors.items()}
    return bytes(serialize(specs, metadata))


def checkpoint(rng):
    """A file as the package writes it."""
    tensors = {}
    for _ in range(rng.randrange(5)):
        name = rng.choice(["a", "b", "h.0.weight", "é", "", "a\"\\b", "x\u001b", "__metadata", "dtype"])
        dtype = rng.choice(list(DTYPES))
        shape = [rng.randrange(4) for _ in range(rng.randrange(4))]
        size = DTYPES[dtype]
        for dimension in shape:
            size *= dimension
        tensors[name] = {"dtype": dtype, "shape": shape, "data": rng.randbytes(size)}
    metadata = rng.choice([None, {}, {"format": "pt"}, {"k": "v\n\"é", "format": "np", "": ""}])
    return packed(tensors, metadata)


def replaced(text, match, new):
    return text[:match.start()] + new + text[match.end():]


def mutated_text(rng, text):
    kind = rng.randrange(13)
    tokens = list(TOKEN.finditer(text))
    members = list(MEMBER.finditer(text))
    if kind == 0 and tokens:  # a token becomes another one of the text
        return replaced(text, rng.choice(tokens), rng.choice(tokens).group())
    if kind == 1 and (numbers := [t for t in tokens if t.group()[0] in "-0123456789"]):
        number = rng.choice(numbers)
        near = str(int(number.group()) + rng.choice([-8, -4, -1, 1, 4, 8])) if number.group().isdigit() else "1"
        return replaced(text, number, rng.choice([near, rng.choice(NUMBERS)]))
    if kind == 2 and (strings := [t for t in tokens if t.group()[0] == '"']):
        return replaced(text, rng.choice(strings), rng.choice([f'"{rng.choice(NAMES)}"', rng.choice(VALUES), '"__metadata__"']))
    if kind == 3 and members:  # a member twice, or gone, or somewhere else
        member = rng.choice(members)
        return replaced(text, member, rng.choice([member.group() + "," + member.group(), "", rng.choice(members).group()]))
    if kind == 4 and members:  # another value
        member = rng.choice(members)
        key = re.match(r'"(?:[^"\\]|\\.)*":', member.group()).group()
        return replaced(text, member, key + rng.choice(VALUES + NUMBERS))
    if kind == 5:  # space, or what is none, between two tokens or in front or behind
        at = rng.choice([0, len(text), rng.choice(tokens).start() if tokens else 0])
        return text[:at] + rng.choice(SPACES) * rng.randrange(1, 4) + text[at:]
    if kind == 6 and members:  # a new member
        member = rng.choice(members)
        new = f'"{rng.choice(["a", "x", "dtype", "shape", "data_offsets", "__metadata__"])}":{rng.choice(VALUES + NUMBERS)}'
        return replaced(text, member, rng.choice([new + "," + member.group(), member.group() + "," + new]))
    if kind == 7 and tokens:
        return replaced(text, rng.choice(tokens), "")
    inner = list(INNER.finditer(text))
    if kind == 8 and inner:  # in a tensor's entry: a member twice, one more, or another order
        member = rng.choice(inner)
        new = rng.choice([member.group(), f'"x":{rng.choice(VALUES + NUMBERS)}', rng.choice(inner).group()])
        return replaced(text, member, rng.choice([member.group() + "," + new, new + "," + member.group()]))
    if kind == 9 and (entries := list(ENTRY.finditer(text))):
        entry = rng.choice(entries)
        dtype, shape, offsets = entry.groups()
        return replaced(text, entry, rng.choice([f"[{dtype},{shape},{offsets}]", f"[{dtype},{shape}]", f'{{"dtype":{{{dtype}:null}},'
                                                 f'"shape":{shape},"data_offsets":{offsets}}}', "null"]))
    if kind == 10 and (strings := [t for t in tokens if len(t.group()) > 1 and t.group()[0] == '"']):
        string = rng.choice(strings)
        at = rng.randrange(1, len(string.group()))
        return replaced(text, string, string.group()[:at] + rng.choice(IN_STRINGS) + string.group()[at:])
    if kind == 11 and tokens:  # space that JSON allows
        at = rng.choice(tokens).start()
        return text[:at] + rng.choice(" \n\t\r") * rng.randrange(1, 4) + text[at:]
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(['"', "\\", "{", "}", "[", "]", ",", ":", "0", "a", "\u00e9"]) + text[at + rng.randrange(2):]


def mutated(rng, raw):
    length = struct.unpack("<Q", raw[:8])[0]
    text, data = raw[8:8 + length].decode(), raw[8 + length:]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        text = mutated_text(rng, text)
    header = text.encode("utf-8", "surrogatepass")
    if rng.randrange(12) == 0:  # any byte
        at = rng.randrange(len(header) or 1)
        header = header[:at] + bytes([rng.randrange(256)]) + header[at + 1:]
    if rng.randrange(12) == 0:
        data = rng.choice([data[:-1], data + b"x", b"", data + data])
    told = len(header)
    if rng.randrange(20) == 0:
        told = rng.choice([told - 1, told + 1, 0, 2**64 - 1, 2**63, 100_000_001, len(raw)]) % 2**64
    return struct.pack("<Q", told) + header + data


def reference_accepts(raw):
    try:
        deserialize(raw)
        return True
    except SafetensorError:
        return False


def judge(program, files):
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="octet-judge-", dir=memory) as folder:
        stream = b"".join(struct.pack("<Q", len(raw)) + raw for raw in files)
        done = subprocess.run([program, folder], input=stream, stdout=subprocess.PIPE, check=True)
    verdicts = done.stdout.decode().splitlines()
    assert len(verdicts) == len(files), f"{len(verdicts)} answers to {len(files)} files"
    return verdicts


def class_of(verdict):
    for pattern, name in STRICTER.items():
        if re.search(pattern, verdict):
            return name
    return None


def compare_batch(program, files, counts, written):
    """Judges files; returns what may not be as lines."""
    problems = []
    for raw, verdict in zip(files, judge(program, files)):
        reference, ours = reference_accepts(raw), verdict == "accept"
        if reference and ours:
            counts["both accept"] += 1
        elif not reference and not ours:
            counts["both refuse"] += 1
        elif ours:
            problems.append(f"octet accepts what the package refuses: {raw[:400]!r}")
        elif written:
            problems.append(f"octet refuses what the package wrote: {verdict}: {raw[:400]!r}")
        elif (name := class_of(verdict)) is not None:
            counts["stricter: " + name] += 1
        else:
            problems.append(f"octet is stricter for no listed reason: {verdict}: {raw[:400]!r}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("judge")
    parser.add_argument("--headers", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    counts, problems = Counter(), []
    written = [checkpoint(rng) for _ in range(max(200, options.headers // 20))]
    problems += compare_batch(options.judge, written, Counter(), True)
    for begin in range(0, options.headers, 5000):
        batch = [mutated(rng, rng.choice(written)) for _ in range(min(5000, options.headers - begin))]
        problems += compare_batch(options.judge, batch, counts, False)
    print(f"differential: safetensors {safetensors.__version__}, seed {options.seed}: {len(written)} files of the package accepted, "
          f"{options.headers} mutated headers")
    for name, count in sorted(counts.items()):
        print(f"{count:9}  {name}")
    for problem in problems[:20]:
        print("differential:", problem)
    if problems:
        print(f"differential: {len(problems)} differences that may not be")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
