"""The lesson's arithmetic in torch, as a whole process: read, quantize every parameter, write.

    lesson.py INPUT.safetensors OUTPUT.safetensors THREADS
"""
import sys

import torch
from safetensors.torch import load_file, save_file


def quantize(t):
    min_val, max_val = t.min(), t.max()
    scale = (max_val - min_val) / 255
    zero_point = min_val
    t_quant = (t - zero_point) / scale
    t_quant = torch.clamp(t_quant, min=0, max=255)
    state = (scale, zero_point)
    t_quant = t_quant.type(torch.uint8)
    return t_quant, state


torch.set_num_threads(int(sys.argv[3]))
tensors, states = {}, {}
for name, tensor in load_file(sys.argv[1]).items():
    if name.endswith(".attn.bias") and tensor.dim() == 4:  # a mask, which is no parameter
        tensors[name] = tensor
    else:
        tensors[name], states[name] = quantize(tensor)
save_file(tensors, sys.argv[2])
print(len(states))
