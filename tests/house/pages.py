#!/usr/bin/env python3
"""What is made from the table of options agrees with the program: pages.py SOURCE_DIR PAGES_DIR OCTET_PAGES

Help, manual pages, completions and the reference in docs/cli.md name the same options of each command; the values that completions offer
are those that the program takes; every command line in the documents has options that there are; and the pages are well formed for the
programs that read them, as far as those are here: groff, mandoc, bash, zsh, fish.
"""
import os
import re
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

OCTET = os.environ["OCTET_BIN"]
SOURCE, PAGES, MAKER = (Path(word) for word in sys.argv[1:4])
COMMANDS = ("quantize", "dequantize", "inspect", "verify", "compare", "plan", "generate", "evaluate", "calibrate", "show", "join")
MANUALS = sorted(PAGES.glob("*.1"))
OPTION = re.compile(r"^  (?:(-\w), )?(--[\w-]+)(?: (\S+))?(?:  |$)", re.MULTILINE)
LISTED = re.compile(r"^\* `(?:-\w, )?(--[\w-]+|-o)[^`]*` \(([^)]*)\):", re.MULTILINE)
TAGGED = re.compile(r"^(?:\\fB\\-\w\\fR, )?\\fB(\\-\\-[\w\\-]+)\\fR(?: \\fI(.*)\\fR)?$", re.MULTILINE)
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMPLETE = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _octet; printf "%s\\n" "${COMPREPLY[@]}"'


def run(*words, code=0):
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=60)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def help_of(command):
    return run(OCTET, command, "--help").stdout


def options_in_help(command):
    """{option: name of its value, or None}"""
    return {name: value for _, name, value in OPTION.findall(help_of(command)) for value in [value or None]}


def bash(*words):
    """What TAB offers behind these words, the last of which is being typed."""
    return run("bash", "--norc", "-c", COMPLETE, PAGES / "octet.bash", *words).stdout.split()


def reference():
    """{command: options} as docs/cli.md lists them"""
    found = {command: set() for command in COMMANDS}
    made = (SOURCE / "docs" / "cli.md").read_text().split("<!-- made: options -->")[1].split("<!-- end -->")[0]
    for name, commands in LISTED.findall(made):
        for command in COMMANDS if commands == "every command" else commands.split(", "):
            if command != "octet itself":
                found[command].add(name)
    return found


class Pages(unittest.TestCase):
    maxDiff = None

    def needs(self, program):
        if not shutil.which(program):
            self.skipTest(f"no {program}")

    def test_the_reference_is_what_the_table_says(self):
        document = SOURCE / "docs" / "cli.md"
        self.assertEqual(run(MAKER, "--reference", document).stdout, document.read_text(), "run scripts/reference.sh")
        with tempfile.TemporaryDirectory() as folder:
            other = Path(folder) / "cli.md"
            other.write_text(document.read_text().replace("* `--sizes` (inspect)", "* `--sises` (inspect)"))
            self.assertEqual(run(MAKER, "--reference", other).stdout, document.read_text())
            other.write_text("<!-- made: nonsense -->\n<!-- end -->\n")
            self.assertIn("'nonsense'", run(MAKER, "--reference", other, code=1).stderr)

    def test_help_manual_reference_and_completion_name_the_same_options(self):
        listed = reference()
        for command in COMMANDS:
            helped = options_in_help(command)
            self.assertGreater(len(helped), 7, command)
            page = (PAGES / f"octet-{command}.1").read_text().replace("\\-", "-")
            tagged = TAGGED.findall((PAGES / f"octet-{command}.1").read_text())
            self.assertEqual({name.replace("\\-", "-"): value.replace("\\-", "-") or None for name, value in tagged}, helped, page[:80])
            self.assertEqual(listed[command], set(helped))
            self.assertEqual({word for word in bash("octet", command, "--")}, set(helped))

    def test_the_values_that_are_offered_are_those_that_are_taken(self):
        lists = 0
        for command in COMMANDS:
            paths = [p for p in ("nowhere", "nowhere.safetensors")][:2 if command in ("quantize", "dequantize", "compare") else 1]
            for option, value in options_in_help(command).items():
                offered = bash("octet", command, option, "") if value not in (None, "FILE", "INPUT", "MODEL2") else []
                for word in offered:
                    word += "99" if word.endswith(":") else ""
                    self.assertNotIn("is not one of", run(OCTET, command, *paths, option, word, code=None).stderr)
                if offered:
                    lists += 1
                    refused = run(OCTET, command, *paths, option, "nonsense", code=2).stderr
                    named = re.search(r"is not one of ([^;\n]*)", refused)
                    if named:  # of --bits it says from what to what
                        self.assertEqual([name.rstrip("P") for name in named.group(1).split(", ")], offered)
        self.assertGreaterEqual(lists, 9 * 2 + 2 * 8 + 2)

    def test_help_fits_80_columns_and_names_every_value(self):
        for text in [run(OCTET, "--help").stdout, run(OCTET, code=2).stdout, *map(help_of, COMMANDS)]:
            self.assertLessEqual(max(map(len, text.splitlines())), 80, text)
            self.assertNotIn("TEXT REQUIRED", text)

    def test_every_command_line_in_the_documents_has_options_that_there_are(self):
        known = {command: set(options_in_help(command)) | {"-o", "-h"} for command in COMMANDS}
        lines = 0
        for path in (SOURCE / "README.md", *sorted((SOURCE / "docs").rglob("*.md"))):
            text = path.read_text()
            texts = [line for block in FENCE.findall(text) for line in block.splitlines() if line.startswith("$ ")]
            texts += re.findall(r"`(octet [^`]+)`", FENCE.sub("", text))
            for line in texts:
                for command, rest in re.findall(r"\boctet (\w+)((?: [^|;&>`]*)?)", line):
                    if command not in known:
                        continue
                    try:
                        words = shlex.split(rest)
                    except ValueError:  # a quoted | or ; cut it
                        words = rest.split()
                    for word in words:
                        if re.match(r"--?[a-z]", word):
                            lines += 1
                            self.assertIn(word.split("=")[0], known[command], f"{path.name}: {line}")
        self.assertGreater(lines, 40)

    def test_bash_completes_commands_options_values_and_paths(self):
        self.assertEqual(bash("octet", "quantize", "--gran"), ["--granularity"])
        self.assertEqual(bash("octet", "quantize", "--preset", ""), ["all", "lesson", "linear", "q8", "q6", "q4"])
        self.assertEqual(bash("octet", "quantize", "--preset", "=", "q"), ["q8", "q6", "q4"])
        self.assertEqual(bash("octet", "quantize", "--preset", "="), ["all", "lesson", "linear", "q8", "q6", "q4"])
        self.assertEqual(bash("octet", "plan", "--range", "per"), ["percentile:"])
        self.assertEqual(bash("octet", "quantize", "--max-size", ""), [])
        self.assertEqual(bash("octet", "ver"), ["verify"])
        self.assertEqual(bash("octet", "help", "ver"), ["verify"])
        self.assertEqual(bash("octet", "inspect", "--gran"), [])
        self.assertEqual(bash("/usr/bin/quantize", "--gran"), ["--granularity"])
        for words in (("inspect",), ("quantize", "--rules"), ("quantize", "--force"), ("calibrate", "-o")):
            self.assertEqual(bash("octet", *words, f"{SOURCE}/READ"), [f"{SOURCE}/README.md"])

    def test_bash_zsh_and_fish_read_their_files(self):
        for shell, name in (("bash", "octet.bash"), ("zsh", "_octet"), ("fish", "octet.fish")):
            with self.subTest(shell):
                self.needs(shell)
                done = run(shell, "-n", PAGES / name)
                self.assertEqual(done.stdout + done.stderr, "")

    def test_fish_completes_options_and_values(self):
        self.needs("fish")

        def fish(line):
            done = run("fish", "--no-config", "-c", f"source {PAGES}/octet.fish; complete -C {shlex.quote(line)}")
            self.assertEqual(done.stderr, "")
            return [word.split("\t")[0] for word in done.stdout.splitlines()]

        self.assertEqual(fish("octet quantize --gran"), ["--granularity"])
        self.assertEqual(sorted(fish("octet quantize --preset ")), ["all", "lesson", "linear", "q4", "q6", "q8"])
        self.assertEqual(fish("octet plan --range per"), ["percentile:"])
        self.assertEqual(fish("octet ver"), ["verify"])
        self.assertEqual(fish("octet quantize --max-size "), [])
        self.assertEqual(fish(f"octet inspect {SOURCE}/READ"), [f"{SOURCE}/README.md"])

    def test_zsh_completes_options_and_values(self):
        self.needs("zsh")
        self.assertIn("--granularity", self.zsh("octet quantize --gran", "--granularity"))
        for line in ("octet quantize --preset ", "quantize --preset="):
            shown = self.zsh(line, "q8")
            for word in ("all", "lesson", "linear", "q4", "q6", "q8"):
                self.assertIn(f"{word} ", shown)
        self.assertIn("percentile:", self.zsh("octet plan --range per", "percentile:"))
        self.assertIn("ify", self.zsh("octet ver", "ify"))

    def zsh(self, line, until):
        """What a terminal shows after `line` and TAB, until that is there."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        main_end, shell_end = os.openpty()
        shell = subprocess.Popen(["zsh", "-f", "-i"], stdin=shell_end, stdout=shell_end, stderr=shell_end, cwd=folder,
                                 env={"PATH": os.environ["PATH"], "TERM": "xterm", "ZDOTDIR": folder}, start_new_session=True)
        os.close(shell_end)
        self.addCleanup(os.close, main_end)
        self.addCleanup(shell.wait)
        self.addCleanup(shell.kill)
        os.write(main_end, f"stty cols 200; fpath=({PAGES} $fpath); autoload -Uz compinit; compinit -u -d dump; echo re''ady\n".encode())
        self.read(main_end, "ready\r\n")
        os.write(main_end, f"{line}\t\t".encode())
        return self.read(main_end, until)

    def read(self, descriptor, until):
        shown, end = "", time.monotonic() + 20
        while until not in shown and time.monotonic() < end:
            if select.select([descriptor], [], [], 0.2)[0]:
                shown += os.read(descriptor, 1 << 16).decode(errors="replace")
        return shown

    def test_manual_pages_are_well_formed(self):
        self.assertEqual(len(MANUALS), 1 + len(COMMANDS))
        for program in (("groff", "-man", "-ww", "-z", "-Tutf8"), ("mandoc", "-T", "lint")):
            with self.subTest(program[0]):
                self.needs(program[0])
                for page in MANUALS:
                    done = run(*program, page)
                    self.assertEqual(done.stdout + done.stderr, "")


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    for case, reason in result.skipped:
        print(f"skipped part: {case.id().replace('__main__.', '')}: {reason}")
    sys.exit(0 if result.wasSuccessful() else 1)
