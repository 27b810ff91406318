"""octet in Python: the commands of the program `octet` as functions that return what `--json` prints, and `open`, which reads a set
with numpy, to the bit as `octet dequantize` restores it.

    import octet
    report = octet.quantize("model", "out", preset="q4")
    weight = octet.open("out")["h.0.attn.c_attn.weight"]

docs/python.md in octet's sources says all of it.
"""
from ._program import (Error, calibrate, compare, dequantize, evaluate, generate, inspect, plan, program, quantize, verify,
                       version)
from ._set import Set, open

__all__ = ["Error", "Set", "calibrate", "compare", "dequantize", "evaluate", "generate", "inspect", "open", "plan", "program",
           "quantize", "verify", "version"]
