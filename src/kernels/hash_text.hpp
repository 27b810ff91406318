// XXH3-128 (xxHash 0.8, doc/xxhash_spec.md) compiled for this file's instruction set; the digest is the same for all of them. The including
// file defines XXH_VECTOR and includes xxhash.h with XXH_INLINE_ALL first, at global scope: its functions are static.
#pragma once

#include "kernels/kernels.hpp"

namespace octet::kernels {
namespace {

static_assert(sizeof(XXH3_state_t) <= sizeof(HashState) && alignof(XXH3_state_t) <= alignof(HashState));

inline XXH3_state_t* state_of(HashState& state) {
    return reinterpret_cast<XXH3_state_t*>(state.bytes);
}

void hash_begin(HashState& state) {
    XXH3_128bits_reset(state_of(state));
}

void hash_add(HashState& state, const void* data, std::size_t size) {
    XXH3_128bits_update(state_of(state), data, size);
}

void hash_end(HashState& state, unsigned char (&digest)[16]) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_of(state)));
    for (std::size_t i = 0; i < 16; ++i) digest[i] = canonical.digest[i];
}

}  // namespace
}  // namespace octet::kernels
