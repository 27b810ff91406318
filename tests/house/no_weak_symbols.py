#!/usr/bin/env python3
"""No ISA file leaves an inline function behind: no_weak_symbols.py 'OBJECT;OBJECT;...'

The linker keeps one copy of a weak function for the whole program. If that is the copy from an object compiled for AVX2, an
older CPU dies of SIGILL far away from any kernel. dispatch.cpp is compiled for the baseline and does no such harm.
"""
import re
import shutil
import subprocess
import sys

nm = shutil.which("nm") or shutil.which("llvm-nm-14") or shutil.which("llvm-nm")
if not nm:
    print("skipped: no nm here")
    sys.exit(77)
objects = [name for argument in sys.argv[1:] for name in argument.split(";") if re.search(r"(?:kernels|products|blocks)_[a-z0-9]+\.", name)]
if not objects:
    sys.exit("no kernel objects to look at")

found = []
for name in objects:
    symbols = subprocess.run([nm, "-C", name], check=True, capture_output=True, text=True).stdout
    for line in symbols.splitlines():
        # W, V: weak with a definition; u: unique. Lower case w and v are mere references.
        match = re.match(r"^\S*\s+([WVu]) (.*)$", line)
        # -fsanitize=function describes each function's type: data, no instructions.
        if match and not match.group(2).startswith("typeinfo "):
            found.append(f"{name.rsplit('/', 1)[-1]}: {match.group(1)} {match.group(2)}")
print("\n".join(found) or f"{len(objects)} kernel objects, no weak symbol")
sys.exit(1 if found else 0)
