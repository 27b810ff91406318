"""SentencePiece models made by hand, whole and broken: what tests of octet's reader of spiece.model share.

A model is a protobuf message (src/tokenize/piece_model.hpp has its fields); its rules of normalization are a double-array trie
(src/tokenize/text_normalizer.hpp). Python 3.9 and its standard library only."""
import random
import struct

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
SPACE = "\u2581"
LEAF = 1 << 31


def varint(number):
    encoded = bytearray()
    while number >= 128:
        encoded.append(number % 128 + 128)
        number //= 128
    return bytes(encoded + bytes([number]))


def field(number, content):
    """A field of a protobuf message: bytes, a float, or a number."""
    if isinstance(content, bytes):
        return varint(number << 3 | 2) + varint(len(content)) + content
    if isinstance(content, float):
        return varint(number << 3 | 5) + struct.pack("<f", content)
    return varint(number << 3) + varint(content)


def piece(text, score=0.0, kind=NORMAL):
    return field(1, field(1, text.encode() if isinstance(text, str) else text) + field(2, score) + field(3, kind))


SPECIAL = [("<pad>", 0.0, CONTROL), ("</s>", 0.0, CONTROL), ("<unk>", 0.0, UNKNOWN)]
WORDS = [SPACE, SPACE + "is", "where", "D", "el", "hi", "i", "?", "x", "a", "e", "h", "l", "r", "s", "w", "aa", SPACE + "a"]
NORMAL_PIECES = [(text, -float(at) - 1) for at, text in enumerate(WORDS)]


def model(pieces=None, trainer=field(3, 1), normalizer=None, tail=b""):
    pieces = SPECIAL + NORMAL_PIECES if pieces is None else pieces
    normalizer = field(1, b"identity") if normalizer is None else normalizer
    return b"".join(piece(*one) for one in pieces) + field(2, trainer) + field(3, normalizer) + tail


def byte_pieces():
    return [(f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)]


def unit(label, offset, has_leaf):
    scaled = offset << 10 if offset < 1 << 21 else offset << 2 | 1 << 9
    return scaled | has_leaf << 8 | label


def trie(rules):
    """Units of a double array of {bytes: value}."""
    units, bases, queue = {0: 0}, set(), [(0, 0, sorted(rules))]
    while queue:
        place, depth, keys = queue.pop(0)
        is_end = len(keys[0]) == depth
        children = {}
        for key in keys[is_end:]:
            children.setdefault(key[depth], []).append(key)
        base = 1
        while base in bases or any(base ^ byte in units for byte in [*children, *([0] if is_end else [])]):
            base += 1
        bases.add(base)
        units[place] = unit(units[place], place ^ base, is_end)
        if is_end:
            units[base] = LEAF | rules[keys[0]]
        for byte, below in children.items():
            units[base ^ byte] = byte
            queue.append((base ^ byte, depth + 1, below))
    size = (max(units) | 255) + 1
    return [units.get(place, place & 255) for place in range(size)]


def charsmap(units, replacements, size=None):
    body = struct.pack(f"<{len(units)}I", *units)
    return struct.pack("<I", len(body) if size is None else size) + body + replacements


def rules_of(texts):
    """The rules {text: text} as a model has them."""
    values, replacements = {}, b""
    for source, target in texts.items():
        values[source.encode()] = len(replacements)
        replacements += target.encode() + b"\0"
    return charsmap(trie(values), replacements)


RULES = {"A": "a", "\u00c9": "e", "\t": " ", "\u00a0": " ", "\ufb03": "ffi", "\u00ad": "", "ab": "ba", "abc": "x y", "\u3000": "  "}


def with_rules(rules):
    return model(normalizer=field(1, b"own") + field(2, rules))


# Each makes one model from a source of chance, and says whether octet must refuse it (True), must take it (False) or may do both (None).
def long_piece(chance):
    size = chance.choice([1025, 4096, 65_536, 1_000_000, chance.randint(1025, 200_000)])
    return model(SPECIAL + NORMAL_PIECES + [("a" * size, -1.0, chance.choice([NORMAL, USER_DEFINED, CONTROL]))]), True


def cut_off(chance):
    whole = with_rules(rules_of(RULES))
    return whole[:chance.randrange(len(whole))], None


def endless_number(chance):
    at = chance.choice([b"", model()])
    return at + chance.choice([b"\x80", b"\xff"]) * chance.randint(10, 4000), True


def length_lies(chance):
    more = chance.choice([1, 127, 1 << 20, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
    number = chance.choice([1, 2, 3, 5, 9])
    inner = varint(number << 3 | 2) + varint(more)
    return model(tail=chance.choice([inner, field(1, inner), field(2, varint(44 << 3 | 2) + varint(more))])), True


def nested_deeply(chance):
    content = b"x"
    for _ in range(chance.randint(1, 400)):
        content = field(chance.choice([1, 2, 3]), content)
    return model(tail=content), None


def wrong_wire_type(chance):
    wrong = chance.choice([field(1, 7), field(1, 1.0), field(2, 7), field(3, 7), field(5, 1.0), field(1, field(1, 7)), field(1, field(1, b"q") + field(2, 3)),
                           field(1, field(1, b"q") + field(3, b"x")), field(2, field(3, b"\1")), field(2, field(35, 1.0)), field(2, field(44, 3)),
                           field(3, field(2, 3)), field(3, field(3, b"\1")), field(5, field(2, 1.0))])
    return model(tail=wrong), True


def no_such_type(chance):
    return model(tail=varint(chance.randint(1, 9000) << 3 | chance.choice([3, 4, 6, 7])) + b"\0" * 9), True


def no_such_field(chance):
    return model(tail=chance.choice([b"\0\0", b"\2\0", varint((1 << 32) + 8) + b"\0", varint(1 << 63) + b"\0"])), True


def twice(chance):
    text = chance.choice(["a", "where", "<pad>", "</s>", SPACE])
    return model(SPECIAL + NORMAL_PIECES + [(text, -1.0, chance.choice([NORMAL, CONTROL, USER_DEFINED, UNUSED]))]), True


def not_utf8(chance):
    text = chance.choice([b"\xff", b"a\xc3", b"\xe2\x96", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\x80", b"\x80"]) + chance.choice([b"", b"a"])
    return model(SPECIAL + NORMAL_PIECES + [(text, -1.0, chance.choice([NORMAL, CONTROL, USER_DEFINED, UNUSED]))]), True


def zero_in_piece(chance):
    return model(SPECIAL + NORMAL_PIECES + [(chance.choice(["\0", "a\0b", "a\0"]), -1.0)]), True


def not_finite(chance):
    return model(SPECIAL + NORMAL_PIECES + [("q", float(chance.choice(["nan", "inf", "-inf"])), chance.choice([NORMAL, USER_DEFINED, CONTROL]))]), True


def extreme_scores(chance):
    return model(SPECIAL + [(text, chance.choice([-3.4e38, 3.4e38, 0.0, -1e-45, -1.0]), chance.choice([NORMAL, USER_DEFINED])) for text in WORDS]), False


def no_unknown(chance):
    return model(SPECIAL[:2] + NORMAL_PIECES[chance.randrange(5):]), True


def two_unknown(chance):
    return model(SPECIAL + NORMAL_PIECES + [("<unk2>", 0.0, UNKNOWN)]), True


def other_type(chance):
    return model(trainer=field(3, chance.choice([0, 2, 3, 4, 5, 99, 1 << 31, (1 << 64) - 1]))), True


def nothing_in_it(chance):
    return chance.choice([b"", model([]), model(SPECIAL), field(2, b""), model(SPECIAL[:2]), field(1, b""), model([("", 0.0)] + SPECIAL)]), True


def many_pieces(chance):
    count = chance.randint(1000, 60_000)
    return chance.choice([(b"\x0a\x00" * count, True), (model(SPECIAL + [(f"z{at:x}", -1.0) for at in range(count)]), False)])


def other_kind(chance):
    return model(SPECIAL + NORMAL_PIECES + [("q", 0.0, chance.choice([0, 7, 8, 1 << 31, 1 << 63]))]), True


def byte_without_fallback(chance):
    return model(SPECIAL + byte_pieces()[:chance.randint(1, 256)] + NORMAL_PIECES), True


def fallback_without_bytes(chance):
    bytes_left = byte_pieces()
    bytes_left.pop(chance.randrange(256))
    wrong = chance.choice([[], [("<0x4g>", 0.0, BYTE)], [("<0xaa>", 0.0, BYTE)], [("0x41", 0.0, BYTE)]])
    return model(SPECIAL + bytes_left + wrong + NORMAL_PIECES, trainer=field(35, 1)), True


def whole_fallback(chance):
    return model(SPECIAL + byte_pieces() + NORMAL_PIECES[chance.randrange(9):], trainer=field(35, 1)), False


def trie_leads_out(chance):
    units = trie({key.encode(): 0 for key in RULES})
    place = chance.choice([0, chance.randrange(len(units))])
    units[place] = unit(place & 255, chance.choice([len(units), 1 << 20, (1 << 29) - 256]), 0)
    return with_rules(charsmap(units, b"x\0")), True


def trie_begins_with_leaf(chance):
    units = trie({key.encode(): 0 for key in RULES})
    units[0] = LEAF | chance.choice([0, units[0], chance.getrandbits(31)])
    return with_rules(charsmap(units, b"x\0")), True


def random_trie(chance):
    size = chance.choice([1, 2, 255, 256, 257, 512, 1024])
    mask = chance.choice([0xFFFFFFFF, 0x7FFFFFFF, 0x0003FFFF, 0x000FFDFF])
    return with_rules(charsmap([chance.getrandbits(32) & mask for _ in range(size)], b"x\0" * 300)), None


def cyclic_trie(chance):
    """Byte a leads back to its own unit, for ever."""
    units = [place & 255 for place in range(256)]
    units[0] = unit(0, 0, 0)
    units[ord("a")] = unit(ord("a"), ord("a"), 0)
    return with_rules(charsmap(units, b"x\0")), None


def trie_size_lies(chance):
    units = trie({key.encode(): 0 for key in RULES})
    size = chance.choice([0, 1, 3, 4 * len(units) - 1, 4 * len(units) + 1, 4 * len(units) + 8, 1 << 20, 1 << 31, (1 << 32) - 1])
    return with_rules(chance.choice([charsmap(units, b"x\0", size), b"\1", b"\0\0\0", struct.pack("<I", size)])), True


def broken_replacement(chance):
    value, texts = chance.choice([(0, b"x"), (0, b""), (1, b"\0x"), (2, b"x\0"), (1 << 30, b"x\0"), (0, b"\xff\0"), (1, "\u00e9\0".encode()), (0, b"x" * 257 + b"\0"),
                                  (0, b"y" * 1_000_000 + b"\0"), (0, b"\xc3\0")])
    return with_rules(charsmap(trie({b"a": value}), texts)), True


def broken_denormalizer(chance):
    return model(tail=field(5, field(2, broken_rules(chance)))), True


def broken_rules(chance):
    return chance.choice([b"\1", b"\0\0\0\0", charsmap(trie({b"a": 5}), b"x\0"), charsmap([0] * 255, b"x\0")])


def growing_text(chance):
    return with_rules(rules_of({"a": "a" * 256, "x": " " * 200, " ": "x" * 250})), None


def nested_pieces(chance):
    return model(SPECIAL + NORMAL_PIECES[:-2] + [("a" * size, -1.0, chance.choice([NORMAL, USER_DEFINED])) for size in range(2, chance.randint(3, 1025))]), False


def odd_surface(chance):
    surface = chance.choice([b"", b"\0x", b"\xff\xfe", b"\x1b[31m", "\u202e".encode(), b"u" * 100_000])
    return model(trainer=field(44, surface) + field(3, 1)), False


def random_bytes(chance):
    return bytes(chance.getrandbits(8) for _ in range(chance.randint(1, 300))), None


def flags(chance):
    """Numbers of any size are flags; the last one of a field counts."""
    values = [0, 1, 2, 1 << 40, (1 << 64) - 1]
    normalizer = b"".join(field(number, chance.choice(values)) for number in (3, 4, 5, 3, 5))
    return model(normalizer=normalizer + field(2, rules_of(RULES)), trainer=field(24, chance.choice(values)) + field(3, 2) + field(3, 1)), False


KINDS = [long_piece, cut_off, endless_number, length_lies, nested_deeply, wrong_wire_type, no_such_type, no_such_field, twice, not_utf8, zero_in_piece,
         not_finite, extreme_scores, no_unknown, two_unknown, other_type, nothing_in_it, many_pieces, other_kind, byte_without_fallback,
         fallback_without_bytes, whole_fallback, trie_leads_out, trie_begins_with_leaf, random_trie, cyclic_trie, trie_size_lies, broken_replacement, broken_denormalizer,
         growing_text, nested_pieces, odd_surface, random_bytes, flags]


def crafted(count, seed=1):
    """`count` models as (name of the kind, bytes, whether octet must refuse it), the same ones every time."""
    chance = random.Random(seed)
    for at in range(count):
        kind = KINDS[at % len(KINDS)]
        content, refused = kind(chance)
        yield kind.__name__, content, refused
