// The version that the build was given.
#include "octet/octet.hpp"

namespace octet {

std::string_view version() noexcept {
    return OCTET_VERSION;
}

}  // namespace octet
