"""How one thing is measured: page-cache states, whole processes in shuffled rounds, medians. Standard library only."""
import ctypes
import json
import mmap
import os
import random
import shutil
import statistics
import subprocess
from pathlib import Path

MIB = 1 << 20
BLOCK = {"fresh": 4 * MIB, "fragmented": 64 << 10}


class Contestant:
    """A command that reads `inputs` and leaves `output`. `needs_cold` drops the inputs from the page cache before every run."""

    def __init__(self, name, command, output=None, env=None, inputs=(), needs_cold=False):
        self.name, self.command, self.output = name, [str(word) for word in command], output
        self.env, self.inputs, self.needs_cold = env or {}, [Path(path) for path in inputs], needs_cold


def files_of(path):
    path = Path(path)
    return sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]


def size_of(path):
    return sum(file.stat().st_size for file in files_of(path))


def remove(path):
    if path is None:
        return
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def drop(path):
    """Out of the page cache."""
    for file in files_of(path):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def fill(path, state):
    """Drops the file from the page cache and reads it in again. fresh: in order, 4 MiB at a time, with read-ahead, which gives
    large folios. fragmented: 64 KiB at a time without read-ahead, which gives single pages."""
    drop(path)
    buffer = bytearray(BLOCK[state])
    for file in files_of(path):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            if state == "fragmented":
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
            while os.readv(descriptor, [buffer]) > 0:
                pass
        finally:
            os.close(descriptor)


def cached_share(path):
    """Part of the bytes that is in the page cache, or None where the system does not say."""
    try:
        mincore = ctypes.CDLL(None, use_errno=True).mincore
    except AttributeError:
        return None
    resident = pages = 0
    for file in files_of(path):
        size = file.stat().st_size
        if size == 0:
            continue
        with open(file, "rb") as stream, mmap.mmap(stream.fileno(), size, mmap.MAP_PRIVATE,
                                                   mmap.PROT_READ | mmap.PROT_WRITE) as mapping:
            vector = (ctypes.c_ubyte * (-(-size // mmap.PAGESIZE)))()
            anchor = ctypes.c_char.from_buffer(mapping)  # private and never written: only its address is wanted
            done = mincore(ctypes.c_void_p(ctypes.addressof(anchor)), ctypes.c_size_t(size), vector)
            del anchor
            if done != 0:
                return None
            resident += bytes(vector).translate(bytes(i & 1 for i in range(256))).count(1)
            pages += len(vector)
    return resident / pages if pages else None


class Bench:
    def __init__(self, programs, rounds, seed=1):
        self.programs, self.rounds, self.random = Path(programs), rounds, random.Random(seed)

    def time(self, contestant, result):
        """One run. {"wall", "cpu", "resident"}; the output stays."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OCTET_")}
        environment.update(contestant.env)
        done = subprocess.run([self.programs / "octet_timed", result, *contestant.command], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            sample = json.loads(Path(result).read_text())
        except (OSError, ValueError):
            sample = {"status": "not started"}
        if done.returncode != 0 or sample.pop("status") != 0:
            raise RuntimeError(f"{contestant.name}: {' '.join(contestant.command)}\n{done.stderr.decode(errors='replace')}")
        return sample

    def interleave(self, contestants, folder, before_round=None, rounds=None, warm_up=True):
        """{name: [sample of every round]}. Every round runs all in another order; outputs are removed outside the timing."""
        result = Path(folder) / "timed.json"
        samples = {contestant.name: [] for contestant in contestants}
        rounds = rounds or self.rounds
        for number in range(-1 if warm_up else 0, rounds):
            if before_round and number >= 0:
                before_round()
            for contestant in self.random.sample(contestants, len(contestants)):
                remove(contestant.output)
                if contestant.needs_cold:
                    for path in contestant.inputs:
                        drop(path)
                sample = self.time(contestant, result)
                remove(contestant.output)
                if number >= 0:
                    samples[contestant.name].append(sample)
        result.unlink(missing_ok=True)
        return samples


def median(values):
    return statistics.median(values)


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def memory_available():
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def machine():
    """The processor's name and the number of cores; nothing that identifies a machine."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.lower().startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"cpu": model or os.uname().machine, "cores": os.cpu_count()}
