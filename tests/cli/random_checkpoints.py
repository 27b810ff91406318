"""Checkpoints with random tensors, shards and ties, and what the tests of parts (test_parts.py, test_part_faults.py) share."""
import array
import json

from octet_case import Tensor, contents, make_file


def hidden(out):
    return out.parent / f".{out.name}.octet-parts"


def files(path):
    return contents(path) if path.is_dir() else {path.name: path.read_bytes()}


def values(dice, count):
    block = array.array("f", (dice.gauss(0, 0.1) for _ in range(min(count, 4096))))
    return (block * (count // max(len(block), 1) + 1))[:count].tobytes()


def random_tensors(dice):
    """1 to 60 tensors, sometimes a giant one, sometimes an embedding and a head that are equal."""
    tensors = []
    for number in range(dice.choice((1, 2, 5, 20, 60))):
        shape = [dice.choice((1, 3, 32, 96)), dice.choice((32, 64, 256, 33))][:dice.choice((1, 2, 2, 2))]
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        name = f"model.layers.{number}.mlp.{dice.choice(('up_proj', 'down_proj', 'norm'))}.{dice.choice(('weight', 'weight', 'bias'))}"
        tensors.append(Tensor(name, "F32", shape, values(dice, count)))
    if dice.random() < 0.4:
        tensors.insert(dice.randrange(len(tensors) + 1), Tensor("model.giant.weight", "F32", [1536, 1024], values(dice, 1536 * 1024)))
    if dice.random() < 0.4:
        embedding = values(dice, 64 * 32)
        tensors += [Tensor("model.embed_tokens.weight", "F32", [64, 32], embedding), Tensor("lm_head.weight", "F32", [64, 32], embedding)]
    if dice.random() < 0.2:
        tensors.append(Tensor("position_ids", "I64", [1, 3], bytes(24)))
    return tensors


def make_random(folder, dice):
    folder.mkdir()
    tensors = random_tensors(dice)
    count = min(dice.choice((1, 1, 2, 5, 40)), len(tensors))
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "n": dice.random()}))
    if count == 1:
        make_file(folder / "model.safetensors", tensors, {"format": "pt"})
        return
    names = [f"model-{i + 1:05}-of-{count:05}.safetensors" for i in range(count)]
    for i, name in enumerate(names):
        make_file(folder / name, tensors[i::count], {"format": "pt"})
    index = {"metadata": {}, "weight_map": {t.name: names[i % count] for i, t in enumerate(tensors)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
