#!/usr/bin/env python3
"""documents.py finds what it is there to find, and nothing in documents that are true."""
import tempfile
from pathlib import Path

import documents

GOOD = {
    "README.md": "# A b\n[here](#a-b) [there](docs/cli.md#the-c--d-of-it), [web](https://example.org/x.md#y),\n"
                 "`src/run/steps.cpp`, `run/steps.cpp`\n"
                 f"{'x' * 99}\n| {'x' * 100} | {'x' * 60}\\|{'x' * 38} |\n```\n{'x ' * 60}\n```\n"
                 "`cli.gates`, `house.layers`, `ctest -R \"unit.*every (bit\\|byte)\"`, `cli/COMMAND_command.cpp`\n```\n[no](link.md)\n```\n",
    "docs/cli.md": "## The `c` / d of it\n",
    "docs/design.md": "| `kBatchBytes` = 128 KiB | `run/steps.cpp` | why |\n| `kMost` = 1,000 | `run/steps.cpp` | |\n",
    "src/run/steps.cpp": "// Cuts tensors into steps.\nconstexpr std::uint64_t kBatchBytes = 128U << 10U;\nconstexpr int kMost = 1'000;\n",
    "tests/cli/test_gates.py": "",
    "tests/CMakeLists.txt": 'octet_script_test(layers house Python3::Interpreter "x.py")\n',
    "tests/unit/a_test.cpp": 'TEST_CASE("finds every bit", "[a]") {}\n',
}
BAD = {
    "README.md": ["[x](#b)", "[x](docs/gone.md)", "[x](docs/cli.md#c)", "`run/gone.cpp`", "`cli.gone`", "`house.gone`",
                  '`ctest -R "unit.*gone"`', "x " * 51, f"| a | {'x' * 101} |"],
    "docs/experiments/one.md": ["x " * 51, "[x](../gone.md)"],
    "src/run/other.cpp": ["int x;\n", "\n// Cuts tensors into steps.\n", "// Steps.\n"],
    "include/run/other.hpp": ["#pragma once\n// Cuts tensors into steps.\n"],
    "docs/design.md": ["", "| `kBatchBytes` = 1 MiB | `run/steps.cpp` | |", "| `kGone` = 1 | `run/steps.cpp` | |"],
}


def findings(files):
    with tempfile.TemporaryDirectory() as name:
        for path, text in files.items():
            target = Path(name) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return list(documents.findings(Path(name)))


assert findings(GOOD) == [], findings(GOOD)
for path, texts in BAD.items():
    for text in texts:
        found = findings(GOOD | {path: text})
        assert len(found) == 1 and found[0].startswith(Path(path).name), (path, text, found)
print(sum(len(texts) for texts in BAD.values()), "violations caught")
