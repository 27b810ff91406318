"""What quantizing does to what models say: fidelity.py OCTET. Writes docs/fidelity.md and docs/fidelity.svg."""
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

OCTET = Path(sys.argv[1]).resolve()
ROOT = Path(__file__).resolve().parents[1]
TESTDATA = ROOT / "testdata"
SHARED = os.environ.get("OCTET_SHARED")
PRESETS = ("lesson", "all", "linear", "q8", "q6", "q4")
COLORS = ("#2166ac", "#b2182b", "#4d9221")
INTRODUCTION = """# What models say after quantizing

`scripts/fidelity.sh` makes this page. It quantizes small models with every preset and compares the
codes with the original by `octet evaluate` ([cli.md](cli.md#evaluate) describes the protocol).

* **bits/weight** counts the quantized tensors alone; **bytes** are the data files, with all copied
  tensors. The picture counts the bytes. In tiny-gpt2 they include 0.26 MB of mask buffers, which
  `all` quantizes and the other presets copy.
* **SQNR** is over the quantized tensors but buffers. That of `all` on tiny-gpt2 leaves out the
  masks of 0 and 1, which are restored without loss.
* **mean KL** is in nats per token, ± its standard error. **99 % below** is the 99th percentile.
* **same top** is the share of tokens for which both models find the same token most likely.
* **exact** counts the answers whose every token is the most likely one.

The models have a million parameters and fewer; larger models have other outliers. The figures show
how the presets compare, not what a preset does to your model: measure that with `octet evaluate`."""
CAPP = """capp-gpt2 was trained by others and has no text. Its ids are sequences that the original samples
(200 seeds), each evaluated by itself; the standard error is that of their means."""


def octet(*arguments):
    done = subprocess.run([OCTET, *map(str, arguments), "--json"], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def sampled_ids(model, folder):
    """capp-gpt2 has no text, and what it says is short: 200 sequences of its own, a file each."""
    paths = []
    for seed in range(200):
        prompt = f"{seed % 7},{7 + seed % 11}"
        made = octet("generate", model, "--prompt-ids", prompt, "--temperature", 1, "--seed", seed, "--max-new-tokens", 100)
        if made["ids"]:
            paths.append(folder / f"ids{seed}.txt")
            paths[-1].write_text(" ".join(map(str, made["prompt_ids"] + made["ids"])))
    return paths


def evaluate(model, text, reference):
    """octet's report, or of several texts the means over all tokens; their standard error is that of the texts' means."""
    if isinstance(text, tuple):
        return octet("evaluate", model, *text, "--reference", reference)
    runs = [octet("evaluate", model, "--ids", path, "--reference", reference) for path in text]
    tokens = sum(run["tokens"] for run in runs)
    mean = lambda value: sum(run["tokens"] * value(run) for run in runs) / tokens
    kl = mean(lambda run: run["mean_kl"])
    spread = sum((run["tokens"] * (run["mean_kl"] - kl)) ** 2 for run in runs)
    log_ratio = mean(lambda run: run["loss"] - math.log(run["reference_perplexity"]))
    return {"tokens": tokens, "mean_kl": kl, "mean_kl_se": math.sqrt(spread) / tokens, "p99_kl": None,
            "same_top_1": mean(lambda run: run["same_top_1"]), "perplexity_ratio": math.exp(log_ratio),
            "reference_perplexity": math.exp(mean(lambda run: math.log(run["reference_perplexity"])))}


def models(folder):
    yield "tiny-gpt2", TESTDATA / "tiny-gpt2", ("--text", TESTDATA / "tiny-gpt2" / "eval.txt"), \
        ("--prompt", "The quick brown fox jumped over the")
    yield "tiny-flan-t5", TESTDATA / "tiny-flan-t5", ("--pairs", TESTDATA / "tiny-flan-t5" / "eval.tsv"), \
        ("--prompt", "what did the fox do?")
    if SHARED:
        capp = Path(SHARED) / "data" / "capp-gpt2"
        yield "capp-gpt2", capp, sampled_ids(capp, folder), ("--prompt-ids", "2,10,15,18")


def said(generation):
    return generation["text"] or " ".join(map(str, generation["ids"]))


def measure(model, text, prompt, folder):
    """A row for each preset that octet knows, and what the original says."""
    generate = ("--max-new-tokens", 10)
    original = octet("generate", model, *prompt, *generate)
    rows = []
    for preset in PRESETS:
        set_folder = folder / f"{model.name}-{preset}"
        made = octet("quantize", model, set_folder, "--preset", preset, "--no-sync")
        if made is None:
            continue
        found = evaluate(set_folder, text, model)
        spoken = octet("generate", set_folder, *prompt, *generate)
        rows.append((preset, made["totals"], found, said(spoken), spoken["ids"] == original["ids"]))
    return original, rows


def number(value, digits=4):
    return str(value) if isinstance(value, str) else f"{value:.{digits}g}"


def table(name, original, rows):
    lines = [f"## {name}", "",
             f"{rows[0][2]['tokens']:,} predicted tokens, perplexity of the original {number(rows[0][2]['reference_perplexity'], 6)}"
             + (f", {rows[0][2]['pairs']} answers" if "pairs" in rows[0][2] else "") + ".", "",
             "| preset | bits/weight | bytes | SQNR dB | mean KL | 99 % below | same top | perplexity ratio | exact |",
             "|---|---|---|---|---|---|---|---|---|"]
    for preset, totals, found, _, _ in rows:
        lines.append(f"| `{preset}` | {number(totals['bits_per_weight'])} | {totals['output_bytes']:,} | {number(totals['sqnr_db'])} "
                     f"| {number(found['mean_kl'], 3)} ± {number(found['mean_kl_se'], 2)} | {number(found['p99_kl'], 3) if found['p99_kl'] is not None else ''} "
                     f"| {100 * found['same_top_1']:.2f} % | {found['perplexity_ratio']:.5f} | {found.get('exact', '')} |")
    lines += ["", "The texts (greedy, 10 tokens):", "", "```", f"original  {said(original)}"]
    lines += [f"{preset:<9} {'the same' if same else text}" for preset, _, _, text, same in rows]
    return lines + ["```", ""]


class Labels:
    """Places text beside points where nothing stands yet: right, left, above or below."""

    def __init__(self, points):
        self.boxes = [(x - 4, y - 4, x + 4, y + 4) for x, y in points]

    def place(self, x, y, text):
        width = 6.6 * len(text)
        sides = ((x + 7, y + 4, "start", x + 7), (x - 7, y + 4, "end", x - 7 - width), (x, y - 8, "middle", x - width / 2),
                 (x, y + 16, "middle", x - width / 2))
        hits = lambda left, base: sum(left < box[2] and box[0] < left + width and base - 10 < box[3] and box[1] < base + 2
                                      for box in self.boxes)
        at, base, anchor, left = min(sides, key=lambda side: hits(side[3], side[1]))
        self.boxes.append((left, base - 10, left + width, base + 2))
        return f'<text x="{at:.1f}" y="{base:.1f}" text-anchor="{anchor}"'


def picture(results):
    """KL on a logarithmic scale against the bits of all float tensors together."""
    points = [(name, preset, 8 * totals["output_bytes"] / totals["parameters"], found["mean_kl"])
              for name, _, rows in results for preset, totals, found, _, _ in rows if found["mean_kl"] > 0]
    lowest = math.floor(min(math.log10(kl) for *_, kl in points))
    highest = math.ceil(max(math.log10(kl) for *_, kl in points))
    least_bits = math.floor(min(bits for *_, bits, _ in points))
    most_bits = math.ceil(max(bits for *_, bits, _ in points))
    x = lambda bits: 70 + 520 * (bits - least_bits + 0.5) / (most_bits - least_bits + 1)
    y = lambda kl: 30 + 280 * (highest - math.log10(kl)) / (highest - lowest)
    svg = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 370" font-family="sans-serif" font-size="12">',
           '<rect width="720" height="370" fill="white"/>']
    for power in range(lowest, highest + 1):
        svg.append(f'<path d="M70 {y(10.0 ** power):.1f}H590" stroke="#ddd"/>'
                   f'<text x="62" y="{y(10.0 ** power) + 4:.1f}" text-anchor="end">1e{power}</text>')
    for bits in range(least_bits, most_bits + 1):
        svg.append(f'<text x="{x(bits):.1f}" y="330" text-anchor="middle">{bits}</text>')
    svg.append('<text x="330" y="355" text-anchor="middle">bits of the data files for each parameter</text>')
    svg.append('<text x="20" y="170" text-anchor="middle" transform="rotate(-90 20 170)">mean KL divergence, nats</text>')
    labels = Labels([(x(bits), y(kl)) for _, _, bits, kl in points])
    for color, (name, _, _) in zip(COLORS, results):
        mine = [point for point in points if point[0] == name]
        for _, preset, bits, kl in mine:
            svg.append(f'<circle cx="{x(bits):.1f}" cy="{y(kl):.1f}" r="4" fill="{color}"/>'
                       f'{labels.place(x(bits), y(kl), preset)} fill="{color}">{preset}</text>')
    for i, (color, (name, _, _)) in enumerate(zip(COLORS, results)):
        svg.append(f'<text x="605" y="{50 + 18 * i}" fill="{color}">{name}</text>')
    return "\n".join(svg + ["</svg>", ""])


def main():
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        results = [(name, *measure(model, text, prompt, folder)) for name, model, text, prompt in models(folder)]
    lines = [*INTRODUCTION.splitlines(), "", "![KL against bits](fidelity.svg)", ""]
    for result in results:
        lines += table(*result)
    if SHARED:
        lines += CAPP.splitlines()
    else:
        lines += ["capp-gpt2 was left out: OCTET_SHARED was not set."]
    (ROOT / "docs" / "fidelity.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (ROOT / "docs" / "fidelity.svg").write_text(picture(results), encoding="utf-8")


main()
