// Of a tile all inputs are read that the run asks for of any of its outputs, and what it did not
// ask for is passed over.
#include "formats/came_quantized/transposed.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace octet::came_quantized {

std::uint64_t Transposed::good_run() const {
    return std::max<std::uint64_t>(weight_.shape[1], 1) * kTile;
}

void Transposed::read(std::uint64_t first, std::span<float> values,
                      std::span<std::byte> /*scratch*/) const {
    if (values.empty()) return;
    const std::uint64_t inputs = weight_.shape[1];
    const std::uint64_t last = first + values.size() - 1;
    const std::uint64_t end = last / inputs + 1;  // outputs
    std::array<float, kTile> column;
    for (std::uint64_t begin = first / inputs / kTile * kTile; begin < end; begin += kTile) {
        const std::uint64_t count = std::min(kTile, weight_.shape[0] - begin);
        const std::unique_ptr<TileReader> reader = tile(begin, count);
        const bool is_one = first / inputs == last / inputs;
        const std::uint64_t last_input = is_one ? last % inputs : inputs - 1;
        for (std::uint64_t input = is_one ? first % inputs : 0; input <= last_input; ++input) {
            reader->read(input, std::span(column).first(count));
            for (std::uint64_t i = 0; i < count; ++i) {
                const std::uint64_t element = (begin + i) * inputs + input;
                if (element >= first && element <= last) values[element - first] = column[i];
            }
        }
    }
}

std::uint64_t Groups::at(std::uint64_t input) {
    if (!index_) return input / group_;
    std::int64_t group = window_.at(input);
    if (group < 0)
        group += static_cast<std::int64_t>(
            groups_);  // as an index of the frameworks counts from the end
    if (group < 0 || static_cast<std::uint64_t>(group) >= groups_)
        stored_.refuse(*index_, fmt::format("says group {} of input {}, and there are {}",
                                            window_.at(input), input, groups_));
    return static_cast<std::uint64_t>(group);
}

void read_words(const Stored& stored, std::uint32_t tensor, std::uint64_t first,
                std::span<std::uint32_t> words) {
    stored.read(tensor, first * sizeof(std::uint32_t), std::as_writable_bytes(words));
}

}  // namespace octet::came_quantized
