"""A set that is replaced while it is read. verify, dequantize, inspect and compare see the old set or the new one, whole: wherever in their work
they are when `quantize --force` puts another set there, and when that goes on all the time."""
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
import unittest

from faults import SHIM, needs_shim
from octet_case import BIN, OctetCase, contents, f32, main, make_file, make_sharded

VERIFIES = 200
KINDS = ("look", "open", "read", "map")


class Replaced(OctetCase):
    """Two models with tensors of the same names, in other files, with other companions and other values."""

    def setUp(self):
        super().setUp()
        for name, seed in (("a", 1), ("b", 2)):
            chance = random.Random(seed)
            make_file(self.dir / f"{name}.safetensors", [f32(f"t{i}", [chance.uniform(-1, 1) for _ in range(500)]) for i in range(6)])
            make_sharded(self.dir / name, self.dir / f"{name}.safetensors", 2 * seed - 1)
            if seed == 1:
                shutil.copy(self.dir / "a.safetensors", self.dir / "a" / "model.safetensors")
                for path in list((self.dir / "a").iterdir()):
                    if path.name != "model.safetensors":
                        path.unlink()
            for companion in ("config.json", "README.md", f"tokenizer_{name}.json"):
                (self.dir / name / companion).write_text(f'{{"{name}": "{companion}"}}\n')
            self.octet("quantize", name, f"set-{name}")
            self.octet("dequantize", f"set-{name}", f"back-{name}")
        self.place = self.dir / "place"
        self.place.mkdir()
        self.standing = "a"
        self.octet("quantize", "a", self.place / "set")

    def replace(self):
        self.standing = "b" if self.standing == "a" else "a"
        subprocess.run([BIN, "quantize", self.dir / self.standing, self.place / "set", "--force", "--quiet", "--no-sync"], check=True,
                       stdout=subprocess.DEVNULL)

    def commands(self):
        """Each with what is asked of its run."""
        target = self.place / "set"

        def restored(run):
            self.assertIn(contents(self.dir / "made"), (contents(self.dir / "back-a"), contents(self.dir / "back-b")))
            shutil.rmtree(self.dir / "made")

        return {"verify": (("verify", target, "--json"), lambda run: self.assertEqual(json.loads(run.out)["findings"], [])),
                "verify a file": (("verify", target), lambda run: None),
                "inspect": (("inspect", target, "--json"), lambda run: json.loads(run.out)),
                "compare": (("compare", target, self.dir / "a.safetensors"), lambda run: None),
                "dequantize": (("dequantize", target, self.dir / "made", "--no-sync", "--quiet"), restored)}

    @needs_shim
    def test_at_every_call(self):
        log = self.dir / "log"
        total = 0
        for name, (arguments, check) in self.commands().items():
            run = self.run_octet(*arguments, "--threads", "1", env={"LD_PRELOAD": SHIM, "OCTET_FAULT_LOG": str(log)}) \
                if name != "inspect" else self.run_octet(*arguments, env={"LD_PRELOAD": SHIM, "OCTET_FAULT_LOG": str(log)})
            self.assertEqual((run.code, run.err), (0, ""))
            check(run)
            counts = dict(line.split() for line in log.read_text().splitlines())
            for kind in KINDS:
                for call in range(1, int(counts[kind]) + 1):
                    with self.subTest(name, fault=f"{kind}:{call}"):
                        total += 1
                        check(self.stopped_run(f"{kind}:{call}:stop", *arguments))
        print(f"replaced at {total} calls")
        self.assertGreater(total, 150)

    def stopped_run(self, fault, *arguments):
        """A run that stops before a call, goes on once the set is another one, and succeeds."""
        process = subprocess.Popen([BIN, *arguments], cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, "LD_PRELOAD": SHIM, "OCTET_FAULT": fault})
        while not os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG):
            time.sleep(0.0005)
        self.replace()
        try:
            os.kill(process.pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err), (0, ""))
        return Finished(out)

    def test_all_the_time(self):
        over = threading.Event()
        replaced = [0]

        def go_on():
            while not over.is_set():
                self.replace()
                replaced[0] += 1

        other = threading.Thread(target=go_on)
        other.start()
        try:
            runs = 0
            commands = self.commands()
            while runs < VERIFIES or replaced[0] < VERIFIES / 4:
                for name in ("verify", "verify a file") if runs % 10 else commands:
                    arguments, check = commands[name]
                    run = self.run_octet(*arguments)
                    self.assertEqual((run.code, run.err), (0, ""), f"{name} after {replaced[0]} replacements: {run.out}")
                    check(run)
                    runs += 1
        finally:
            over.set()
            other.join()
        print(f"{runs} runs during {replaced[0]} replacements")

    def test_what_is_broken_is_still_found(self):
        """A finding in a set that nobody replaces stays one."""
        (self.place / "set" / "config.json").unlink()
        run = self.run_octet("verify", self.place / "set")
        self.assertEqual(run.code, 1)
        self.assertIn("config.json", run.out)


class Finished:
    def __init__(self, out):
        self.out = out


if __name__ == "__main__":
    main()
