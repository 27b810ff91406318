#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets.

    make_corpus.py OCTET FOLDER        OCTET: the program, whose sets and sidecars are among the seeds

Writes FOLDER/TARGET/NN for every target in the form that it takes (fuzz_support.hpp): text cut by NUL bytes.
"""
import itertools
import json
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
import gguf_files  # noqa: E402
import spiece  # noqa: E402

TESTDATA = Path(__file__).resolve().parents[2] / "testdata"
BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "U8": 8, "I8": 8, "U32": 32, "BOOL": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F4": 4,
        "F6_E2M3": 6, "C64": 64}


def header(tensors, metadata=None, order=None):
    """JSON text of a header; tensors: (name, dtype, shape) in the order of their data."""
    entries, at = {}, 0
    for name, dtype, shape in tensors:
        bits = BITS[dtype]
        for dimension in shape:
            bits *= dimension
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + bits // 8]}
        at += bits // 8
    named = {"__metadata__": metadata} if metadata is not None else {}
    named.update((name, entries[name]) for name in order or entries)
    return json.dumps(named, separators=(",", ":"), ensure_ascii=False)


GPT2 = [("wte.weight", "F32", [6, 4]), ("wpe.weight", "F32", [4, 4]), ("h.0.attn.bias", "F32", [1, 1, 4, 4]),
        ("h.0.attn.c_proj.weight", "F32", [4, 4]), ("h.0.ln_1.bias", "F32", [4]), ("lm_head.weight", "F32", [6, 4])]
MIXED = [("d", "F64", [3]), ("w", "F32", [2, 3]), ("h", "F16", [5]), ("b", "BF16", [2, 2]), ("i", "I64", [2]), ("m", "BOOL", [3])]
HEADERS = [
    "{}",
    header([], {}),
    header([], {"format": "pt", "k": "v\n\"é"}),
    header([("a", "F32", [2])]),
    header([("a", "F32", [])], {"format": "pt"}),
    header(MIXED, {"format": "pt"}, ["m", "i", "b", "h", "w", "d"]),
    header(MIXED) + "   ",
    header([("z", "F32", [0, 5]), ("a", "F32", [2]), ("e", "U8", [0])]),
    header([("x", "F4", [4]), ("y", "F6_E2M3", [4]), ("q", "F8_E4M3", [3]), ("c", "C64", [1])]),
    header(GPT2, {"format": "pt"}),
    header([("权重", "F32", [3]), ("a\u001b[31m\u009b", "F16", [2]), ("", "I8", [1])]),
    header([(f"t{i}", "F32", [1]) for i in range(20)]),
    '{"a":{"dtype":"F32","shape":[18446744073709551615,0],"data_offsets":[0,0]}}',
    '{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}',
    '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
    '{"__metadata__":{"octet.version":"0.1.0"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
]
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
INDEXES = [
    {"metadata": {"total_size": 32}, "weight_map": {"a": SHARDS[0], "b": SHARDS[1]}},
    {"weight_map": {"a": SHARDS[0]}},
    {"weight_map": {"a": "x.safetensors", "b": "x.safetensors"}, "metadata": {}},
    {"metadata": {"total_size": 1e300, "nested": {"a": [1, -2, 0.5, None, True, "é"]}}, "weight_map": {"": "a", "\u001b": "b"}},
    {"metadata": None, "weight_map": {"a": "../x"}},
    {"weight_map": {}},
]
FLOATS = struct.pack("<12f", 1, -1, 0.5, 3.25, -0.0, 1e-40, 3e38, -3e38, float("inf"), float("nan"), 255, 1e-3)
PLAIN = struct.pack("<8f", 0.1, -0.2, 0.3, 0.7, -0.9, 0.01, 0.5, -0.4)


def control(*bits):
    value = ord("0")
    for bit in bits:
        value ^= bit
    return bytes([value])


def joined(first, *parts):
    return first + b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)


def quantize_seeds():
    for text in HEADERS:
        for data in (PLAIN, FLOATS, b"\x01"):
            yield joined(control(), text, data)
        yield joined(control(4), text, FLOATS)
    yield joined(control(2, 8), header(GPT2), PLAIN)
    yield joined(control(128), header(MIXED), PLAIN)
    yield joined(control(64), "", struct.pack("<Q", 2) + b"{}")
    shards = header([("a", "F32", [3])]), header([("b", "F16", [2]), ("c", "I8", [2])], {"format": "pt"})
    for bits in ((1,), (1, 128), (1, 2), (1, 4)):
        yield joined(control(*bits), json.dumps({"weight_map": {"a": SHARDS[0], "b": SHARDS[1], "c": SHARDS[1]}}), *shards, PLAIN)
    yield joined(control(1), json.dumps(INDEXES[0]), header([("a", "F32", [1])]), header([("b", "F32", [1])], {}), PLAIN)


def write_checkpoint(folder, text, data):
    raw = text.encode()
    announced = max((entry["data_offsets"][1] for name, entry in json.loads(text).items() if name != "__metadata__"), default=0)
    data = (data * (announced // len(data) + 1))[:announced]
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(raw)) + raw + data)


def sets(octet, folder):
    """Folders of sets that the program makes of small checkpoints, with as many options as it has."""
    numbers = itertools.count()
    texts = [header(MIXED, {"format": "pt"}), header(GPT2), header([("a", "F32", [2])]), "{}", header([("z", "F32", [0, 3])])]
    for text, options in itertools.product(texts, ([], ["--preset", "lesson"], ["--rounding", "truncate"], ["--target-sqnr", "20"])):
        source = folder / f"in{next(numbers)}"
        source.mkdir()
        write_checkpoint(source, text, PLAIN)
        (source / "config.json").write_text("{}")
        target = folder / f"set{next(numbers)}"
        if subprocess.run([octet, "quantize", source, target, "--quiet", "--no-sync", *options], stderr=subprocess.DEVNULL).returncode == 0:
            yield target
    source = folder / "sharded"
    source.mkdir()
    for name, tensor in zip(SHARDS, "ab"):
        write_checkpoint(source, header([(tensor, "F32", [5])]), PLAIN)
        (source / "model.safetensors").rename(source / name)
    (source / "model.safetensors.index.json").write_text(json.dumps(INDEXES[0]))
    target = folder / "sharded-set"
    subprocess.run([octet, "quantize", source, target, "--quiet", "--no-sync"], check=True)
    yield target


def unsealed(text):
    return text[:text.rindex(',\n  "xxh3_128"')]


def set_seeds(folder):
    """(the sidecar without its seal, the seed of the whole set)"""
    text = (folder / "quantization_state.json").read_text("utf-8")
    headers, data = [], b""
    for file in json.loads(text)["files"]:
        raw = (folder / file["name"]).read_bytes()
        start = 8 + struct.unpack("<Q", raw[:8])[0]
        headers.append(raw[8:start])
        data += raw[start:]
    return unsealed(text), b"\0".join([unsealed(text).encode(), *headers, data])


def config_seeds():
    for folder in ("tiny-gpt2", "tiny-flan-t5"):
        yield (TESTDATA / folder / "config.json").read_bytes()
    for feed_forward in ("relu", "gated-gelu", "silu"):
        yield json.dumps({"model_type": "t5", "vocab_size": 8, "d_model": 4, "num_heads": 1, "d_kv": 4, "d_ff": 8, "num_layers": 1,
                          "feed_forward_proj": feed_forward, "eos_token_id": [1, 2]}).encode()
    yield json.dumps({"model_type": "gpt2", "vocab_size": 8, "n_embd": 4, "n_head": 2, "n_layer": 1, "n_positions": 9, "n_inner": None,
                      "layer_norm_epsilon": 1e-5, "scale_attn_weights": True, "add_cross_attention": False}).encode()


VOCABULARY = {character: number for number, character in enumerate("abcdehnrt'!01\u0120\u010a\u00c3\u0142\u00a9")}
MERGES = [("t", "h"), ("th", "e"), ("\u0120", "the"), ("a", "n"), ("\u00c3", "\u00a9")]


def tokenizer_seeds():
    vocabulary = dict(VOCABULARY)
    for left, right in MERGES:
        vocabulary[left + right] = len(vocabulary)
    vocabulary["<|endoftext|>"] = len(vocabulary)
    text = "the then an 'tea\n\n 10 caf\u00e9!"
    lines = "#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in MERGES)
    yield joined(control(), json.dumps(vocabulary), lines, text)
    yield joined(control(), json.dumps(vocabulary, ensure_ascii=False), lines.replace("\n", "\r\n"), " " * 9 + "the")
    yield joined(control(), "{}", "", "a")
    for merges in ([" ".join(pair) for pair in MERGES], MERGES):
        model = {"type": "BPE", "dropout": None, "vocab": vocabulary, "merges": merges}
        splitter = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
        yield joined(control(1), json.dumps({"normalizer": None, "pre_tokenizer": splitter, "model": model}), text)


def piece_seeds():
    """Whole SentencePiece models with every kind of piece, and small crafted ones of every kind."""
    for trainer in (spiece.field(3, 1), spiece.field(24, 1), spiece.field(44, b"?")):
        yield spiece.model(trainer=trainer, normalizer=spiece.field(3, 1) + spiece.field(4, 0))
    yield spiece.model(spiece.SPECIAL + spiece.byte_pieces() + spiece.NORMAL_PIECES[:6], spiece.field(35, 1))
    yield spiece.model(spiece.SPECIAL + spiece.NORMAL_PIECES + [("wh", -9.0, spiece.USER_DEFINED), ("here", 0.0, spiece.UNUSED)])
    yield spiece.with_rules(spiece.rules_of({"i": "I", "is": " ", "e": ""}))
    yield from (content for _, content, _ in spiece.crafted(4 * len(spiece.KINDS)) if len(content) <= 4096)


def gguf_seeds():
    """A control byte, and a whole file: every kind of value, types of every size, names of the architectures that octet knows."""
    g = gguf_files
    values = [("a", kind, 1) for kind in g.PACKED] + [("s", g.STRING, "x\n"), ("n", (g.ARRAY, (g.ARRAY, g.STRING)), [["a"], []])]
    values = [(f"{name}{i}", kind, value) for i, (name, kind, value) in enumerate(values)]
    small = [("w", [2, 32], g.TYPE_Q8_0, g.random_blocks(g.TYPE_Q8_0, 64, 1)), ("v", [3], g.TYPE_F32, PLAIN[:12]),
             ("i", [2, 1, 2], g.TYPE_I32, PLAIN[:16]), ("e", [0, 7], g.TYPE_F16, b""), ("", [], g.TYPE_BF16, b"\0\x40")]
    yield control() + g.gguf(small, values)
    yield control(1, 4) + g.gguf(small, [("general.alignment", g.U32, 64)], version=2, alignment=64)
    sizes = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110),
             12: (256, 144), 13: (256, 176), 14: (256, 210), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
             21: (256, 110), 22: (256, 82), 23: (256, 136), 29: (256, 56), 34: (256, 54), 35: (256, 66), 39: (32, 17)}
    for kind, (elements, size) in sizes.items():
        yield control(2) + g.gguf([("t", [elements], kind, bytes(range(1, size + 1)))])
    for name, module, shape in (("gpt2", "blk.0.attn_qkv", [6, 2]), ("llama", "blk.0.attn_q", [8, 4]), ("llama", "blk.1.attn_k", [4, 4]),
                                ("t5", "enc.blk.0.ffn_up", [2, 2]), ("gemma2", "blk.0.attn_norm", [4]), ("other", "x", [4])):
        keys = [("general.architecture", g.STRING, name), (name + ".attention.head_count", g.U32, 2),
                (name + ".attention.head_count_kv", g.U32, 1), (name + ".embedding_length", g.U32, 4), ("octet.version", g.STRING, "1")]
        yield control() + g.gguf([(module + ".weight", shape, g.TYPE_F32, (PLAIN * 4)[:4 * shape[0] * (shape + [1])[1]])], keys)
    words = [("general.architecture", g.STRING, "gpt2"), ("tokenizer.ggml.model", g.STRING, "gpt2"), ("tokenizer.ggml.pre", g.STRING, "gpt-2"),
             ("tokenizer.ggml.tokens", (g.ARRAY, g.STRING), list(VOCABULARY) + ["th"]), ("tokenizer.ggml.merges", (g.ARRAY, g.STRING), ["t h"])]
    yield control(8) + g.gguf([("token_embd.weight", [4, 2], g.TYPE_F32, PLAIN)], words)
    pieces = [("tokenizer.ggml.model", g.STRING, "t5"), ("tokenizer.ggml.tokens", (g.ARRAY, g.STRING), ["<unk>", "\u2581", "a", "b"]),
              ("tokenizer.ggml.scores", (g.ARRAY, g.F32), [0, -1, -2, -3]), ("tokenizer.ggml.token_type", (g.ARRAY, g.I32), [2, 1, 1, 1])]
    yield control(8) + g.gguf([("token_embd.weight", [4, 2], g.TYPE_F32, PLAIN)], pieces)
    yield control() + g.gguf([], [("split.no", g.U16, 0), ("split.count", g.U16, 2)])


def method_seed(config, tensors, *bits):
    """tensors: (name, dtype, shape, bytes); without bytes there are as many as needed."""
    text = header([tensor[:3] for tensor in tensors])
    offsets = [entry["data_offsets"] for entry in json.loads(text).values()]
    data = b"".join((t[3] if len(t) > 3 else bytes(range(1, 256)) * (1 + end // 255))[:end - begin]
                    for t, (begin, end) in zip(tensors, offsets))
    return joined(control(*bits), json.dumps(config), text, data)


def declared(method, **more):
    return {"quantization_config": {"quant_method": method, **more}, "torch_dtype": "bfloat16"}


def method_seeds():
    """A small weight of every method, with all the state that it can have."""
    f8, e8, i8, u8, u32, i32 = "F8_E4M3", "F8_E8M0", "I8", "U8", "U32", "I32"
    yield method_seed(declared("fp8", weight_block_size=[4, 4]), [("m.weight", f8, [5, 9]), ("m.weight_scale_inv", "F32", [2, 3])])
    yield method_seed({}, [("m.weight", f8, [3, 8]), ("m.weight_scale", e8, [3, 2]), ("m.bias", "BF16", [3])], 1)
    yield method_seed({}, [("e_blocks", u8, [2, 3, 1, 16]), ("e_scales", u8, [2, 3, 1]), ("e_bias", "F32", [2])])
    yield method_seed({}, [("m.weight_packed", u8, [3, 16]), ("m.weight_scale", f8, [3, 2]), ("m.weight_global_scale", "F32", [1])])
    group = {"weights": {"num_bits": 4, "group_size": 8}}
    for more in ([], [("m.weight_zero_point", i32, [1, 2])], [("m.weight_zero_point", i32, [1, 2]), ("m.weight_g_idx", i32, [16], bytes(64))]):
        shape = struct.pack("<2q", 4, 16)
        yield method_seed(declared("compressed-tensors", config_groups={"g": group}),
                          [("m.weight_packed", i32, [4, 2]), ("m.weight_scale", "F16", [4, 2]), ("m.weight_shape", "I64", [2], shape), *more])
    yield method_seed({}, [("m.weight", i8, [4, 6]), ("m.weight_scale", "F32", [4, 2]), ("m.weight_zero_point", i8, [4, 2])], 2)
    yield method_seed(declared("gptq", bits=4, group_size=8),
                      [("m.qweight", i32, [2, 8]), ("m.qzeros", i32, [2, 1]), ("m.scales", "F16", [2, 8]), ("m.g_idx", i32, [16], bytes(64))])
    yield method_seed(declared("awq", bits=4, group_size=8), [("m.qweight", i32, [16, 1]), ("m.qzeros", i32, [2, 1]), ("m.scales", "F16", [2, 8])])
    yield method_seed(declared("bitsandbytes"), [("m.weight", i8, [3, 5]), ("m.SCB", "F32", [3]), ("m.weight_format", u8, [], bytes(1))])
    for kind, storage in (("nf4", [u8, [9, 1]]), ("fp4", ["BF16", [5, 1]])):
        nested = {"nested_blocksize": 2, "nested_dtype": "float32", "nested_offset": 0.04} if kind == "nf4" else {}
        state = json.dumps({"quant_type": kind, "blocksize": 4, "dtype": "float16", "shape": [3, 6], **nested}).encode()
        tensors = [("m.weight", *storage), ("m.weight.quant_map", "F32", [16]), ("m.weight.absmax", u8 if nested else "F32", [5]),
                   (f"m.weight.quant_state.bitsandbytes__{kind}", u8, [len(state)], state)]
        if nested:
            tensors += [("m.weight.nested_absmax", "F32", [3]), ("m.weight.nested_quant_map", "F32", [256])]
        yield method_seed(declared("bitsandbytes"), tensors, 4)
    for bits in (2, 3, 4, 5, 6, 8):
        config = {"quantization": {"bits": bits, "group_size": 32, "x": {"bits": 8, "group_size": 64}}}
        yield method_seed(config, [("m.weight", u32, [2, 2 * bits]), ("m.scales", "F32", [2, 2]), ("m.biases", "F32", [2, 2])])
    yield method_seed({}, [("m.weight._data", i8, [3, 4]), ("m.weight._scale", "F32", [3, 1]), ("m.input_scale", "F32", [])])
    for columns, each in ((160, 2), (256, 4)):
        size = 32 if columns == 160 else 128
        groups = 3 * columns // size
        yield method_seed({"d_model": columns}, [("m.weight._data._data", u8, [-(-groups // each), size]),
                                                 ("m.weight._scale", "BF16", [groups, 1]), ("m.weight._shift", "BF16", [groups, 1])])


def write(folder, seeds):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    count = 0
    for count, seed in enumerate(seeds, 1):
        (folder / f"{count:03}").write_bytes(seed)
    print(f"corpus: {folder.name}: {count} seeds")


def main(octet, target):
    target = Path(target)
    write(target / "header", (text.encode() for text in HEADERS))
    write(target / "index", (json.dumps(index, indent=indent).encode() for index in INDEXES for indent in (None, 1)))
    write(target / "quantize", quantize_seeds())
    write(target / "config", config_seeds())
    write(target / "tokenizer", tokenizer_seeds())
    write(target / "pieces", piece_seeds())
    write(target / "gguf", gguf_seeds())
    write(target / "methods", method_seeds())
    with tempfile.TemporaryDirectory(prefix="octet-corpus-") as work:
        seeds = [set_seeds(folder) for folder in sets(octet, Path(work))]
    write(target / "sidecar", [joined(b"0", text) for text, _ in seeds] + [joined(b"!", seeds[0][0])])
    write(target / "dequantize", [joined(control(*bits), seed) for _, seed in seeds for bits in ((), (1, 4), (2,))])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
