"""A GPT-2 checkpoint (F32, one file) as GGUF, for llama-quantize. Standard library only.

    make_gguf.py INPUT.safetensors OUTPUT.gguf

Right for speed and size only: Conv1D matrices keep their bytes and take their transposed shape, and there is no tokenizer.
"""
import json
import re
import struct
import sys

ALIGNMENT = 32
UINT32, FLOAT32, STRING = 4, 6, 8
NAMES = {"wte.weight": "token_embd.weight", "wpe.weight": "position_embd.weight",
         "ln_f.weight": "output_norm.weight", "ln_f.bias": "output_norm.bias"}
PARTS = {"ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm",
         "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}


def gguf_name(name):
    match = re.fullmatch(r"h\.(\d+)\.(.+)\.(weight|bias)", name)
    return f"blk.{match[1]}.{PARTS[match[2]]}.{match[3]}" if match else NAMES[name]


def string(text):
    return struct.pack("<Q", len(text)) + text.encode()


def metadata(layers, vocabulary):
    values = [("general.architecture", STRING, "gpt2"), ("general.name", STRING, "stand-in"),
              ("general.file_type", UINT32, 0),
              ("tokenizer.ggml.model", STRING, "no_vocab"), ("general.alignment", UINT32, ALIGNMENT),
              ("gpt2.vocab_size", UINT32, vocabulary), ("gpt2.block_count", UINT32, layers),
              ("gpt2.context_length", UINT32, 1024), ("gpt2.embedding_length", UINT32, 768),
              ("gpt2.feed_forward_length", UINT32, 3072), ("gpt2.attention.head_count", UINT32, 12),
              ("gpt2.attention.layer_norm_epsilon", FLOAT32, 1e-5)]
    text = b""
    for key, kind, value in values:
        packed = string(value) if kind == STRING else struct.pack("<I" if kind == UINT32 else "<f", value)
        text += string(key) + struct.pack("<I", kind) + packed
    return len(values), text


def main(source, target):
    with open(source, "rb") as file, open(target, "wb") as out:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        tensors = {name: entry for name, entry in header.items() if len(entry["shape"]) < 4}  # without the masks
        layers = sum(name.endswith(".ln_1.weight") for name in tensors)
        count, text = metadata(layers, header["wte.weight"]["shape"][0])
        infos, at = b"", 0
        for name, entry in tensors.items():
            shape = entry["shape"]
            # GGUF names the fastest dimension first. Conv1D is stored [in, out] and llama.cpp wants [out, in]: its bytes stay.
            dimensions = shape if ".c_" in name else shape[::-1]
            infos += string(gguf_name(name)) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *dimensions, 0, at)
            begin, end = entry["data_offsets"]
            at += -(-(end - begin) // ALIGNMENT) * ALIGNMENT
        start = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), count) + text + infos
        out.write(start + bytes(-len(start) % ALIGNMENT))
        for entry in tensors.values():
            begin, end = entry["data_offsets"]
            file.seek(8 + length + begin)
            out.write(file.read(end - begin) + bytes(-(end - begin) % ALIGNMENT))


if __name__ == "__main__":
    main(*sys.argv[1:])
