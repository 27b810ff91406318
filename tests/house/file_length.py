#!/usr/bin/env python3
"""One idea a file: at most 400 lines, or a reason at its top ("longer than 400 lines because ..."). main.cpp: 60. A command reads like its
documentation: src/commands/NAME.cpp has at most 165."""
import sys
from pathlib import Path

LIMIT, MAIN_LIMIT, COMMAND_LIMIT, REASON = 400, 60, 165, "longer than 400 lines because"
COMMANDS = {"quantize", "dequantize", "verify", "compare", "plan", "inspect"}

root = Path(sys.argv[1])
found = []
for top in ("include", "src", "tests", "bench"):
    for path in sorted((root / top).rglob("*")):
        if path.suffix not in {".hpp", ".h", ".cpp", ".inl", ".py", ".sh"} or not path.is_file():
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        where = path.relative_to(root)
        limit = LIMIT
        if where.as_posix() == "src/cli/main.cpp":
            limit = MAIN_LIMIT
        elif where.parent.as_posix() == "src/commands" and path.stem in COMMANDS:
            limit = COMMAND_LIMIT
        if len(lines) > limit and not (limit == LIMIT and any(REASON in line for line in lines[:10])):
            found.append(f"{where}: {len(lines)} lines, at most {limit}; split it by idea")
print("\n".join(found) or "no file is too long")
sys.exit(1 if found else 0)
