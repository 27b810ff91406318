// XXH3-128 (xxHash 0.8, doc/xxhash_spec.md) compiled for this file's instruction set; the digest is
// the same for all of them. The including file defines XXH_VECTOR and includes xxhash.h with
// XXH_INLINE_ALL first, at global scope: its functions are static.
//
// The library's own streaming reloads its accumulators for every stripe and mixes whatever length
// it is given. Here whole blocks, 1,024 bytes, go through its stripe function with the accumulators
// in registers; the rest of every hash, at least kLeastRest bytes that the library needs to see
// itself, waits in `rest`.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/kernels.hpp"
#include "kernels/scalar_text.hpp"
#if XXH_VECTOR != XXH_SCALAR
#include "kernels/simd_lanes.hpp"
#endif

namespace octet::kernels {
namespace {

#if XXH_VECTOR == XXH_SCALAR

struct Stripe {
    const unsigned char* bytes;
};

inline Stripe read_stripe(const unsigned char* data) {
    return {data};
}

#endif

constexpr std::size_t kStripes = 16;  // of a block, with the default secret
constexpr std::size_t kBlockBytes = kStripes * XXH_STRIPE_LEN;
constexpr std::size_t kLeastRest = XXH3_INTERNALBUFFER_SIZE + 1;
constexpr std::size_t kMostRest = kBlockBytes + kLeastRest;

/// A hash under way: `library` has seen everything but the rest, which is whole blocks.
struct Stream {
    XXH3_state_t library;
    std::size_t rest_size;
    unsigned char rest[kMostRest];
};
static_assert(sizeof(Stream) <= sizeof(HashState) && alignof(Stream) <= alignof(HashState));
static_assert((XXH_SECRET_DEFAULT_SIZE - XXH_STRIPE_LEN) / XXH_SECRET_CONSUME_RATE == kStripes);

inline Stream& stream_of(HashState& state) {
    return *reinterpret_cast<Stream*>(state.bytes);
}

/// Written out, so that the accumulators stay in registers.
template <std::size_t... kStripe>
XXH_FORCE_INLINE void add_stripes(XXH64_hash_t* sums, const unsigned char* data,
                                  std::index_sequence<kStripe...>) {
    ((__builtin_prefetch(data + kStripe * XXH_STRIPE_LEN + kValuesAheadBytes),
      XXH3_accumulate_512(sums, read_stripe(data + kStripe * XXH_STRIPE_LEN).bytes,
                          XXH3_kSecret + kStripe * XXH_SECRET_CONSUME_RATE)),
     ...);
}

inline void add_blocks(Stream& stream, const unsigned char* data, std::size_t count) {
    alignas(64) XXH64_hash_t sums[XXH_STRIPE_LEN / sizeof(XXH64_hash_t)];
    std::memcpy(sums, stream.library.acc, sizeof(sums));
    for (std::size_t block = 0; block < count; ++block, data += kBlockBytes) {
        add_stripes(sums, data, std::make_index_sequence<kStripes>());
        XXH3_scrambleAcc(sums, XXH3_kSecret + XXH_SECRET_DEFAULT_SIZE - XXH_STRIPE_LEN);
    }
    std::memcpy(stream.library.acc, sums, sizeof(sums));
    stream.library.totalLen += count * kBlockBytes;
}

void hash_begin(HashState& state) {
    Stream& stream = stream_of(state);
    XXH3_128bits_reset(&stream.library);
    stream.rest_size = 0;
}

/// Takes `data` through the stream; what can go in whole blocks from where it lies goes through
/// add(stream, first byte, blocks), in one call.
template <typename AddBlocks>
inline void feed(Stream& stream, const unsigned char* bytes, std::size_t size, AddBlocks add) {
    while (size > 0) {
        if (stream.rest_size == 0 && size >= kMostRest) {
            const std::size_t blocks = (size - kLeastRest) / kBlockBytes;
            add(stream, bytes, blocks);
            bytes += blocks * kBlockBytes;
            size -= blocks * kBlockBytes;
        }
        const std::size_t part = std::min(size, kMostRest - stream.rest_size);
        std::memcpy(stream.rest + stream.rest_size, bytes, part);
        stream.rest_size += part;
        bytes += part;
        size -= part;
        if (stream.rest_size < kMostRest || size == 0) continue;
        // The rest is full and more follows: its first block goes, and bytes that `data` still has
        // are taken from there.
        add_blocks(stream, stream.rest, 1);
        stream.rest_size -= kBlockBytes;
        std::memmove(stream.rest, stream.rest + kBlockBytes, stream.rest_size);
        if (part < stream.rest_size) continue;
        bytes -= stream.rest_size;
        size += stream.rest_size;
        stream.rest_size = 0;
    }
}

void hash_add(HashState& state, const void* data, std::size_t size) {
    feed(stream_of(state), static_cast<const unsigned char*>(data), size, add_blocks);
}

void hash_end(HashState& state, unsigned char (&digest)[16]) {
    Stream& stream = stream_of(state);
    XXH128_hash_t hash;
    if (stream.library.totalLen == 0) {
        hash = XXH3_128bits(stream.rest, stream.rest_size);
    } else {
        XXH3_128bits_update(&stream.library, stream.rest, stream.rest_size);
        hash = XXH3_128bits_digest(&stream.library);
    }
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    for (std::size_t i = 0; i < 16; ++i) digest[i] = canonical.digest[i];
}

}  // namespace
}  // namespace octet::kernels
