"""What the experiment first_token runs: a GPT-2 beside its config and a tokenizer of GPT-2's size, sets of it, and `cat` of all their files."""
import json
import os
import random
import shutil
from pathlib import Path

from measure import Contestant, files_of

SETS = {"lesson": ["--preset", "lesson"], "q8": ["--preset", "q8"], "q4": ["--preset", "q4"]}
CONFIG = {"model_type": "gpt2", "vocab_size": 50257, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024,
          "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "eos_token_id": 50256}
PROMPT = "a b c d e f g h"  # eight tokens of the tokenizer below
OTHER_PROMPT = "The quick brown fox jumped over the lazy"  # eight of GPT-2's own
TINY_PROMPT = "the quick brown fox"
PROMPT_IDS, TINY_PROMPT_IDS = "256,257,258,259,260,261,262,263", "1,2,3,4"
TOKENIZER = ("vocab.json", "merges.txt")


def characters():
    """The characters that stand for the 256 bytes in GPT-2's files."""
    own = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in own]
    return {byte: chr(byte) for byte in own} | {byte: chr(0x100 + i) for i, byte in enumerate(others)}


def write_tokenizer(folder):
    """50,257 tokens and 50,000 merges, of which the first 26 join a space and a letter; the others are random, in order as GPT-2's are."""
    chance = random.Random(1)
    space = characters()[ord(" ")]
    tokens = dict.fromkeys(characters().values())
    joined = [space + chr(letter) for letter in range(ord("a"), ord("z") + 1)]
    merges = [f"{space} {token[1]}" for token in joined]
    letters = [chr(letter) for letter in range(ord("a"), ord("z") + 1)]
    while len(merges) < 50_000:
        left, right = chance.choice(joined), chance.choice(letters + [token for token in joined[-300:] if token[0] != space])
        if len(left + right) > 12 or left + right in tokens:
            continue
        tokens[left + right] = None
        joined.append(left + right)
        merges.append(f"{left} {right}")
    names = list(dict.fromkeys([*characters().values(), *(merge.replace(" ", "") for merge in merges), "<|endoftext|>"]))
    (folder / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(merge + "\n" for merge in merges))


def complete(folder, tiny, testdata):
    """Puts config and tokenizer beside the weights; returns the prompt. With OCTET_BENCH_TOKENIZER GPT-2's own files from there."""
    if tiny:
        for name in ("config.json", *TOKENIZER):
            shutil.copy(testdata / name, folder / name)
        return TINY_PROMPT
    (folder / "config.json").write_text(json.dumps(CONFIG))
    own = os.environ.get("OCTET_BENCH_TOKENIZER")
    if not own:
        write_tokenizer(folder)
        return PROMPT
    for name in TOKENIZER:
        shutil.copy(Path(own) / name, folder / name)
    return OTHER_PROMPT


def without_tokenizer(folder):
    """The same set, its files shared with `folder`, as one without a tokenizer has it."""
    bare = folder.with_name(folder.name + "-ids")
    shutil.rmtree(bare, ignore_errors=True)
    bare.mkdir()
    for file in files_of(folder):
        if file.name not in TOKENIZER:
            os.link(file, bare / file.name)
    return bare


def contestants(octet, folder, prompt, bare, ids):
    def generate(name, model, *given):
        return Contestant(name, [octet, "generate", model, *given, "--max-new-tokens", 1])

    return [Contestant("cat", ["cat", *files_of(folder)]), generate("octet", folder, "--prompt", prompt),
            Contestant("cat, ids", ["cat", *files_of(bare)]), generate("octet, ids", bare, "--prompt-ids", ids)]
