#!/usr/bin/env python3
"""Write ../variants: random models of a few thousand weights in the shapes that the trained ones do not have, as transformers saves them, and in
golden.json what transformers computes from them in float32. No arguments."""
import json
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration

torch.set_grad_enabled(False)
OUT = Path(__file__).resolve().parents[1] / "variants"
SOURCE = [3, 14, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 1]
INPUTS = [0, 4, 11, 2, 15, 7]


def t5(activation, scaled, own_head=False):
    """transformers 5 reads `tie_word_embeddings` as whether the head's input is scaled, and ties the two unless the file has both."""
    config = T5Config(vocab_size=16, d_model=8, d_kv=4, d_ff=20, num_layers=2, num_decoder_layers=3, num_heads=3, feed_forward_proj=activation,
                      tie_word_embeddings=scaled, relative_attention_num_buckets=8, relative_attention_max_distance=12)
    model = T5ForConditionalGeneration(config)
    if own_head:
        model.lm_head.weight = torch.nn.Parameter(torch.zeros(16, 8))
    return model


def gpt2(tied, inner):
    return GPT2LMHeadModel(GPT2Config(vocab_size=16, n_positions=24, n_embd=12, n_layer=2, n_head=3, n_inner=inner, tie_word_embeddings=tied,
                                      bos_token_id=15, eos_token_id=15))


MODELS = {"t5-relu-tied": lambda: t5("relu", True), "t5-relu-own-head": lambda: t5("relu", False, own_head=True),
          "t5-gated-unscaled": lambda: t5("gated-gelu", False),
          "gpt2-own-head": lambda: gpt2(False, None), "gpt2-inner": lambda: gpt2(True, 20)}


def main():
    golden = {}
    for seed, (name, make) in enumerate(MODELS.items()):
        torch.manual_seed(seed)
        model = make().eval()
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.4)
        model.save_pretrained(OUT / name)
        (OUT / name / "generation_config.json").unlink(missing_ok=True)
        inputs = torch.tensor([INPUTS])
        if name.startswith("t5"):
            logits = model(input_ids=torch.tensor([SOURCE]), decoder_input_ids=inputs).logits
        else:
            logits = model(inputs).logits
        golden[name] = [[float(value) for value in row] for row in logits[0]]
        print(name, sum(parameter.numel() for parameter in model.parameters()))
    text = json.dumps({"source": SOURCE, "inputs": INPUTS, "logits": golden}, indent=None)
    (OUT / "golden.json").write_text(text + "\n", encoding="utf-8")


main()
