// What a task found out, as a value: merged, written down, read back.
#include <limits>

#include "codecs/tensor_result.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

using codecs::TensorResult;

TensorResult result_of(double signal, std::optional<std::size_t> piece, std::size_t pieces) {
    TensorResult result;
    result.sums = {signal, signal / 3, 0.1 * signal, 7};
    result.bound = signal;
    result.state = {0.1F, -1e-40F};
    result.range = {-1.5F, std::numeric_limits<float>::infinity(), false};
    result.narrowing = {0.25F, true};
    result.source_pieces.resize(pieces);
    if (piece) result.source_pieces[*piece] = Checksum{{1, 2, static_cast<unsigned char>(*piece)}};
    return result;
}

TEST_CASE("a result comes back from its text as it was") {
    for (const TensorResult& result :
         {TensorResult(), result_of(1e-300 / 3, 1, 3), result_of(2.5, std::nullopt, 2)}) {
        const std::string text = codecs::result_text(result);
        const auto back = codecs::parse_result(text);
        REQUIRE(back);
        REQUIRE(codecs::result_text(*back) == text);
        REQUIRE(bits_of(back->state.zero_point) == bits_of(result.state.zero_point));
        REQUIRE(back->sums.noise == result.sums.noise);
        REQUIRE(back->source_pieces == result.source_pieces);
        for (const std::string& broken :
             {text + " ", text.substr(0, text.size() - 1), text + " 1", "x" + text.substr(1)})
            REQUIRE_FALSE(codecs::parse_result(broken));
    }
}

TEST_CASE("results of parts merge to that of the whole") {
    TensorResult all = result_of(1.0, 0, 3);
    all.merge(result_of(0.1, 2, 3));
    REQUIRE(all.sums.signal == 1.0 + 0.1);
    REQUIRE(all.sums.clipped == 14);
    REQUIRE(all.bound == 1.0);
    REQUIRE(all.source_pieces ==
            pipeline::PieceChecksums{Checksum{{1, 2, 0}}, std::nullopt, Checksum{{1, 2, 2}}});
}

}  // namespace
}  // namespace octet::test
