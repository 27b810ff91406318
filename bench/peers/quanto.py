"""FLAN-T5-small through quanto's qint8, as a whole process: read, quantize, freeze, write.

    quanto.py INPUT.safetensors OUTPUT.safetensors THREADS
"""
import sys

import torch
from optimum.quanto import freeze, qint8, quantize
from safetensors.torch import load_file, save_file
from transformers import T5Config, T5ForConditionalGeneration

torch.set_num_threads(int(sys.argv[3]))
config = T5Config(vocab_size=32128, d_model=512, d_kv=64, d_ff=1024, num_layers=8, num_decoder_layers=8, num_heads=6,
                  feed_forward_proj="gated-gelu", tie_word_embeddings=False, decoder_start_token_id=0)
with torch.device("meta"):
    model = T5ForConditionalGeneration(config)
tensors = load_file(sys.argv[1])
for copy in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
    tensors[copy] = tensors["shared.weight"]
model.load_state_dict(tensors, assign=True)
quantize(model, weights=qint8)
freeze(model)
state = {name: value.contiguous() for name, value in model.state_dict().items() if "embed_tokens" not in name}
save_file(state, sys.argv[2], metadata={"format": "pt"})
print(len(state))
