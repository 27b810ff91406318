"""GPT-2 124M in transformers, float32, its cache on: prints {"write", "read"} in tokens per second, 32 tokens after 8 and a prompt of 512.

    gpt2_speed.py MODEL.safetensors THREADS
"""
import json
import sys
import time

import torch
from safetensors.torch import load_file
from transformers import GPT2Config, GPT2LMHeadModel

WRITTEN, READ = 32, 512
torch.set_num_threads(int(sys.argv[2]))
model = GPT2LMHeadModel(GPT2Config()).eval()
model.transformer.load_state_dict(load_file(sys.argv[1]), strict=False)


def ids(count):
    return torch.tensor([[(7919 * i + 13) % model.config.vocab_size for i in range(count)]])


@torch.inference_mode()
def main():
    model(ids(READ))
    start = time.perf_counter()
    model(ids(READ))
    read = READ / (time.perf_counter() - start)
    past, token = None, ids(8)
    for step in range(WRITTEN + 1):
        if step == 1:
            start = time.perf_counter()
        done = model(token, past_key_values=past, use_cache=True)
        past, token = done.past_key_values, done.logits[:, -1:].argmax(-1)
    print(json.dumps({"write": WRITTEN / (time.perf_counter() - start), "read": read}))


main()
