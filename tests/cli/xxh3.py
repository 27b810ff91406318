"""XXH3-128 with seed 0 of inputs longer than 240 bytes, written from the public specification (doc/xxhash_spec.md of xxHash): what
seals a sidecar. Shares nothing with octet or the xxHash library; slow, and meant for a few kilobytes."""
import re
import struct

MASK32, MASK64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
P32_1, P32_2, P32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
P64_1, P64_2, P64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P64_4, P64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")
STRIPE, BLOCK = 64, 1024  # a block uses up the secret in steps of 8 bytes: (192 - 64) / 8 stripes


def words(data, at, count):
    return struct.unpack_from(f"<{count}Q", data, at)


def accumulate(acc, data, at, secret_at):
    values, keys = words(data, at, 8), words(SECRET, secret_at, 8)
    for i in range(8):
        mixed = values[i] ^ keys[i]
        acc[i ^ 1] = (acc[i ^ 1] + values[i]) & MASK64
        acc[i] = (acc[i] + (mixed & MASK32) * (mixed >> 32)) & MASK64


def merged(acc, secret_at, start):
    keys = words(SECRET, secret_at, 8)
    for i in range(0, 8, 2):
        product = (acc[i] ^ keys[i]) * (acc[i + 1] ^ keys[i + 1])
        start += (product & MASK64) ^ (product >> 64)
    start &= MASK64
    start ^= start >> 37
    start = start * 0x165667919E3779F9 & MASK64
    return start ^ (start >> 32)


def xxh3_128(data):
    """32 hexadecimal digits, the canonical (big-endian) form."""
    if len(data) <= 240:
        raise ValueError("the short forms of XXH3 are not written here")
    acc = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1]
    blocks = (len(data) - 1) // BLOCK
    for block in range(blocks):
        for stripe in range(BLOCK // STRIPE):
            accumulate(acc, data, block * BLOCK + stripe * STRIPE, stripe * 8)
        keys = words(SECRET, len(SECRET) - STRIPE, 8)
        acc = [((a ^ (a >> 47) ^ key) * P32_1) & MASK64 for a, key in zip(acc, keys)]
    for stripe in range((len(data) - 1 - blocks * BLOCK) // STRIPE):
        accumulate(acc, data, blocks * BLOCK + stripe * STRIPE, stripe * 8)
    accumulate(acc, data, len(data) - STRIPE, len(SECRET) - STRIPE - 7)
    low = merged(acc, 11, len(data) * P64_1 & MASK64)
    high = merged(acc, len(SECRET) - STRIPE - 11, ~(len(data) * P64_2) & MASK64)
    return f"{high:016x}{low:016x}"


SEAL = re.compile(r',?\s*("xxh3_128": "[0-9a-f]{32}"\s*)?\}\s*\Z')


def sealed(text):
    """A sidecar's text, sealed or not, with the seal that fits it: the last member over all bytes before it."""
    before = SEAL.sub(",\n  ", text)
    return f'{before}"xxh3_128": "{xxh3_128(before.encode())}"\n}}\n'
