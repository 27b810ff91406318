"""Runs the benchmarks and leaves everything that was measured in one JSON file; bench/report.py makes tables and pictures of docs/ of it.

    run.py --programs BUILD/bin --folder WORK --results FILE.json [--rounds N] [--largest BYTES] [--only NAME,...] [--tiny]

An experiment that was not run keeps its place in FILE.json from an earlier run. --tiny tries the script out on 64 MB.
Environment: OCTET_TORCH_PYTHON (an interpreter with torch, safetensors, perhaps optimum-quanto), OCTET_BENCH_GGUF (the
stand-in as GGUF, where the one made here does not suit the llama-quantize on PATH).
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import first_token
import measure
import model_speed
from measure import Bench, Contestant, fill, remove, size_of

HERE = Path(__file__).resolve().parent
MB, GB = 10**6, 10**9
SIZES = [64 * MB, 512 * MB, 4 * GB, 16 * GB]
COMMON = ["--no-sync", "--quiet"]

# Of the schemes that are done in blocks, what stands for the others; the first word names the experiment.
SCHEMES = {
    "channel": ["--granularity", "channel"],
    "channel-symmetric": ["--granularity", "channel", "--symmetric"],
    "group": ["--granularity", "group"],
    "group-f16": ["--granularity", "group", "--scale-dtype", "f16"],
    "group-4-bits": ["--granularity", "group", "--bits", "4"],
    "group-4-bits-f16": ["--granularity", "group", "--bits", "4", "--scale-dtype", "f16"],
    "q4": ["--preset", "q4"],
}


class Suite:
    def __init__(self, options):
        self.options = options
        self.programs = Path(options.programs).resolve()
        self.folder = Path(options.folder).resolve()
        self.octet = self.programs / "octet"
        self.bench = Bench(self.programs, options.rounds)
        self.out, self.restored = self.folder / "set", self.folder / "restored.safetensors"
        self.results = json.loads(Path(options.results).read_text()) if Path(options.results).exists() else {}

    # --- pieces -------------------------------------------------------------------------------------------------------

    def make(self, name, *arguments):
        path = self.folder / name
        if not path.exists():
            subprocess.run([self.programs / "octet_make_checkpoint", path, *map(str, arguments)], check=True)
            for file in measure.files_of(path):
                with open(file, "rb") as stream:
                    os.fsync(stream.fileno())
        return path

    def model(self):
        """The main file: GPT-2's 548 MB, or 64 MB when only trying out."""
        return self.make("gpt2.safetensors", *(["--size", 64 * MB] if self.options.tiny else []))

    def quantize(self, source, name="octet", threads=2, options=(), env=None, sync=False, out=None):
        out = out or self.out
        flags = ["--quiet"] if sync else COMMON
        return Contestant(name, [self.octet, "quantize", source, out, "--threads", threads, *flags, *options], out, env)

    def dequantize(self, source, name="octet", threads=2):
        return Contestant(name, [self.octet, "dequantize", source, self.restored, "--threads", threads, *COMMON], self.restored)

    def floors(self, source, written, threads=2):
        out = self.folder / "floor.out"
        return [Contestant(f"floor {how}", [self.programs / "octet_floor", how, source, out, written, threads], out)
                for how in ("mapped", "pread")]

    def written_by(self, contestant):
        """Bytes of all files that one run leaves."""
        remove(contestant.output)
        self.bench.time(contestant, self.folder / "timed.json")
        size = size_of(contestant.output)
        remove(contestant.output)
        return size

    def record(self, name, samples, **facts):
        self.results[name] = {**facts, "samples": samples}
        self.save()

    def skip(self, name, why):
        print(f"  {name}: {why}", flush=True)
        self.results[name] = {"skipped": why}
        self.save()

    def save(self):
        Path(self.options.results).write_text(json.dumps(self.results, indent=1) + "\n")

    def room_for(self, name, disk, memory=0):
        """False, and says so, where disk or memory do not suffice."""
        free = shutil.disk_usage(self.folder).free
        if disk * 1.1 > free:
            self.skip(name, f"needs {disk / GB:.0f} GB of disk, {free / GB:.0f} GB are free")
        elif memory > measure.memory_available():
            self.skip(name, f"needs {memory / GB:.0f} GB of memory for the page cache")
        else:
            return True
        return False

    # --- experiments --------------------------------------------------------------------------------------------------

    def run_quantize(self):
        """Against the floor in both states of the page cache; readers and instruction sets forced, for "what was tried"."""
        source = self.model()
        written = self.written_by(self.quantize(source))
        contestants = [self.quantize(source), *self.floors(source, written),
                       self.quantize(source, "octet, mapped", env={"OCTET_READER": "mapped"}),
                       self.quantize(source, "octet, pread", env={"OCTET_READER": "pread"}),
                       self.quantize(source, "octet, truncate", options=["--rounding", "truncate"])]
        for state in ("fresh", "fragmented"):
            samples = self.bench.interleave(contestants, self.folder, lambda state=state: fill(source, state))
            self.record(f"quantize-{state}", samples, read=size_of(source), written=written)

    def run_lesson_preset(self):
        source = self.model()
        lesson = self.quantize(source, options=["--preset", "lesson"])
        written = self.written_by(lesson)
        samples = self.bench.interleave([lesson, *self.floors(source, written)], self.folder, lambda: fill(source, "fresh"))
        self.record("lesson-preset", samples, read=size_of(source), written=written)

    def run_schemes(self, chosen=tuple(SCHEMES)):
        """Channels, groups and fewer bits, each beside a floor that writes as many bytes."""
        source = self.model()
        for name in chosen:
            octet = self.quantize(source, options=SCHEMES[name])
            written = self.written_by(octet)
            samples = self.bench.interleave([octet, *self.floors(source, written)], self.folder, lambda: fill(source, "fresh"))
            self.record(f"scheme-{name}", samples, read=size_of(source), written=written, options=" ".join(SCHEMES[name]))

    def run_isas(self):
        source = self.model()
        contestants = []
        for isa in ("scalar", "sse2", "avx2", "avx512", "neon64"):
            candidate = self.quantize(source, isa, env={"OCTET_ISA": isa})
            try:
                self.written_by(candidate)
            except RuntimeError:  # not on this machine
                continue
            contestants.append(candidate)
        samples = self.bench.interleave(contestants, self.folder, lambda: fill(source, "fresh"))
        self.record("isas", samples, read=size_of(source))

    def run_dequantize(self):
        source = self.folder / "codes"
        remove(source)
        self.bench.time(self.quantize(self.model(), out=source), self.folder / "timed.json")
        data = source / "model.octet.safetensors"
        written = self.written_by(self.dequantize(source))
        contestants = [self.dequantize(source), *self.floors(data, written)]
        for state in ("fresh", "fragmented"):
            samples = self.bench.interleave(contestants, self.folder, lambda state=state: fill(source, state))
            self.record(f"dequantize-{state}", samples, read=size_of(data), written=written)
        remove(source)

    def run_dtypes(self):
        for dtype in ("F16", "BF16"):
            source = self.make(f"{dtype}.safetensors", "--dtype", dtype, *(["--size", 64 * MB] if self.options.tiny else []))
            written = self.written_by(self.quantize(source))
            samples = self.bench.interleave([self.quantize(source), *self.floors(source, written)], self.folder,
                                            lambda source=source: fill(source, "fresh"))
            self.record(f"dtype-{dtype}", samples, read=size_of(source), written=written)
            remove(source)

    def run_inspect(self):
        source = self.model()
        fill(source, "fresh")
        samples = self.bench.interleave([Contestant("octet", [self.octet, "inspect", source, "--json"])], self.folder)
        self.record("inspect", samples, read=size_of(source))

    def run_threads(self):
        source = self.model()
        fill(source, "fresh")
        contestants = [self.quantize(source, str(threads), threads) for threads in (1, 2, 4, 64)]
        self.record("threads", self.bench.interleave(contestants, self.folder), read=size_of(source))

    def run_sync(self):
        """Beside dd, which writes and syncs as many bytes from the page cache."""
        source, other, copy = self.model(), self.folder / "written", self.folder / "copy"
        fill(source, "fresh")
        written = self.written_by(self.quantize(source))
        other.write_bytes(os.urandom(MB) * (written // MB) + bytes(written % MB))
        fill(other, "fresh")
        dd = Contestant("dd conv=fsync", ["dd", f"if={other}", f"of={copy}", "bs=4M", "conv=fsync", "status=none"], copy)
        samples = self.bench.interleave([self.quantize(source, sync=True), dd], self.folder)
        self.record("sync", samples, read=size_of(source), written=written)
        remove(other)

    def run_tensors(self):
        for count in (100, 1000) if self.options.tiny else (1000, 10_000, 100_000):
            source = self.make(f"{count}.safetensors", "--tensors", count, "--bytes-each", 1024)
            with open(source, "rb") as file:
                header = int.from_bytes(file.read(8), "little")
            samples = self.bench.interleave([self.quantize(source)], self.folder)
            self.record(f"tensors-{count}", samples, read=size_of(source), header=header, tensors=count)
            remove(source)

    def run_growth(self):
        """All sizes in the same rounds, warm in the page cache; for 512 MB also 16 shards; dequantize beside it."""
        contestants, facts, made = [], {}, []
        for size in [16 * MB, 64 * MB] if self.options.tiny else SIZES[:3]:
            name = f"growth-{size}"
            if size > self.options.largest:
                self.skip(name, "larger than --largest")
                continue
            if not self.room_for(name, 2.6 * size, 3 * size):
                continue
            source, codes = self.make(f"{size}.safetensors", "--size", size), self.folder / f"{size}-codes"
            made += [source, codes]
            self.bench.time(self.quantize(source, out=codes), self.folder / "timed.json")
            facts[name] = {"read": size_of(source), "written": size_of(codes)}
            group = [self.quantize(source), *self.floors(source, size_of(codes)), self.dequantize(codes, "dequantize")]
            if size == 512 * MB or self.options.tiny:
                made.append(self.make(f"{size}-shards", "--size", size, "--shards", 16))
                group.append(self.quantize(made[-1], "16 shards"))
            for contestant in group:
                contestant.name = f"{name} {contestant.name}"
            contestants += group
        for path in made:
            fill(path, "fresh")
        samples = self.bench.interleave(contestants, self.folder)
        for name, fact in facts.items():
            own = {key[len(name) + 1:]: value for key, value in samples.items() if key.startswith(name + " ")}
            self.record(name, own, cached=measure.cached_share(self.folder / f"{name[7:]}.safetensors"), **fact)
        for path in made:
            remove(path)

    def run_cold(self):
        """16 GB that are dropped from the page cache before every run, beside dd reading and dd writing as much."""
        size = 64 * MB if self.options.tiny else SIZES[3]
        if size > self.options.largest:
            return self.skip("cold", "larger than --largest")
        if not self.room_for("cold", 1.6 * size):
            return None
        source = self.make(f"{size}.safetensors", "--size", size)
        written, copy = self.written_by(self.quantize(source)), self.folder / "copy"
        blocks = -(-written // (4 << 20))
        script = f"dd if={source} of=/dev/null bs=4M status=none && dd if=/dev/zero of={copy} bs=4M count={blocks} status=none"
        contestants = [self.quantize(source), Contestant("dd reads, dd writes", ["sh", "-c", script], copy),
                       Contestant("dd reads", ["dd", f"if={source}", "of=/dev/null", "bs=4M", "status=none"])]
        for contestant in contestants:
            contestant.inputs, contestant.needs_cold = [source], True
        samples = self.bench.interleave(contestants, self.folder, before_round=os.sync, warm_up=False)
        self.record("cold", samples, read=size_of(source), written=written)
        if not self.room_for("cold-dequantize", 0.5 * size):
            return remove(source)
        codes = self.folder / "codes"
        remove(codes)
        self.bench.time(self.quantize(source, out=codes), self.folder / "timed.json")
        remove(source)
        samples = self.bench.interleave([self.dequantize(codes, "octet")], self.folder, lambda: measure.drop(codes), 1, False)
        self.record("cold-dequantize", samples, read=size_of(codes), written=size)
        return remove(codes)

    def run_peers(self):
        from peer_contestants import peers  # only this experiment needs to know them
        source, flan = self.model(), self.make("flan.safetensors", "--model", "flan-t5")
        found, missing = peers(self, source, flan)
        written, flan_written = self.written_by(self.quantize(source)), self.written_by(self.quantize(flan))
        flan_octet = self.quantize(flan, "octet, FLAN-T5")
        contestants = [self.quantize(source), *self.floors(source, written), flan_octet]
        for floor in self.floors(flan, flan_written):
            floor.name += ", FLAN-T5"
            contestants.append(floor)

        def refill():
            for path in (source, flan, self.folder / "gpt2.gguf"):
                if path.exists():
                    fill(path, "fresh")

        samples = self.bench.interleave(contestants + found, self.folder, refill)
        self.record("peers", samples, missing=missing, read=size_of(source), flan_read=size_of(flan))
        for path in (flan, self.folder / "gpt2.gguf"):
            if path.exists():
                remove(path)

    def run_kernels(self):
        """The table of octet_bench as it prints it."""
        text = subprocess.run([self.programs / "octet_bench"], stdout=subprocess.PIPE, check=True).stdout.decode()
        rows = [(line[:8].strip(), line[9:33].strip(), float(line.split()[-2])) for line in text.splitlines()]
        self.results["kernels"] = {"rows": rows}
        self.save()

    def run_first_token(self):
        """A whole run of generate for one token, from text and from ids, beside cat of the same files, out of the page cache and in it in both
        states."""
        model = self.folder / "first"
        model.mkdir(exist_ok=True)
        source = HERE.parent / "testdata/tiny-gpt2/model.safetensors" if self.options.tiny else self.model()
        prompt = first_token.complete(model, self.options.tiny, HERE.parent / "testdata/tiny-gpt2")
        for name, options in first_token.SETS.items():
            codes = self.folder / f"first-{name}"
            self.bench.time(self.quantize(source, options=[*options, "--force"], out=codes), self.folder / "timed.json")
            for companion in measure.files_of(model):
                shutil.copy(companion, codes / companion.name)
            bare = first_token.without_tokenizer(codes)
            ids = first_token.TINY_PROMPT_IDS if self.options.tiny else first_token.PROMPT_IDS
            runs = first_token.contestants(self.octet, codes, prompt, bare, ids)
            for state in ("cold", "fresh", "fragmented"):
                for run in runs:
                    run.inputs, run.needs_cold = [codes], state == "cold"
                before = None if state == "cold" else lambda codes=codes, state=state: fill(codes, state)
                samples = self.bench.interleave(runs, self.folder, before)
                self.record(f"first-{name}-{state}", samples, read=size_of(codes), read_ids=size_of(bare))
            remove(bare)
            remove(codes)
        remove(model)

    def run_speed(self):
        """Tokens per second of models and programs, in shuffled rounds of their own: a program's report holds the rates of one run."""
        if self.options.tiny:
            return self.skip("speed", "not tried with --tiny")
        folder = self.folder / "speed"
        folder.mkdir()
        found, missing = model_speed.contestants(self, self.model(), folder)
        samples = {name: [] for name in found}
        for _ in range(min(self.options.rounds, model_speed.MOST_ROUNDS)):
            for name in self.bench.random.sample(list(found), len(found)):
                samples[name].append(found[name]())
        self.record("speed", samples, missing=missing)
        remove(folder)

    def run(self):
        names = ["quantize", "dequantize", "lesson_preset", "schemes", "peers", "isas", "dtypes", "kernels", "inspect", "threads", "sync",
                 "tensors", "growth", "cold", "first_token", "speed"]
        chosen = self.options.only.split(",") if self.options.only else names
        for unknown in set(chosen) - set(names):
            sys.exit(f"run.py: no experiment {unknown}; there are {', '.join(names)}")
        self.results["machine"] = measure.machine()
        for name in chosen:
            started = time.monotonic()
            print(f"{name} ...", flush=True)
            getattr(self, f"run_{name}")()
            print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--results", required=True)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--largest", type=int, default=16 * GB)
    parser.add_argument("--only", default="")
    parser.add_argument("--tiny", action="store_true")
    Suite(parser.parse_args()).run()


if __name__ == "__main__":
    main()
