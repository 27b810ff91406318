"""Bits per weight against SQNR, measured: quality.py OCTET CHECKPOINT DOC PICTURE

Takes GPT-2's h.{0,1,9,11}.attn.c_proj.weight out of CHECKPOINT, quantizes them with every scheme below, and writes the
table between the markers of DOC and the picture. Figures are those of `octet quantize --json`, means over the four tensors, each
with all of its state; the peers' are what llama-quantize made of the same tensors."""
import json
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pictures

NAMES = [f"h.{layer}.attn.c_proj.weight" for layer in (0, 1, 9, 11)]
PEERS = [("Q8_0", 8.5, (45.34, 45.16, 45.43, 45.99)), ("Q6_K", 6.5625, (34.91, 34.79, 35.01, 35.45)),
         ("Q5_K", 5.5, (28.75, 28.58, 28.85, 29.25)), ("Q4_K", 4.5, (22.83, 22.73, 22.92, 23.32)),
         ("Q4_0", 4.5, (21.21, 21.07, 21.32, 21.83))]
SCHEMES = """u8 u8-mse s8 s8-mse u8-channel-axis1 s8-channel-axis1 u8-group64-axis1 u8-group64-axis1-f16 u8-group64-axis1-intzp-f16 s8-group64-axis1-f16
u8-group32-axis1-f16 u8-group64-axis1-mse-f16 u8-group18-axis1-two u8-group18-axis1-mse-two u8-group32-axis1-mse-two u8-group64-axis1-mse-two
u6-group64-axis1-f16 u6-group64-axis1-mse-f16 u6-group16-axis1-mse-two u6-group18-axis1-mse-two u6-group32-axis1-mse-two u6-group64-axis1-mse-two
u5-group64-axis1-mse-f16 u5-group18-axis1-mse-two u5-group32-axis1-mse-two u5-group64-axis1-mse-two
u4-mse s4-mse u4-channel-axis1 u4-channel-axis1-mse-f16 s4-channel-axis1-mse-f16 u4-group64-axis1-f16 u4-group64-axis1-intzp-f16 u4-group64-axis1-intzp-mse-f16 u4-group64-axis1-mse-f16
u4-group32-axis1-f16 u4-group32-axis1-mse-f16 u4-group32-axis1-two u4-group18-axis1-two u4-group18-axis1-mse-two
u4-group24-axis1-mse-two u4-group32-axis1-mse-two u4-group64-axis1-mse-two s4-group32-axis1-mse-f16 s4-group32-axis1-mse-two
u3-group64-axis1-mse-f16 u3-group18-axis1-mse-two u3-group32-axis1-mse-two u3-group64-axis1-mse-two
u2-group64-axis1-mse-f16 u2-group18-axis1-mse-two""".split()
BEGIN, END = "<!-- quality: made by scripts/quality.sh -->", "<!-- /quality -->"


def options_of(scheme):
    """The options that ask for a scheme by its parts."""
    parts = scheme.split("-")
    options = ["--bits", parts[0][1:]] + (["--symmetric"] if parts[0][0] == "s" else [])
    for part in parts[1:]:
        if part == "channel":
            options += ["--granularity", "channel"]
        elif part.startswith("group"):
            options += ["--granularity", "group", "--group-size", part[5:]]
        elif part.startswith("axis"):
            options += ["--axis", part[4:]]
        else:
            options += {"intzp": ["--zero-point", "integer"], "trunc": ["--rounding", "truncate"], "mse": ["--range", "mse"],
                        "f16": ["--scale-dtype", "f16"], "bf16": ["--scale-dtype", "bf16"],
                        "two": ["--scale-dtype", "two-level"]}[part]
    return options


def extract(source, target):
    """Writes the four tensors of `source` as a checkpoint of their own."""
    with open(source, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        out, data = {}, b""
        for name in NAMES:
            begin, end = header[name]["data_offsets"]
            file.seek(8 + size + begin)
            out[name] = {**header[name], "data_offsets": [len(data), len(data) + end - begin]}
            data += file.read(end - begin)
    text = json.dumps(out).encode()
    target.write_bytes(struct.pack("<Q", len(text)) + text + data)


def measured(octet, checkpoint, folder, scheme):
    """(bits per weight, SQNR of the four), as octet reports them."""
    command = [octet, "quantize", str(checkpoint), str(folder / scheme), "--quiet", "--json", "--no-sync", *options_of(scheme)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    tensors = report["tensors"]
    wrong = [tensor["scheme"] for tensor in tensors if tensor["scheme"] != scheme]
    if wrong or [tensor["name"] for tensor in tensors] != NAMES:
        sys.exit(f"quality: asked for {scheme}, got {wrong}")
    return report["totals"]["bits_per_weight"], [tensor["sqnr_db"] for tensor in tensors]


def table(rows):
    lines = ["| scheme | bits per weight | mean | h.0 | h.1 | h.9 | h.11 |", "|---|---:|---:|---:|---:|---:|---:|"]
    for name, bits, values, kind in rows:
        label = f"llama-quantize {name}" if kind == "c" else f"`{name}`"
        cells = [f"{bits:.4f}".rstrip("0").rstrip("."), f"{sum(values) / 4:.2f}", *(f"{value:.2f}" for value in values)]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def picture(rows):
    width, height, left, right, top, bottom = 800, 560, 60, 780, 70, 500
    x = lambda bits: left + (bits - 2) / 7 * (right - left)
    y = lambda sqnr: bottom - (sqnr - 8) / 42 * (bottom - top)
    parts = [pictures.text(16, 28, "SQNR against bits per weight, all state included", "title"),
             pictures.text(16, 48, "mean of four of GPT-2's attn.c_proj.weight; up and to the left is better", "small")]
    for bits in range(2, 10):
        parts += [pictures.line(x(bits), top, x(bits), bottom, "grid"), pictures.text(x(bits), bottom + 20, str(bits), "small", "middle")]
    for sqnr in range(10, 51, 5):
        parts += [pictures.line(left, y(sqnr), right, y(sqnr), "grid"),
                  pictures.text(left - 8, y(sqnr) + 4, f"{sqnr} dB", "small", "end")]
    for name, bits, values, kind in rows:
        mean = sum(values) / 4
        parts.append(f'<circle cx="{x(bits):.1f}" cy="{y(mean):.1f}" r="{4 if kind == "b" else 6}" class="{kind}"><title>'
                     f"{name}: {bits:.3f} bits, {mean:.2f} dB</title></circle>")
        if kind == "c":
            parts.append(pictures.text(x(bits) + 10, y(mean) + 14, name, "small"))
    for number, (kind, label) in enumerate((("a", "octet, two levels with search"), ("b", "octet, other schemes"), ("c", "llama-quantize"))):
        parts += [f'<circle cx="{left + 20}" cy="{top + 16 + 22 * number}" r="6" class="{kind}"/>',
                  pictures.text(left + 34, top + 21 + 22 * number, label)]
    return pictures.page(width, height, "SQNR of every scheme against its bits per weight, beside llama-quantize", parts)


def main():
    octet, source, doc, picture_file = sys.argv[1:]
    rows = [(name, bits, values, "c") for name, bits, values in PEERS]
    with tempfile.TemporaryDirectory() as name:
        checkpoint = Path(name) / "model.safetensors"
        extract(source, checkpoint)
        for scheme in SCHEMES:
            bits, values = measured(octet, checkpoint, Path(name), scheme)
            rows.append((scheme, bits, values, "a" if scheme.endswith("-mse-two") else "b"))
            print(f"{scheme:34} {bits:8.4f} {sum(values) / 4:7.3f}", flush=True)
    rows.sort(key=lambda row: (-round(row[1], 3), -sum(row[2])))
    text = Path(doc).read_text()
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    if not re.search(pattern, text, re.S):
        sys.exit(f"quality: {doc} has no place for the table")
    Path(doc).write_text(re.sub(pattern, lambda _: f"{BEGIN}\n{table(rows)}\n{END}", text, flags=re.S))
    Path(picture_file).write_text(picture(rows))


main()
