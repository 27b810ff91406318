"""llama.cpp itself loads what quantize --type writes, sees its values to the bit, cuts text into the same tokens, computes the same
logits and continues a prompt as transformers does. OCTET_PEERS names a Python that has llama-cpp-python (or its bindings and
LLAMA_CPP_LIB_PATH), gguf, torch, transformers, tokenizers and sentencepiece; skipped without. Last run: llama.cpp v0.5.0 (ggml 0.25.1),
transformers 5.24, gguf-py 0.19, 2026-12-01, all passed."""
import contextlib
import io
import json
import os
import shutil
import sys
import unittest
from pathlib import Path

from octet_case import SHARED, TESTDATA, OctetCase, main

PEERS = os.environ.get("OCTET_PEERS")
TYPES = ("f32", "f16", "bf16", "q8_0", "q6_k", "q5_k_m", "q5_k_s", "q4_k_m", "q4_k_s", "q3_k_l", "q3_k_m", "q3_k_s", "q2_k", "iq4_nl",
         "q5_1", "q5_0", "q4_1", "q4_0")
# llama.cpp rounds what weights are multiplied with to their type, for a block to 8 bits. With few inputs that is seen in the logits: rms
# difference to a run in float32, as a part of their spread.
LIMITS = {"f32": 0.01, "f16": 0.01, "bf16": 0.1}
LIMIT_OF_BLOCKS = 0.5
SHAPE = {"hidden_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 512,
         "vocab_size": 320, "max_position_embeddings": 256, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
          "rope_theta": 10000.0}
FAMILY = {  # name: (class of the config, what it has beside SHAPE)
    "llama": ("LlamaConfig", {"tie_word_embeddings": True}),
    "llama3": ("LlamaConfig", {"tie_word_embeddings": False, "rope_scaling": LLAMA3}),
    "mistral": ("MistralConfig", {"sliding_window": None, "head_dim": 64}),
    "qwen2": ("Qwen2Config", {}),
    "qwen3": ("Qwen3Config", {"head_dim": 32}),
    "phi3": ("Phi3Config", {}),
    "gemma2": ("Gemma2Config", {"head_dim": 64, "sliding_window": 128, "query_pre_attn_scalar": 64}),
    "gemma3": ("Gemma3TextConfig", {"head_dim": 64, "sliding_window": 128, "query_pre_attn_scalar": 64}),
}
IN_THE_CHECKER = ("llama", "mistral", "qwen2")  # whose names check_dialect.py knows


def spread(logits, wanted):
    """The rms difference of logits, as a part of the standard deviation of those wanted."""
    difference, wanted = (logits - wanted).astype("f8"), wanted.astype("f8")
    difference -= difference.mean()
    return float((difference**2).mean() ** 0.5 / wanted.std())


@unittest.skipUnless(PEERS and SHARED, "OCTET_PEERS and OCTET_SHARED name no llama.cpp and no checker")
class Peer(OctetCase):
    def check(self, model, kind):
        self.octet("quantize", model, "out.gguf", "--type", kind, "--force")
        self.octet("dequantize", "out.gguf", "out.safetensors", "--force")
        limit = LIMITS.get(kind, LIMIT_OF_BLOCKS)
        out, code = io.StringIO(), 0
        sys.argv = ["check_dialect.py", "gguf", str(model), str(self.dir / "out.gguf"), "--set", str(self.dir / "out.safetensors"),
                    "--logits", str(limit)]
        with contextlib.redirect_stdout(out):
            try:
                check_dialect.main()
            except SystemExit as end:
                code = end.code
        self.assertEqual(code, 0, f"{kind}: {out.getvalue()[-500:]}")
        self.assertIn("equal to the set", out.getvalue())

    def check_every_type(self, model):
        for kind in TYPES:
            with self.subTest(model=Path(model).name, kind=kind):
                self.check(model, kind)

    def continued(self, folder, kind):
        """(prompt, llama.cpp's greedy ids, transformers') for every prompt of the fixture."""
        config = json.loads((folder / "config.json").read_text())
        prompts = json.loads((folder / "golden.json").read_text())["variants"]["original"]["prompts"]
        is_t5 = config["model_type"] == "t5"
        self.octet("quantize", folder, "out.gguf", "--type", kind, "--force")
        with llama_cpp_run.Model(self.dir / "out.gguf") as model:
            for one in prompts:
                wanted = one["greedy_ids"][1:] if is_t5 else one["greedy_ids"]
                yield one["prompt"], model.greedy(one["ids"], len(wanted), config["eos_token_id"] if is_t5 else None), wanted

    def test_gpt2_in_every_type(self):
        self.check_every_type(TESTDATA / "tiny-gpt2")

    def test_gpt2_of_64_inputs_and_without_a_tokenizer(self):
        self.check_every_type(SHARED / "data" / "capp-gpt2")

    def test_t5_in_every_type(self):
        self.check_every_type(TESTDATA / "tiny-flan-t5")

    def test_a_tied_t5_in_every_type(self):
        import torch
        import transformers
        torch.manual_seed(3)
        transformers.T5ForConditionalGeneration(transformers.T5Config(
            vocab_size=96, d_model=64, d_kv=32, d_ff=256, num_layers=2, num_heads=2, feed_forward_proj="relu",
            decoder_start_token_id=0, tie_word_embeddings=True)).save_pretrained(self.dir / "t5")
        self.check_every_type(self.dir / "t5")

    def test_stories260k_in_every_type(self):
        folder = self.dir / "stories"
        folder.mkdir()
        shutil.copy(SHARED / "data" / "stories260k" / "model.safetensors", folder)
        (folder / "config.json").write_text(json.dumps({
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "num_hidden_layers": 5,
            "num_attention_heads": 8, "num_key_value_heads": 4, "intermediate_size": 172, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "max_position_embeddings": 512, "vocab_size": 512, "tie_word_embeddings": True, "hidden_act": "silu", "bos_token_id": 1,
            "eos_token_id": 2}))
        self.check_every_type(folder)

    def test_greedy_text_is_that_of_transformers(self):
        for name in ("tiny-gpt2", "tiny-flan-t5"):
            for kind in ("f32", "q8_0"):
                for prompt, seen, wanted in self.continued(TESTDATA / name, kind):
                    with self.subTest(name=name, kind=kind, prompt=prompt):
                        self.assertEqual(seen, wanted)

    def family(self, name):
        """A model of that architecture with weights of its own, written to the folder `name`."""
        import torch
        import transformers
        torch.manual_seed(5)
        config, more = FAMILY[name]
        model = transformers.AutoModelForCausalLM.from_config(getattr(transformers, config)(**{**SHAPE, **more})).eval()
        for tensor in model.parameters():  # norms and biases that are not what they begin as, and logits that are apart
            is_vector = tensor.ndim == 1
            tensor.data.mul_(1 + 0.2 * torch.randn_like(tensor) if is_vector else 3)
            tensor.data.add_(0.05 * torch.randn_like(tensor) if is_vector else 0)
        model.save_pretrained(self.dir / name)
        return model

    def follow(self, path, model, ids, limit):
        """Along the greedy continuation of `ids` by transformers llama.cpp has the same logits, and where they are not a tie the same choice."""
        import torch
        with torch.no_grad():
            whole = model.generate(torch.tensor([ids]), max_new_tokens=16, do_sample=False, eos_token_id=None, pad_token_id=0)
            wanted = model(whole).logits[0].numpy()
        with llama_cpp_run.Model(path) as loaded:
            for count in range(len(ids), len(whole[0])):
                seen, right = loaded.start(whole[0, :count].tolist()), wanted[count - 1]
                self.assertLess(spread(seen, right), limit)
                lead = right.max() - right[seen.argmax()]
                self.assertLess(lead, 4 * limit * right.std(), f"token {count}")

    def test_the_family_of_llama(self):
        import transformers
        ids = [(7 * i + 5) % 300 + 3 for i in range(90)]
        for name in FAMILY:
            model = self.family(name)
            if name in IN_THE_CHECKER:
                self.check_every_type(self.dir / name)
            for kind in TYPES:
                with self.subTest(name=name, kind=kind):
                    self.octet("quantize", name, "out.gguf", "--type", kind, "--force")
                    if kind != "f32":
                        self.octet("dequantize", "out.gguf", "restored", "--like", name, "--force")
                        model = transformers.AutoModelForCausalLM.from_pretrained(self.dir / "restored", dtype="float32").eval()
                    self.follow(self.dir / "out.gguf", model, ids, LIMITS.get(kind, LIMIT_OF_BLOCKS))


if __name__ == "__main__":
    if PEERS and SHARED and not os.environ.get("OCTET_IS_PEER"):
        os.environ["OCTET_IS_PEER"] = "1"
        os.execv(PEERS, [PEERS, *sys.argv])  # one start of torch instead of one a file
    if PEERS and SHARED:
        sys.path.insert(0, str(SHARED / "tools"))
        import check_dialect
        import llama_cpp_run
    main()
