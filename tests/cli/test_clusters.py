#!/usr/bin/env python3
"""What share/octet runs on many machines, as far as one machine can run it: the commands of the Kubernetes manifests, the script
for hosts with ssh, and what the script for Slurm submits. tests/cli/test_slurm.py has a real Slurm."""
import os
import re
import shutil
import subprocess
import unittest

from octet_case import BIN, SOURCE_DIR, TESTDATA, OctetCase, contents, main

SHARE = SOURCE_DIR / "share" / "octet"
# Says what it was asked, as sbatch --parsable answers.
SBATCH = """#!/bin/sh
printf '%s\\n' "$OCTET_PARTS|$*" >> {folder}/submitted
wc -l < {folder}/submitted
"""


class Clusters(OctetCase):
    def run_script(self, *words, code=0, **environment):
        done = subprocess.run([str(word) for word in words], cwd=self.dir, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
                              env={**os.environ, "OCTET": str(BIN), **environment})
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def single(self, *options):
        self.octet("quantize", TESTDATA / "tiny-gpt2", "single", *options)
        return contents(self.dir / "single")

    def test_the_commands_of_the_kubernetes_jobs(self):
        parts = (SHARE / "kubernetes" / "quantize.yaml").read_text()
        command = re.search(r"- -c\n +- (exec octet .*)\n", parts).group(1)
        count = re.search(r"completions: (\d+)\n", parts).group(1)
        self.assertIn(f'--part "$((JOB_COMPLETION_INDEX + 1))/{count}"', command)
        (self.dir / "bin").mkdir()
        (self.dir / "bin" / "octet").symlink_to(BIN)
        (self.dir / "models").mkdir()
        shutil.copytree(TESTDATA / "tiny-gpt2", self.dir / "models" / "input")
        path = f"{self.dir / 'bin'}:{os.environ['PATH']}"
        for index in (5, 0, 7, 1, 2, 6, 3, 4):
            self.run_script("/bin/sh", "-c", command.replace("/models/", f"{self.dir}/models/"),
                            JOB_COMPLETION_INDEX=str(index), PATH=path)
        join = re.search(r"command: \[(.*)\]", (SHARE / "kubernetes" / "join.yaml").read_text()).group(1).split(", ")
        self.run_script(*(word.replace("/models/", f"{self.dir}/models/") for word in join), PATH=path)
        self.assertEqual(contents(self.dir / "models" / "output"), self.single())

    @unittest.skipUnless(shutil.which("parallel"), "no GNU parallel here")
    def test_hosts_with_ssh(self):
        (self.dir / "hosts").write_text("2/:\n")
        self.run_script(SHARE / "local" / "quantize.sh", "hosts", "5", TESTDATA / "tiny-gpt2", "set",
                        "--preset", "q4", "--rule", "*.bias=keep")
        self.assertEqual(contents(self.dir / "set"), self.single("--preset", "q4", "--rule", "*.bias=keep"))

    def test_what_is_submitted_to_slurm(self):
        (self.dir / "sbatch").write_text(SBATCH.format(folder=self.dir))
        (self.dir / "sbatch").chmod(0o755)
        script, path = SHARE / "slurm" / "quantize.sbatch", f"{self.dir}:{os.environ['PATH']}"
        size = sum(file.stat().st_size for file in (TESTDATA / "tiny-gpt2").glob("*.safetensors"))
        said = self.run_script(script, TESTDATA / "tiny-gpt2", "set", "--preset", "q4", PATH=path,
                               OCTET_PART_BYTES=str(size // 3 - 1), OCTET_ARRAY="2")
        self.assertEqual(said, "parts: job 1, tasks 1-4; join: job 2\n")
        words = f"{script} {TESTDATA / 'tiny-gpt2'} set --preset q4"
        self.assertEqual((self.dir / "submitted").read_text().splitlines(), [
            f"4|--parsable --array=1-4%2 {words}",
            f"4|--parsable --dependency=afterok:1 --kill-on-invalid-dep=yes {words}"])
        self.run_script(script, "model", code=2)
        # What a task does, and what the join does.
        for task in (2, 1):
            self.run_script(script, TESTDATA / "tiny-gpt2", "set", SLURM_JOB_ID="7", OCTET_PARTS="2",
                            SLURM_ARRAY_TASK_ID=str(task))
        self.run_script(script, TESTDATA / "tiny-gpt2", "set", SLURM_JOB_ID="8")
        self.assertEqual(contents(self.dir / "set"), self.single())


if __name__ == "__main__":
    main()
