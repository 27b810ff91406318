"""Rules: the first that matches decides; before options, before presets; by glob, regular expression or kind; from a file; recorded in
the sidecar; one that decides nothing is refused by name."""
import json

from octet_case import DATA_FILE, OctetCase, Tensor, f32, main, make_file, read_file


class Rules(OctetCase):
    def setUp(self):
        super().setUp()
        self.source = make_file(self.dir / "m.safetensors", [
            f32("a.weight", [0.1 * i for i in range(64)], [4, 16]), f32("b.weight", [0.2 * i for i in range(64)], [4, 16]),
            f32("a.bias", [1, 2, 3]), f32("ln_1.weight", [1, 2]), Tensor("ids", "I32", [1], bytes(4))])

    def schemes(self, *options, out="set"):
        self.octet("quantize", "m.safetensors", out, "--force", "--no-sync", *options)
        return {name: entry["scheme"] for name, entry in self.sidecar(out)["tensors"].items()}

    def refuse(self, message, *options, code=2):
        for command in (("quantize", "m.safetensors", "new"), ("plan", "m.safetensors")):
            self.assert_refused(code, message, *command, *options)

    def test_the_first_rule_that_matches_decides_before_options_before_presets(self):
        found = self.schemes("--preset", "lesson", "--bits", "5", "--rule", "a.*=s4", "--rule", "re:[ab]\\.(weight|bias)=u6-group16",
                             "--rule", "kind:norm=keep")
        self.assertEqual(found, {"a.weight": "s4", "b.weight": "u6-group16-axis0", "a.bias": "s4", "ln_1.weight": "keep", "ids": "keep"})
        self.assertEqual(self.sidecar("set")["tensors"]["ln_1.weight"]["reason"], "the rule 'kind:norm=keep'")
        self.octet("verify", "set", "--source", "m.safetensors")
        self.octet("dequantize", "set", "back.safetensors")
        self.assertEqual([t[:3] for t in read_file(self.dir / "back.safetensors")[1]], [t[:3] for t in read_file(self.source)[1]])
        inspected = {t["name"]: t["scheme"] for t in self.octet_json("inspect", "set")["tensors"]}
        self.assertEqual(inspected, found)

    def test_a_rule_gives_vectors_its_bits_and_one_scale(self):
        found = self.schemes("--rule", "*=u4-group16-intzp-f16")
        self.assertEqual(found["a.bias"], "u4-intzp")
        self.assertEqual(found["a.weight"], "u4-group16-axis0-intzp-f16")
        self.assertEqual(found["ids"], "keep")  # no rule makes codes of integers

    def test_they_are_recorded_in_order_and_decide_the_bytes_only(self):
        rules = ("--rule", "a.*=s8-channel", "--rule", "kind:weight=keep")
        self.schemes(*rules)
        self.assertEqual(self.sidecar("set")["options"], {"preset": "all", "rules": [{"match": "a.*", "scheme": "s8-channel"},
                                                                                     {"match": "kind:weight", "scheme": "keep"}]})
        (self.dir / "rules.json").write_text(json.dumps([{"match": "a.*", "scheme": "s8-channel"}, {"match": "kind:weight", "scheme": "keep"}]))
        self.schemes("--rules", "rules.json", out="from-file")
        for name in ("quantization_state.json", DATA_FILE):
            self.assertEqual((self.dir / "set" / name).read_bytes(), (self.dir / "from-file" / name).read_bytes())

    def test_rules_of_the_command_line_come_before_those_of_a_file(self):
        (self.dir / "rules.json").write_text('[{"match": "*.weight", "scheme": "u4"}]')
        found = self.schemes("--rules", "rules.json", "--rule", "a.weight=u6")
        self.assertEqual((found["a.weight"], found["b.weight"], found["ln_1.weight"]), ("u6", "u4", "u4"))

    def test_the_last_equals_sign_parts_pattern_and_scheme(self):
        make_file(self.dir / "m.safetensors", [f32("x=y", [1, 2, 3])])
        self.assertEqual(self.schemes("--rule", "x=y=u4"), {"x=y": "u4"})

    def test_a_rule_that_decides_nothing_is_refused_by_name(self):
        self.refuse("rule 'c.*=u8': matches no tensor; octet inspect INPUT lists their names", "--rule", "c.*=u8")
        self.refuse("rule 'kind:head=u8': matches no tensor; octet inspect INPUT lists their names", "--rule", "kind:head=u8")
        self.refuse("rule 'a.weight=u4': matches 1 tensor, all of which earlier rules decide; put it before them or leave it out",
                    "--rule", "a.*=u8", "--rule", "a.weight=u4")
        self.refuse("rule '*=keep': matches 5 tensors, all of which earlier rules decide; put it before them or leave it out",
                    "--rule", "re:.*=u8", "--rule", "*=keep")

    def test_what_is_no_rule_is_refused(self):
        for message, rule in (
                ("--rule: 'a.weight' is not of the form PATTERN=SCHEME", "a.weight"), ("--rule: '=u8' is not of the form PATTERN=SCHEME", "=u8"),
                ("rule 'a.*=u9': 'u9' is no scheme; octet plan --list-schemes names some, keep copies", "a.*=u9"),
                ("rule 'a.*=': '' is no scheme; octet plan --list-schemes names some, keep copies", "a.*="),
                ("rule 'kind:wieght=u8': 'wieght' is not one of weight, embedding, head, position, norm, bias, buffer, other; did you mean weight?",
                 "kind:wieght=u8"),
                ("the scheme u4-group32-pct99-two: two levels have no percentile ranges; leave one of the two out", "a.weight=u4-group32-pct99-two")):
            self.refuse(message, "--rule", rule)
        run = self.run_octet("plan", "m.safetensors", "--rule", "re:(=u8")
        self.assertEqual(run.code, 2)
        self.assertTrue(run.err.startswith("octet: rule 're:(=u8': 're:(' is not a regular expression: "), run.err)
        self.assertTrue(run.err.endswith("; mend it, or give a glob\n"), run.err)

    def test_a_file_that_holds_no_rules_is_refused(self):
        form = '; a file of rules is [{"match": "PATTERN", "scheme": "SCHEME"}, ...]'
        for what, text in (("does not hold an array", "{}"), ("rule 1 is not an object of match and scheme", "[1]"),
                           ("rule 1 is not an object of match and scheme", '[{"match": "*", "scheme": "u8", "more": 1}]'),
                           ("rule 2 is not an object of match and scheme", '[{"match": "*", "scheme": "u8"}, {"match": "*"}]'),
                           ("rule 1 has a match or a scheme that is not a string", '[{"match": "*", "scheme": 8}]'),
                           ("'match' stands twice in a rule", '[{"match": "*", "match": "a", "scheme": "u8"}]'),
                           ("nested deeper than 3 levels", "[[[[[]]]]]")):
            (self.dir / "rules.json").write_text(text)
            self.refuse("rules.json: " + what + form, "--rules", "rules.json", code=3)
        (self.dir / "rules.json").write_text('[{"match": "*", "scheme": "u9"}]')
        self.refuse("rule '*=u9': 'u9' is no scheme; octet plan --list-schemes names some, keep copies", "--rules", "rules.json")
        (self.dir / "rules.json").write_text("[")
        self.assertEqual(self.run_octet("plan", "m.safetensors", "--rules", "rules.json").code, 3)
        self.assertEqual(self.run_octet("plan", "m.safetensors", "--rules", "missing.json").code, 3)


if __name__ == "__main__":
    main()
