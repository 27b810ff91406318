#!/usr/bin/env python3
"""hardened.py PROGRAM 'OBJECT;OBJECT;...': reads a built program, and the objects of the project in it, with readelf, and says what is missing of what
OCTET_HARDEN promises: a position of its own for each run, relocations that are read-only and bound before main(), no stack that can be executed;
in the objects (libraries that are linked in have their own) stack canaries, checked copies, and on x86 marks where indirect branches may land."""
import platform
import re
import shutil
import subprocess
import sys


def read(what, *files):
    return subprocess.run(["readelf", "-W", what, *files], check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout


def missing(program, objects):
    dynamic, segments = read("-d", program), read("-l", program)
    stack = re.search(r"GNU_STACK(?:\s+0x[0-9a-f]+){5}\s+([RWE ]+?)\s+0x", segments)
    symbols = read("-s", *objects)
    with_canaries = sum("__stack_chk_fail" in read("-s", one) for one in objects)
    checks = {
        "PIE": "DYN (" in read("-h", program) and re.search(r"FLAGS_1.*PIE", dynamic),
        "RELRO": "GNU_RELRO" in segments,
        "BIND_NOW": re.search(r"BIND_NOW|FLAGS_1.*NOW", dynamic),
        "a stack that cannot be executed": stack and "E" not in stack.group(1),
        "stack canaries": with_canaries > len(objects) / 2,
        "_FORTIFY_SOURCE": re.search(r"UND __\w+_chk\b", symbols),
    }
    if platform.machine() == "x86_64":
        checks["CET"] = all("IBT, SHSTK" in read("-n", one) for one in objects)
    return [name for name, found in checks.items() if not found]


def main():
    if not shutil.which("readelf"):
        print("no readelf here")
        return 77
    lacking = missing(sys.argv[1], [name for argument in sys.argv[2:] for name in argument.split(";")])
    print("missing: " + ", ".join(lacking) if lacking else "hardened")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
