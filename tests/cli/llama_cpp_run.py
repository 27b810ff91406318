"""llama.cpp through its Python bindings (llama-cpp-python), as test_gguf_peer.py wants it: a file loaded on the processor, logits and
greedy continuation of ids. With LLAMA_CPP_LIB_PATH the bindings take the libraries of that folder, and so do the kernels of ggml where they
are libraries of their own (prebuilt packages have them so)."""
import ctypes
import os
from pathlib import Path

import llama_cpp.llama_cpp as lc
import numpy as np


def load_kernels():
    folder = os.environ.get("LLAMA_CPP_LIB_PATH")
    for path in sorted(Path(folder).glob("libggml*.so")) if folder else []:
        found = getattr(ctypes.CDLL(str(path)), "ggml_backend_load_all_from_path", None)
        if found:
            return found(folder.encode())


quiet = lc.llama_log_callback(lambda level, text, data: None)
lc.llama_log_set(quiet, ctypes.c_void_p(0))
load_kernels()
lc.llama_backend_init()


class Model:
    """A GGUF file, run with one thread and a cache in float32."""

    def __init__(self, path, tokens=128):
        parameters = lc.llama_model_default_params()
        parameters.n_gpu_layers, parameters.check_tensors = 0, True
        self.model = lc.llama_model_load_from_file(str(path).encode(), parameters)
        if not self.model:
            raise RuntimeError(f"llama.cpp does not load {path}")
        setup = lc.llama_context_default_params()
        setup.n_ctx = setup.n_batch = setup.n_ubatch = tokens
        setup.n_threads = setup.n_threads_batch = 1
        setup.type_k = setup.type_v = 0  # float32
        self.context = lc.llama_init_from_model(self.model, setup)
        if not self.context:
            raise RuntimeError(f"llama.cpp makes no context for {path}")
        self.vocabulary = lc.llama_vocab_n_tokens(lc.llama_model_get_vocab(self.model))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        lc.llama_free(self.context)
        lc.llama_model_free(self.model)

    def run(self, step, ids):
        array = (lc.llama_token * len(ids))(*ids)  # the batch only points to it
        code = step(self.context, lc.llama_batch_get_one(array, len(ids)))
        if code:
            raise RuntimeError(f"llama.cpp fails with {code}")

    def logits(self):
        """Of the last token that ran: float32[vocabulary]."""
        return np.ctypeslib.as_array(lc.llama_get_logits_ith(self.context, -1), (self.vocabulary,)).copy()

    def start(self, ids):
        """The logits after the prompt `ids`; of an encoder and decoder those after the decoder's first token."""
        lc.llama_memory_clear(lc.llama_get_memory(self.context), True)
        if lc.llama_model_has_encoder(self.model):
            self.run(lc.llama_encode, ids)
            ids = [lc.llama_model_decoder_start_token(self.model)]
        self.run(lc.llama_decode, ids)
        return self.logits()

    def greedy(self, ids, count, end=None):
        """Up to `count` ids after the prompt, each the likeliest; `end` is the last where it comes."""
        out, logits = [], self.start(ids)
        while True:
            out.append(int(logits.argmax()))
            if len(out) == count or out[-1] == end:
                return out
            self.run(lc.llama_decode, [out[-1]])
            logits = self.logits()
