"""Files that bitsandbytes, MLX, quanto and compressed-tensors write, and what they themselves make of them, against octet's weights:
equal to the bit. OCTET_PEERS names a Python that has torch, safetensors and the peer; skipped without."""
import os
import subprocess
import unittest

from method_values import restored
from octet_case import OctetCase, main

PEERS = os.environ.get("OCTET_PEERS")
START = """
import json, os, torch
from safetensors.torch import save_file
torch.manual_seed(1)
os.mkdir("in"); os.mkdir("wanted")
tensors, wanted, config, shape = {}, {}, {}, (96, 256)
def make(i, dtype=torch.float32):
    return (torch.randn(*shape) * (0.02 + i)).to(dtype)
def finish(tensors, wanted, config, metadata={"format": "pt"}):
    save_file({n: t.contiguous() for n, t in tensors.items()}, "in/model.safetensors", metadata)
    save_file({n: t.float().contiguous() for n, t in wanted.items()}, "wanted/model.safetensors")
    json.dump(config, open("in/config.json", "w"))
"""
BITSANDBYTES = START + """
import bitsandbytes as bnb
from bitsandbytes import functional as F
i = 0
for kind in ("nf4", "fp4"):
    for nested in (False, True):
        for block in (64, 128, 4096):
            for storage in (torch.uint8, torch.bfloat16):
                i += 1
                q, state = F.quantize_4bit(make(i), blocksize=block, compress_statistics=nested, quant_type=kind, quant_storage=storage)
                tensors[f"m{i}.weight"] = q
                tensors.update({f"m{i}.weight.{n}": t for n, t in state.as_dict(packed=True).items()})
                wanted[f"m{i}.weight"] = F.dequantize_4bit(q, state)
layer = bnb.nn.Linear8bitLt(256, 96, bias=True, has_fp16_weights=False)
codes, scales, _ = F.int8_vectorwise_quant(make(3, torch.float16))
tensors.update({"l.weight": codes, "l.SCB": scales, "l.weight_format": torch.tensor(0, dtype=torch.uint8)})
wanted["l.weight"] = F.int8_vectorwise_dequant(codes, scales)
finish(tensors, wanted, {"quantization_config": {"quant_method": "bitsandbytes"}})
"""
MLX = START + """
import mlx.core as mx, numpy as np
usual, modules = None, {}
for bits in (2, 3, 4, 5, 6, 8):
    for group in (32, 64, 128):
        w, s, b = mx.quantize(mx.array(make(bits).numpy()), group_size=group, bits=bits)
        name = f"m{bits}_{group}"
        modules[name] = {"bits": bits, "group_size": group}
        tensors.update({f"{name}.weight": w, f"{name}.scales": s, f"{name}.biases": b})
        wanted[f"{name}.weight"] = torch.from_numpy(np.array(mx.dequantize(w, s, b, group_size=group, bits=bits)))
mx.save_safetensors("in/model.safetensors", tensors, metadata={"format": "mlx"})
save_file(wanted, "wanted/model.safetensors")
json.dump({"quantization": {"bits": 4, "group_size": 64, "mode": "affine", **modules}}, open("in/config.json", "w"))
"""
QUANTO = START + """
from optimum.quanto import QLinear, quantize, freeze, qint8, qint4, qint2, qfloat8
for kind in (qint8, qint4, qint2, qfloat8):
    for inputs in (256, 160, 96, 131):
        model = torch.nn.ModuleDict({f"{kind.name}_{inputs}": torch.nn.Linear(inputs, 48)})
        quantize(model, weights=kind); freeze(model)
        if kind in (qint4, qint2) and inputs != {{inputs}}: continue
        tensors.update({n: t for n, t in model.state_dict().items() if isinstance(t, torch.Tensor)})
        for name, module in model.items():
            wanted[name + ".weight"], wanted[name + ".bias"] = module.weight.dequantize(), module.bias.data
finish(tensors, wanted, {"hidden_size": {{inputs}}})
"""
COMPRESSED = START + """
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32, unpack_from_int32
scale = torch.rand(96, 8) + 0.01
codes = torch.randint(-8, 8, shape, dtype=torch.int8)
packed = pack_to_int32(codes, 4)
tensors.update({"m.weight_packed": packed, "m.weight_scale": scale, "m.weight_shape": torch.tensor(shape)})
wanted["m.weight"] = unpack_from_int32(packed, 4, torch.Size(shape)).float() * scale.repeat_interleave(32, 1)
group = {"weights": {"num_bits": 4, "group_size": 32, "type": "int", "strategy": "group"}}
finish(tensors, wanted, {"quantization_config": {"quant_method": "compressed-tensors", "config_groups": {"g": group}}})
"""


@unittest.skipUnless(PEERS, "OCTET_PEERS names no Python with the peers")
class Peers(OctetCase):
    def against(self, module, script):
        if subprocess.run([PEERS, "-c", f"import {module}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            self.skipTest(f"{PEERS} has no {module}")
        done = subprocess.run([PEERS, "-c", script], cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.octet("dequantize", "in", "out", "--dtype", "f32")
        found = restored(self.dir / "out" / "model.safetensors")
        wanted = restored(self.dir / "wanted" / "model.safetensors")
        self.assertEqual(set(found), set(wanted))
        for name, tensor in wanted.items():
            self.assertEqual(found[name], tensor, name)

    def test_bitsandbytes(self):
        self.against("bitsandbytes", BITSANDBYTES)

    def test_mlx(self):
        self.against("mlx.core", MLX)

    def test_quanto(self):
        self.against("optimum.quanto", QUANTO.replace("{{inputs}}", "256"))

    def test_quanto_in_other_groups(self):
        self.against("optimum.quanto", QUANTO.replace("{{inputs}}", "160"))

    def test_quanto_without_groups(self):
        self.against("optimum.quanto", QUANTO.replace("{{inputs}}", "96"))

    def test_compressed_tensors(self):
        self.against("compressed_tensors", COMPRESSED)


if __name__ == "__main__":
    main()
