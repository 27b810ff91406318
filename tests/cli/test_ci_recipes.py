#!/usr/bin/env python3
"""docs/ci.md and action.yml are true: every shell block, the Makefile, the GitLab job's script, the DVC stage's command and the
steps of the action run as they stand on a copy of testdata/tiny-gpt2, with `octet` on PATH; failed gates end them. The YAML is
held against the schemas that check-jsonschema brings."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

OCTET = Path(os.environ["OCTET_BIN"])
SOURCE = Path(os.environ["OCTET_SOURCE_DIR"])
PAGE = (SOURCE / "docs/ci.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def yaml_of(mark):
    import yaml
    found = [block for block in blocks("yaml") if mark in block]
    assert len(found) == 1, mark
    return found[0], yaml.safe_load(found[0])


class Recipes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = Path(folder.name)
        (self.work / "bin").mkdir()
        (self.work / "bin/octet").symlink_to(OCTET)
        shutil.copytree(SOURCE / "testdata/tiny-gpt2", self.work / "model")
        self.environment = {**os.environ, "PATH": f"{self.work}/bin:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        for name in ("MODEL", "OUT", "OPTIONS"):
            self.environment.pop(name, None)

    def shell(self, script, **environment):
        return subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], cwd=self.work,
                              env={**self.environment, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def holds(self, script, **environment):
        done = self.shell(script, **environment)
        self.assertEqual(done.returncode, 0, f"{script}\n{done.stdout}")
        return done.stdout

    def test_shell(self):
        self.assertTrue(shutil.which("jq"), "the recipes need jq, which scripts/setup.sh installs")
        scripts = blocks("sh")
        self.assertEqual(len(scripts), 5)
        for script in scripts:
            self.assertTrue(script.startswith("set -euo pipefail\n"))
            self.holds(script)
        for name in ("report.xml", "report.md", "strict.xml", "numbers.json"):
            self.assertTrue((self.work / name).stat().st_size, name)
        gate = scripts[0].replace("--min-sqnr 30", "--min-sqnr 60")
        self.assertNotEqual(gate, scripts[0])
        self.assertEqual(self.shell(gate, OUT="refused").returncode, 1)
        self.assertFalse((self.work / "refused").exists())

    def test_keys_follow_source_and_options(self):
        key = next(script for script in blocks("sh") if "sha256sum))" in script or "xargs -0 sha256sum" in script)
        first = self.holds(key)
        self.assertRegex(first, r"^octet-[0-9a-f]{32}\n$")
        self.assertEqual(self.holds(key), first)
        self.assertNotEqual(self.holds(key, OPTIONS="--preset q4"), first)
        weights = self.work / "model/model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        self.assertNotEqual(self.holds(key), first)

    def test_make(self):
        self.assertTrue(shutil.which("make"), "scripts/setup.sh installs make")
        (self.work / "Makefile").write_text(blocks("make")[0])
        self.assertIn("octet quantize", self.holds("make"))
        self.assertIn("Nothing to be done", self.holds("make"))
        os.utime(self.work / "model/config.json", (2e9, 2e9))
        self.assertIn("octet quantize", self.holds("make"))
        (self.work / "Makefile").write_text(blocks("make")[0].replace("--min-sqnr 30", "--min-sqnr 60"))
        os.utime(self.work / "model/config.json", (3e9, 3e9))
        before = (self.work / "quantized/quantization_state.json").read_bytes()
        self.assertNotEqual(self.shell("make").returncode, 0)
        self.assertEqual((self.work / "quantized/quantization_state.json").read_bytes(), before)

    def test_gitlab_and_dvc(self):
        job = yaml_of(".gitlab-ci.yml")[1]["quantize"]
        self.holds("\n".join(job["script"]), **job["variables"])
        for path in [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"], *job["cache"]["key"]["files"]]:
            self.assertTrue((self.work / path).exists(), path)
        stage = yaml_of("dvc.yaml")[1]["stages"]["quantize"]
        self.holds(stage["cmd"])
        for path in [*stage["deps"], *stage["outs"], *stage["metrics"][0]]:
            self.assertTrue((self.work / path).exists(), path)

    def run_action(self, inputs):
        """The steps of action.yml that run octet, as the runner would: (exit codes by name, what was written to $GITHUB_OUTPUT)."""
        import yaml
        action = yaml.safe_load((SOURCE / "action.yml").read_text())
        given = {name: inputs.get(name, about.get("default")) for name, about in action["inputs"].items()}
        known = {f"inputs.{name}": value for name, value in given.items()}
        files = {name: str(self.work / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        codes = {}
        for step in action["runs"]["steps"]:
            if "run" in step and step["name"] != "Install octet":
                filled = {name: re.sub(r"\$\{\{ (\S+) \}\}", lambda m: known[m[1]], text) for name, text in step["env"].items()}
                codes[step["name"]] = self.shell(step["run"], **filled, **files).returncode
                if codes[step["name"]] != 0:
                    break
        return codes, (self.work / "GITHUB_OUTPUT").read_text()

    def test_action(self):
        codes, output = self.run_action({"model": "model", "options": "--preset q8 --min-sqnr 30"})
        self.assertEqual(codes, {"Find what the set depends on": 0, "Quantize": 0, "Verify": 0})
        self.assertRegex(output, r"^key=octet-[0-9a-f]{32}\n$")
        self.assertTrue((self.work / "octet-reports/octet.html").stat().st_size)
        codes, _ = self.run_action({"model": "model", "output": "other", "options": "--min-sqnr 60"})
        self.assertEqual(codes["Quantize"], 1)
        self.assertIn("60", (self.work / "GITHUB_STEP_SUMMARY").read_text())
        self.assertFalse((self.work / "other").exists())
        codes, _ = self.run_action({"model": "model", "output": "$(touch planted)", "options": "--quiet; touch planted"})
        self.assertEqual(codes["Quantize"], 2)
        self.assertFalse((self.work / "planted").exists())

    def test_schemas(self):
        command = Path(sys.executable).with_name("check-jsonschema")
        if not command.exists():
            print("skipped part: no check-jsonschema for the schemas of GitHub and GitLab")
            self.skipTest("no check-jsonschema")
        files = {"vendor.github-workflows": yaml_of("quantize.yml")[0], "vendor.gitlab-ci": yaml_of(".gitlab-ci.yml")[0],
                 "vendor.github-actions": (SOURCE / "action.yml").read_text()}
        for schema, text in files.items():
            path = self.work / f"{schema}.yml"
            path.write_text(text)
            self.holds(f"'{command}' --builtin-schema {schema} '{path}'")
            path.write_text(re.sub(r"\b(steps|script|using):", "nothing:", text))
            self.assertNotEqual(self.shell(f"'{command}' --builtin-schema {schema} '{path}'").returncode, 0, schema)


if __name__ == "__main__":
    if sys.argv[1:2] != ["inside"]:
        found = subprocess.run([SOURCE / "scripts/python_env.sh"], stdout=subprocess.PIPE, text=True)
        if found.returncode != 0 or subprocess.run([found.stdout.strip(), "-c", "import yaml"], stderr=subprocess.DEVNULL).returncode != 0:
            print("skipped: no Python with PyYAML")
            sys.exit(77)
        sys.exit(subprocess.run([found.stdout.strip(), __file__, "inside", *sys.argv[1:]]).returncode)
    del sys.argv[1]
    unittest.main()
