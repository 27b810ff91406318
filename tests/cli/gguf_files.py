"""GGUF files written by hand, and read back by a decoder of a few types that knows only the format's description: what the tests of
reading hold octet against. Python 3.9 and its standard library only."""
import random
import struct

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
PACKED = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q", I64: "q", F64: "d"}

TYPE_F32, TYPE_F16, TYPE_Q4_0, TYPE_Q8_0, TYPE_I32, TYPE_BF16 = 0, 1, 2, 8, 26, 30
BLOCKS = {TYPE_F32: (1, 4), TYPE_F16: (1, 2), TYPE_Q4_0: (32, 18), TYPE_Q8_0: (32, 34), TYPE_I32: (1, 4), TYPE_BF16: (1, 2)}


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value_bytes(kind, value):
    """`kind` is a number, or (ARRAY, kind of its elements)."""
    if isinstance(kind, tuple):
        element = kind[1]
        number = ARRAY if isinstance(element, tuple) else element
        return struct.pack("<IQ", number, len(value)) + b"".join(value_bytes(element, one) for one in value)
    return text(value) if kind == STRING else struct.pack("<" + PACKED[kind], value)


def key(name, kind, value):
    return text(name) + struct.pack("<I", ARRAY if isinstance(kind, tuple) else kind) + value_bytes(kind, value)


def info(name, shape, kind, offset):
    """`shape` as a checkpoint has it, the slowest dimension first."""
    return text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in reversed(shape)) + struct.pack(
        "<IQ", kind, offset)


def gguf(tensors, keys=(), version=3, alignment=32):
    """tensors: (name, shape, type, bytes); keys: (name, kind, value)."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join(key(*one) for one in keys)
    data = b""
    for name, shape, kind, raw in tensors:
        data += b"\0" * (-len(data) % alignment)
        head += info(name, shape, kind, len(data))
        data += raw
    return head + b"\0" * (-len(head) % alignment) + data


def random_blocks(kind, elements, seed):
    """Bytes of a tensor of that type, all values finite."""
    source = random.Random(seed)
    if kind == TYPE_F32:
        return struct.pack(f"<{elements}f", *(source.gauss(0, 1) for _ in range(elements)))
    if kind == TYPE_F16:
        return struct.pack(f"<{elements}e", *(source.gauss(0, 1) for _ in range(elements)))
    if kind == TYPE_BF16:
        return b"".join(struct.pack("<f", source.gauss(0, 1))[2:] for _ in range(elements))
    if kind == TYPE_I32:
        return struct.pack(f"<{elements}i", *(source.randrange(-1000, 1000) for _ in range(elements)))
    count, size = BLOCKS[kind]
    return b"".join(struct.pack("<e", source.gauss(0, 0.01)) + source.randbytes(size - 2) for _ in range(elements // count))


def single(value):
    """The value of float32 next to a number of Python."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def decoded(kind, raw):
    """The values of a tensor's bytes. A product of a half and a small integer is exact in a double and rounds once."""
    if kind == TYPE_F32:
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    if kind == TYPE_F16:
        return list(struct.unpack(f"<{len(raw) // 2}e", raw))
    if kind == TYPE_BF16:
        return [struct.unpack("<f", b"\0\0" + raw[i:i + 2])[0] for i in range(0, len(raw), 2)]
    values = []
    size = BLOCKS[kind][1]
    for at in range(0, len(raw), size):
        d = struct.unpack("<e", raw[at:at + 2])[0]
        if kind == TYPE_Q8_0:
            codes = struct.unpack("<32b", raw[at + 2:at + 34])
        else:
            nibbles = raw[at + 2:at + 18]
            codes = [(b & 15) - 8 for b in nibbles] + [(b >> 4) - 8 for b in nibbles]
        values += [single(d * code) for code in codes]
    return values
