#!/usr/bin/env python3
"""scripts/seeds.sh runs to its end on models that are not the documents': it prints every row with octet's own number, marks
those that differ, and exits with 1."""
import os
import re
import shutil
import subprocess
import unittest

from octet_case import BIN, SOURCE_DIR, TESTDATA


class Seeds(unittest.TestCase):
    def test_replay_on_the_tiny_models(self):
        self.assertTrue(shutil.which("jq"), "seeds.sh needs jq, which scripts/setup.sh installs")
        done = subprocess.run([SOURCE_DIR / "scripts/seeds.sh", TESTDATA / "tiny-gpt2", TESTDATA / "tiny-flan-t5"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OCTET_BIN": str(BIN)})
        self.assertEqual((done.returncode, done.stderr), (1, ""), done.stdout)
        rows = dict(re.findall(r"^(.{44}) .{24} (.{24})  differs$", done.stdout, re.MULTILINE))
        told = {name.strip(): value.strip() for name, value in rows.items()}
        self.assertEqual(told["[7] memory footprint"], told["[24] memory footprint, restored"])
        self.assertEqual(told["[9] shape of h.0.attn.c_attn.weight"], "128 x 384")
        self.assertEqual(told["[19] memory footprint, quantized"], str(int(told["[7] memory footprint"]) - 3 * 908032))
        self.assertRegex(told["[13] printed errors"], r"^\d of 36$")
        for name in ("[21] bytes of state", "embedding", "model size in GB, before", "model size in GB, after"):
            self.assertIn(name, told)
        self.assertEqual(done.stdout.count("  octet:  "), 5)
        self.assertIn('"where is Delhi", before\n  the document: "Delhi"\n', done.stdout)


if __name__ == "__main__":
    unittest.main()
