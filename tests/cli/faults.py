"""Single system calls of an unchanged octet made to fail or to kill it: what the tests with tests/faults/fault_shim.cpp share."""
import os
import shutil
import subprocess
import sys
import unittest

from octet_case import OctetCase, Tensor, f32, make_file, make_sharded, snapshot

SHIM = os.environ.get("OCTET_FAULTS")
INNER = "OCTET_TEST_INNER"  # set where a test runs again in a mount namespace of its own
needs_shim = unittest.skipUnless(SHIM, "LD_PRELOAD and a sanitizer do not go together: tested in the release build")
NO_EXCHANGE = {"OCTET_FAULT_NO_EXCHANGE": "1"}


class FaultCase(OctetCase):
    """Two models, small and of different files, and the sets that become of them. Runs write to `set`, in memory where that can be
    had: thousands of runs would wait for the disk else."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

    def setUp(self):
        super().setUp()
        noise = [((i * 2654435761) % 4096) / 4096 - 0.5 for i in range(20000)]
        for name in ("old", "one"):
            (self.dir / name).mkdir()
        make_file(self.dir / "old" / "model.safetensors", [f32("w", [1, 2, 3]), f32("v", noise[:5000])])
        (self.dir / "old" / "config.json").write_text("{}")
        make_file(self.dir / "one" / "model.safetensors", [f32("a", noise), f32("b", [4, 9]), Tensor("i", "I8", [3], b"abc")])
        make_sharded(self.dir / "new", self.dir / "one" / "model.safetensors", 2)
        (self.dir / "new" / "config.json").write_text('{"n": 1}\n')
        self.place = self.dir / "place"  # what is written goes here, and nothing else does
        self.place.mkdir()
        self.target = self.place / "set"
        self.wholes = {}
        for name in ("old", "new"):
            self.octet("quantize", name, f"expected-{name}")
            self.wholes[name] = snapshot(self.dir / f"expected-{name}")

    def with_fault(self, fault, *arguments, env=None):
        """Without the sandbox: what it looks for may fail, and the work goes on, with less to open."""
        return self.run_octet(*arguments, "--no-sandbox", env={"LD_PRELOAD": SHIM, "OCTET_FAULT": fault, **(env or {})})

    def counts(self, *arguments, env=None):
        """How often a run of this calls each class of system calls."""
        log = self.dir / "log"
        run = self.with_fault("", *arguments, env={"OCTET_FAULT_LOG": str(log), **(env or {})})
        self.assertEqual((run.code, run.err), (0, ""))
        counts = {name: int(count) for name, count in (line.split() for line in log.read_text().splitlines())}
        log.unlink()
        self.assertGreater(counts["any"], 20)
        return counts

    def reset(self, standing):
        """The target as it is before a run: absent (or, as a mount point, empty), or the old set."""
        for path in self.place.iterdir():
            if os.path.ismount(path):
                for inner in path.iterdir():
                    shutil.rmtree(inner) if inner.is_dir() else inner.unlink()
            else:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if standing:
            shutil.copytree(self.dir / f"expected-{standing}", self.target, dirs_exist_ok=True)

    def hidden(self):
        """What lies about beside a set: nothing, after a run that ended in its own way."""
        found = [path.name for path in self.place.iterdir() if path.name != "set"]
        if self.target.exists():
            found += [path.name for path in self.target.iterdir() if path.name.startswith(".octet-")]
        return found

    def standing(self):
        """Which set stands: "old", "new", None where there is no sidecar, or what there is, where it is no whole set."""
        if not (self.target / "quantization_state.json").exists():
            return None
        found = {name: entry for name, entry in snapshot(self.target).items() if not name.startswith(".octet-")}
        for name, whole in self.wholes.items():
            if found == whole:
                return name
        return sorted(found)

    def assert_mended(self, noted):
        """The next run succeeds, says what it removed where something was left, and leaves nothing."""
        run = self.octet("quantize", "new", self.target, "--force", "--quiet" if not noted else "--threads=1")
        self.assertEqual((self.standing(), self.hidden()), ("new", []))
        if noted:
            self.assertRegex(run.err, r"\A(octet: (removed|put back) [^\n]*interrupted run[^\n]*\n)+\Z")


def in_own_namespace(case, file, inner_case, tests):
    """Runs `inner_case` of `file` again where it may mount file systems; skips where that is not allowed."""
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    probe = [*unshare, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    if not shutil.which("unshare") or subprocess.run(probe, stderr=subprocess.DEVNULL).returncode != 0:
        case.skipTest("mount namespaces are not allowed here")
    done = subprocess.run([*unshare, sys.executable, file, inner_case], env={**os.environ, INNER: "1"},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    case.assertEqual(done.returncode, 0, done.stdout)
    case.assertIn(f"Ran {tests} test", done.stdout)
    print(done.stdout)


def mount_tmpfs(case, path, size="16m"):
    """A tmpfs at `path` until the test ends."""
    import ctypes
    path.mkdir(exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", str(path).encode(), b"tmpfs", 0, f"size={size},mode=755".encode()) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    case.addCleanup(libc.umount2, str(path).encode(), 2)
