"""What an attacker plants under octet's hidden names, and what is swapped in while octet works: nothing outside the place that was named
is touched, and what was planted stays as it was."""
import os
import shutil
import socket
import stat
import subprocess
import sys
import time

from octet_case import BIN, SIDECAR, OctetCase, f32, main, make_file, snapshot

NOBODY = 65534
SANITIZED = bool(os.environ.get("OCTET_SANITIZE"))
SWAPS = int(os.environ.get("OCTET_SWAPS", 50 if os.environ.get("OCTET_SANITIZE") else 300))
BESIDE = (".{}.octet-journal", ".{}.octet-building", ".{}.octet-building-00000000", ".{}.octet-saved-00000000")
INSIDE = (".octet-journal", ".octet-building", ".octet-building-00000000", ".octet-saving", ".octet-new", ".octet-old")


def as_nobody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


class Planted(OctetCase):
    def setUp(self):
        super().setUp()
        self.victim = self.dir / "victim"
        (self.victim / "sub").mkdir(parents=True)
        for name in ("a", "sub/b", SIDECAR, "model.octet.safetensors", "config.json", "back.safetensors"):
            (self.victim / name).write_text("mine")
        (self.dir / "model").mkdir()
        make_file(self.dir / "model" / "model.safetensors", [f32("w", [1, 2, 3])])
        (self.dir / "model" / "config.json").write_text("{}")
        self.octet("quantize", "model", "set")
        self.octet("quantize", "model", "model.gguf", "--type", "q8_0", "--arch", "none")
        self.program = shutil.copy(BIN, self.dir / "octet")  # the build may lie where nobody may look
        self.work = self.dir / "work"

    def kinds(self):
        """Makers of what may be planted: name and function of a path."""
        def folder(path):
            shutil.copytree(self.victim, path)

        def forged_journal(path):
            status = self.victim.stat()
            name = "../victim"
            path.write_text(f"octet-journal 1\nbuild {name}\nbuilt {status.st_ino}\nfile a\n")

        def forged_plain_journal(path):
            path.write_text("octet-journal 1\nbuild .out.octet-building-00000000\nbuilt 1\nfile config.json\nsave sub\nsaved 1\n"
                            f"old 1 a\nnew 1 {SIDECAR}\n")

        def other_users_folder(path):
            folder(path)
            if os.geteuid() == 0:
                os.chown(path, 12345, 12345)

        def sock(path):
            with socket.socket(socket.AF_UNIX) as listener:  # its name is short enough relative to the folder only
                here = os.getcwd()
                os.chdir(path.parent)
                try:
                    listener.bind(path.name)
                finally:
                    os.chdir(here)

        return {"a link to a folder": lambda path: path.symlink_to(self.victim),
                "a link to a file": lambda path: path.symlink_to(self.victim / "a"),
                "a link to nothing": lambda path: path.symlink_to(self.dir / "nothing"),
                "a hard link": lambda path: os.link(self.victim / "a", path),
                "a real folder": folder, "an empty folder": lambda path: path.mkdir(), "another user's folder": other_users_folder,
                "a FIFO": lambda path: os.mkfifo(path), "a socket": sock, "a file": lambda path: path.write_text("mine"),
                "a forged journal that leads out": forged_journal, "a forged journal": forged_plain_journal}

    def roads(self):
        """What writes: target, whether a set stands there before, and arguments."""
        quantize = ("quantize", "../model", "out", "--quiet")
        gguf = ("quantize", "../model", "out.gguf", "--type", "q8_0", "--arch", "none", "--quiet")
        return (("out", False, quantize), ("out", True, (*quantize, "--force")), ("out", True, (*quantize, "--force", "--min-sqnr", "900")),
                ("back.safetensors", False, ("dequantize", "../set", "back.safetensors", "--quiet")),
                ("back", False, ("dequantize", "../set", "back", "--quiet")),
                ("out", True, ("dequantize", "../set", "out", "--force", "--quiet")),
                ("out.gguf", False, gguf), ("out.gguf", False, (*gguf, "--min-sqnr", "900")), ("out", True, ("dequantize", "../model.gguf", "out", "--force", "--quiet")),
                ("back.safetensors", False, ("dequantize", "../model.gguf", "back.safetensors", "--quiet")))

    def attack(self, name, make, target, has_set, arguments, user):
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        if has_set:
            shutil.copytree(self.dir / "set", self.work / target)
        path = self.work / name
        make(path)
        if user is not None and os.geteuid() == 0:
            for found in (self.work, *self.work.rglob("*")):
                status = found.lstat()
                if status.st_uid == 0 and (stat.S_ISDIR(status.st_mode) or status.st_nlink == 1):
                    os.lchown(found, NOBODY, NOBODY)
        victim, planted = snapshot(self.victim), self.entry(path)
        run = self.run_octet(*arguments, cwd=self.work, program=self.program, preexec_fn=user)
        self.assertIn(run.code, (0, 1, 2, 4), run.err)
        self.assertEqual(snapshot(self.victim), victim)
        if not os.path.lexists(path):  # a journal of octet's form, which names nothing that is octet's, is no more than that
            self.assertEqual((planted[0], run.code in (0, 1)), ("forged", True), run.err)
        else:
            self.assertEqual(self.entry(path), planted)
        standing = self.work / target
        if run.code == 0:
            self.assertFalse(standing.is_symlink())
            if (standing / SIDECAR).exists():
                self.octet("verify", standing)
        if run.code in (2, 4):
            self.assertRegex(run.err, r"\Aoctet: [^\n]*\n\Z")
            self.assertEqual(os.path.lexists(standing), has_set)
        hidden = [found for found in self.work.rglob(".*octet-*") if found != path and path not in found.parents]
        self.assertEqual(hidden, [])
        return run.code

    def entry(self, path):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and path.read_text().startswith("octet-journal 1\n"):
            return ("forged", path.read_text())
        content = path.read_text() if stat.S_ISREG(status.st_mode) else snapshot(path) if stat.S_ISDIR(status.st_mode) else None
        return (status.st_mode, status.st_ino, status.st_uid, content)

    def attack_everywhere(self, user):
        count, codes = 0, {}
        for target, has_set, arguments in self.roads():
            names = [name.format(target) for name in BESIDE]
            if has_set:
                names += [f"{target}/{name}" for name in INSIDE]
            for i, name in enumerate(names):
                for j, (kind, make) in enumerate(self.kinds().items()):
                    if SANITIZED and (i + j) % 3:
                        continue  # all of them are tried in the release build
                    with self.subTest(kind, name=name, arguments=arguments):
                        code = self.attack(name, make, target, has_set, arguments, user)
                        codes[code] = codes.get(code, 0) + 1
                        count += 1
        print(f"{count} combinations, exit codes {codes}")
        self.assertGreaterEqual(count, 60)

    def test_nothing_outside_the_place_is_touched(self):
        self.attack_everywhere(None)

    def test_nor_by_a_user_who_is_not_root(self):
        if os.geteuid() != 0:
            self.skipTest("is not root")
        self.dir.chmod(0o755)
        self.attack_everywhere(as_nobody)

    def test_calibrate_follows_no_planted_link(self):
        (self.dir / "text").write_text("Once upon a time there was a little girl.")
        model = os.path.join(os.environ["OCTET_SOURCE_DIR"], "testdata", "tiny-gpt2")
        for name in (".weights.safetensors.octet-building", ".weights.safetensors.octet-journal", "weights.safetensors"):
            self.work.mkdir()
            (self.work / name).symlink_to(self.victim)
            before = snapshot(self.victim)
            self.run_octet("calibrate", model, "--text", "../text", "-o", "weights.safetensors", cwd=self.work)
            self.assertEqual(snapshot(self.victim), before)
            self.assertTrue((self.work / name).is_symlink())
            shutil.rmtree(self.work)

    def test_what_comes_to_the_old_set_meanwhile_is_not_lost(self):
        """Files that appear in OUT_DIR at any instant of quantize --force: they stand there after it, or lie where it says."""
        self.work.mkdir()
        self.octet("quantize", "../model", "out", cwd=self.work)
        refused = set_aside = 0
        for i in range(60):
            process = subprocess.Popen([str(BIN), "quantize", "../model", "out", "--force", "--quiet"], cwd=self.work,
                                       stderr=subprocess.PIPE, universal_newlines=True)
            time.sleep(i % 30 * 1e-3)
            late = f"late-{i}"
            try:
                (self.work / "out" / late).write_text("mine")
            except FileNotFoundError:
                late = None
            _, err = process.communicate()
            if late is None:
                continue
            found = list(self.work.rglob(late))
            self.assertEqual(len(found), 1, err)
            found[0].unlink()
            hidden = found[0].parent
            refused += process.returncode != 0 and hidden.name == "out"
            if hidden.name != "out":
                set_aside += 1
                self.assertIn(hidden.name, err)
        print(f"of 60 runs {refused} were refused for a late file, {set_aside} set it aside")


class Swapped(Planted):
    """Names exchanged with links to a victim, again and again, while octet works."""

    SWAPPER = """
import ctypes, os, random, sys, time
libc = ctypes.CDLL(None)
work, victim, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.chdir(work)
os.symlink(victim, "evil")
chance = random.Random(7)
counts = {"out": 0, "hidden": 0}
def exchange(name):
    return libc.renameat2(-100, name.encode(), -100, b"evil", 2) == 0
while sum(counts.values()) < wanted and os.path.exists("go"):
    for name in os.listdir("."):
        kind = "hidden" if ".octet-building-" in name or ".octet-saved-" in name else name
        if kind not in counts or os.path.islink(name) or (kind == "out" and chance.random() < 0.98) or not exchange(name):
            continue
        counts[kind] += 1
        time.sleep(chance.random() * chance.choice((0, 1e-4, 1e-3, 5e-3)))
        if chance.random() < 0.9:
            counts[kind] += exchange(name)
        elif not os.path.islink("evil"):
            os.rename("evil", f"aside-{sum(counts.values())}")
            os.symlink(victim, "evil")
        if kind == "out" and os.path.islink("out"):
            os.remove("out")
print(counts["out"], counts["hidden"])
"""

    def test_links_swapped_in_between_two_calls(self):
        (self.victim / SIDECAR).unlink()  # else `out`, when it is the link, is a set whose user asks for its replacement
        self.work.mkdir()
        (self.work / "go").touch()
        before = snapshot(self.victim)
        swapper = subprocess.Popen([sys.executable, "-c", self.SWAPPER, str(self.work), str(self.victim), str(SWAPS)],
                                   stdout=subprocess.PIPE, universal_newlines=True)
        codes, until = {}, time.monotonic() + 240
        while swapper.poll() is None and time.monotonic() < until:
            # Not run_octet(), which keeps what was written for a look later: `out` may be the link by then.
            run = subprocess.run([str(BIN), "quantize", "../model", "out", "--force", "--quiet", "--no-sync"], cwd=self.work,
                                 stderr=subprocess.PIPE, check=False)
            codes[run.returncode] = codes.get(run.returncode, 0) + 1
            self.assertIn(run.returncode, (0, 2, 4), run.stderr)
            if len(codes) and sum(codes.values()) % 50 == 0:
                self.assertEqual(snapshot(self.victim), before)
        (self.work / "go").unlink()
        of_target, of_hidden = map(int, swapper.communicate()[0].split())
        print(f"{of_target} swaps of the target and {of_hidden} of hidden folders during {sum(codes.values())} runs, exit codes {codes}")
        self.assertEqual(snapshot(self.victim), before)
        self.assertGreaterEqual(of_target + of_hidden, SWAPS)


def load_tests(loader, tests, pattern):
    import unittest
    suite = unittest.TestSuite([loader.loadTestsFromTestCase(Planted)])
    suite.addTest(Swapped("test_links_swapped_in_between_two_calls"))
    return suite


if __name__ == "__main__":
    main()
