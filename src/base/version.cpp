// The version that the build was given, and how it was built: the one file that a new commit
// compiles anew.
#include "base/build_facts.hpp"
#include "octet/octet.hpp"

namespace octet {
namespace {

constexpr std::string_view kInstructionSets[] = {OCTET_INSTRUCTION_SETS};

}  // namespace

std::string_view version() noexcept {
    return OCTET_VERSION;
}

BuildFacts build_facts() noexcept {
#if defined(OCTET_STATIC)
    constexpr bool kIsStatic = true;
#else
    constexpr bool kIsStatic = false;
#endif
    return {OCTET_COMMIT, OCTET_COMPILER, kInstructionSets, kIsStatic};
}

}  // namespace octet
