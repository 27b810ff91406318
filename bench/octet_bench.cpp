// Throughput of every loop on every instruction set that this machine has, beside a plain read and
// a memcpy of the same bytes.
//
//   octet_bench [KIB]     bytes of the float array in KiB (default 512: resident in the
//                         second-level cache)
//
// GB/s of source bytes (restoring: of restored bytes), one thread, best of several rounds. Ratios
// between lines of one run are worth comparing; the absolute figures are this machine's of this
// minute.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "kernels/kernels.hpp"
#include "quant/active_kernels.hpp"
#include "quant/block_state.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using octet::kernels::BlockLoop;
using octet::kernels::BlockSums;
using octet::kernels::Kernels;
using octet::kernels::LaneSums;
using octet::kernels::Narrowing;
using octet::kernels::Range;

double best_gigabytes_per_second(std::size_t bytes, const std::function<void()>& action) {
    double best = 0;
    const std::size_t repeats = 1 + (std::size_t{64} << 20U) / (bytes + 1);
    for (int round = 0; round < 7; ++round) {
        const auto start = Clock::now();
        for (std::size_t i = 0; i < repeats; ++i) action();
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        best = std::max(best, static_cast<double>(bytes * repeats) / seconds / 1e9);
    }
    return best;
}

void show(const char* isa, const char* loop, std::size_t bytes,
          const std::function<void()>& action) {
    std::printf("%-8s %-24s %7.1f GB/s\n", isa, loop, best_gigabytes_per_second(bytes, action));
    std::fflush(stdout);
}

volatile std::uint64_t g_sink;

struct Arrays {
    explicit Arrays(std::size_t count)
        : floats(count), doubles(count), halves(count), codes(count), restored(count) {
        std::uint32_t state = 12345;
        for (std::size_t i = 0; i < count; ++i) {
            state = state * 1664525U + 1013904223U;
            floats[i] = static_cast<float>(state >> 8U) / 16777216.0F - 0.5F;
            doubles[i] = static_cast<double>(floats[i]);
            halves[i] = static_cast<std::uint16_t>(state >> 18U);
        }
    }

    std::vector<float> floats;
    std::vector<double> doubles;
    std::vector<std::uint16_t> halves;
    std::vector<std::uint8_t> codes;
    std::vector<float> restored;
};

void show_baselines(Arrays& a) {
    const std::size_t bytes = a.floats.size() * sizeof(float);
    show("-", "plain read", bytes, [&] {
        std::uint64_t sums[8] = {};
        const auto* data = reinterpret_cast<const unsigned char*>(a.floats.data());
        for (std::size_t i = 0; i + 64 <= bytes; i += 64) {
            for (std::size_t k = 0; k < 8; ++k) {
                std::uint64_t word;
                std::memcpy(&word, data + i + 8 * k, 8);
                sums[k] += word;
            }
        }
        g_sink = sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
    });
    show("-", "memcpy", bytes, [&] {
        std::memcpy(a.restored.data(), a.floats.data(), bytes);
        g_sink = static_cast<std::uint64_t>(a.restored[0]);
    });
}

void show_loops(const Kernels& k, Arrays& a) {
    const std::size_t count = a.floats.size();
    const std::size_t bytes = count * sizeof(float);
    Range range = octet::quant::empty_range();
    k.range_f32(a.floats.data(), count, range);
    const auto state = octet::quant::block_state(octet::Scheme{}, range);
    BlockLoop nearest{
        octet::kernels::BlockKind::kReal, false, 255, 1, 1, &state.scale, &state.zero_point, count};
    nearest.is_plain = true;
    BlockLoop truncate = nearest;
    truncate.truncate = true;
    BlockSums sums{};
    Narrowing narrowing{};
    show(k.name, "range f32", bytes, [&] { k.range_f32(a.floats.data(), count, range); });
    show(k.name, "quantize nearest f32", bytes,
         [&] { k.quantize_block(a.floats.data(), 1, count, nearest, a.codes.data(), sums); });
    show(k.name, "quantize truncate f32", bytes,
         [&] { k.quantize_block(a.floats.data(), 1, count, truncate, a.codes.data(), sums); });
    show(k.name, "dequantize f32", bytes,
         [&] { k.restore_block(a.codes.data(), count, nearest, a.restored.data()); });
    show(k.name, "error statistics f64", 2 * bytes,
         [&] { k.block_error_f64(a.doubles.data(), a.codes.data(), count, nearest, sums.lanes); });
    show(k.name, "widen f16", bytes / 2,
         [&] { k.widen_f16(a.halves.data(), count, a.restored.data()); });
    show(k.name, "widen bf16", bytes / 2,
         [&] { k.widen_bf16(a.halves.data(), count, a.restored.data()); });
    show(k.name, "narrow f64 to f32", 2 * bytes,
         [&] { k.narrow_f64(a.doubles.data(), count, a.restored.data()); });
    show(k.name, "narrow f32 to f16", bytes,
         [&] { k.narrow_to_f16(a.floats.data(), count, a.halves.data(), narrowing); });
    show(k.name, "narrow f32 to bf16", bytes,
         [&] { k.narrow_to_bf16(a.floats.data(), count, a.halves.data(), narrowing); });
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t kib = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 512;
    if (kib == 0) {
        std::fprintf(stderr, "usage: octet_bench [KIB]\n");
        return 2;
    }
    Arrays arrays(kib * 1024 / sizeof(float));
    show_baselines(arrays);
    for (const auto isa : octet::quant::available_isas())
        show_loops(*octet::kernels::kernels_for(isa), arrays);
    return 0;
}
