#!/usr/bin/env python3
"""What the documents name is there: documents.py PROJECT_DIR

Links lead to files and headings that exist, `folder/file.ext` in backticks is a file of the project, `cli.name` and `house.name` are tests,
`ctest -R "unit..."` finds some, and the constants that docs/design.md lists have the values it gives. A path with a word in CAPITALS is a pattern.

All documents but the change log keep their lines within 100 columns and the cells of their tables within 100 characters; code blocks may be wider.

Every source of include/ and src/ begins with a paragraph that says what it is.
"""
import re
import sys
from pathlib import Path

UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "elements": 1}
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]+))?\)")
FILE = re.compile(r"`((?:[\w.-]+/)+[\w-]+\.(?:cpp|hpp|py|sh|md|txt|dict))`")
UNIT = re.compile(r'`ctest -R "(unit[^"]+)"')
CASE = re.compile(r'TEST_CASE\(\s*"([^"]+)"')
TEST = re.compile(r"`((?:cli|house)\.\w+)`")
CONSTANT = re.compile(r"^\| `(k\w+)` = ([\d,]+) ?(\w*) \| `([\w/.]+)`", re.MULTILINE)
ROOTS = ("", "src", "tests", "include", "docs")
MOST_COLUMNS = 100
LEAST_WORDS = 4


def slug(heading):
    """As repository hosts make anchors of headings."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")


def anchors(path):
    text = FENCE.sub("", path.read_text())
    return {slug(line.lstrip("#")) for line in text.splitlines() if re.match(r"#+ ", line)}


def value_of(name, source):
    found = re.search(rf"\b{name} = ([^;]+);", source.read_text())
    if not found:
        return None
    expression = found.group(1).replace("'", "")
    expression = re.sub(r"\b(\d+)U?L*\b", r"\1", expression)
    return eval(expression, {"__builtins__": {}}) if re.fullmatch(r"[\d\s()*+<>-]+", expression) else None


def test_names(root):
    names = {f"cli.{path.stem.removeprefix('test_')}" for path in root.glob("tests/cli/test_*.py")}
    lists = (root / "tests/CMakeLists.txt").read_text()
    names |= {f"house.{name}" for name in re.findall(r"octet_script_test\((\w+) house", lists)}
    for path in root.glob("tests/unit/*.cpp"):
        names |= {f"unit.{case}" for case in CASE.findall(path.read_text())}
    return names


def findings_in(path, root, tests):
    prose = FENCE.sub("", path.read_text())
    for target, anchor in LINK.findall(prose):
        if "://" in target:
            continue
        linked = (path.parent / target) if target else path
        if not linked.exists():
            yield f"no {target}"
        elif anchor and linked.suffix == ".md" and anchor not in anchors(linked):
            yield f"{linked.name} has no heading #{anchor}"
    for name in FILE.findall(prose):
        if not re.search("[A-Z]{4}", name) and not any((root / folder / name).exists() for folder in ROOTS):
            yield f"no file {name}"
    for name in TEST.findall(prose):
        if name not in tests:
            yield f"no test {name}"
    for pattern in UNIT.findall(prose):
        if not any(re.search(pattern.replace("\\|", "|"), name) for name in tests):  # in a table | stands as \|
            yield f"no test matches {pattern}"


def layout_findings(path):
    """Lines and cells that are too long. A line that is one picture or one link cannot be wrapped."""
    text = FENCE.sub(lambda block: "\n" * block.group().count("\n"), path.read_text())
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)
            if max(len(cell.strip()) for cell in cells) > MOST_COLUMNS:
                yield f"line {number} has a cell of more than {MOST_COLUMNS} characters"
        elif len(line) > MOST_COLUMNS and " " in line.strip():
            yield f"line {number} has {len(line)} columns, more than {MOST_COLUMNS}"


def paragraph_findings(root):
    for top in ("include", "src"):
        for path in sorted((root / top).rglob("*.[ch]pp")):
            words = []
            for line in path.read_text().splitlines():
                if not line.startswith("//"):
                    break
                words += line.strip("/").split()
            if len(words) < LEAST_WORDS:
                yield f"{path.name}: does not begin with a paragraph (// ...) that says what it is"


def findings(root):
    yield from paragraph_findings(root)
    tests = test_names(root)
    for path in sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")]):
        yield from (f"{path.name}: {finding}" for finding in findings_in(path, root, tests))
    for path in sorted({*root.glob("*.md"), *root.glob("docs/**/*.md")} - {root / "CHANGELOG.md"}):
        yield from (f"{path.name}: {finding}" for finding in layout_findings(path))
    listed = CONSTANT.findall((root / "docs/design.md").read_text())
    if not listed:
        yield "design.md: lists no constants"
    for name, number, unit, where in listed:
        told = int(number.replace(",", "")) * UNITS.get(unit, 1)
        real = value_of(name, root / "src" / where)
        if real != told:
            yield f"design.md: {name} is {real} in {where}, not {told}"


def main():
    found = list(findings(Path(sys.argv[1])))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
