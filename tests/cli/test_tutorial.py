#!/usr/bin/env python3
"""README.md and docs/tutorial.md are true: every line that begins with `$ ` runs as it stands, in order and in one folder per
document, and prints what the document prints. `...` stands for lines that are left out. Times and rates are not compared;
other figures with a fraction may differ by 1 %, since those of running models depend on the instruction set in the last digits."""
import math
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

OCTET = Path(os.environ["OCTET_BIN"])
SOURCE = Path(os.environ["OCTET_SOURCE_DIR"])
FENCE = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)
TIMES = re.compile(r"done in [\d.e-]+ s|[\d,]+ tokens/s")
FRACTION = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|\d+e-\d+")


def sessions(path):
    """[(command, the lines that the document prints below it)]"""
    found = []
    for block in FENCE.findall(path.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found and block.startswith("$ "):
                found[-1][1].append(line)
    return found


def same(told, real):
    told, real = TIMES.sub("", told), TIMES.sub("", real)
    if FRACTION.sub("#", told) != FRACTION.sub("#", real):
        return False
    return all(math.isclose(float(a), float(b), rel_tol=0.01) for a, b in zip(FRACTION.findall(told), FRACTION.findall(real)))


def matches(told, real):
    """Whether the lines `told` are the lines `real`, `...` standing for any number of them."""
    if not told:
        return not real
    if told[0] == "...":
        return any(matches(told[1:], real[skipped:]) for skipped in range(len(real) + 1))
    return bool(real) and same(told[0], real[0]) and matches(told[1:], real[1:])


class Tutorial(unittest.TestCase):
    def check(self, document, least):
        steps = sessions(SOURCE / document)
        self.assertGreaterEqual(len(steps), least)
        self.assertTrue(all(told for command, told in steps if command.startswith("octet inspect")))
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "bin").mkdir()
            (Path(folder) / "bin" / "octet").symlink_to(OCTET)
            (Path(folder) / "testdata").symlink_to(SOURCE / "testdata")
            environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
            for command, told in steps:
                if command.startswith("jq") and not shutil.which("jq"):
                    continue
                if command.startswith("octet evaluate") and os.environ.get("OCTET_SANITIZE"):
                    continue  # minutes instead of seconds; cli.evaluate runs it on shorter texts
                done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=120)
                self.assertTrue(matches(told, done.stdout.splitlines()), f"{document}: $ {command}\nprints\n{done.stdout}")

    def test_every_command_of_the_readme_prints_what_it_says(self):
        self.check("README.md", 3)

    def test_every_command_of_the_tutorial_prints_what_it_says(self):
        self.check("docs/tutorial.md", 25)

    def test_another_figure_or_line_is_noticed(self):
        real = ["a 36.13 dB", "b", "done in 0.1 s"]
        self.assertTrue(matches(["a 36.14 dB", "...", "done in 7 s"], real))
        for told in (["a 36.9 dB", "..."], ["...", "c", "..."], ["a 36.13 dB", "b"], [*real, "d"], ["a 36.13 dB", "done in 0.1 s"]):
            self.assertFalse(matches(told, real), told)


if __name__ == "__main__":
    unittest.main()
