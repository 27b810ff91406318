"""SIGKILL at random instants: the old set stands, or the new one, or nothing where there was nothing; verify passes; the next run removes
what was left and says so. INT, TERM and HUP at random instants: the documented exit code, one line, nothing left."""
import os
import random
import shutil
import signal
import statistics
import subprocess
import time

from octet_case import BIN, OctetCase, Tensor, f32, floats, main, make_file, snapshot

SANITIZED = bool(os.environ.get("OCTET_SANITIZE"))
KILLS = int(os.environ.get("OCTET_KILLS", 12 if SANITIZED else 220))    # runs that SIGKILL ends
SIGNALS = int(os.environ.get("OCTET_SIGNALS", 4 if SANITIZED else 20))  # runs that each of INT, TERM and HUP interrupts


def heed_signals():
    """In a child: whoever runs the tests may ignore signals (nohup, a shell's background), and children inherit that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class RandomInstants(OctetCase):
    """A checkpoint large enough that instants hit work, and small ones to stand before it and to run after it."""

    def setUp(self):
        super().setUp()
        block = floats([((i * 2654435761) % 4096) / 4096 - 0.5 for i in range(1 << 15)])
        make_file(self.dir / "large.safetensors", [Tensor(f"t{i}", "F32", [1 << 20], block * 32) for i in range(4)])
        make_file(self.dir / "small.safetensors", [f32("w", [1, 2, 3])])
        for name in ("large", "small"):
            self.octet("quantize", f"{name}.safetensors", f"expected-{name}")
        self.wholes = {name: snapshot(self.dir / f"expected-{name}") for name in ("large", "small")}
        self.target = self.dir / "set"
        self.seconds = statistics.median(self.timed() for _ in range(5))

    def reset(self, standing):
        for path in (self.target, *self.building()):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        if standing:
            shutil.copytree(self.dir / f"expected-{standing}", self.target)

    def building(self):
        """The hidden folder and the journal of a run."""
        return list(self.dir.glob(".set.octet-*"))

    def start(self):
        return subprocess.Popen([str(BIN), "quantize", "large.safetensors", "set", "--force", "--quiet"], cwd=self.dir,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                preexec_fn=heed_signals)

    def timed(self):
        self.reset("small")
        process = self.start()
        start = time.perf_counter()
        self.assertEqual(process.wait(), 0)
        seconds = time.perf_counter() - start
        process.communicate()
        return seconds

    def standing(self):
        if not self.target.exists():
            return None
        found = snapshot(self.target)
        return next((name for name, whole in self.wholes.items() if whole == found), sorted(found))

    def ended_by(self, number, delay):
        """Runs, sends the signal after `delay` seconds, and returns (exit code, stderr)."""
        process = self.start()
        until = time.perf_counter() + delay
        while time.perf_counter() < until and process.poll() is None:
            time.sleep(min(2e-4, max(0, until - time.perf_counter())))
        process.send_signal(number)
        _, err = process.communicate()
        return process.returncode, err.decode()

    def instants(self, count):
        """Seeded, over the whole run and a little more, a third of them in the last fifth, where it commits."""
        chance = random.Random(20240711)
        for i in range(count):
            yield self.seconds * (chance.uniform(0.8, 1.1) if i % 3 == 0 else chance.uniform(0.0, 1.0))

    def test_sigkill_at_random_instants(self):
        seen, killed, leftovers, i = {}, 0, 0, 0
        for i, delay in enumerate(self.instants(4 * KILLS)):
            if killed == KILLS:
                break
            before = "small" if i % 2 else None
            self.reset(before)
            code, err = self.ended_by(signal.SIGKILL, delay)
            killed += code == -signal.SIGKILL
            self.seconds *= 1.01 if code else 0.98  # how long a run takes depends on what else the machine does
            left = bool(self.building())
            leftovers += left
            standing = self.standing()
            seen[str(standing)] = seen.get(str(standing), 0) + 1
            with self.subTest(i, delay=delay):
                self.assertIn(code, (-signal.SIGKILL, 0))
                self.assertIn(standing, (before, "large"))
                if standing:
                    self.assertEqual(self.octet("verify", "set").err, "")
                run = self.octet("quantize", "small.safetensors", "set", "--force")
                said = f"octet: removed what an interrupted run had left in {self.dir} for {self.target}\n" if left else ""
                self.assertEqual((run.err, self.standing(), self.building()), (said, "small", []))
        print(f"{killed} of {i} runs of {1000 * self.seconds:.1f} ms were killed, {leftovers} left something; stood: {seen}")
        self.assertEqual(killed, KILLS)
        self.assertGreater(leftovers, KILLS // 4)

    def test_int_term_and_hup_at_random_instants(self):
        codes = {}
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            interrupted = 0
            for i, delay in enumerate(self.instants(20 * SIGNALS)):
                if interrupted == SIGNALS:
                    break
                before = "small" if i % 2 else None
                self.reset(before)
                code, err = self.ended_by(number, delay)
                codes[code] = codes.get(code, 0) + 1
                interrupted += code == 128 + number
                self.seconds *= 1.01 if code else 0.95  # as above
                with self.subTest(i, signal=number, delay=delay):
                    self.assertEqual(self.building(), [])
                    if code == 0:  # it had come too late to stop anything
                        self.assertEqual((self.standing(), err), ("large", ""))
                    elif code == -number:  # it had come before the program looked for it
                        self.assertEqual((self.standing(), err), (before, ""))
                    else:
                        self.assertEqual((code, err), (128 + number, "octet: interrupted; nothing was changed\n"))
                        self.assertEqual(self.standing(), before)
            self.assertEqual(interrupted, SIGNALS, (number, codes))
        print(f"{3 * SIGNALS} runs of {1000 * self.seconds:.1f} ms were interrupted, exit codes {codes}")


if __name__ == "__main__":
    main()
