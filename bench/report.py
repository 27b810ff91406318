"""Writes what bench/run.py measured into the documents of a folder, between the markers
<!-- bench:NAME --> and <!-- /bench:NAME -->, and draws the pictures of docs/performance.md there.
Each table has one place: docs/performance.md, docs/measurements.md or a page of docs/experiments.

    report.py RESULTS.json DOCS_FOLDER     or     report.py RESULTS.json --print
"""
import json
import re
import sys
from pathlib import Path

import pictures
from first_token import SETS
from measure import median, quartiles
from run import SCHEMES

MIB = 1 << 20
EMPTY = "*Not measured yet: run `scripts/bench.sh`.*"


def bytes_text(count):
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count} bytes"


def time_text(seconds):
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


class Experiment:
    """One entry of the results: samples of several contestants, taken in the same rounds."""

    def __init__(self, entry):
        self.entry, self.samples = entry, entry["samples"]

    def __getitem__(self, fact):
        return self.entry[fact]

    def names(self):
        return list(self.samples)

    def all(self, name, what="wall"):
        return [sample[what] for sample in self.samples[name]]

    def median(self, name, what="wall"):
        return median(self.all(name, what))

    def rounds(self):
        return len(next(iter(self.samples.values())))

    def floor(self, suffix=""):
        """The better of the two."""
        return min((f"floor {how}{suffix}" for how in ("mapped", "pread")), key=self.median)

    def ratio(self, name, base, what="wall"):
        """The median over the rounds of one time divided by the other of the same round."""
        return median([a / b for a, b in zip(self.all(name, what), self.all(base, what))])

    def spread(self, name):
        return " to ".join(time_text(value) for value in quartiles(self.all(name)))

    def peak(self, name):
        return max(self.all(name, "resident"))

    def row(self, name, base, label=None):
        return [label or name, time_text(self.median(name)), self.spread(name), f"{self.ratio(name, base):.3f}",
                f"{self.peak(name) / MIB:.1f}"]


HEAD = ["", "median", "quartiles", "x the floor", "peak MiB"]


class Report:
    def __init__(self, results):
        self.results = results

    def experiment(self, name):
        """None where it was not run or left out."""
        entry = self.results.get(name)
        return Experiment(entry) if entry and "samples" in entry else None

    def against_floor(self, names, labels, leave_out=()):
        """One table of several experiments, each with its own floor."""
        rows = []
        for name, label in zip(names, labels):
            found = self.experiment(name)
            if found is None:
                return None
            base = found.floor()
            read, written = bytes_text(found["read"]), bytes_text(found["written"])
            rows.append([f"**{label}** ({read} read, {written} written)", "", "", "", ""])
            rows += [found.row(one, base, one + (" (the floor)" if one == base else ""))
                     for one in found.names() if one not in leave_out]
        return table(HEAD, rows)

    # --- the tables -----------------------------------------------------------------------------------------------

    def machine(self):
        machine, found = self.results.get("machine"), self.experiment("quantize-fresh")
        if machine is None or found is None:
            return None
        return f"{machine['cpu']}, {machine['cores']} cores. Every median is of at least {found.rounds()} interleaved rounds, where no other number is given."

    def quantize(self):
        return self.against_floor(["quantize-fresh", "quantize-fragmented"], ["page cache fresh", "page cache fragmented"],
                                  ["octet, mapped", "octet, pread", "octet, truncate"])

    def dequantize(self):
        return self.against_floor(["dequantize-fresh", "dequantize-fragmented"], ["page cache fresh", "page cache fragmented"])

    def lesson(self):
        return self.against_floor(["lesson-preset"], ["`--preset lesson`, page cache fresh"])

    def schemes(self):
        rows = []
        for name in SCHEMES:
            found = self.experiment(f"scheme-{name}")
            if found is None:
                continue
            base = found.floor()
            rows.append([f"`{found['options']}`", bytes_text(found["written"]), time_text(found.median(base)),
                         time_text(found.median("octet")), found.spread("octet"), f"{found.ratio('octet', base):.2f}",
                         f"{found.peak('octet') / MIB:.1f}"])
        head = ["options", "written", "floor", "median", "quartiles", "x the floor", "peak MiB"]
        return table(head, rows) if rows else None

    def dtypes(self):
        return self.against_floor(["dtype-F16", "dtype-BF16"], ["F16", "BF16"])

    def peers(self):
        found = self.experiment("peers")
        if found is None:
            return None
        rows = []
        for name in [name for name in found.names() if not name.startswith("floor ")]:
            on_flan = name.endswith(", FLAN-T5")
            octet = "octet, FLAN-T5" if on_flan else "octet"
            row = found.row(name, found.floor(", FLAN-T5" if on_flan else ""))
            rows.append(row[:4] + [f"{found.ratio(name, octet):.2f}"] + row[4:])
        rows += [[name, why, "", "", "", ""] for name, why in found["missing"].items()]
        return table(HEAD[:4] + ["x octet"] + HEAD[4:], rows)

    def kernels(self):
        rows = self.results.get("kernels", {}).get("rows")
        if not rows:
            return None
        isas = list(dict.fromkeys(isa for isa, _, _ in rows if isa != "-"))
        loops = list(dict.fromkeys(loop for isa, loop, _ in rows if isa != "-"))
        speed = {(isa, loop): value for isa, loop, value in rows}
        lines = [[loop] + [f"{speed[isa, loop]:.1f}" if (isa, loop) in speed else "" for isa in isas] for loop in loops]
        base = ", ".join(f"{loop} {speed['-', loop]:.1f}" for isa, loop, _ in rows if isa == "-")
        return table(["GB/s"] + isas, lines) + f"\n\nBeside them, GB/s: {base}."

    def inspect(self):
        found = self.experiment("inspect")
        if found is None:
            return None
        return table(["`inspect` of", "median", "quartiles", "peak MiB"],
                     [[bytes_text(found["read"]), time_text(found.median("octet")), found.spread("octet"),
                       f"{found.peak('octet') / MIB:.1f}"]])

    def threads(self):
        found = self.experiment("threads")
        if found is None:
            return None
        rows = [[name, time_text(found.median(name)), f"{found.ratio(name, '2'):.3f}", f"{found.peak(name) / MIB:.1f}"]
                for name in found.names()]
        return table(["`--threads`", "median", "x 2 threads", "peak MiB"], rows)

    def sync(self):
        found = self.experiment("sync")
        if found is None:
            return None
        rows = [[name, time_text(found.median(name)), found.spread(name), f"{found.ratio(name, 'dd conv=fsync'):.2f}"]
                for name in found.names()]
        return table([f"{bytes_text(found['written'])} written and synced", "median", "quartiles", "x dd"], rows)

    def tensors(self):
        rows = []
        for name in sorted((n for n in self.results if n.startswith("tensors-")), key=lambda n: int(n.split("-")[1])):
            found = self.experiment(name)
            allowed = 64 * MIB + 3 * found["header"]
            rows.append([f"{found['tensors']:,}", bytes_text(found["header"]), time_text(found.median("octet")),
                         f"{found.peak('octet') / MIB:.1f}", f"{allowed / MIB:.1f}"])
        return table(["tensors of 1 KiB", "header", "median", "peak MiB", "64 MiB + 3 x header"], rows) if rows else None

    def growth_entries(self):
        names = sorted((n for n in self.results if n.startswith("growth-")), key=lambda n: int(n.split("-")[1]))
        return [(int(name.split("-")[1]), self.experiment(name), self.results[name]) for name in names]

    def growth(self):
        rows, rates = [], {}
        for size, found, entry in self.growth_entries():
            if found is None:
                rows.append([bytes_text(size), entry["skipped"], "", "", ""])
                continue
            rates[size] = found.median("octet") / found["read"]
            for name in ("octet", "16 shards", "dequantize"):
                if name in found.names():
                    label = f"{bytes_text(found['read'])}, {'quantize' if name == 'octet' else name}"
                    ratio = f"{found.ratio(name, found.floor()):.3f}" if name != "dequantize" else ""
                    rows.append([label, time_text(found.median(name)),
                                 f"{1e12 * found.median(name) / found['read']:.1f}", ratio, f"{found.peak(name) / MIB:.1f}"])
        if not rows:
            return None
        text = table(["input, warm", "median", "ms per GB", "x the floor", "peak MiB"], rows)
        if 512 * 10**6 in rates and 4 * 10**9 in rates:
            text += f"\n\nTime per byte at 4 GB is {rates[4 * 10**9] / rates[512 * 10**6]:.3f} times that at 512 MB."
        return text

    def cold(self):
        found, back = self.experiment("cold"), self.experiment("cold-dequantize")
        if found is None:
            return self.results.get("cold", {}).get("skipped")
        base = "dd reads, dd writes"
        rows = [[name, time_text(found.median(name)), found.spread(name), f"{found.ratio(name, base):.3f}",
                 f"{found.peak(name) / MIB:.1f}"] for name in found.names()]
        if back:
            rows.append([f"dequantize, {back.rounds()} run", time_text(back.median("octet")), "", "",
                         f"{back.peak('octet') / MIB:.1f}"])
        return table([f"{bytes_text(found['read'])}, cold; {bytes_text(found['written'])} written", "median", "quartiles", "x dd",
                      "peak MiB"], rows)

    def first_token(self):
        tables = []
        for given, suffix, read in (("from text, page cache", "", "read"), ("from ids, page cache", ", ids", "read_ids")):
            rows = []
            for name in SETS:
                for state in ("cold", "fresh", "fragmented"):
                    found = self.experiment(f"first-{name}-{state}")
                    if found is None or "octet" + suffix not in found.names():
                        return None
                    octet, cat = "octet" + suffix, "cat" + suffix
                    rows.append([f"`{name}`, {bytes_text(found[read])}, {state}", time_text(found.median(cat)),
                                 time_text(found.median(octet)), found.spread(octet), f"{found.ratio(octet, cat):.2f}",
                                 f"{found.peak(octet) / MIB:.1f}"])
            tables.append(table([given, "`cat`", "octet", "quartiles", "x `cat`", "peak MiB"], rows))
        return "\n\n".join(tables)

    def speed(self):
        found = self.experiment("speed")
        if found is None:
            return None

        def rate(name, what):
            return [f"{found.median(name, what):,.1f}", f"{found.ratio(name, 'float32', what):.2f}"]

        rows = [[name, *rate(name, "write"), *rate(name, "read"), f"{found.peak(name) / MIB:.0f}"] for name in found.names()]
        rows += [[name, why, "", "", "", ""] for name, why in found["missing"].items()]
        return table(["", "tokens/s, writing", "x float32", "tokens/s, reading", "x float32", "peak MiB"], rows)

    def readers(self):
        rows = []
        for state in ("fresh", "fragmented"):
            found = self.experiment(f"quantize-{state}")
            if found is None:
                return None
            names = ("octet", "octet, mapped", "octet, pread", "octet, truncate")
            rows.append([state] + [f"{found.ratio(name, found.floor()):.3f}" for name in names])
        return table(["page cache, x the floor", "chosen by octet", "always mapped", "always `pread`", "truncated"], rows)

    def isas(self):
        found = self.experiment("isas")
        if found is None:
            return None
        base = "avx2" if "avx2" in found.names() else found.names()[-1]
        rows = [[name, time_text(found.median(name)), f"{found.ratio(name, base):.3f}"] for name in found.names()]
        return table(["`OCTET_ISA`", "median", f"x {base}"], rows)

    def large(self):
        cold, tensors = self.experiment("cold"), self.experiment("tensors-10000")
        if cold is None:
            return None
        rate = cold["read"] / cold.median("octet")
        share = cold["written"] / cold["read"]
        run = f"{bytes_text(cold['read'])} / {time_text(cold.median('octet'))}"
        lines = [f"rate    = {run} = {bytes_text(rate)} per second (the cold run above)",
                 f"time    = 500 GB / rate = {5e11 / rate / 60:.1f} minutes",
                 f"output  = 500 GB x {share:.4f} = {5e11 * share / 1e9:.0f} GB"]
        peaks = [found.peak("octet") for _, found, _ in self.growth_entries() if found] + [cold.peak("octet")]
        if tensors:
            lines.append(f"memory  = {max(peaks) / MIB:.0f} MiB (the largest peak above) + at most 3 x the headers")
        return "```\n" + "\n".join(lines) + "\n```"


NAMES = ["machine", "quantize", "dequantize", "lesson", "schemes", "dtypes", "peers", "kernels", "inspect", "threads", "sync",
         "tensors", "growth", "cold", "readers", "isas", "large", "first_token", "speed"]


def fill_in(folder, report):
    texts = {path: path.read_text() for path in sorted(folder.rglob("*.md"))}
    for name in NAMES:
        marked = re.compile(rf"(<!-- bench:{name} -->\n).*?(<!-- /bench:{name} -->)", re.DOTALL)
        places = [path for path, text in texts.items() if marked.search(text)]
        if len(places) != 1:
            sys.exit(f"report.py: {len(places)} documents in {folder} have the markers of {name}, not one")
        content = getattr(report, name)() or EMPTY
        texts[places[0]] = marked.sub(lambda match: f"{match[1]}{content}\n{match[2]}", texts[places[0]])
    for path, text in texts.items():
        if path.read_text() != text:
            path.write_text(text)


def main(results, *target):
    report = Report(json.loads(Path(results).read_text()))
    if target == ("--print",):
        for name in NAMES:
            print(f"--- {name}\n{getattr(report, name)() or 'not measured'}\n")
        return
    folder = Path(target[0])
    fill_in(folder, report)
    pictures.draw(report, folder)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
