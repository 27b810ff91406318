// Which schemes this octet can execute. A scheme that has a name but no codec is refused by whoever
// would have to run it.
#pragma once

#include "octet/scheme.hpp"

namespace octet::quant {

/// True if there is a codec for `scheme`.
bool has_codec(const Scheme& scheme) noexcept;

/// Throws kUsage, naming the scheme, unless it is possible and has a codec.
void check_has_codec(const Scheme& scheme);

}  // namespace octet::quant
