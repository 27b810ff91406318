// The plain form of a vocabulary as JSON, {"token": number, ...}, read in one pass without a tree and without memory for each token, ten
// times as fast as by the JSON library. It judges nothing: a text of any other form, broken ones among them, is left to the library, which
// reads or refuses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace octet::model {

/// `start` is where the token begins in the text, behind its quotation mark.
using AddToken = std::function<void(std::string_view token, std::uint32_t number, std::size_t start)>;

/// Calls `add` for each token of the object at the start of `text`, which is valid UTF-8, in order; the token's view holds
/// for the call. Returns the bytes of the object, or 0 where something is not plain: then `add` was called for those before it. Plain is
/// white space, strings with any escapes but those of surrogates, and numbers of at most 8 digits.
std::size_t scan_vocabulary(std::string_view text, const AddToken& add);

/// The token that begins there in a text that was scanned so.
std::string token_at(std::string_view text, std::size_t start);

}  // namespace octet::model
