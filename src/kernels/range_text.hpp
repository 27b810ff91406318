// The first pass over a tensor: its range, alone or together with its hash. The pass comes from
// memory, which is slower than both: what is computed on a register while the next ones are on
// their way costs nothing.
#pragma once

#include <utility>

#include "kernels/hash_text.hpp"
#include "kernels/simd_lanes.hpp"

namespace octet::kernels {
namespace {

/// The range of what went by, lane by lane.
struct LaneRange {
    Floats low[kParts];
    Floats high[kParts];
    Floats bad[kParts];  // stays 0 while every x - x is 0, which it is for finite x only

    LaneRange() {
        constexpr float kInfinity = std::numeric_limits<float>::infinity();
        for (std::size_t part = 0; part < kParts; ++part) {
            low[part] = Floats(kInfinity);
            high[part] = Floats(-kInfinity);
            bad[part] = Floats(0.0F);
        }
    }

    /// The 16 values of a stripe.
    void add(const Stripe& stripe) {
        for (std::size_t part = 0; part < kParts; ++part) {
            const auto x =
                Floats::load_aligned(reinterpret_cast<const float*>(stripe.bytes) + part * kWidth);
            low[part] = xsimd::min(low[part], x);
            high[part] = xsimd::max(high[part], x);
            bad[part] = bad[part] + (x - x);
        }
    }

    void fold_into(Range& range) const {
        alignas(64) float lows[kLanes];
        alignas(64) float highs[kLanes];
        alignas(64) float bads[kLanes];
        for (std::size_t part = 0; part < kParts; ++part) {
            low[part].store_aligned(lows + part * kWidth);
            high[part].store_aligned(highs + part * kWidth);
            bad[part].store_aligned(bads + part * kWidth);
        }
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            range.min = lows[lane] < range.min ? lows[lane] : range.min;
            range.max = highs[lane] > range.max ? highs[lane] : range.max;
            range.finite = range.finite && bads[lane] == 0.0F;
        }
    }
};

void range_f32(const void* values, std::size_t count, Range& range) {
    LaneRange lanes;
    const auto* const bytes = static_cast<const unsigned char*>(values);
    const std::size_t whole = count - count % kLanes;
    for (std::size_t i = 0; i < whole; i += kLanes) {
        __builtin_prefetch(bytes + i * sizeof(float) + kValuesAheadBytes);
        lanes.add(read_stripe(bytes + i * sizeof(float)));
    }
    lanes.fold_into(range);
    for (std::size_t i = whole; i < count; ++i) add_range(load<float>(values, i), range);
}

XXH_FORCE_INLINE void add_ranged_stripe(XXH64_hash_t* sums, LaneRange& lanes,
                                        const unsigned char* data, const unsigned char* secret) {
    __builtin_prefetch(data + kValuesAheadBytes);
    const Stripe stripe = read_stripe(data);
    lanes.add(stripe);
    XXH3_accumulate_512(sums, stripe.bytes, secret);
    // GCC would add up a block's stripes as a tree, which needs more registers than there are
    // beside the range.
    for (std::size_t part = 0; part < kParts; ++part) {
        float* const at = reinterpret_cast<float*>(sums) + part * kWidth;
        auto sum = Floats::load_aligned(at);
        pin(sum);
        sum.store_aligned(at);
    }
}

template <std::size_t... kStripe>
XXH_FORCE_INLINE void add_ranged_stripes(XXH64_hash_t* sums, LaneRange& lanes,
                                         const unsigned char* data,
                                         std::index_sequence<kStripe...>) {
    (add_ranged_stripe(sums, lanes, data + kStripe * kStripeBytes,
                       XXH3_kSecret + kStripe * XXH_SECRET_CONSUME_RATE),
     ...);
}

/// As add_blocks, and the range of the same bytes.
void add_ranged_blocks(Stream& stream, const unsigned char* data, std::size_t count, Range& range) {
    alignas(64) XXH64_hash_t sums[XXH_STRIPE_LEN / sizeof(XXH64_hash_t)];
    std::memcpy(sums, stream.library.acc, sizeof(sums));
    LaneRange lanes;
    for (std::size_t block = 0; block < count; ++block, data += kBlockBytes) {
        add_ranged_stripes(sums, lanes, data, std::make_index_sequence<kStripes>());
        XXH3_scrambleAcc(sums, XXH3_kSecret + XXH_SECRET_DEFAULT_SIZE - XXH_STRIPE_LEN);
    }
    lanes.fold_into(range);
    std::memcpy(stream.library.acc, sums, sizeof(sums));
    stream.library.totalLen += count * kBlockBytes;
}

void range_and_hash_f32(const void* values, std::size_t count, Range& range, HashState& state) {
    const auto* const begin = static_cast<const unsigned char*>(values);
    const unsigned char* const end = begin + count * sizeof(float);
    if constexpr (kParts > 2) {  // too few registers for both
        range_f32(begin, count, range);
        hash_add(state, begin, count * sizeof(float));
        return;
    }
    const unsigned char* first = end;  // of what went through in whole blocks
    const unsigned char* last = end;
    feed(stream_of(state), begin, count * sizeof(float),
         [&](Stream& stream, const unsigned char* data, std::size_t blocks) {
             add_ranged_blocks(stream, data, blocks, range);
             first = data;
             last = data + blocks * kBlockBytes;
         });
    range_f32(begin, static_cast<std::size_t>(first - begin) / sizeof(float), range);
    range_f32(last, static_cast<std::size_t>(end - last) / sizeof(float), range);
}

}  // namespace
}  // namespace octet::kernels
