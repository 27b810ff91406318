// Which pieces a text begins with: a trie in which a node that nothing leaves or ends at is part of
// the next one, so there are at most two nodes for each piece, however long the pieces are. The
// children of a node lie behind each other, by their first byte. A look at a text takes as many
// steps as its bytes agree with some piece, kMostPieceBytes at most.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "tokenize/piece_model.hpp"

namespace octet::tokenize {

class PieceTrie {
  public:
    /// Of the pieces with these ids, which are in the order of PieceModel::order. Views their
    /// texts, which outlive it.
    PieceTrie(const PieceModel& model, const std::vector<std::uint32_t>& ids);

    /// Calls `call` with size and id of each piece that the text begins with, the shortest first.
    template <typename Call>
    void for_each_prefix(std::string_view text, Call&& call) const {
        const Node* node = nodes_.data();
        for (std::size_t at = 0; at < text.size();) {
            node = child(*node, static_cast<unsigned char>(text[at++]));
            if (node == nullptr || !text.substr(at).starts_with(node->rest)) return;
            at += node->rest.size();
            if (node->id != kNone) call(at, node->id);
        }
    }

  private:
    static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

    struct Node {
        std::string_view rest;     ///< the bytes behind the first one
        std::uint32_t id = kNone;  ///< of the piece that ends here
        std::uint32_t first_child = 0;
        std::uint16_t children = 0;
        std::uint8_t byte = 0;  ///< the first one
    };

    const Node* child(const Node& node, std::uint8_t byte) const {
        const Node* const first = nodes_.data() + node.first_child;
        const Node* const end = first + node.children;
        const Node* const found = std::lower_bound(
            first, end, byte,
            [](const Node& one, std::uint8_t wanted) { return one.byte < wanted; });
        return found != end && found->byte == byte ? found : nullptr;
    }

    std::vector<Node>
        nodes_;  ///< the children of each before those of the next; the first is the root
};

}  // namespace octet::tokenize
