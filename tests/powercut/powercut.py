#!/usr/bin/env python3
"""Power cuts, replayed. Each file system is made on a disk that records every write and flush (recording_disk.cpp). While octet quantizes there,
the log grows; then the disk is built again as a power cut at a chosen place in the log would have left it, mounted, and looked at.

What the disk holds after a cut: every write that came before the last flush, and of those behind it one of four things:
  none     all of them are lost                      some    each is there or not, by chance: so also in another order
  all      all of them are there                     torn    as some, and of what is there only some sectors of 512 bytes

What has to hold, at every point: the old set whole, or the new set whole, or nothing where there was nothing; `octet verify` passes on what
stands; once octet has ended it is the new set, whatever is lost; the next run to that place succeeds. How often it leaves hidden names of an
interrupted run behind is counted, too.

    powercut.py OCTET RECORDING_DISK POINTS FILE_SYSTEM...      as root, on Linux; scripts/powercut.sh builds both and calls it

At the end the same on a disk that lies, where what was flushed may be lost, too: that has to be caught, or this program proves nothing."""
import hashlib
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIDECAR = "quantization_state.json"
FLUSH = (1 << 64) - 1
MODES = ("none", "some", "torn", "all")
SECTOR = 512
MAKE = {"ext4": (64, ["mkfs.ext4", "-q", "-F"]), "xfs": (320, ["mkfs.xfs", "-q", "-f"]), "btrfs": (160, ["mkfs.btrfs", "-q", "-f"])}
# What stands before, whether OUT_DIR is a mount point (the fallback road), and options.
ROADS = {"new": (None, False, ()), "replaced": ("old", False, ("--force",)), "in a mount point": ("old", True, ("--force",)),
         "a disk that lies": (None, False, ())}
CONTROL = "a disk that lies"
POINTS_OF_CONTROL = 24
UNMOUNTABLE = "the file system cannot be mounted: "


def call(*command, check=True):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if check and done.returncode != 0:
        sys.exit(f"powercut: {' '.join(map(str, command))}: {done.returncode}: {done.stdout}")
    return done


def copy_sparse(source, target):
    """Only what is there: the disks are mostly holes."""
    with open(source, "rb") as from_, open(target, "wb") as to:
        size = os.fstat(from_.fileno()).st_size
        to.truncate(size)
        at = 0
        while at < size:
            try:
                at = os.lseek(from_.fileno(), at, os.SEEK_DATA)
            except OSError:  # no more data
                return
            end = os.lseek(from_.fileno(), at, os.SEEK_HOLE)
            from_.seek(at)
            to.seek(at)
            to.write(from_.read(end - at))
            at = end


def contents(folder):
    """Of the files of a set; octet's own hidden names are not among them."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()
            if path.is_file() and not path.name.startswith(".octet-")}


class Mounted:
    """A disk's file, mounted by a loop device while this is open. Where btrfs's first superblock is torn, which it has no journal for, from the
    second one, as its own tools do that."""

    def __init__(self, disk, place, repairs=False):
        self.place = place
        self.loop = call("losetup", "-f", "--show", disk).stdout.strip()
        self.mounted = call("mount", "-o", "noatime", self.loop, place, check=False)
        self.has_recovered = False
        if self.mounted.returncode != 0 and repairs:
            call("btrfs", "rescue", "super-recover", "-y", self.loop, check=False)
            self.mounted = call("mount", "-o", "noatime", self.loop, place, check=False)
            self.has_recovered = self.mounted.returncode == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.mounted.returncode == 0:
            call("umount", self.place)
        call("losetup", "-d", self.loop)


class PowerCuts:
    def __init__(self, octet, recorder, points):
        self.octet, self.recorder, self.points = octet, recorder, points
        self.dir = Path(tempfile.mkdtemp(prefix="octet-powercut-", dir="/dev/shm"))
        self.place = self.dir / "mounted"
        self.place.mkdir()
        self.sets = {}
        for name, seed in (("old", 1), ("new", 2)):
            self.make_model(self.dir / f"model-{name}", seed)
            call(octet, "quantize", self.dir / f"model-{name}", self.dir / f"set-{name}", "--quiet")
            self.sets[name] = contents(self.dir / f"set-{name}")

    def make_model(self, folder, seed):
        """Two shards, an index and companions: 2.3 MB. The two models have files of other names and sizes."""
        folder.mkdir()
        chance = random.Random(seed)
        weights = {}
        for shard in range(seed):
            name = f"model-{shard}.safetensors" if seed > 1 else "model.safetensors"
            values = chance.randbytes(4 * 250_000)
            values = b"".join(struct.pack("<f", (byte - 128) / 100) for byte in values[:250_000])
            header = f'{{"t{shard}":{{"dtype":"F32","shape":[500,500],"data_offsets":[0,1000000]}}}}'.encode()
            (folder / name).write_bytes(struct.pack("<Q", len(header)) + header + values)
            weights[f"t{shard}"] = name
        if seed > 1:
            entries = ",".join(f'"{tensor}":"{name}"' for tensor, name in weights.items())
            (folder / "model.safetensors.index.json").write_text(f'{{"weight_map":{{{entries}}}}}')
        (folder / "config.json").write_text(f'{{"seed": {seed}}}')
        (folder / "README.md").write_text("A model.\n" * 3000 * seed)

    def quantize(self, place, *options):
        return call(self.octet, "quantize", self.dir / "model-new", place, "--quiet", "--threads", "1", *options, check=False)

    def record(self, system, road):
        """Runs octet on the recorded disk. Leaves `base`, the disk as it was before, and returns the records and where octet began and ended."""
        size, make = MAKE[system]
        standing, in_mount_point, options = ROADS[road]
        base, image, log, served = (self.dir / name for name in ("base", "image", "log", "served"))
        for path in (base, image):
            path.unlink(missing_ok=True)
        with open(base, "wb") as file:
            file.truncate(size << 20)
        call(*make, base)
        with Mounted(base, self.place):
            (self.place / "place").mkdir()
            if standing:
                shutil.copytree(self.dir / f"set-{standing}", self.place / "place" / "set")
            call("sync")
        copy_sparse(base, image)
        served.mkdir(exist_ok=True)
        recorder = subprocess.Popen([self.recorder, image, log, served])
        while not os.path.ismount(served):
            time.sleep(0.01)
        with Mounted(served / "disk", self.place):
            target = self.place / "place" / "set"
            if in_mount_point:
                call("mount", "--bind", target, target)
            begin = log.stat().st_size
            run = self.quantize(target, *options)
            end = log.stat().st_size
            if run.returncode != 0 or contents(target) != self.sets["new"]:
                sys.exit(f"powercut: octet on {system}, {road}: {run.returncode}: {run.stdout}")
            if in_mount_point:
                call("umount", target)
        call("umount", served)
        recorder.wait()
        return self.read_log(log, begin, end)

    @staticmethod
    def read_log(log, begin, end):
        data = log.read_bytes()
        records, at, first, last = [], 0, 0, 0
        while at < len(data):
            offset, size = struct.unpack_from("<QI", data, at)
            first += at < begin
            last += at < end
            records.append((offset, data[at + 12:at + 12 + size]))
            at += 12 + size
        return records, first, last

    def build(self, records, cut, mode, seed, lies_since):
        """The disk after a cut behind `cut` records; no flush behind `lies_since` does anything."""
        disk = self.dir / "disk"
        copy_sparse(self.dir / "base", disk)
        flushed = max((i + 1 for i in range(min(cut, lies_since)) if records[i][0] == FLUSH), default=0)
        chance = random.Random(seed)
        with open(disk, "r+b", buffering=0) as file:
            for i, (offset, data) in enumerate(records[:cut]):
                if offset == FLUSH:
                    continue
                if i >= flushed and (mode == "none" or (mode in ("some", "torn") and chance.random() < 0.5)):
                    continue
                torn = i >= flushed and mode == "torn"
                for sector in range(0, len(data), SECTOR) if torn else (0,):
                    if torn and chance.random() < 0.5:
                        continue
                    file.seek(offset + sector)
                    file.write(data[sector:sector + SECTOR] if torn else data)
        return disk

    def problem_at(self, disk, system, road, is_over):
        """What is wrong after that cut, or None."""
        standing, in_mount_point, options = ROADS[road]
        with Mounted(disk, self.place, repairs=system == "btrfs") as disk_there:
            self.recovered += disk_there.has_recovered
            if disk_there.mounted.returncode != 0:
                return UNMOUNTABLE + disk_there.mounted.stdout.strip()
            target = self.place / "place" / "set"
            found = contents(target) if target.exists() else None
            whole = next((name for name, files in self.sets.items() if found == files), None)
            unfinished = in_mount_point and any(path.name.startswith(".octet-") for path in target.iterdir())
            if is_over and whole != "new":
                return f"octet had ended, and {whole or sorted(found or ['nothing'])} stands"
            if whole is None and found is not None and not (unfinished and SIDECAR not in found):
                return f"a mixture: {sorted(found)}"
            if found is None and standing:
                return "the old set is gone, and there is no new one"
            if whole and call(self.octet, "verify", target, check=False).returncode != 0:
                return "verify finds something"
            again = self.quantize(target, "--force")
            left = sorted(path.name for path in (self.place / "place").iterdir())
            if again.returncode != 0 or contents(target) != self.sets["new"]:
                return f"the next run: {again.returncode} {again.stdout.strip()}, {left}"
            self.left_over += left != ["set"] or any(path.is_dir() for path in target.iterdir())
        return None

    def sweep(self, system, road):
        """Returns how many points were looked at, and what was wrong at which."""
        records, first, last = self.record(system, road)
        places = list(range(first, last + 1))
        chance = random.Random(f"{system} {road}")
        points = POINTS_OF_CONTROL if road == CONTROL else self.points
        problems, seen, self.left_over, self.recovered = [], 0, 0, 0
        while seen < points:
            # The end first, then every place once as far as the points go, then again with another fate of what was not flushed.
            chance.shuffle(places)
            for cut in ([last] if seen < len(MODES) else places[:points - seen]):
                mode = MODES[seen % len(MODES)]
                disk = self.build(records, cut, mode, seen, first if road == CONTROL else len(records))
                problem = self.problem_at(disk, system, road, cut == last)
                seen += 1
                if problem:
                    problems.append(f"{system}, {road}, behind record {cut} of {first} to {last}, {mode}: {problem}")
        flushes = sum(offset == FLUSH for offset, _ in records[first:last])
        print(f"{system:6} {road:17} {last - first:5} records, {flushes:3} flushes, {seen:4} points, {len(problems):4} problems, "
              f"{self.left_over:4} with hidden names left, "
              f"{self.recovered} mounted from a second superblock", flush=True)
        return seen, problems


def main(octet, recorder, points, systems):
    cuts = PowerCuts(os.path.abspath(octet), os.path.abspath(recorder), points)
    bad = []
    try:
        for system in systems:
            for road in ROADS:
                _, problems = cuts.sweep(system, road)
                if road != CONTROL:
                    bad += problems
                elif all(UNMOUNTABLE in problem for problem in problems):
                    bad.append(f"{system}: on a disk that lies nothing is ever lost, so this test sees nothing")
    finally:
        shutil.rmtree(cuts.dir)
    for line in bad[:20]:
        print("powercut:", line)
    print(f"{len(bad)} problems")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]))
