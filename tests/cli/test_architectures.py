"""Checkpoints that people really have: each test is named for a fault that was there. Names, shapes and dtypes are those of real models, in
small; what is right is written down here."""
import json
import math
import random
import struct

from octet_case import TESTDATA, OctetCase, Tensor, f32, main, make_file, read_file

WIDTH = {"F32": 4, "BF16": 2, "F16": 2, "I8": 1, "U8": 1, "I32": 4, "U32": 4, "F8_E4M3": 1, "BOOL": 1, "I64": 8}


def zeros(name, dtype, *shape):
    """Kinds follow from headers alone."""
    count = 1
    for size in shape:
        count *= size
    return Tensor(name, dtype, list(shape), bytes(count * WIDTH[dtype]))


class Architectures(OctetCase):
    def noise(self, name, *shape, scale=0.02, seed=1):
        rng = random.Random(f"{name} {seed}")
        count = 1
        for size in shape:
            count *= size
        return f32(name, [rng.gauss(0, scale) for _ in range(count)], list(shape))

    def plan(self, tensors, *options, config=None):
        folder = self.dir / "model"
        folder.mkdir(exist_ok=True)
        make_file(folder / "model.safetensors", tensors)
        if config is not None:
            (folder / "config.json").write_text(json.dumps(config))
        return {t["name"]: t for t in self.octet_json("plan", folder, *options)["tensors"]}

    def kinds(self, *tensors):
        return {name: t["kind"] for name, t in self.plan(tensors).items()}

    def assert_kinds(self, kind, tensors, *others):
        found = self.kinds(*tensors, *others)
        self.assertEqual({t.name: found[t.name] for t in tensors}, {t.name: kind for t in tensors})


class CameQuantized(Architectures):
    METHODS = {
        "gptq": [("qweight", "I32", 12, 96), ("qzeros", "I32", 3, 12), ("scales", "F16", 3, 96), ("g_idx", "I32", 96)],
        "bitsandbytes": [("weight", "U8", 4608, 1), ("weight.absmax", "F32", 144), ("weight.quant_map", "F32", 16),
                         ("weight.nested_absmax", "F32", 4), ("weight.quant_state.bitsandbytes__nf4", "U8", 80)],
        "int8": [("weight", "I8", 96, 96), ("SCB", "F32", 96), ("weight_format", "U8")],
        "fp8": [("weight", "F8_E4M3", 96, 96), ("weight_scale_inv", "F32", 3, 3), ("input_scale", "F32")],
        "compressed-tensors": [("weight_packed", "U8", 96, 48), ("weight_scale", "F8_E4M3", 96, 6), ("weight_global_scale", "F32", 1),
                               ("weight_shape", "I64", 2)],
        "mlx": [("weight", "U32", 96, 12), ("scales", "BF16", 96, 3), ("biases", "BF16", 96, 3)],
        "quanto": [("weight._data", "I8", 96, 96), ("weight._scale", "F32", 96, 1), ("input_scale", "F32")],
        "hqq": [("W_q", "U8", 48, 96), ("scale", "F16", 288, 1), ("zero", "F16", 288, 1)],
        "mxfp4": [("gate_up_proj_blocks", "U8", 4, 64, 3, 16), ("gate_up_proj_scales", "F32", 4, 64, 3), ("gate_up_proj_global_scale", "F32")],
        "fused fp8": [("gate_up_proj", "F8_E4M3", 4, 64, 96), ("gate_up_proj_scale_inv", "F32", 4, 2, 3)],
    }

    def module(self, method, module="model.layers.0.mlp.up_proj"):
        return [zeros(f"{module}.{leaf}", dtype, *shape) for leaf, dtype, *shape in self.METHODS[method]]

    def test_scales_of_weights_that_came_quantized_are_copied_in_every_preset(self):
        for method in self.METHODS:
            tensors = self.module(method) + [self.noise("model.layers.0.mlp.down_proj.weight", 64, 96)]
            for options in ((), ("--preset", "lesson"), ("--preset", "linear"), ("--preset", "q8"), ("--preset", "q4"), ("--bits", "4", "--group-size", "32"),
                            ("--rule", "*=u4"), ("--max-size", 14_000 + sum(len(t.data) for t in tensors[:-1]))):
                with self.subTest(method=method, options=options):
                    found = self.plan(tensors, *options)
                    for t in tensors[:-1]:
                        self.assertEqual(found[t.name]["scheme"], "keep", t.name)
                    for t in tensors[1:-1]:  # by the name of the codes
                        self.assertEqual(found[t.name]["rule"], "came quantized", t.name)
                        self.assertEqual(found[t.name]["reason"], f"the state of a weight that came quantized: '{tensors[0].name}'")
                    self.assertNotEqual(found[tensors[-1].name]["scheme"], "keep")

    def test_the_bias_beside_codes_is_no_state(self):
        tensors = self.module("gptq") + [self.noise("model.layers.0.mlp.up_proj.bias", 96)]
        tensors += self.module("mxfp4", "model.layers.0.mlp.experts") + [self.noise("model.layers.0.mlp.experts.gate_up_proj_bias", 4, 64)]
        found = self.plan(tensors)
        for name in ("up_proj.bias", "experts.gate_up_proj_bias"):
            self.assertEqual((found["model.layers.0.mlp." + name]["scheme"], found["model.layers.0.mlp." + name]["kind"]), ("u8", "bias"))

    def test_what_is_not_beside_codes_is_no_state(self):
        tensors = [zeros("bn.num_batches_tracked", "I64"), self.noise("bn.weight", 8), zeros("bn.running_mean", "F32", 8),
                   zeros("embeddings.position_ids", "I64", 1, 8), self.noise("embeddings.LayerNorm.weight", 8),
                   zeros("h.0.attn.bias", "BOOL", 1, 1, 8, 8), self.noise("h.0.attn.c_attn.weight", 8, 24)]
        self.assertEqual({t["rule"] for t in self.plan(tensors).values()} & {"came quantized"}, set())

    def test_one_note_names_the_method_the_config_declares_or_the_names_show(self):
        tensors = self.module("gptq")
        for config, method in (({"quantization_config": {"quant_method": "awq"}}, "awq"), ({"text_config": {"quantization_config": {"quant_method": "gptq"}}}, "gptq"),
                               ({"quantization_config": 7}, "gptq"), ({}, "gptq")):
            self.plan(tensors, config=config)
            run = self.octet("quantize", "model", "set", "--force", "--no-sync")
            self.assertEqual(run.err, f"octet: came quantized ({method}): 1 weight, and 3 tensors of state, are copied as they are\n")
            self.assertEqual(self.octet("plan", "model").err, run.err)
        self.assertEqual(run.out.count("the state of weights that came quantized"), 1)
        (self.dir / "model" / "config.json").write_text("{" * 100_000)
        self.assertIn("(gptq)", self.octet("quantize", "model", "set", "--force", "--no-sync").err)

    def test_dequantize_to_another_dtype_leaves_their_state_alone(self):
        tensors = self.module("fp8") + [self.noise("model.layers.0.mlp.up_proj.bias", 96), self.noise("lm_head.weight", 64, 96)]
        self.plan(tensors)
        self.octet("quantize", "model", "set", "--no-sync")
        run = self.octet("dequantize", "set", "back", "--dtype", "bf16", "--no-sync")
        self.assertEqual(run.err, "octet: came quantized (fp8): 1 weight, and 2 tensors of state, are copied as they are\n")
        back = {t.name: t for t in read_file(self.dir / "back" / "model.safetensors")[1]}
        for t in tensors[:3]:
            self.assertEqual(back[t.name], t)
        self.assertEqual({back[t.name].dtype for t in tensors[3:]}, {"BF16"})
        self.assertEqual(self.octet("dequantize", "set", "again", "--no-sync").err, "")
        self.octet("verify", "set", "--source", "model")


class Kinds(Architectures):
    def test_a_linear_layer_below_a_module_called_norm_or_embedding_is_a_weight(self):
        self.assert_kinds("weight", [zeros(name, "F32", 32, 16) for name in (
            "transformer_blocks.0.norm1.linear.weight", "blocks.0.ada_ln_modulation.weight", "blocks.0.adaLN_modulation.1.weight", "norm_out.linear.weight",
            "blocks.0.norm_attn_norm.attn.Wqkv.weight", "model.vision_embed_tokens.img_processor.layers.0.q_proj.weight",
            "model.vision_embed_tokens.img_projection.0.weight", "lm_head.dense.weight", "embeddings.embedding_projection.weight",
            "time_embedding.linear_1.weight", "classifier_free.mlp.fc1.weight")])

    def test_the_bias_of_such_a_layer_is_a_bias(self):
        self.assert_kinds("bias", [zeros(name, "F32", 32) for name in ("norm1.linear.bias", "blocks.0.ada_ln_modulation.bias", "norm_out.linear.bias")],
                          zeros("blocks.0.ada_ln_modulation.weight", "F32", 32, 16))

    def test_vectors_of_any_rank_are_never_weights(self):
        self.assert_kinds("other", [zeros("rwkv.blocks.0.attention.time_mix_key", "F32", 1, 1, 16), zeros("vit.embeddings.cls_token", "F32", 1, 1, 16),
                                    zeros("conv.weight_g", "F32", 1, 1, 8), zeros("mlp.shared_expert_gate.weight", "F32", 1, 16),
                                    zeros("lora_magnitude_vector", "F32", 16), zeros("glb_GN", "F32", 1, 1, 16), zeros("logit_scale", "F32")])

    def test_bare_matrices_whose_names_are_no_weights_are_other(self):
        self.assert_kinds("other", [zeros(name, "F32", 32, 16) for name in (
            "mixer.A_log", "blocks.0.scale_shift_table", "blocks.0.attention.r_k", "blocks.0.time_faaaa", "query_tokens", "blocks.0.time_maa_rkvwg")])

    def test_bare_matrices_whose_names_are_weights_are_weights(self):
        self.assert_kinds("weight", [zeros(name, "F32", 32, 16) for name in (
            "mlp.experts.gate_up_proj", "experts.mlp.w1", "experts.mlp.v1", "text_projection", "visual.proj", "attn.in_proj_weight", "rnn.weight_ih_l0",
            "conv.parametrizations.weight.original1", "conv.weight_v", "dense.kernel")])

    def test_norms_are_vectors_with_a_norms_name_or_neighbours(self):
        self.assert_kinds("norm", [zeros(name, "F32", 16) for name in (
            "ln_f.weight", "layers.0.ln1.bias", "bn1.weight", "layernorm_before.weight", "pre_layrnorm.weight", "q_a_layernorm.weight", "enorm.weight",
            "LayerNorm.gamma", "LayerNorm.beta", "backbone.norm_f.weight", "downsample.1.weight")] + [zeros("attn.q_norm.weight", "F32", 4, 16)],
            zeros("downsample.1.running_mean", "F32", 16))

    def test_tables_of_positions_are_positions(self):
        self.assert_kinds("position", [zeros(name, "F32", 32, 16) for name in (
            "wpe.weight", "embed_positions.weight", "relative_position_bias_table", "attn.rel_pos_h", "positional_embedding", "positions_embed.weight",
            "SelfAttention.relative_attention_bias.weight")] + [zeros("vit.embeddings.position_embeddings", "F32", 1, 17, 16)])

    def test_heads_and_embeddings_are_told_by_shape_and_place(self):
        table = (64, 16)
        self.assert_kinds("weight", [zeros("language_projection.weight", "F32", *table)], zeros("wte.weight", "F32", *table))
        for embedding, head in (("gpt_neox.embed_in.weight", "embed_out.weight"), ("model.shared.weight", "lm_head.weight"), ("word_embeddings.weight", "cls.predictions.decoder.weight"),
                                ("embedding.word_embeddings.weight", "encoder.output_layer.weight"), ("model.decoder.embed_tokens.weight", "proj_out.weight"),
                                ("tok_embeddings.weight", "output.weight"), ("rwkv.embeddings.weight", "head.weight"), ("words.weight", "lm_head.weight")):
            found = self.kinds(zeros(embedding, "F32", *table), zeros(head, "F32", *table), zeros("layers.0.proj_out.weight", "F32", *table))
            self.assertEqual(list(found.values()), ["embedding", "head", "weight"], (embedding, head))
        self.assert_kinds("weight", [zeros("x_embedder.weight", "F32", *table), zeros("patch_embedding.weight", "F32", 16, 3, 4, 4)], zeros("x_embedder.bias", "F32", 64))

    def test_masks_of_gpt_neox_and_gpt_neo_are_buffers(self):
        self.assert_kinds("buffer", [zeros("gpt_neox.layers.0.attention.bias", "F16", 1, 1, 8, 8), zeros("gpt_neox.layers.0.attention.masked_bias", "F16"),
                                     zeros("transformer.h.0.attn.attention.bias", "F32", 1, 1, 8, 8), zeros("transformer.h.0.attn.attention.masked_bias", "F32"),
                                     zeros("layers.0.rotary_emb.inv_freq", "F32", 4), zeros("h.0.attn.bias", "F32", 8, 8)])
        self.assert_kinds("bias", [zeros("experts.gate_up_proj_bias", "F32", 8, 8), zeros("layers.0.attn.q_proj.bias", "F32", 8)])


class Axes(Architectures):
    def axes(self, *tensors):
        return {name: t["scheme"].split("-")[2] for name, t in self.plan(tensors, "--granularity", "channel").items() if "-" in t["scheme"]}

    def layer(self, prefix, outputs_first, bias=True, width=16):
        found = []
        for name, inputs, outputs in (("attn.c_attn", width, 3 * width), ("attn.c_proj", width, width), ("mlp.c_fc", width, 4 * width), ("mlp.c_proj", 4 * width, width)):
            found.append(zeros(f"{prefix}{name}.weight", "F32", *((outputs, inputs) if outputs_first else (inputs, outputs))))
            if bias:
                found.append(zeros(f"{prefix}{name}.bias", "F32", outputs))
        return found

    def test_starcoder_has_gpt2s_names_and_linear_weights(self):
        common = [zeros("transformer.wte.weight", "F32", 64, 16), zeros("transformer.wpe.weight", "F32", 8, 16)]
        for outputs_first, axis in ((True, "axis0"), (False, "axis1")):
            for prefix in ("transformer.h.0.", "h.0.", "decoder.transformer.h.0.", "module.transformer.h.0.", "_orig_mod.transformer.h.0."):
                found = self.axes(*common, *self.layer(prefix, outputs_first))
                self.assertEqual({found[prefix + name + ".weight"] for name in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")}, {axis}, prefix)

    def test_nanogpt_has_no_biases_and_its_fused_matrix_tells(self):
        common = [zeros("transformer.wte.weight", "F32", 64, 16), zeros("transformer.wpe.weight", "F32", 8, 16)]
        for outputs_first, axis in ((True, "axis0"), (False, "axis1")):
            found = self.axes(*common, *self.layer("transformer.h.0.", outputs_first, bias=False))
            self.assertEqual({a for name, a in found.items() if ".h." in name}, {axis})

    def test_transposed_convolutions_have_their_outputs_second(self):
        found = self.axes(zeros("ups.0.weight", "F32", 32, 16, 4), zeros("ups.0.bias", "F32", 16), zeros("conv.weight", "F32", 32, 16, 4), zeros("conv.bias", "F32", 32))
        self.assertEqual(found, {"ups.0.weight": "axis1", "conv.weight": "axis0"})

    def test_bare_projections_are_right_factors(self):
        self.assertEqual(self.axes(zeros("text_projection", "F32", 16, 32), zeros("visual.proj", "F32", 16, 32), zeros("visual_projection.weight", "F32", 32, 16)),
                         {"text_projection": "axis1", "visual.proj": "axis1", "visual_projection.weight": "axis0"})


class Experts(Architectures):
    def experts(self, name, *shape):
        """Values of one output, [expert, output, input], have one size; outputs differ by up to 2^6."""
        rng, values = random.Random(name), []
        for _ in range(shape[0]):
            for _ in range(shape[1]):
                size = 0.02 * 2.0 ** rng.randrange(7)
                values += [rng.gauss(0, size) for _ in range(shape[2])]
        return f32(name, values, list(shape))

    def worst_output(self, source, restored):
        width, worst = source.shape[-1], []
        values = [struct.unpack(f"<{len(t.data) // 4}f", t.data) for t in (source, restored)]
        for at in range(0, len(values[0]), width):
            x, y = values[0][at:at + width], values[1][at:at + width]
            worst.append(sum(v * v for v in x) / (sum((v - w) ** 2 for v, w in zip(x, y)) + 1e-30))
        return 10 * math.log10(sorted(worst)[len(worst) // 20])

    def test_groups_of_fused_experts_end_where_their_outputs_do(self):
        table = self.noise("model.embed_tokens.weight", 200, 96)
        tensors = [table, self.experts("model.layers.0.mlp.experts.gate_up_proj", 4, 80, 96), self.experts("model.layers.0.mlp.experts.down_proj", 4, 96, 40),
                   self.experts("model.layers.1.block_sparse_moe.output_linear.weight", 4, 96, 40)]
        make_file(self.dir / "m.safetensors", tensors)
        for preset, least, budget in (("q4", 13, 4.5), ("q8", 39, 8.5)):
            report = self.octet_json("quantize", "m.safetensors", "set", "--preset", preset, "--force", "--no-sync")
            self.octet("verify", "set", "--source", "m.safetensors")
            self.octet("dequantize", "set", "back.safetensors", "--force", "--no-sync")
            self.check_set("m.safetensors", "set", "back.safetensors")
            back = {t.name: t for t in read_file(self.dir / "back.safetensors")[1]}
            for t, made in zip(tensors[1:], report["tensors"][1:]):
                self.assertIn("-axis0-batch", made["scheme"])
                self.assertLessEqual(8 * made["output_bytes"] / (len(t.data) / 4), budget)
                self.assertGreater(self.worst_output(t, back[t.name]), least, made["scheme"])

    def test_large_outputs_have_two_levels(self):
        tensors = [zeros("model.embed_tokens.weight", "BF16", 2050, 2048), zeros("layers.0.mlp.experts.gate_up_proj", "BF16", 2, 64, 2048),
                   zeros("layers.0.mlp.experts.down_proj", "BF16", 2, 2048, 32)]
        found = self.plan(tensors, "--preset", "q4")
        self.assertEqual(found[tensors[1].name]["scheme"], "u4-group18-axis0-batch-mse-two")

    def test_both_orders_are_told_by_who_reads_the_hidden_size(self):
        """The same names, and no bias; a square one follows its sibling, and where nothing tells outputs stand first."""
        table = zeros("model.embed_tokens.weight", "BF16", 300, 96)
        for shapes, axis in ((((4, 80, 96), (4, 96, 40)), 0), (((4, 96, 80), (4, 40, 96)), 1), (((4, 192, 96), (4, 96, 96)), 0),
                             (((4, 96, 192), (4, 96, 96)), 1), (((4, 96, 96), (4, 96, 96)), 0)):
            tensors = [table] + [zeros(f"layers.0.mlp.experts.{name}", "BF16", *shape) for name, shape in zip(("gate_up_proj", "down_proj"), shapes)]
            for options in (("--preset", "q4"), ("--preset", "linear"), ("--granularity", "channel")):
                found = self.plan(tensors, *options)
                for t in tensors[1:]:
                    self.assertIn(f"-axis{axis}-batch", found[t.name]["scheme"], (shapes, options))


    def test_experts_without_the_word_are_told_by_the_hidden_size(self):
        """JetMoE calls them mlp.input_linear; convolutions and vocoders are none."""
        table = zeros("model.embed_tokens.weight", "BF16", 300, 96)
        experts = [zeros("model.layers.0.mlp.input_linear.weight", "BF16", 4, 80, 96), zeros("model.layers.0.mlp.output_linear.weight", "BF16", 4, 96, 40)]
        others = [zeros("encoder.conv1.weight", "BF16", 96, 80, 3), zeros("encoder.pos_conv_embed.conv.weight", "BF16", 96, 48, 128), zeros("ups.0.weight", "BF16", 192, 96, 16),
                  zeros("input_proj.weight", "BF16", 96, 96, 1)]
        found = self.plan([table] + experts + others, "--preset", "q8")
        self.assertEqual({name for name, t in found.items() if "-batch" in t["scheme"]}, {t.name for t in experts})


class Presets(Architectures):
    def schemes(self, preset, *tensors):
        return {name: t["scheme"] for name, t in self.plan(tensors, "--preset", preset).items()}

    def test_routers_short_rows_and_depthwise_convolutions_are_copied_by_q4_and_q6(self):
        tensors = [zeros("layers.0.mlp.gate.weight", "F32", 4, 96), zeros("layers.0.mlp.experts.0.up_proj.weight", "F32", 64, 96),
                   zeros("layers.1.mlp.router.weight", "F32", 4, 96), zeros("layers.1.block_sparse_moe.router.layer.weight", "F32", 4, 96),
                   zeros("layers.2.mlp.gate.wg.weight", "F32", 4, 96), zeros("layers.2.mlp.experts.gate_up_proj", "F32", 4, 64, 96),
                   zeros("layers.0.mixer.conv1d.weight", "F32", 192, 1, 4), zeros("layers.0.conv.depthwise.weight", "F32", 192, 1, 64), zeros("layers.0.mixer.dt_proj.weight", "F32", 192, 6),
                   zeros("layers.3.mlp.gate.weight", "F32", 64, 96)]
        kept = {t.name for t in tensors if "experts" not in t.name and "layers.3" not in t.name}
        for preset in ("q4", "q6"):
            found = self.schemes(preset, *tensors)
            self.assertEqual({name for name, scheme in found.items() if scheme == "keep"}, kept)
        self.assertIn("router", self.plan(tensors, "--preset", "q4")["layers.1.mlp.router.weight"]["reason"])

    def test_budgets_hold_for_every_tensor_that_a_preset_quantizes(self):
        tensors = [zeros(f"layers.0.w{i}.weight", "BF16", rows, i) for i in (*range(1, 100), 128, 129, 768) for rows in (5,)]
        tensors += [zeros(f"layers.0.conv{k}.{c}.weight", "BF16", 8, c, k, k) for k in (1, 3, 5) for c in (3, 16, 64)]
        for preset, budget in (("q8", 8.5), ("q6", 6.5625), ("q4", 4.5)):
            quantized = 0
            for t in self.plan(tensors, "--preset", preset).values():
                self.assertLessEqual(t["output_bytes"], t["source_bytes"], t)
                if t["scheme"] != "keep":
                    quantized += 1
                    self.assertLessEqual(t["bits_per_weight"], budget, t)
                if t["shape"][-1] >= 32 and len(t["shape"]) == 2 and t["shape"][-1] % 8 == 0:
                    self.assertNotEqual(t["scheme"], "keep", t)
            self.assertGreater(quantized, 40)

    def test_linear_makes_no_tensor_larger(self):
        found = self.plan([zeros("a.lora_B.weight", "BF16", 96, 4), zeros("a.lora_A.weight", "BF16", 4, 96), zeros("b.weight", "BF16", 96, 2)], "--preset", "linear")
        self.assertEqual({name: t["scheme"].split("-")[0] for name, t in found.items()}, {"a.lora_B.weight": "keep", "a.lora_A.weight": "s8", "b.weight": "keep"})
        self.assertEqual(found["b.weight"]["reason"], "codes and scales would not be smaller than the tensor")

    def test_short_rows_that_are_quantized_are_better_than_one_scale_for_all(self):
        """At 4 bits with a scale each, rows of 40 inputs beat what 4 bits for the tensor give."""
        rows = [self.noise(f"row{i}", 40, scale=0.02 * 2 ** (i % 7)) for i in range(32)]
        make_file(self.dir / "m.safetensors", [Tensor("layers.0.down_proj.weight", "F32", [32, 40], b"".join(row.data for row in rows))])
        found = [self.octet_json("quantize", "m.safetensors", "set", "--force", "--no-sync", *options)["tensors"][0]
                 for options in (("--preset", "q4"), ("--bits", "4"))]
        self.assertEqual(found[0]["scheme"], "s4-group128-axis0-mse-f16")
        self.assertGreater(found[0]["sqnr_db"], found[1]["sqnr_db"] + 3)

    def test_the_planner_keeps_routers_norms_positions_and_what_nobody_misses(self):
        tensors = [self.noise("model.embed_tokens.weight", 3600, 96), self.noise("layers.0.mlp.gate.weight", 40, 96), self.noise("layers.0.norm.weight", 96),
                   self.noise("embed_positions.weight", 2, 96), self.noise("layers.0.mlp.experts.0.up_proj.weight", 128, 96), self.noise("layers.0.mixer.dt_bias", 8)]
        for options in (("--max-size", "260kB"), ("--target-sqnr", "25")):
            found = self.plan(tensors, *options)
            self.assertEqual({name for name, t in found.items() if t["scheme"] == "keep"},
                             {"layers.0.mlp.gate.weight", "layers.0.norm.weight", "embed_positions.weight", "layers.0.mixer.dt_bias"})
            self.assertTrue(found["layers.0.norm.weight"]["reason"].startswith("a norm, which the planner copies where the size allows"))
        # The positions would be more than 0.5 % of the size; routers are copied whatever they take.
        found = self.plan([*tensors[:3], self.noise("embed_positions.weight", 32, 96), *tensors[4:]], "--max-size", "260kB")
        self.assertEqual({name for name, t in found.items() if t["scheme"] == "keep"}, {"layers.0.mlp.gate.weight", "layers.0.norm.weight", "layers.0.mixer.dt_bias"})
        self.assertEqual(found["embed_positions.weight"]["reason"], "the least total error within --max-size 260,000")
        smallest = self.run_octet("plan", "model", "--max-size", "1kB").err
        self.assertIn("cannot be reached", smallest)
        least = int(smallest.split(" take ")[1].split(" bytes")[0].replace(",", ""))
        self.assertNotIn("keep", {t["scheme"] for t in self.plan(tensors, "--max-size", str(least)).values()})


class Totals(Architectures):
    def masked(self):
        return [self.noise("transformer.h.0.attn.q_proj.weight", 32, 64), f32("transformer.h.0.attn.masked_bias", [-1e4], []),
                f32("transformer.h.0.attn.bias", [float(j <= i) for i in range(16) for j in range(16)], [1, 1, 16, 16]),
                self.noise("transformer.h.0.attn.q_proj.bias", 32)]

    def test_buffers_do_not_flatter_the_total(self):
        make_file(self.dir / "m.safetensors", self.masked())
        make_file(self.dir / "plain.safetensors", [t for t in self.masked() if "q_proj" in t.name])
        plain = self.octet_json("quantize", "plain.safetensors", "plain", "--no-sync")["totals"]
        self.assertNotIn("sqnr_db_with_buffers", plain)
        report = self.octet_json("quantize", "m.safetensors", "set", "--no-sync")["totals"]
        self.assertAlmostEqual(report["sqnr_db"], plain["sqnr_db"], delta=1e-3)
        self.assertGreater(report["sqnr_db_with_buffers"], 80)
        for totals in (self.octet_json("inspect", "set")["totals"], self.octet_json("compare", "m.safetensors", "set")["totals"]):
            self.assertEqual([totals[key] for key in ("sqnr_db", "sqnr_db_with_buffers")], [report[key] for key in ("sqnr_db", "sqnr_db_with_buffers")])
        self.assertIn("dB over all quantized values but buffers", self.octet("inspect", "set").out)

    def test_the_gate_does_not_count_buffers(self):
        make_file(self.dir / "m.safetensors", self.masked())
        run = self.run_octet("quantize", "m.safetensors", "set", "--min-sqnr", "60")
        self.assertEqual(run.code, 1, run.out)
        self.assertIn("below --min-sqnr 60", run.err)

    def test_the_planner_and_the_totals_count_the_same_values(self):
        for source in (TESTDATA / "tiny-gpt2", TESTDATA / "tiny-flan-t5"):
            for options in (("--target-sqnr", "30"), ("--max-size", "700kB" if "gpt2" in source.name else "250kB")):
                plan = self.octet_json("plan", source, *options)
                self.assertEqual(plan["planner"]["sqnr_db"], plan["totals"]["sqnr_db"])
                report = self.octet_json("quantize", source, "set", "--force", "--no-sync", *options)
                self.assertAlmostEqual(report["totals"]["sqnr_db"], plan["totals"]["sqnr_db"], delta=2e-4)
                if "--target-sqnr" in options:
                    self.assertGreaterEqual(report["totals"]["sqnr_db"], 30)
                    self.assertLess(report["totals"]["sqnr_db"], 30.5)


class Hints(Architectures):
    def test_a_weight_below_20_db_is_named_with_what_q8_would_give(self):
        make_file(self.dir / "m.safetensors", [self.noise("layers.0.up.weight", 32, 96), self.noise("layers.0.down.weight", 32, 96), self.noise("layers.0.norm.weight", 96)])
        q8 = {t["name"]: t["sqnr_db"] for t in self.octet_json("quantize", "m.safetensors", "q8", "--preset", "q8")["tensors"] if "sqnr_db" in t}
        run = self.octet("quantize", "m.safetensors", "set", "--no-sync", "--rule", "layers.0.up.weight=u3")
        self.assertEqual(run.out.splitlines()[-1].split(" dB; ")[1], f"--preset q8 gives it {q8['layers.0.up.weight']:.2f} dB")
        self.assertTrue(run.out.splitlines()[-1].startswith("hint: 'layers.0.up.weight' has "))
        report = self.octet_json("quantize", "m.safetensors", "set", "--no-sync", "--force", "--bits", "3")
        self.assertIn("(and 1 more weight below 20 dB); --preset q8 gives them at least %.2f dB" % min(q8.values()), report["hint"])
        self.assertEqual(self.octet("quantize", "m.safetensors", "set", "--no-sync", "--force").out.count("hint"), 0)

    def test_an_input_without_floats_says_that_nothing_was_quantized(self):
        make_file(self.dir / "m.safetensors", [zeros("ids", "I64", 4)])
        self.assertIn("hint: nothing was quantized: no tensor is F16, BF16, F32 or F64\n", self.octet("quantize", "m.safetensors", "set").out)
        make_file(self.dir / "empty.safetensors", [])
        self.assertIn("nothing was quantized", self.octet("quantize", "empty.safetensors", "none").out)


if __name__ == "__main__":
    main()
