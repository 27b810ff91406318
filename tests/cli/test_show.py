#!/usr/bin/env python3
"""octet show: one tensor as torch prints it. The golden strings were made once with torch 2.15 (`str(torch.tensor(...))` of the
values beside them); figures are computed here in float64, states and codes from the formulas of docs/format.md."""
import json
import math
import os
import random
import struct
import unittest

from octet_case import SHARED, TESTDATA, OctetCase, Tensor, f32, floats, make_file, needs_shared

NAME = "h.0.attn.c_attn.weight"


def rounded(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def half(values):
    return struct.pack(f"<{len(values)}e", *values)


