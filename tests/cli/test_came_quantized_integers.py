"""Weights of compressed-tensors, MXFP4, NVFP4, GPTQ and AWQ, restored to plain weights: to the bit as the methods' formulas have it."""
import shutil
import struct

from method_values import (E2M1, bit_string, e4m3, e8m0, f32, finite_f8, float_tensor, folder_of, packed, restored, rng_of)
from octet_case import OctetCase, Tensor, f32 as f32_tensor, main


class Methods(OctetCase):
    def check(self, tensors, expected, config=None):
        """`expected`: name: (shape, float32 values); nothing else comes out."""
        folder_of(self.dir / "in", tensors, config)
        try:
            self.octet("dequantize", "in", "out", "--dtype", "f32")
            found = restored(self.dir / "out" / "model.safetensors")
            self.assertEqual({n: f[1] for n, f in found.items()}, {n: e[0] for n, e in expected.items()})
            for name, (_, values) in expected.items():
                self.assertEqual(packed("f", found[name][2]), packed("f", values), name)
        finally:
            shutil.rmtree(self.dir / "in", ignore_errors=True)
            shutil.rmtree(self.dir / "out", ignore_errors=True)

    def refuse(self, tensors, message, config=None):
        folder_of(self.dir / "in", tensors, config)
        try:
            self.assert_refused(3, f"in/model.safetensors: tensor {message}", "dequantize", "in", "out")
        finally:
            shutil.rmtree(self.dir / "in")

    # --- compressed-tensors ---

    def compressed(self, bits, group_size=None, **more):
        weights = {"num_bits": bits, "type": "int", "strategy": "group", "group_size": group_size}
        return {"quantization_config": {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}, **more}}

    def test_integers_of_a_byte(self):
        rows, columns = 5, 48
        for scale_shape, group in (([rows, 3], 16), ([rows, 1], columns), ([1], None), ([], None), ([rows], columns), ([rows, 2], 32)):
            for asymmetric in (False, True):
                with self.subTest(scale=scale_shape, asymmetric=asymmetric):
                    rng = rng_of(f"{scale_shape}{asymmetric}")
                    count = 1
                    for n in scale_shape:
                        count *= n
                    codes = [rng.randrange(-128, 128) for _ in range(rows * columns)]
                    scales, s = float_tensor("m.weight_scale", "BF16", scale_shape, [rng.uniform(1e-3, 1) for _ in range(count)])
                    zeros = [rng.randrange(-128, 128) if asymmetric else 0 for _ in range(count)]
                    across = count // rows if group else 1

                    def place(i):
                        return i // columns * across + i % columns // group if group else 0
                    tensors = [Tensor("m.weight", "I8", [rows, columns], packed("b", codes)), scales, f32_tensor("m.bias", [1.0, 2.0])]
                    if asymmetric:
                        tensors.append(Tensor("m.weight_zero_point", "I8", scale_shape, packed("b", zeros)))
                    self.check(tensors, {"m.weight": ([rows, columns], [f32((q - zeros[place(i)]) * s[place(i)]) for i, q in enumerate(codes)]),
                                         "m.bias": ([2], [1.0, 2.0])}, self.compressed(8, group))

    def packed_weight(self, bits, rows, columns, group, asymmetric, order=None):
        """Tensors and values; `order`: the group of each input."""
        rng = rng_of(f"{bits}{rows}{columns}{asymmetric}")
        across = -(-columns // group)
        codes = [[rng.randrange(1 << bits) for _ in range(columns)] for _ in range(rows)]
        scales, s = float_tensor("m.weight_scale", "F16", [rows, across], [rng.uniform(1e-3, 1) for _ in range(rows * across)])
        zeros = [[rng.randrange(1 << bits) if asymmetric else 1 << (bits - 1) for _ in range(across)] for _ in range(rows)]
        words = b"".join(bit_string(row, bits) for row in codes)
        tensors = [scales, Tensor("m.weight_packed", "I32", [rows, -(-columns * bits // 32)], words),
                   Tensor("m.weight_shape", "I64", [2], packed("q", [rows, columns]))]
        if asymmetric:
            strings = [bit_string([zeros[r][g] for r in range(rows)], bits) for g in range(across)]
            down = -(-rows * bits // 32)
            data = b"".join(strings[g][4 * w:4 * w + 4] for w in range(down) for g in range(across))
            tensors.append(Tensor("m.weight_zero_point", "I32", [down, across], data))
        if order:
            tensors.append(Tensor("m.weight_g_idx", "I32", [columns], packed("i", order)))
        groups = order or [c // group for c in range(columns)]
        values = [f32((codes[r][c] - zeros[r][groups[c]]) * s[r * across + groups[c]]) for r in range(rows) for c in range(columns)]
        return tensors, {"m.weight": ([rows, columns], values)}

    def test_packed_integers(self):
        for bits in (4, 8, 2, 3, 5, 6):
            for rows, columns, group in ((6, 64, 32), (13, 40, 40), (3, 72, 32)):
                for asymmetric in (False, True):
                    with self.subTest(bits=bits, columns=columns, asymmetric=asymmetric):
                        self.check(*self.packed_weight(bits, rows, columns, group, asymmetric), self.compressed(bits, group))

    def test_packed_integers_in_order_of_activations(self):
        order = [c % 2 for c in range(64)]
        self.check(*self.packed_weight(4, 4, 64, 32, True, order), self.compressed(4, 32))
        tensors = self.packed_weight(4, 4, 64, 32, True, order)[0]
        order[5] = 2
        tensors = [Tensor(t.name, t.dtype, t.shape, packed("i", order)) if t.name == "m.weight_g_idx" else t for t in tensors]
        self.refuse(tensors, "'m.weight_g_idx' says group 2 of input 5, and there are 2",
                    self.compressed(4, 32))

    def test_packed_integers_whose_state_does_not_fit(self):
        tensors, _ = self.packed_weight(4, 6, 64, 32, True)
        scale, codes, shape, zeros = tensors
        short = Tensor(zeros.name, "I32", [1, 1], zeros.data[:4])
        self.refuse([scale, codes, shape, short], "'m.weight_zero_point' has the shape [1, 1], which does not fit the codes "
                    "'m.weight_packed' of shape [6, 8]", self.compressed(4, 32))
        self.refuse([codes, shape, zeros], "'m.weight_packed' came quantized, and 'm.weight_scale', without which it cannot be restored, is "
                    "missing; fetch the whole checkpoint")
        wrong = Tensor(shape.name, "I64", [2], packed("q", [6, 1 << 40]))
        self.refuse([scale, codes, wrong, zeros], "'m.weight_packed' has a shape that fits no width of codes, or not its weight_shape")

    # --- floats of 4 bits ---

    def fp4(self, count, rng):
        codes = [rng.randrange(16) for _ in range(count)]
        return codes, bytes(codes[i] | codes[i + 1] << 4 for i in range(0, count, 2))

    def test_mxfp4_blocks_of_experts(self):
        rng = rng_of("blocks")
        codes, data = self.fp4(2 * 3 * 4 * 32, rng)
        powers = [rng.randrange(100, 150) for _ in range(24)]
        name = "model.layers.0.mlp.experts.gate_up_proj"
        tensors = [Tensor(name + "_blocks", "U8", [2, 3, 4, 16], data), Tensor(name + "_scales", "U8", [2, 3, 4], bytes(powers)),
                   f32_tensor(name + "_bias", [1.0, 2.0], [2, 1])]
        values = [f32(E2M1[c] * e8m0(powers[i // 32])) for i, c in enumerate(codes)]
        self.check(tensors, {name: ([2, 3, 128], values), name + "_bias": ([2, 1], [1.0, 2.0])})
        tensors[1] = Tensor(name + "_scales", "U8", [2, 3, 3], bytes(powers[:18]))
        self.refuse(tensors, f"'{name}_scales' has the shape [2, 3, 3], which does not fit the codes '{name}_blocks' of shape [2, 3, 4, 16]")

    def test_mxfp4_of_other_writers(self):
        rng = rng_of("mxfp4")
        codes, data = self.fp4(3 * 64, rng)
        powers = bytes(rng.randrange(100, 150) for _ in range(6))
        values = [f32(E2M1[c] * e8m0(powers[i // 32])) for i, c in enumerate(codes)]
        for weight, scale in ((Tensor("m.weight_packed", "U8", [3, 32], data), Tensor("m.weight_scale", "U8", [3, 2], powers)),
                              (Tensor("m.weight", "I8", [3, 32], data), Tensor("m.scale", "F8_E8M0", [3, 2], powers))):
            self.check([weight, scale], {"m.weight": ([3, 64], values)})

    def test_nvfp4(self):
        rng = rng_of("nvfp4")
        codes, data = self.fp4(3 * 64, rng)
        scales = [c & 0x7f for c in finite_f8(rng, 12)]
        for name, state, factor in (("m.weight_packed", "m.weight_global_scale", lambda s: f32(e4m3(s) / f32(123.4))),
                                    ("m.weight", "m.weight_scale_2", lambda s: f32(e4m3(s) * f32(123.4)))):
            with self.subTest(name):
                tensors = [Tensor(name, "U8", [3, 32], data), Tensor("m.weight_scale", "F8_E4M3", [3, 4], bytes(scales)),
                           f32_tensor(state, [123.4], [1]), f32_tensor("m.input_global_scale", [3.0])]
                self.check(tensors, {"m.weight": ([3, 64], [f32(E2M1[c] * factor(scales[i // 16])) for i, c in enumerate(codes)])})

    # --- GPTQ, AWQ ---

    def gptq(self, bits, inputs, outputs, group, version=1, order=None, declared=True):
        rng = rng_of(f"gptq{bits}{inputs}{outputs}")
        groups = -(-inputs // group)
        codes = [[rng.randrange(1 << bits) for _ in range(inputs)] for _ in range(outputs)]
        zeros = [[rng.randrange(1 << bits) for _ in range(outputs)] for _ in range(groups)]
        scales, s = float_tensor("m.scales", "F16", [groups, outputs], [rng.uniform(1e-3, 1) for _ in range(groups * outputs)])
        strings = [bit_string(row, bits) for row in codes]
        words = b"".join(strings[o][4 * w:4 * w + 4] for w in range(inputs * bits // 32) for o in range(outputs))
        stored = [[(z - 1) % (1 << bits) if version == 1 else z for z in row] for row in zeros]
        tensors = [Tensor("m.g_idx", "I32", [inputs], packed("i", order or [i // group for i in range(inputs)])),
                   Tensor("m.qweight", "I32", [inputs * bits // 32, outputs], words),
                   Tensor("m.qzeros", "I32", [groups, -(-outputs * bits // 32)], b"".join(bit_string(z, bits) for z in stored)), scales]
        of = order or [i // group for i in range(inputs)]
        values = [f32((codes[o][i] - zeros[of[i]][o]) * s[of[i] * outputs + o]) for o in range(outputs) for i in range(inputs)]
        config = {"quantization_config": {"quant_method": "gptq", "bits": bits, "group_size": group,
                                          "checkpoint_format": "gptq" if version == 1 else "gptq_v2"}}
        return tensors, {"m.weight": ([outputs, inputs], values)}, config if declared else None

    def test_gptq(self):
        for bits in (4, 8, 2, 3):
            for version in (1, 2):
                with self.subTest(bits=bits, version=version):
                    self.check(*self.gptq(bits, 96, 160, 32, version))
        for bits in (4, 8, 2):
            with self.subTest("undeclared", bits=bits):
                self.check(*self.gptq(bits, 64, 32, 64, declared=False))

    def test_gptq_in_order_of_activations(self):
        rng = rng_of("order")
        order = [i // 32 for i in range(96)]
        rng.shuffle(order)
        self.check(*self.gptq(4, 96, 136, 32, order=order))
        tensors, expected, config = self.gptq(4, 96, 136, 32)
        self.check(tensors[1:], expected, config)  # without an index
        order[7] = 3
        tensors, _, config = self.gptq(4, 96, 136, 32)
        tensors[0] = Tensor("m.g_idx", "I32", [96], packed("i", order))
        self.refuse(tensors, "'m.g_idx' says group 3 of input 7, and there are 3", config)

    def test_gptq_whose_state_does_not_fit(self):
        tensors, _, config = self.gptq(4, 64, 32, 32)
        index, codes, zeros, scales = tensors
        fits = "which does not fit the codes 'm.qweight' of shape [8, 32]"
        for name, shape, broken in (("m.qzeros", [2, 3], [index, codes, Tensor("m.qzeros", "I32", [2, 3], zeros.data[:24]), scales]),
                                    ("m.qzeros", [1, 4], [index, codes, Tensor("m.qzeros", "I32", [1, 4], zeros.data[:16]), scales]),
                                    ("m.scales", [2, 31], [index, codes, zeros, Tensor("m.scales", "F16", [2, 31], scales.data[:124])]),
                                    ("m.g_idx", [63], [Tensor("m.g_idx", "I32", [63], index.data[:252]), codes, zeros, scales])):
            with self.subTest(name, shape=shape):
                self.refuse(broken, f"'{name}' has the shape [{', '.join(map(str, shape))}], {fits}", config)
        self.refuse([index, codes, scales], "'m.qweight' came quantized, and 'm.qzeros', without which it cannot be restored, is missing; "
                    "fetch the whole checkpoint", config)

    def test_awq(self):
        rng = rng_of("awq")
        order = [0, 2, 4, 6, 1, 3, 5, 7]
        inputs, outputs, group = 48, 136, 16
        codes = [[rng.randrange(16) for _ in range(outputs)] for _ in range(inputs)]
        zeros = [[rng.randrange(16) for _ in range(outputs)] for _ in range(inputs // group)]
        scales, s = float_tensor("m.scales", "F16", [3, outputs], [rng.uniform(1e-3, 1) for _ in range(3 * outputs)])

        def words(rows):
            return b"".join(struct.pack("<I", sum(row[8 * w + order[p]] << 4 * p for p in range(8))) for row in rows for w in range(outputs // 8))
        tensors = [Tensor("m.qweight", "I32", [inputs, outputs // 8], words(codes)), Tensor("m.qzeros", "I32", [3, outputs // 8], words(zeros)), scales]
        values = [f32((codes[i][o] - zeros[i // group][o]) * s[i // group * outputs + o]) for o in range(outputs) for i in range(inputs)]
        for config in (None, {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 16}}):
            self.check(tensors, {"m.weight": ([outputs, inputs], values)}, config)
        tensors[1] = Tensor("m.qzeros", "I32", [2, outputs // 8], tensors[1].data[:2 * outputs // 2])
        self.refuse(tensors, "'m.qzeros' has the shape [2, 17], which does not fit the codes 'm.qweight' of shape [48, 17]")


if __name__ == "__main__":
    main()
