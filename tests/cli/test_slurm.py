#!/usr/bin/env python3
"""share/octet/slurm/quantize.sbatch on a real Slurm: an array of 8 parts over 4 nodes, one of which dies in the middle, and the
join behind it. The bytes are those of one run."""
import os
import random
import re
import struct
import unittest

import slurm_cluster
from octet_case import BIN, SOURCE_DIR, OctetCase, Tensor, contents, main, make_file, make_sharded

# Stands for a slow node: part 3 waits until it is killed, the first time that it runs.
SLOW = """#!/bin/sh
case " $* " in
*" --part 3/"*)
    if mkdir {folder}/first 2> /dev/null; then
        echo "$SLURMD_NODENAME" > {folder}/node
        sleep 600
    fi ;;
esac
exec {octet} "$@"
"""


class Slurm(OctetCase):
    def checkpoint(self):
        noise = random.Random(3)
        block = struct.pack("<20000f", *(noise.gauss(0, 0.1) for _ in range(20_000)))
        tensors = [Tensor(f"model.layers.{i}.mlp.up_proj.weight", "F32", [100, 200],
                          block[4 * i:] + block[:4 * i]) for i in range(64)]
        make_file(self.dir / "model.safetensors", tensors)
        return make_sharded(self.dir / "model", self.dir / "model.safetensors", 32)

    @unittest.skipIf(os.environ.get("OCTET_SANITIZE"), "Slurm is tried in the release build")
    @unittest.skipIf(slurm_cluster.missing(), slurm_cluster.missing())
    def test_an_array_and_its_join_make_the_bytes_of_one_run(self):
        self.checkpoint()
        self.octet("quantize", "model", "single", "--preset", "q8")
        program = self.dir / "octet"
        program.write_text(SLOW.format(folder=self.dir, octet=BIN))
        program.chmod(0o755)
        cluster = slurm_cluster.Cluster(self.dir / "slurm", 4)
        try:
            cluster.start()
        except RuntimeError as error:
            self.skipTest(f"no Slurm can be started here: {error}")
        self.addCleanup(cluster.stop)
        cluster.environment.update({"OCTET": str(program), "OCTET_PARTS": "8",
                                    "SBATCH_OUTPUT": str(self.dir / "job-%A-%a.log")})
        os.chdir(self.dir)
        said = cluster.run(SOURCE_DIR / "share" / "octet" / "slurm" / "quantize.sbatch",
                           self.dir / "model", self.dir / "set", "--preset", "q8")
        parts, join = re.fullmatch(r"parts: job (\d+), tasks 1-8; join: job (\d+)\n", said).groups()
        cluster.wait_for((self.dir / "node").exists, 90)
        node = (self.dir / "node").read_text().strip()
        cluster.kill_node(node)
        # Slurm finds it gone within SlurmdTimeout and queues the part again, for a while from now.
        cluster.wait_for(lambda: "PENDING" in cluster.state_of(f"{parts}_3"), 90)
        cluster.run("scontrol", "update", f"JobId={parts}_3", "StartTime=now")
        cluster.wait_for(lambda: cluster.state_of(join) == ["COMPLETED"], 150)
        self.assertEqual(contents(self.dir / "set"), contents(self.dir / "single"))


if __name__ == "__main__":
    main()
