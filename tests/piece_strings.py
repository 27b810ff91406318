"""Texts through the Python package `sentencepiece` with models of every option: trained ones, and small ones of chance with many equal
scores, for octet_tests to compare (scripts/tokenizers.sh).

    piece_strings.py OUT_FOLDER [COUNT [SEED]]"""
import io
import json
import random
import sys
from pathlib import Path

import sentencepiece

import spiece
from tokenizer_strings import text

TRAINED = [
    {}, {"add_dummy_prefix": False}, {"remove_extra_whitespaces": False}, {"add_dummy_prefix": False, "remove_extra_whitespaces": False},
    {"treat_whitespace_as_suffix": True}, {"treat_whitespace_as_suffix": True, "remove_extra_whitespaces": False}, {"byte_fallback": True},
    {"user_defined_symbols": ["<sep>", "  x", "and\u2581", "\u00e9", "ab cd", "the", "then"]},
    {"user_defined_symbols": ["the", " ", "\ufb03"], "byte_fallback": True, "remove_extra_whitespaces": False},
    {"control_symbols": ["<c>", "dog"]}, {"unk_surface": "??"}, {"split_by_whitespace": False}, {"max_sentencepiece_length": 200, "split_by_whitespace": False},
    *({"normalization_rule_name": name} for name in ("identity", "nfkc", "nfkc_cf", "nmt_nfkc_cf")),
]
OWN_RULES = {"a": "bb", "abc": " ", "\u00e9": "", "th": "\u2581", "  ": "x y", "\t": "   ", "\u0327": "c"}


def trained(options):
    lines = (Path(__file__).parents[1] / "testdata" / "tiny-gpt2" / "eval.txt").read_text(encoding="utf-8").splitlines()
    options = {"vocab_size": 700 if options.get("byte_fallback") else 400, **options}
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=out, hard_vocab_limit=False, minloglevel=2, **options)
    return out.getvalue()


def of_chance(source):
    """Few letters, few scores, all kinds of pieces and options: nearly every text has several best ways."""
    letters = source.choice(["ab", "abc ", "ab\u00e9\u6f22", "ab\u2581"])
    texts = {"".join(source.choice(letters) for _ in range(source.randint(1, 5))).replace(" ", spiece.SPACE) for _ in range(source.randint(1, 60))}
    kinds = [spiece.NORMAL] * 8 + [spiece.USER_DEFINED, spiece.UNUSED]
    pieces = [(one, -float(source.choice([0.5, 1, 1, 2, 3.3])), source.choice(kinds)) for one in sorted(texts)]
    has_bytes = source.random() < 0.3
    pieces += spiece.byte_pieces() if has_bytes else []
    source.shuffle(pieces)
    switches = b"".join(spiece.field(number, source.randint(0, 1)) for number in (3, 4, 5))
    rules = spiece.field(2, spiece.rules_of(OWN_RULES)) if source.random() < 0.4 else b""
    back = spiece.field(5, spiece.field(2, spiece.rules_of({"b": "B", "aa": " "})) + spiece.field(3, source.randint(0, 1))) if source.random() < 0.2 else b""
    trainer = spiece.field(24, source.randint(0, 1)) + spiece.field(35, int(has_bytes))
    return spiece.model(spiece.SPECIAL + pieces, trainer, switches + rules, back), letters


def main():
    out = Path(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    source = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 21)
    plain = trained({})
    models = [(trained(options), None) for options in TRAINED] + [(plain + spiece.field(3, spiece.field(5, 0)), None)]
    models += [of_chance(source) for _ in range(200)]
    each = count // len(models) + 1
    listed = []
    for at, (model, letters) in enumerate(models):
        (out / f"{at}.model").write_bytes(model)
        pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
        cases = []
        for _ in range(each):
            words = text(source) if letters is None or source.random() < 0.1 else "".join(source.choice(letters + letters + " \u00e9x") for _ in range(source.randint(1, 40)))
            ids = pieces.encode(words)
            some = [source.randrange(pieces.get_piece_size()) for _ in range(source.randint(1, 12))]
            some = [one for one in some if not pieces.is_control(one)]  # which octet leaves out
            cases.append({"text": words, "ids": ids, "back": pieces.decode(ids), "some": some, "some_back": pieces.decode(some)})
        listed.append({"model": f"{at}.model", "cases": cases})
    (out / "cases.json").write_text(json.dumps(listed), encoding="utf-8")
    print(f"{each * len(models):,} strings and as many rows of ids by sentencepiece {sentencepiece.__version__} with {len(models)} models")


if __name__ == "__main__":
    main()
