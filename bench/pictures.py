"""The pictures of docs/performance.md as plain SVG: nothing from elsewhere, readable on light and dark."""
import math
from xml.sax.saxutils import escape

MIB = 1 << 20
STYLE = """<style>
  .ground { fill: #ffffff } text { font: 14px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 } .small { font-size: 12px; fill: #57606a }
  .axis { stroke: #57606a; fill: none } .grid { stroke: #d0d7de; fill: none }
  .a { fill: #0969da; stroke: #0969da } .b { fill: #8c959f; stroke: #8c959f } .c { fill: #bc4c00; stroke: #bc4c00 }
  .d { fill: #6639ba; stroke: #6639ba } .line { fill: none; stroke-width: 2.5 } .dashed { stroke-dasharray: 6 5 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .small { fill: #9198a1 } .axis { stroke: #9198a1 } .grid { stroke: #30363d }
    .a { fill: #58a6ff; stroke: #58a6ff } .b { fill: #848d97; stroke: #848d97 } .c { fill: #f0883e; stroke: #f0883e }
    .d { fill: #bc8cff; stroke: #bc8cff }
  }
  rect { stroke: none }
</style>"""


def text(x, y, content, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(content)}</text>'


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def page(width, height, label, parts):
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                      f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">', STYLE,
                      f'<rect class="ground" width="{width}" height="{height}"/>', *parts, "</svg>", ""])


# --- time against the floor and the peers ---------------------------------------------------------------------------------

def ratios(report):
    """[(label, times the floor of the same run and input, class)]"""
    bars = []
    for name, label in (("quantize-fresh", "octet quantize, fresh cache"),
                        ("quantize-fragmented", "octet quantize, fragmented cache"),
                        ("dequantize-fresh", "octet dequantize, fresh cache"),
                        ("dequantize-fragmented", "octet dequantize, fragmented cache")):
        found = report.experiment(name)
        if found:
            bars.append((label, found.ratio("octet", found.floor()), "a"))
    found = report.experiment("peers")
    others = [name for name in found.names() if not name.startswith(("octet", "floor"))] if found else []
    measured = [(name, found.ratio(name, found.floor(", FLAN-T5" if name.endswith("FLAN-T5") else "")), "c") for name in others]
    return bars + sorted(measured, key=lambda bar: bar[1])


def time_picture(report):
    bars = ratios(report)
    if not bars:
        return None
    left, width, top, step = 300, 800, 70, 32
    most = max(value for _, value, _ in bars)
    scale = (width - left - 80) / max(most, 1.5)
    height = top + step * (len(bars) + 1) + 40
    parts = [text(16, 28, "Time of the whole process, as a multiple of the floor", "title"),
             text(16, 48, "floor: every byte read once, as many written, same threads, same run; shorter is better", "small")]
    bottom = top + step * (len(bars) + 1)
    parts += [line(left + scale, top - 4, left + scale, bottom, "axis dashed"),
              text(left + scale, bottom + 18, "1 x", "small", "middle")]
    for number, (label, value, kind) in enumerate([("the floor", 1.0, "b")] + bars):
        y = top + step * number
        parts += [text(left - 12, y + 17, label, anchor="end"),
                  f'<rect x="{left}" y="{y + 3}" width="{value * scale:.1f}" height="{step - 12}" class="{kind}"/>',
                  text(left + value * scale + 8, y + 17, f"{value:.2f} x" if value < 10 else f"{value:.0f} x")]
    parts.append(line(left, top - 4, left, bottom, "axis"))
    return page(width, height, "Time of octet and of other programs as a multiple of the floor", parts)


# --- time and memory against size -----------------------------------------------------------------------------------------

class Panel:
    """One plot with logarithmic axes."""

    def __init__(self, left, top, width, height, xs, ys):
        self.left, self.top, self.width, self.height = left, top, width, height
        self.x_range, self.y_range = xs, ys

    def x(self, value):
        low, high = map(math.log10, self.x_range)
        return self.left + self.width * (math.log10(value) - low) / (high - low)

    def y(self, value):
        low, high = map(math.log10, self.y_range)
        return self.top + self.height * (1 - (math.log10(value) - low) / (high - low))

    def frame(self, title, x_ticks, y_ticks):
        bottom, right = self.top + self.height, self.left + self.width
        parts = [text(self.left, self.top - 16, title, "title")]
        for value, label in y_ticks:
            parts += [line(self.left, self.y(value), right, self.y(value), "grid"),
                      text(self.left - 8, self.y(value) + 5, label, "small", "end")]
        for value, label in x_ticks:
            parts += [line(self.x(value), self.top, self.x(value), bottom, "grid"),
                      text(self.x(value), bottom + 18, label, "small", "middle")]
        return parts + [line(self.left, self.top, self.left, bottom, "axis"), line(self.left, bottom, right, bottom, "axis")]

    def curve(self, points, kind, dots=True):
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        parts = [f'<polyline points="{path}" class="{kind} line"/>']
        return parts + [f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="4" class="{kind.split()[0]}"/>'
                        for x, y in points if dots]


def decades(low, high, label):
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [(10.0**k, label(10.0**k)) for k in range(first, last + 1)]


def legend(x, y, entries):
    parts = []
    for label, kind in entries:
        parts += [line(x, y - 5, x + 26, y - 5, kind + " line"), text(x + 34, y, label)]
        y += 22
    return parts


def growth_picture(report):
    measured = [(found["read"], found) for _, found, _ in report.growth_entries() if found]
    if len(measured) < 2:
        return None
    seconds = {"octet": [], "floor": [], "dequantize": []}
    memory = {"octet": [], "dequantize": []}
    for size, found in measured:
        seconds["octet"].append((size, found.median("octet")))
        seconds["floor"].append((size, found.median(found.floor())))
        for name in memory:
            memory[name].append((size, found.peak(name) / MIB))
        seconds["dequantize"].append((size, found.median("dequantize")))
    cold = report.experiment("cold")
    cold_points = []
    if cold:
        cold_points = [(cold["read"], cold.median("octet"))]
        memory["octet"].append((cold["read"], cold.peak("octet") / MIB))
    sizes = [point[0] for point in memory["octet"]]
    xs = (min(sizes) / 1.4, max(sizes) * 1.4)
    x_ticks = [(size, f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB") for size in sizes]
    times = [t for points in seconds.values() for _, t in points] + [t for _, t in cold_points]
    time_ticks = decades(min(times), max(times), lambda s: f"{s:.0f} s" if s >= 1 else f"{1000 * s:.0f} ms")
    memory_ticks = [(float(m), f"{m} MiB") for m in (4, 16, 64, 256, 1024, 4096, 16384) if m <= max(1024, max(sizes) / MIB * 1.5)]
    left = Panel(80, 70, 340, 300, xs, (time_ticks[0][0], time_ticks[-1][0]))
    right = Panel(530, 70, 340, 300, xs, (memory_ticks[0][0], max(memory_ticks[-1][0], max(sizes) / MIB * 1.1)))
    parts = left.frame("Time", x_ticks, time_ticks) + right.frame("Peak resident memory", x_ticks, memory_ticks)
    parts += left.curve(seconds["floor"], "b") + left.curve(seconds["dequantize"], "d") + left.curve(seconds["octet"], "a")
    if cold_points:
        x, y = left.x(cold_points[0][0]), left.y(cold_points[0][1])
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="c"/>', text(x - 10, y + 5, "from the disk", "small", "end")]
    limits = [(xs[0], 64), (xs[1], 64)]
    parts += right.curve(limits, "c dashed", False)
    parts += right.curve([(size, size / MIB) for size in (xs[0], xs[1]) if size / MIB >= 4], "b dashed", False)
    parts += right.curve(memory["dequantize"], "d") + right.curve(memory["octet"], "a")
    parts += legend(80, 430, [("quantize, warm", "a"), ("dequantize, warm", "d"), ("the floor of quantize", "b")])
    parts += legend(530, 430, [("quantize", "a"), ("dequantize", "d"), ("64 MiB", "c dashed"), ("the input itself", "b dashed")])
    return page(900, 510, "Time and peak memory against the size of the checkpoint", parts)


# --- schemes against the floor, and running models ------------------------------------------------------------------------

def bar_chart(title, note, groups, lines=()):
    """groups: [(heading, [(label, value, class, the text behind the bar)])]; lines: [(value, label)] drawn dashed across."""
    left, width, step = 300, 800, 26
    most = max(value for _, bars in groups for _, value, _, _ in bars)
    scale = (width - left - 110) / most
    parts, y = [text(16, 28, title, "title"), text(16, 48, note, "small")], 66
    top = y
    for heading, bars in groups:
        if heading:
            parts.append(text(left, y + 16, heading, "small"))
            y += step
        for label, value, kind, behind in bars:
            parts += [text(left - 12, y + 15, label, anchor="end"),
                      f'<rect x="{left}" y="{y + 3}" width="{value * scale:.1f}" height="{step - 10}" class="{kind}"/>',
                      text(left + value * scale + 8, y + 15, behind)]
            y += step
        y += 8
    parts.append(line(left, top, left, y, "axis"))
    for value, label in lines:
        parts += [line(left + value * scale, top, left + value * scale, y, "axis dashed"),
                  text(left + value * scale, y + 18, label, "small", "middle")]
    return page(width, y + (34 if lines else 18), title, parts)


def schemes_picture(report):
    bars = []
    for name in report.results:
        found = report.experiment(name) if name.startswith("scheme-") else None
        if found and "preset" not in found["options"]:
            ratio = found.ratio("octet", found.floor())
            label = found["options"].replace("--granularity ", "").replace("--", "")
            bars.append((f"{label}: {ratio:.2f} x", ratio, "d" if "bits" in label else "a", ""))
    if not bars:
        return None
    return bar_chart("Quantizing with channels and groups, as a multiple of the floor",
                     "8 bits, goal 1.4 (blue); 4 bits, goal 1.6 (purple); shorter is better", [("", bars)],
                     [(1, "floor"), (1.4, "1.4 x"), (1.6, "1.6 x")])


def models_picture(report):
    speed = report.experiment("speed")
    if not speed:
        return None
    kinds = {"llama.cpp": "c", "transformers": "b"}
    kind = lambda name: next((value for key, value in kinds.items() if name.startswith(key)), "a")
    rate = lambda name: speed.median(name, "write")
    label = lambda name: name if kind(name) != "a" else "octet, " + name
    groups = [("tokens per second, writing; longer is better",
               [(label(name), rate(name), kind(name), f"{rate(name):.0f}") for name in speed.names()])]
    waits = []
    for name in ("lesson", "q8", "q4"):
        found = report.experiment(f"first-{name}-fresh")
        if found:
            octet, cat = 1000 * found.median("octet"), 1000 * found.median("cat")
            waits += [(f"octet, {name}", octet, "a", f"{octet:.1f} ms"), ("cat of that set", cat, "b", f"{cat:.1f} ms")]
    if waits:
        most = max(value for _, value, _, _ in waits)
        longest = max(value for _, value, _, _ in groups[0][1])
        groups.append(("whole process to the first token, page cache fresh; shorter is better",
                       [(name, value * longest / most, kind, behind) for name, value, kind, behind in waits]))
    return bar_chart("Running GPT-2 124M's shapes on 2 threads",
                     "octet and llama.cpp on codes or float32, transformers on float32", groups)


def draw(report, folder):
    for name, picture in (("performance-time", time_picture(report)), ("performance-growth", growth_picture(report)),
                          ("performance-schemes", schemes_picture(report)), ("performance-models", models_picture(report))):
        if picture:
            (folder / f"{name}.svg").write_text(picture)
