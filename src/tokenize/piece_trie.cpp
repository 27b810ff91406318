// Pieces come sorted, and a node is a range of them: what the ends of a range have in common is its
// text, and pieces that go on with the same byte make a child.
#include "tokenize/piece_trie.hpp"

namespace octet::tokenize {
namespace {

/// The pieces that go through a node, and how many bytes of them lead to where it begins.
struct Range {
    std::uint32_t begin;
    std::uint32_t end;
    std::uint32_t depth;
};

std::size_t common_size(std::string_view left, std::string_view right) {
    const std::size_t most = std::min(left.size(), right.size());
    return static_cast<std::size_t>(
        std::mismatch(left.begin(), left.begin() + most, right.begin()).first - left.begin());
}

}  // namespace

PieceTrie::PieceTrie(const PieceModel& model, const std::vector<std::uint32_t>& ids) : nodes_(1) {
    std::vector<Range> ranges = {{0, static_cast<std::uint32_t>(ids.size()), 0}};  // by node
    const auto text = [&](std::uint32_t place) { return model.pieces[ids[place]].text; };
    for (std::size_t at = 0; at < nodes_.size(); ++at) {
        auto [begin, end, depth] = ranges[at];
        if (at > 0) {  // all of a sorted range have in common what its ends have
            const std::size_t common = common_size(text(begin), text(end - 1));
            nodes_[at].byte = static_cast<std::uint8_t>(text(begin)[depth]);
            nodes_[at].rest = text(begin).substr(depth + 1, common - depth - 1);
            depth = static_cast<std::uint32_t>(common);
            if (text(begin).size() == common) nodes_[at].id = ids[begin++];
        }
        nodes_[at].first_child = static_cast<std::uint32_t>(nodes_.size());
        while (begin < end) {
            const char byte = text(begin)[depth];
            std::uint32_t next = begin + 1;
            while (next < end && text(next)[depth] == byte) ++next;
            nodes_.emplace_back();
            ranges.push_back({begin, next, depth});
            ++nodes_[at].children;
            begin = next;
        }
    }
}

}  // namespace octet::tokenize
