"""The module octet on testdata/tiny-gpt2: what the commands return and raise, what a set gives. $OCTET_BIN is the program;
random_sets.py beside this file compares the values with `octet dequantize`."""
import os
import pickle
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import octet
from octet import _program

MODEL = Path(__file__).resolve().parents[2] / "testdata/tiny-gpt2"
WEIGHT = "h.0.attn.c_attn.weight"


class Octet(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = Path(folder.name)

    def test_commands_return_what_json_prints(self):
        report = octet.quantize(MODEL, self.work / "out", preset="q4", no_sync=True)
        self.assertEqual((report["command"], report["totals"]["tensors"]), ("quantize", 56))
        self.assertEqual(octet.verify(self.work / "out", source=MODEL)["command"], "verify")
        self.assertEqual(octet.inspect(MODEL)["totals"]["parameters"], 973568)
        self.assertEqual(octet.plan(MODEL, rule=["wte.weight=keep", "*.bias=u8"])["totals"]["kept"], 1)
        self.assertLess(octet.compare(MODEL, self.work / "out")["totals"]["sqnr_db"], 60)
        self.assertTrue(octet.generate(MODEL, "The quick brown fox", max_new_tokens=3)["text"])
        restored = octet.dequantize(self.work / "out", self.work / "back.safetensors", no_sync=True)
        self.assertEqual(restored["command"], "dequantize")
        self.assertEqual(octet.version()["version"], report["version"])

    def test_options_become_arguments(self):
        made = _program._arguments({"group_size": 32, "symmetric": True, "quiet": False, "rules": None, "for_": "vllm",
                                    "rule": ["a=keep", "b=u8"], "report": Path("x.html")})
        self.assertEqual(made, ["--group-size=32", "--symmetric", "--for=vllm", "--rule=a=keep", "--rule=b=u8",
                                "--report=x.html"])

    def test_errors_carry_the_exit_code_and_the_report_of_a_gate(self):
        with self.assertRaises(octet.Error) as caught:
            octet.inspect(self.work / "none.safetensors")
        self.assertEqual(caught.exception.exit_code, 3)
        self.assertIn("none.safetensors: not found", str(caught.exception))
        with self.assertRaises(octet.Error) as caught:
            octet.quantize(MODEL, self.work / "out", min_sqnr=99)
        self.assertEqual(caught.exception.exit_code, 1)
        self.assertEqual(caught.exception.report["checks"][0]["passed"], False)
        with self.assertRaises(octet.Error) as caught:
            octet.quantize(MODEL, self.work / "out", no_such_option=1)
        self.assertEqual(caught.exception.exit_code, 2)

    def test_a_set_is_a_mapping_of_arrays(self):
        octet.quantize(MODEL, self.work / "out", rule=["wpe.weight=keep"], no_sync=True)
        made = octet.open(self.work / "out")
        self.assertEqual(len(made), 56)
        self.assertIn(WEIGHT, made)
        self.assertNotIn("none", made)
        self.assertEqual(made.report["totals"]["kept"], 1)
        value, codes, scales = made[WEIGHT], made.codes(WEIGHT), made.scales(WEIGHT)
        self.assertEqual((value.dtype, value.shape, codes.dtype), (np.float32, (128, 384), np.uint8))
        again = codes.astype(np.float32) * scales.scale + scales.zero_point
        self.assertEqual(again.tobytes(), value.tobytes())
        self.assertEqual((made.scheme(WEIGHT), made.scheme("wpe.weight")), ("u8", "keep"))
        with self.assertRaisesRegex(ValueError, "wpe.weight: is kept"):
            made.codes("wpe.weight")
        with self.assertRaises(KeyError):
            made["none"]
        value[:] = 0  # what is given is the caller's own
        made["wpe.weight"][:] = 0
        self.assertTrue(made["wpe.weight"].any())

    def test_a_set_opens_by_any_of_its_files_and_nothing_else_does(self):
        octet.quantize(MODEL, self.work / "out", no_sync=True)
        for name in ("model.octet.safetensors", "quantization_state.json"):
            self.assertEqual(len(octet.open(self.work / "out" / name)), 56)
        with self.assertRaisesRegex(FileNotFoundError, "no set"):
            octet.open(MODEL)
        sidecar = self.work / "out/quantization_state.json"
        sidecar.write_text(sidecar.read_text().replace('"u8"', '"u7"', 1))
        with self.assertRaises(octet.Error) as caught:  # the program refuses it before numpy reads
            octet.open(self.work / "out")
        self.assertEqual(caught.exception.exit_code, 3)

    def test_threads_give_the_same_bytes_and_survive_a_fork(self):
        big = self.work / "big.safetensors"
        values = np.random.default_rng(1).normal(size=(1200, 1100)).astype("<f4")
        header = b'{"a.weight":{"dtype":"F32","shape":[1200,1100],"data_offsets":[0,%d]}}' % values.nbytes
        big.write_bytes(len(header).to_bytes(8, "little") + header + values.tobytes())
        octet.quantize(big, self.work / "out", bits=4, granularity="group", no_sync=True)
        made = octet.open(self.work / "out")
        lone = subprocess.run([sys.executable, "-c", "import sys, octet, octet._codes as c; c.THREADS = 1; "
                               "sys.stdout.buffer.write(octet.open(sys.argv[1])['a.weight'].tobytes())",
                               self.work / "out"], stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(made["a.weight"].tobytes(), lone)
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.write(writing, made["a.weight"].tobytes()[:64])
            os._exit(0)
        self.assertEqual(os.read(reading, 64), lone[:64])
        os.wait()

    def test_the_program_is_found_and_said_to_be_missing(self):
        self.assertEqual(octet.program(), os.environ["OCTET_BIN"])
        kept = os.environ.pop("OCTET_BIN"), os.environ["PATH"]
        try:
            os.environ["PATH"] = str(self.work)
            with self.assertRaisesRegex(FileNotFoundError, "OCTET_BIN"):
                octet.program()
            (self.work / "octet").write_text("#!/bin/sh\n")
            (self.work / "octet").chmod(0o755)
            self.assertEqual(octet.program(), str(self.work / "octet"))
        finally:
            os.environ["OCTET_BIN"], os.environ["PATH"] = kept

    def test_errors_can_be_sent_between_processes(self):
        error = pickle.loads(pickle.dumps(octet.Error("no", 3, None)))
        self.assertEqual((str(error), error.exit_code), ("no", 3))

    def test_torch_takes_the_arrays(self):
        try:
            import torch
        except ImportError:
            self.skipTest("no torch here")
        octet.quantize(MODEL, self.work / "out", no_sync=True)
        value = octet.open(self.work / "out")[WEIGHT]
        self.assertTrue(np.array_equal(torch.from_numpy(value).numpy(), value))


if __name__ == "__main__":
    unittest.main()
