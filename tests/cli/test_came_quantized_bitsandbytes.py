"""Weights of bitsandbytes, int8, NF4 and FP4, restored to plain weights: to the bit as its arithmetic has it."""
import json

from method_values import restored, f32, float_tensor, rng_of
from method_case import MethodCase
from octet_case import Tensor, f32 as f32_tensor, main

STEP = f32(7.874015718698502e-3)
CONFIG = {"torch_dtype": "float16", "quantization_config": {"quant_method": "bitsandbytes"}}


class Bitsandbytes(MethodCase):
    # --- int8 ---

    def int8(self, rows, columns):
        rng = rng_of(f"int8{rows}{columns}")
        codes = [rng.randrange(-128, 128) for _ in range(rows * columns)]
        scales, s = float_tensor("m.SCB", "F32", [rows], [rng.uniform(1e-3, 9) for _ in range(rows)])
        tensors = [Tensor("m.weight", "I8", [rows, columns], bytes(c & 255 for c in codes)), scales,
                   Tensor("m.weight_format", "U8", [], b"\0"), f32_tensor("m.bias", [1.5])]
        values = [f32(f32(q * s[i // columns]) * STEP) for i, q in enumerate(codes)]
        return tensors, {"m.weight": ([rows, columns], values), "m.bias": ([1], [1.5])}

    def test_int8_has_the_largest_magnitude_of_each_row(self):
        for rows, columns in ((3, 70), (300, 5), (1, 1)):
            for config in (None, CONFIG):
                self.check(*self.int8(rows, columns), config)

    def test_int8_that_does_not_fit(self):
        codes, scales, layout, _ = self.int8(3, 7)[0]
        self.refuse([codes, Tensor("m.SCB", "F32", [2], scales.data[:8])],
                    "'m.SCB' has the shape [2], which does not fit the codes 'm.weight' of shape [3, 7]")
        self.refuse([codes, layout], "'m.weight' came quantized, and 'm.SCB', without which it cannot be restored, is missing; fetch the "
                    "whole checkpoint", CONFIG)
        self.refuse([codes, scales, layout._replace(data=b"\2")],
                    "'m.weight_format' is 2, the layout of one kind of GPU; save the model again with a bitsandbytes of 2025 or later")
        self.refuse([codes, Tensor("m.SCB", "I32", [3], scales.data)], "'m.SCB' is I32, which no scale is")

    # --- 4 bits ---

    def nibbles(self, kind, shape, block, nested=0, storage="U8", dtype="bfloat16"):
        rng = rng_of(f"{kind}{shape}{block}{nested}")
        count = 1
        for n in shape:
            count *= n
        codes = [rng.randrange(16) for _ in range(count)]
        data = bytes(codes[i] << 4 | (codes[i + 1] if i + 1 < count else 0) for i in range(0, count, 2))
        width = {"U8": 1, "BF16": 2, "F32": 4}[storage]
        data += bytes(-len(data) % width)
        blocks = -(-count // block)
        table, t = float_tensor("m.weight.quant_map", "F32", [16], [rng.uniform(-1, 1) for _ in range(16)])
        state = {"quant_type": kind, "blocksize": block, "dtype": dtype, "shape": shape}
        tensors = [Tensor("m.weight", storage, [len(data) // width, 1], data), table]
        if nested:
            outer = -(-blocks // nested)
            absmax = [rng.randrange(256) for _ in range(blocks)]
            scales, s = float_tensor("m.weight.nested_absmax", "F32", [outer], [rng.uniform(0.1, 2) for _ in range(outer)])
            nested_map, n = float_tensor("m.weight.nested_quant_map", "F32", [256], [rng.uniform(-1, 1) for _ in range(256)])
            state.update(nested_blocksize=nested, nested_dtype="float32", nested_offset=f32(0.04))
            tensors += [Tensor("m.weight.absmax", "U8", [blocks], bytes(absmax)), scales, nested_map]
            scale = [f32(f32(n[a] * s[i // nested]) + f32(0.04)) for i, a in enumerate(absmax)]
        else:
            scales, scale = float_tensor("m.weight.absmax", "F32", [blocks], [rng.uniform(0.1, 2) for _ in range(blocks)])
            tensors.append(scales)
        text = json.dumps(state).encode()
        tensors.append(Tensor(f"m.weight.quant_state.bitsandbytes__{kind}", "U8", [len(text)], text))
        return tensors, {"m.weight": (shape, [f32(t[c] * scale[i // block]) for i, c in enumerate(codes)])}

    def test_four_bits_in_blocks_of_the_flattened_weight(self):
        for kind in ("nf4", "fp4"):
            for shape, block in (([6, 64], 64), ([5, 33], 64), ([3, 100], 32), ([2, 3, 8], 4096)):
                for nested in (0, 2, 256):
                    with self.subTest(kind, shape=shape, block=block, nested=nested):
                        self.check(*self.nibbles(kind, shape, block, nested), CONFIG)

    def test_long_weights_and_many_blocks(self):
        self.check(*self.nibbles("nf4", [70, 601], 32, 256), CONFIG)

    def test_floats_that_only_hold_the_bytes(self):
        for storage in ("BF16", "F32"):
            self.check(*self.nibbles("nf4", [5, 33], 64, 2, storage), CONFIG)

    def test_the_dtype_is_that_of_the_quant_state_and_config_says_nothing_of_codes(self):
        tensors, expected = self.nibbles("nf4", [4, 64], 64, 256)
        self.folder(tensors, CONFIG)
        self.octet("dequantize", "in", "out")
        found = restored(self.dir / "out" / "model.safetensors")["m.weight"]
        self.assertEqual(found[:2], ("BF16", [4, 64]))
        self.assertEqual(json.loads((self.dir / "out" / "config.json").read_text()), {"torch_dtype": "bfloat16"})

    def test_inspect_and_compare(self):
        tensors, expected = self.nibbles("fp4", [4, 64], 64)
        self.check_reports(tensors, expected, "bitsandbytes", "bitsandbytes-fp4", 4 + 8 * (16 * 4 + 4 * 4) / 256, CONFIG)

    def test_four_bits_that_do_not_fit(self):
        tensors, _ = self.nibbles("nf4", [6, 64], 64, 2)
        codes, table, absmax, outer, nested_map, state = tensors

        def changed(old, **new):
            return [t._replace(**new) if t is old else t for t in tensors]

        def said(**new):
            text = json.dumps({**json.loads(state.data), **new}).encode()
            return changed(state, data=text, shape=[len(text)])
        self.refuse(changed(absmax, shape=[5], data=absmax.data[:5]), "'m.weight.absmax' has 5 values, and the codes 'm.weight' need 6")
        self.refuse(changed(table, shape=[15], data=table.data[:60]), "'m.weight.quant_map' has 15 values, and the codes 'm.weight' need 16")
        self.refuse(changed(outer, shape=[2], data=outer.data[:8]),
                    "'m.weight.nested_absmax' has 2 values, and the codes 'm.weight' need 3")
        self.refuse(changed(nested_map, shape=[16], data=nested_map.data[:64]),
                    "'m.weight.nested_quant_map' has 16 values, and the codes 'm.weight' need 256")
        self.refuse(changed(codes, shape=[191, 1], data=codes.data[:-1]),
                    "'m.weight' has 191 bytes, and its quant_state says the shape [6, 64]")
        name = f"'{state.name}' "
        self.refuse(changed(state, data=b"{" * 9, shape=[9]), name + "is no JSON object, as quant_state is")
        self.refuse(changed(state, data=b"[]", shape=[2]), name + "is no JSON object, as quant_state is")
        self.refuse(changed(state, data=bytes(8), shape=[2], dtype="F32"), name + "is no JSON text in U8, as quant_state is")
        self.refuse(said(quant_type="int4"), name + "says a quant_type that is neither nf4 nor fp4")
        for block in (0, -64, 1.5, None, 1 << 40):
            self.refuse(said(blocksize=block), name + "says no blocksize that a weight has")
        for shape in (None, [6, -64], [1 << 40, 1 << 40], "6", [1] * 9):
            self.refuse(said(shape=shape), name + "says no shape that a weight has")
        for more in ({"nested_blocksize": 0}, {"nested_offset": "0"}, {"nested_offset": 1e300}):
            self.refuse(said(**more), name + "says no nested_blocksize or nested_offset that scales have")
        self.refuse([t for t in tensors if t is not absmax], "'m.weight' came quantized, and 'm.weight.absmax', without which it cannot be "
                    "restored, is missing; fetch the whole checkpoint")
        self.refuse([codes, table, absmax], "'m.weight' came quantized, and 'm.weight.quant_state.bitsandbytes__nf4', without which it "
                    "cannot be restored, is missing; fetch the whole checkpoint")
        plain = self.nibbles("nf4", [6, 64], 64)[0]
        self.refuse([absmax if t.name == absmax.name else t for t in plain], "'m.weight.absmax' is U8, which its quant_state does not say")


if __name__ == "__main__":
    main()
