"""Random strings of mixed scripts, and texts of random ids, through the Python packages `tokenizers` and `sentencepiece`, for octet_tests
to hold its own tokenizers against: tokenizer_strings.py GPT2_TOKENIZER_FOLDER T5_TOKENIZER_FOLDER OUT.json [COUNT [SEED]]"""
import json
import random
import sys

import sentencepiece
import tokenizers
from tokenizers import ByteLevelBPETokenizer

RANGES = [(0x20, 0x7E)] * 6 + [(0xA0, 0x17F), (0x370, 0x3FF), (0x400, 0x4FF), (0x5D0, 0x5EA), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F),
                               (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x2000, 0x206F), (0x20A0, 0x20BF), (0x2460, 0x24FF),
                               (0x1F300, 0x1F64F), (0xFF00, 0xFFEF), (0x09, 0x0D), (0x300, 0x36F), (0x01, 0x1F)]
WORDS = ["the", " The", "don't", "we'll", "  ", "\n\n", "\t", "123", "3.14", " ", "'s", "'S", "<pad>", "</s>", "<|endoftext|>", "\u00a0", "\u2028", "\u200b"]


def text(source):
    parts = []
    for _ in range(source.randint(1, 8)):
        if source.random() < 0.4:
            parts.append(source.choice(WORDS))
        else:
            low, high = source.choice(RANGES)
            parts.append("".join(chr(source.randint(low, high)) for _ in range(source.randint(1, 6))))
    return "".join(parts)


def random_ids(source, size):
    return [source.randrange(size) for _ in range(source.randint(1, 12))]


def main():
    gpt2, t5, out = sys.argv[1:4]
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 10_000
    source = random.Random(int(sys.argv[5]) if len(sys.argv) > 5 else 20)
    bpe = ByteLevelBPETokenizer(f"{gpt2}/vocab.json", f"{gpt2}/merges.txt")
    pieces = sentencepiece.SentencePieceProcessor(model_file=f"{t5}/spiece.model")
    cases = []
    for _ in range(count):
        words = text(source)
        ids = {"gpt2": bpe.encode(words).ids, "t5": pieces.encode(words)}
        cases.append({"text": words, **ids, "gpt2_back": bpe.decode(ids["gpt2"], skip_special_tokens=False), "t5_back": pieces.decode(ids["t5"])})
    for _ in range(count):
        ids = {"gpt2": random_ids(source, bpe.get_vocab_size()), "t5": random_ids(source, pieces.get_piece_size())}
        cases.append({**ids, "gpt2_back": bpe.decode(ids["gpt2"], skip_special_tokens=False), "t5_back": pieces.decode(ids["t5"])})
    with open(out, "w", encoding="utf-8") as file:
        json.dump(cases, file)
    print(f"{count:,} strings and {count:,} rows of ids by sentencepiece {sentencepiece.__version__} and tokenizers {tokenizers.__version__}")


if __name__ == "__main__":
    main()
