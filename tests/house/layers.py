#!/usr/bin/env python3
"""The layer rule of docs/design.md, checked on the sources: layers.py PROJECT_DIR

A folder includes itself and anything strictly lower. Folders of one rank do not know each other.
"""
import re
import sys
from pathlib import Path

RANKS = [
    {"octet", "base"},  # include/octet and src/base: the basics
    {"kernels", "io"},
    {"quant", "formats/safetensors", "arch"},  # headers are read below checkpoint
    {"checkpoint"},
    {"formats", "tokenize"},
    {"formats/gguf"},  # a file for llama.cpp holds the tokenizer
    {"plan", "pipeline"},
    {"codecs"},
    {"survey"},  # what is decided with the data
    {"writers", "parts"},  # one folder an output format; what machines leave for each other
    {"commands", "report", "model"},
    {"(src)"},  # files directly in src/: the public functions put together; nobody includes them
    {"cli"},
]
RANK = {folder: rank for rank, folders in enumerate(RANKS) for folder in folders}
JSON_FOLDERS = {"formats/safetensors", "checkpoint", "formats", "formats/gguf", "tokenize", "plan", "report", "survey", "model"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
PRINTS = re.compile(
    r"\bstd::(cout|cerr|clog|print|println)\b|\bstdout\b|\bstderr\b|\bSTD(OUT|ERR)_FILENO\b"
    r"|\b(printf|vprintf|puts|putchar|perror)\s*\(|\bfmt::print\w*\s*\(")
EXITS = re.compile(r"\b(exit|_exit|_Exit|quick_exit)\s*\(")
NOT_CODE = re.compile(
    r'R"(?P<d>[^()\\\s]{0,16})\(.*?\)(?P=d)"'  # raw strings
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'"  # characters, but not the digit separators of 1'000
    r"|//[^\n]*|/\*.*?\*/",
    re.DOTALL)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def sources(root):
    for top in ("include", "src"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in {".hpp", ".h", ".cpp", ".inl", ".in"} and path.is_file():
                yield path


def room(parts):
    """The folder of a path below src/ or include/: its first part, unless a folder in it has a rank of its own."""
    inner = "/".join(parts[:2])
    return inner if inner in RANK else parts[0]


def folder_of(root, path):
    parts = path.relative_to(root).parts
    return room(parts[1:-1]) if len(parts) > 2 else "(src)"


def check_include(folder, path, quote, target):
    """Returns what is wrong with one #include, or None."""
    public = folder == "octet"
    if target.startswith("nlohmann/"):
        if folder not in JSON_FOLDERS:
            return "nlohmann belongs to " + ", ".join(sorted(JSON_FOLDERS))
        return "nlohmann in a header that others include" if path.suffix != ".cpp" else None
    if target.startswith("CLI/"):
        return None if folder == "cli" else "only cli/ knows CLI11"
    if target.startswith("xsimd"):
        return None if folder == "kernels" else "only kernels/ knows xsimd"
    if quote == "<" and not target.startswith("octet/"):
        return "a public header needs nothing but the standard library" if public and "/" in target else None
    if "/" not in target:
        return None if (path.parent / target).exists() else "write the folder: #include \"folder/file.hpp\""
    own = re.match(r"writers/\w+/", target)
    if own and not str(path.parent).endswith("src/" + own.group().rstrip("/")) and path.name != "registry.cpp":
        return "a format's own folder is known to the table of formats alone (writers/registry.cpp)"
    other = room(target.split("/")[:-1])
    if other not in RANK:
        return f"the folder {other}/ has no place in the layers"
    if other == folder or RANK[other] < RANK[folder] or (folder == "base" and other == "octet"):
        return None
    return f"{folder} must not know {other}"


def check(root):
    found = []
    for path in sources(root):
        folder = folder_of(root, path)
        text = path.read_text(encoding="utf-8")
        where = path.relative_to(root)

        def complain(position, what):
            found.append(f"{where}:{text.count(chr(10), 0, position) + 1}: {what}")

        if folder not in RANK:
            complain(0, f"the folder {folder}/ has no place in the layers")
            continue
        for match in INCLUDE.finditer(text):
            wrong = check_include(folder, path, match.group(1), match.group(2))
            if wrong:
                complain(match.start(2), f"{match.group(2)}: {wrong}")
        if folder == "cli":
            continue
        code = NOT_CODE.sub(blank, text)
        for match in PRINTS.finditer(code):
            complain(match.start(), f"{match.group().strip()}: nothing below src/cli prints")
        for match in EXITS.finditer(code):
            complain(match.start(), f"{match.group().strip()}: nothing below src/cli ends the process")
    return found


if __name__ == "__main__":
    findings = check(Path(sys.argv[1]))
    print("\n".join(findings) or "every include goes down the layers")
    sys.exit(1 if findings else 0)
