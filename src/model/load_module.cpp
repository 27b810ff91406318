// Loads the module that the program carries: a shared object that lies among its read-only data, handed to the dynamic loader as a file
// that only this process sees.
#include "model/sentence_piece_module.hpp"

#ifdef OCTET_MODULE_FILE

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "base/text.hpp"
#include "octet/error.hpp"

// clang-format off
__asm__(
    ".pushsection .rodata\n"
    ".balign 16\n"
    "octet_module_begin: .incbin \"" OCTET_MODULE_FILE "\"\n"
    "octet_module_end:\n"
    ".popsection\n");
// clang-format on

extern "C" __attribute__((visibility("hidden"))) const std::byte octet_module_begin[];
extern "C" __attribute__((visibility("hidden"))) const std::byte octet_module_end[];

namespace octet::model {
namespace {

[[noreturn]] void refuse(const std::string& why) {
    throw Error(ErrorCode::kIo, "T5's tokenizer",
                "cannot be loaded (" + printable(why) + "); install SentencePiece's library, or give token ids");
}

/// A file descriptor that is closed again.
class MemoryFile {
  public:
    explicit MemoryFile(std::span<const std::byte> bytes) : descriptor_(::memfd_create("octet-module", MFD_CLOEXEC)) {
        while (descriptor_ >= 0 && !bytes.empty()) {
            const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
            if (written <= 0) refuse("no memory for its file");
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        }
        if (descriptor_ < 0) refuse("no memory for its file");
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile() { ::close(descriptor_); }

    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

  private:
    int descriptor_;
};

const OctetSentencePieceFunctions& load() {
    const MemoryFile file(std::span(octet_module_begin, octet_module_end));
    void* const library = ::dlopen(file.path().c_str(), RTLD_NOW | RTLD_LOCAL);  // stays until the process ends
    if (library == nullptr) refuse(::dlerror());
    void* const found = ::dlsym(library, "octet_sentence_piece_functions");
    if (found == nullptr) refuse(::dlerror());
    return *reinterpret_cast<decltype(&octet_sentence_piece_functions)>(found)();
}

}  // namespace

const OctetSentencePieceFunctions& sentence_piece_functions() {
    static const OctetSentencePieceFunctions& functions = load();
    return functions;
}

}  // namespace octet::model

#else

const OctetSentencePieceFunctions& octet::model::sentence_piece_functions() {
    return *octet_sentence_piece_functions();
}

#endif
