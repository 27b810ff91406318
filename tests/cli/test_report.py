"""--report FILE: each format from each command, read by Python's own parsers; hostile names; what is replaced, what is refused.
This file is longer than 400 lines because each format has a reader of its own here."""
import base64
import csv
import hashlib
import html.parser
import io
import json
import math
import os
import random
import re
import shutil
import unittest
import xml.etree.ElementTree as ElementTree

from octet_case import TESTDATA, OctetCase, f32, main, make_file, snapshot

ENDINGS = (".html", ".md", ".xml", ".csv", ".json")
HOSTILE = ['</title><script>alert(1)</script>', '"quoted", and \'single\'', '=cmd|calc', '+1', '-1', '@user #12', 'a|b`c`d', 'line\nbreak\ttab',
           'bell\x07 esc\x1b[31m', '\u202eright to left', '\ufffe no character', ']]>', '&amp;&#60;', '[link](javascript:alert(1))',
           'https://example.com/x', '*bold*_under_~~gone~~', '\\backslash', '${x}{{y}}', '- list\n# heading', '--> comment <!--', 'ünïcode 名前']
EXTERNAL = re.compile(r"https?://")


def ramp(count, seed):
    return [((i * 37 + seed * 11) % 101 - 50) / 17 for i in range(count)]


def values_of(path):
    return path.read_bytes().decode("utf-8")


class Page(html.parser.HTMLParser):
    """What a page is made of; tags have to be closed in order."""
    VOID = {"meta", "input", "br"}
    # What a browser could fetch something by, or run.
    ACTIVE = {"src", "srcset", "data", "action", "formaction", "style", "poster", "background"}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.wrong, self.text, self.raw = [], [], [], {}, {"script": [], "style": []}
        self.feed(text)
        self.close()
        if self.open:
            self.wrong.append(f"not closed: {self.open}")

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        for name, value in attrs:
            if name.startswith("on") or name in self.ACTIVE or (name in ("href", "xlink:href") and not value.startswith("#")):
                self.wrong.append(f"<{tag} {name}={value}>")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> out of order")

    def handle_data(self, data):
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)
            if self.open[-1] in self.raw:
                self.raw[self.open[-1]].append(data)

    def count(self, tag):
        return sum(1 for each, _ in self.tags if each == tag)


class Report(OctetCase):
    def make(self, name="model.safetensors", names=("h.0.attn.weight", "h.1.attn.weight", "h.0.ln.bias")):
        make_file(self.dir / name, [f32(each, ramp(64, i), [8, 8]) for i, each in enumerate(names)])
        return name

    def reports(self, *arguments, code=0, stem="report"):
        """Runs it with a report of each format; they by their endings, and the run."""
        options = [option for ending in ENDINGS for option in ("--report", stem + ending)]
        run = self.run_octet(*arguments, *options)
        self.assertEqual(run.code, code, run.err)
        return {ending: values_of(self.dir / (stem + ending)) for ending in ENDINGS}, run

    def check_all(self, texts, command, tensors):
        """All of them are well formed and of this command; names of tensors stand as given. Returns the JSON."""
        report = json.loads(texts[".json"])
        self.assertEqual(report["command"], command)
        rows = list(csv.reader(io.StringIO(texts[".csv"], newline=""), strict=True))
        self.assertEqual({len(row) for row in rows}, {16})
        self.assertEqual([row[0] for row in rows[1:]], tensors)
        self.assertNotRegex(texts[".csv"], r"[^\r]\n|\r[^\n]")
        suites = ElementTree.fromstring(texts[".xml"])
        self.check_junit(suites, command)
        cases = [case.get("name") for case in suites.findall(f"testsuite[@name='octet {command} tensors']/testcase")]
        self.assertEqual(cases, tensors)
        self.assertIn(f"# octet {command}: ", texts[".md"])
        self.check_page(texts[".html"], command, tensors)
        return report

    def check_page(self, text, command, tensors):
        page = Page(text)
        self.assertEqual(page.wrong, [])
        self.assertEqual((page.count("script"), page.count("style"), page.count("h1"), page.count("main")), (1, 1, 1, 1))
        self.assertTrue(page.text["title"][0].startswith(f"octet {command}: "))
        self.assertIn(("html", {"lang": "en"}), page.tags)
        policy = next(a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy")
        self.assertIn("default-src 'none'", policy)
        for tag in ("script", "style"):
            digest = base64.b64encode(hashlib.sha256("".join(page.raw[tag]).encode()).digest()).decode()
            self.assertIn(f"{tag}-src 'sha256-{digest}'", policy)
        for tag, attributes in page.tags:
            if tag == "th":
                self.assertIn(attributes.get("scope"), ("col", "row"))
            if tag == "svg":
                self.assertEqual(attributes["role"], "img")
                self.assertTrue(attributes["aria-label"])
        self.assertEqual(page.count("table"), page.count("caption"))
        ids = [a["id"] for _, a in page.tags if "id" in a]
        self.assertEqual(len(ids), len(set(ids)))
        for tag, attributes in page.tags:
            if tag in ("a", "label"):
                self.assertIn((attributes.get("href", "").lstrip("#") or attributes.get("for")), ids)
        heads = re.search(r'<table id="tensors">.*?</table>', text, re.S)
        rows = re.findall(r'<tr><th scope="row">(.*?)</th>', heads.group(), re.S)
        self.assertEqual(sorted(map(html.unescape, rows)), sorted(tensors))
        return page

    def check_junit(self, suites, command):
        """The elements and attributes of Jenkins' schema, and sums that are right."""
        allowed = {"testsuites": {"name", "tests", "failures", "errors", "time"}, "testsuite": {"name", "tests", "failures", "errors", "time"},
                   "testcase": {"name", "classname", "time"}, "failure": {"type", "message"}}
        inside = {"testsuites": {"testsuite"}, "testsuite": {"testcase"}, "testcase": {"failure"}, "failure": set()}
        for element in suites.iter():
            self.assertEqual(set(element.attrib), allowed[element.tag])
            self.assertLessEqual({child.tag for child in element}, inside[element.tag])
        for suite in [suites, *suites]:
            self.assertEqual(int(suite.get("tests")), len(list(suite.iter("testcase"))))
            self.assertEqual(int(suite.get("failures")), len(list(suite.iter("failure"))))
            self.assertGreaterEqual(float(suite.get("time")), 0)
        for case in suites.iter("testcase"):
            self.assertTrue(case.get("classname").startswith(f"octet.{command}."))

    def test_quantize(self):
        model = self.make()
        texts, run = self.reports("quantize", model, "out", "--json", "--min-sqnr", "10")
        report = self.check_all(texts, "quantize", ["h.0.attn.weight", "h.1.attn.weight", "h.0.ln.bias"])
        self.assertEqual(texts[".json"], run.out)
        self.assertEqual(report["checks"][0]["passed"], True)
        self.assertTrue(texts[".md"].startswith("---\n# made by octet "))
        self.assertIn("**Passed.**", texts[".md"])
        rows = list(csv.DictReader(io.StringIO(texts[".csv"], newline="")))
        for row, tensor in zip(rows, report["tensors"]):
            self.assertEqual(float(row["sqnr_db"]), tensor["sqnr_db"])
            self.assertEqual(int(row["output_bytes"]), tensor["output_bytes"])
            self.assertEqual(float(row["rmse"]), tensor["rmse"])

    def test_every_command(self):
        model = self.make()
        self.octet("quantize", model, "out")
        names = ["h.0.attn.weight", "h.1.attn.weight", "h.0.ln.bias"]
        for command in (("plan", model), ("plan", model, "--target-sqnr", "30"), ("inspect", model), ("inspect", "out"), ("verify", "out"),
                        ("verify", "out", "--source", model), ("compare", model, "out")):
            with self.subTest(command):
                texts, run = self.reports(*command, "--json")
                self.check_all(texts, command[0], names)
                self.assertEqual(texts[".json"], run.out)
        texts, _ = self.reports("inspect", "out", "--tensors", "h.1.*")
        self.check_all(texts, "inspect", names[1:2])

    def test_evaluate(self):
        (self.dir / "text").write_text("The quick brown fox.\n")
        self.octet("quantize", TESTDATA / "tiny-gpt2", "set")
        texts, run = self.reports("evaluate", "set", "--text", "text", "--reference", TESTDATA / "tiny-gpt2", "--max-kl", "1e-9", "--json", code=1)
        report = json.loads(run.out)
        self.check_all(texts, "evaluate", [tensor["name"] for tensor in report["tensors"]])
        self.assertEqual(texts[".json"], run.out)
        self.assertIn("KL divergence", texts[".md"])
        self.assertIn("**Failed.**", texts[".md"])

    def test_planner_curve(self):
        texts, _ = self.reports("plan", TESTDATA / "tiny-gpt2", "--max-size", "1MB")
        self.assertIn("What other sizes can reach", texts[".md"])
        self.assertEqual(len(re.findall(r"^\| \*\*[0-9,]+\*\* \| \*\*[0-9.]+\*\* \|$", texts[".md"], re.M)), 1)

    def test_gates_that_fail(self):
        """Exit 1: the reports are there, the set is not; tensors that miss a gate on each are failures."""
        model = self.make()
        texts, _ = self.reports("quantize", model, "out", "--min-sqnr-tensor", "1000", "--max-output-size", "1GB", code=1)
        self.assertFalse((self.dir / "out").exists())
        suites = ElementTree.fromstring(texts[".xml"])
        gates = suites.find("testsuite[@name='octet quantize gates']")
        self.assertEqual([(case.get("name"), len(case)) for case in gates], [("min-sqnr-tensor", 1), ("max-output-size", 0)])
        self.assertEqual(suites.find("testsuite[@name='octet quantize tensors']").get("failures"), "3")
        self.assertIn("**Failed.**", texts[".md"])

    def test_compare_with_differences(self):
        a = self.make("a.safetensors", ["same", "gone", "reshaped"])
        make_file(self.dir / "b.safetensors", [f32("same", ramp(64, 0), [8, 8]), f32("new", ramp(4, 1)), f32("reshaped", ramp(64, 2), [64])])
        texts, _ = self.reports("compare", a, "b.safetensors", code=1)
        suites = ElementTree.fromstring(texts[".xml"])
        found = {case.get("name"): case.find("failure").get("message") for case in suites.iter("testcase") if len(case)}
        self.assertEqual(set(found), {"gone", "new", "reshaped"})
        self.assertIn("| `gone` | missing in B |", texts[".md"])

    def test_findings(self):
        model = self.make()
        self.octet("quantize", model, "out")
        data = self.dir / "out" / "model.octet.safetensors"
        data.write_bytes(data.read_bytes()[:-1] + bytes([data.read_bytes()[-1] ^ 1]))
        texts, _ = self.reports("verify", self.dir / "out", code=1)
        failures = list(ElementTree.fromstring(texts[".xml"]).iter("failure"))
        self.assertGreater(len(failures), 0)
        self.assertIn("## Findings", texts[".md"])

    def test_hostile_names(self):
        self.make("model.safetensors", HOSTILE)
        for command in (("quantize", "model.safetensors", "out"), ("compare", "model.safetensors", "out"), ("verify", "out"), ("plan", "model.safetensors")):
            texts, _ = self.reports(*command)
            for ending, text in texts.items():
                with self.subTest(command=command[0], ending=ending):
                    self.assertNotRegex(text, "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e\u2028]")
                    if ending in (".md", ".xml"):  # of .html check_page() sees to that
                        self.assertNotIn("<script", text)
            self.assertEqual([t["name"] for t in json.loads(texts[".json"])["tensors"]], HOSTILE)
            rows = list(csv.DictReader(io.StringIO(texts[".csv"], newline=""), strict=True))
            self.assertEqual(len(rows), len(HOSTILE))
            for row, name in zip(rows, HOSTILE):
                self.assertNotIn(row["tensor"][0], "=+-@\t\r")
                plain = name.isprintable() and "\ufffe" not in name
                expected = "'" + name if name[0] in "=+-@" else name
                if plain:
                    self.assertEqual(row["tensor"], expected)
            page = Page(texts[".html"])
            self.assertEqual((page.wrong, page.count("script"), page.count("title") > 1), ([], 1, command[0] in ("quantize", "compare", "verify")))
            self.assertEqual({tag for tag, _ in page.tags} & {"img", "iframe", "object", "embed", "form", "base", "link"}, set())
            shown = {text.strip() for text in page.text["th"]}
            for name in HOSTILE:
                if name.isprintable() and "\ufffe" not in name:
                    self.assertIn(name, shown)
            cases = ElementTree.fromstring(texts[".xml"]).findall(f"testsuite[@name='octet {command[0]} tensors']/testcase")
            for case, name in zip(cases, HOSTILE):
                if name.isprintable() and "\ufffe" not in name:
                    self.assertEqual(case.get("name"), name)
            for line in texts[".md"].splitlines():
                if line.startswith("|") and "tensor" not in line:
                    self.assertNotRegex(line, r"\]\(|https?://|<(?!/?code>)|@")

    def test_random_names(self):
        """300 names of random pieces of every syntax: all formats stay well formed, with a row for each."""
        dice = random.Random(21)
        pieces = ["<", ">", "&", '"', "'", "|", "`", "\\", "<script>", "</td>", "</script>", "]]>", "<!--", "-->", "&lt;", "=", ",", "\r\n", "\t", "\x00",
                  "\x85", "\u2029", "\ufeff", "\uffff", "[x](y)", "http://", "@", "a.b", "é", "\U0001f600", " "]
        names = list(dict.fromkeys("".join(dice.choices(pieces, k=dice.randint(1, 9))) for _ in range(300)))
        self.make("model.safetensors", names)
        texts, _ = self.reports("quantize", "model.safetensors", "out")
        self.assertEqual([t["name"] for t in json.loads(texts[".json"])["tensors"]], names)
        self.assertEqual({len(row) for row in csv.reader(io.StringIO(texts[".csv"], newline=""), strict=True)}, {16})
        suites = ElementTree.fromstring(texts[".xml"])
        self.check_junit(suites, "quantize")
        self.assertEqual(suites.get("tests"), str(len(names)))
        page = Page(texts[".html"])
        self.assertEqual((page.wrong, page.count("script"), page.count("tbody")), ([], 1, 3))
        self.assertNotRegex(texts[".md"], r"<(?!/?code>)|\]\(|https?://")
        for line in texts[".md"].splitlines():
            if line.startswith(("| `", "| <code>")):
                self.assertIn(line.count("|"), (3, 7))

    def test_nothing_of_this_machine(self):
        """Absolute paths stand as base names, and nothing leads to a network."""
        self.make()
        for command in (("quantize", self.dir / "model.safetensors", self.dir / "out"), ("plan", self.dir / "model.safetensors"),
                        ("verify", self.dir / "out", "--source", self.dir / "model.safetensors"), ("inspect", self.dir / "out"),
                        ("compare", self.dir / "model.safetensors", self.dir / "out")):
            texts, _ = self.reports(*command)
            for ending in (".html", ".md", ".xml", ".csv"):
                with self.subTest(command=command[0], ending=ending):
                    self.assertNotIn(str(self.dir), texts[ending])
                    self.assertNotIn("/tmp", texts[ending])
                    self.assertNotRegex(texts[ending], EXTERNAL)

    def test_base_model_of_the_hub_cache(self):
        folder = self.dir / "models--some-owner--some.model" / "snapshots" / "0123"
        folder.mkdir(parents=True)
        self.make("models--some-owner--some.model/snapshots/0123/model.safetensors")
        self.octet("quantize", folder, "out", "--report", "card.md")
        self.assertIn("\nbase_model: some-owner/some.model\nbase_model_relation: quantized\n", values_of(self.dir / "card.md"))

    def test_charts(self):
        """Which sections a page has, and what dots say."""
        texts, _ = self.reports("quantize", TESTDATA / "tiny-gpt2", "set", "--preset", "q4")
        for title in ("Size by kind", "SQNR against bits", "Layers", "Tensors", "Files"):
            self.assertIn(f"<h2>{title}</h2>", texts[".html"])
        self.assertRegex(texts[".html"], r"<title>wte\.weight: \d+\.\d\d dB, 4\.5 bits, u4-group64-axis0-mse-two</title>")
        self.assertRegex(texts[".html"], r"<title>h\.3: \d+\.\d\d dB over 4 tensors; the worst is h\.3\.\S+ with \d+\.\d\d dB</title>")
        texts, _ = self.reports("plan", TESTDATA / "tiny-gpt2", "--max-size", "1MB")
        self.assertEqual(texts[".html"].count('class="chosen"'), 1)
        self.assertIn("<h2>What other sizes can reach</h2>", texts[".html"])
        texts, _ = self.reports("inspect", TESTDATA / "tiny-gpt2")
        self.assertNotIn("<h2>SQNR against bits</h2>", texts[".html"])

    def test_layers_add_up(self):
        """A layer's SQNR is that of its tensors' signal and noise together."""
        self.make("model.safetensors", ["h.0.a.weight", "h.0.b.weight", "h.1.a.weight"])
        texts, run = self.reports("quantize", "model.safetensors", "out", "--bits", "4", "--json")
        tensors = json.loads(run.out)["tensors"][:2]
        noise = [t["rmse"] ** 2 * 64 for t in tensors]
        signal = [n * 10 ** (t["sqnr_db"] / 10) for n, t in zip(noise, tensors)]
        found = re.search(r"<title>h\.0: ([0-9.]+) dB over 2 tensors", texts[".html"]).group(1)
        self.assertAlmostEqual(float(found), 10 * math.log10(sum(signal) / sum(noise)), delta=0.006)

    def test_many_tensors(self):
        """Of more than 1,000 tensors the page has the worst 1,000 and says so; its size is bounded; .csv and .xml have all."""
        for count, most in ((300, 500_000), (3000, 1_500_000)):
            names = [f"model.layers.{i // 7}.self_attn.some_projection_{i % 7}.weight" for i in range(count)]
            make_file(self.dir / "many.safetensors", [f32(name, ramp(16, i), [4, 4]) for i, name in enumerate(names)])
            texts, _ = self.reports("quantize", "many.safetensors", f"out{count}")
            page = Page(texts[".html"])
            self.assertEqual(page.wrong, [])
            self.assertLess(len(texts[".html"]), most)
            table = re.search(r'<table id="tensors">.*?</table>', texts[".html"], re.S).group()
            self.assertEqual(table.count("<tr><th scope=\"row\""), min(count, 1000))
            self.assertEqual("1,000 of 3,000 tensors, worst first" in table, count == 3000)
            self.assertEqual(texts[".csv"].count("\r\n"), count + 1)
            self.assertEqual(texts[".xml"].count("<testcase "), count)
            if count == 3000:
                worst = sorted(float(row["sqnr_db"]) for row in csv.DictReader(io.StringIO(texts[".csv"], newline="")))
                shown = [float(cell) for cell in re.findall(r"<td>([0-9.]+)</td><td>[^<]*</td><td>[^<]*</td></tr>", table)]
                self.assertEqual(len(shown), 1000)
                self.assertEqual(shown, sorted(shown))
                self.assertAlmostEqual(shown[-1], worst[999], delta=0.006)

    def test_endings(self):
        self.make()
        for name in ("report.txt", "report", "report.htm", "report.JSON", "md", ""):
            with self.subTest(name):
                run = self.run_octet("quantize", "model.safetensors", "out", "--report", name)
                self.assertEqual((run.code, run.out), (2, ""))
                self.assertIn("--report", run.err)
                self.assertEqual(os.listdir(self.dir), ["model.safetensors"])

    def test_replaced_whole_or_not_at_all(self):
        self.make()
        report = self.dir / "report.csv"
        report.write_text("old")
        self.octet("quantize", "model.safetensors", "out", "--report", report)
        first = report.read_bytes()
        self.assertTrue(first.startswith(b"tensor,"))
        self.octet("quantize", "model.safetensors", "out", "--force", "--report=report.csv")
        self.assertEqual(report.read_bytes(), first)
        self.assertEqual(sorted(os.listdir(self.dir)), ["model.safetensors", "out", "report.csv"])
        for code, command in ((2, ("quantize", "model.safetensors", "out")), (2, ("quantize", "model.safetensors", "new", "--rule", "nothing=u8")),
                              (3, ("inspect", "report.csv")), (3, ("quantize", "out", "new"))):
            before = snapshot(self.dir)
            with self.subTest(command):
                self.assertEqual(self.run_octet(*command, "--report", "other.csv").code, code)
                self.assertEqual(snapshot(self.dir), before)

    def test_places_that_are_refused(self):
        self.make()
        self.octet("quantize", "model.safetensors", "out")
        (self.dir / "in").mkdir()
        shutil.copy(self.dir / "model.safetensors", self.dir / "in")
        (self.dir / "in" / "config.json").write_text("{}")
        (self.dir / "in" / "model.safetensors.index.json").write_text(
            json.dumps({"weight_map": {"h.0.attn.weight": "model.safetensors", "h.1.attn.weight": "model.safetensors", "h.0.ln.bias": "model.safetensors"}}))
        (self.dir / "empty").mkdir()
        (self.dir / "folder.md").mkdir()
        index = "in/model.safetensors.index.json"
        for command in (("quantize", "in", "new", "--report", "in/config.json"), ("quantize", index, "new", "--report", index),
                        ("quantize", "in", "new", "--report", "empty/../in/config.json"), ("quantize", "in", "empty", "--report", "empty/r.md"),
                        ("verify", "out", "--report", "out/r.md"), ("inspect", "out", "--report", "out/r.md"), ("plan", "in", "--report", "folder.md"),
                        ("plan", "in", "--report", "nowhere/r.md"), ("plan", "in", "--report", "octet_report.json"),
                        ("plan", "in", "--report", "r.md", "--report", "./r.md"), ("plan", "--list-schemes", "--report", "r.md")):
            before = snapshot(self.dir)
            with self.subTest(command):
                run = self.run_octet(*command)
                self.assertEqual((run.code, run.out), (2, ""), run.err)
                self.assertEqual(snapshot(self.dir), before)
        self.octet("quantize", "in", "new", "--report", "in/report.md")
        self.octet("quantize", "in", "new", "--force", "--report", "in/report.md")

    def test_linked_report_is_replaced_where_it_is(self):
        self.make()
        (self.dir / "real").mkdir()
        (self.dir / "real" / "r.md").write_text("old")
        (self.dir / "r.md").symlink_to("real/r.md")
        self.octet("inspect", "model.safetensors", "--report", "r.md")
        self.assertTrue((self.dir / "r.md").is_symlink())
        self.assertIn("# octet inspect", values_of(self.dir / "real" / "r.md"))

    @unittest.skipIf(os.geteuid() == 0, "root may write anywhere")
    def test_place_that_cannot_be_written(self):
        self.make()
        (self.dir / "closed").mkdir(mode=0o500)
        self.assertEqual(self.run_octet("quantize", "model.safetensors", "out", "--report", "closed/r.md").code, 4)
        self.assertFalse((self.dir / "out").exists())

    def test_pipelines_are_refused(self):
        (self.dir / "pipe" / "unet").mkdir(parents=True)
        (self.dir / "pipe" / "model_index.json").write_text(json.dumps({"_class_name": "P", "unet": ["x", "y"]}))
        self.make("pipe/unet/diffusion_pytorch_model.safetensors")
        self.assertEqual(self.run_octet("inspect", "pipe", "--report", "r.md").code, 2)
        self.assertFalse((self.dir / "r.md").exists())


if __name__ == "__main__":
    main()
