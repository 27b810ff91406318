// Two functions of OpenSSL's EVP interface, looked up by name. A file is read in parts, and a
// request to stop is looked at between them.
#include "io/sha256.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::io {
namespace {

/// The functions of OpenSSL's EVP interface that are needed: the same in 1.1 and 3
/// (EVP_DigestInit(3)).
struct Libcrypto {
    void* (*context_new)() = nullptr;
    void (*context_free)(void* context) = nullptr;
    const void* (*sha256)() = nullptr;
    int (*begin)(void* context, const void* type, void* engine) = nullptr;
    int (*add)(void* context, const void* bytes, std::size_t count) = nullptr;
    int (*end)(void* context, unsigned char* digest, unsigned* count) = nullptr;
    std::string reason;  ///< why it is not there; empty when it is

#if defined(OCTET_STATIC)  // nothing can be loaded into it
    Libcrypto() : reason("this octet is static") {}
#else
    Libcrypto() {
        void* library = nullptr;
        for (const char* const name : {"libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so"}) {
            if (library == nullptr) library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
            const char* const error = library == nullptr && reason.empty() ? ::dlerror() : nullptr;
            if (error != nullptr) reason = printable(error);
        }
        if (library == nullptr) {
            if (reason.empty()) reason = "not found";
            return;
        }
        reason.clear();
        get(library, "EVP_MD_CTX_new", context_new);
        get(library, "EVP_MD_CTX_free", context_free);
        get(library, "EVP_sha256", sha256);
        get(library, "EVP_DigestInit_ex", begin);
        get(library, "EVP_DigestUpdate", add);
        get(library, "EVP_DigestFinal_ex", end);
    }
#endif

  private:
    template <typename Function>
    void get(void* library, const char* name, Function& function) {
        function = reinterpret_cast<Function>(::dlsym(library, name));
        if (function == nullptr) reason = std::string(name) + " is not in it";
    }
};

const Libcrypto& libcrypto() {
    static const Libcrypto library;
    if (library.reason.empty()) return library;
#if defined(OCTET_STATIC)
    constexpr const char* kCure = "take the dynamic program (.deb, or built from source)";
#else
    constexpr const char* kCure = "install it (Debian: libssl3)";
#endif
    throw Error(
        ErrorCode::kUsage, "SHA-256",
        fmt::format(
            "needs OpenSSL's libcrypto, which cannot be loaded ({}); {} or do without --sha256",
            library.reason, kCure));
}

class Hasher {
  public:
    Hasher() : library_(libcrypto()), context_(library_.context_new(), library_.context_free) {
        check(context_ != nullptr &&
              library_.begin(context_.get(), library_.sha256(), nullptr) == 1);
    }

    void add(std::span<const std::byte> bytes) {
        check(library_.add(context_.get(), bytes.data(), bytes.size()) == 1);
    }

    std::string take_text() {
        std::array<unsigned char, 64> digest{};  // as much as any digest of OpenSSL has
        unsigned count = 0;
        check(library_.end(context_.get(), digest.data(), &count) == 1 && count == 32);
        std::string text;
        for (unsigned i = 0; i < count; ++i) text += fmt::format("{:02x}", digest[i]);
        return text;
    }

  private:
    static void check(bool succeeded) {
        if (!succeeded)
            throw Error(ErrorCode::kInternal, "SHA-256",
                        "OpenSSL failed to compute it; please report it");
    }

    const Libcrypto& library_;
    std::unique_ptr<void, void (*)(void*)> context_;
};

}  // namespace

void need_sha256() {
    libcrypto();
}

std::string sha256_of(std::span<const std::byte> bytes) {
    Hasher hasher;
    hasher.add(bytes);
    return hasher.take_text();
}

std::string sha256_of(const File& file, const std::function<bool()>& stop_requested) {
    Hasher hasher;
    std::vector<std::byte> buffer(std::min<std::uint64_t>(file.size(), 1U << 20U));
    for (std::uint64_t at = 0; at < file.size(); at += buffer.size()) {
        if (stop_requested && stop_requested())
            throw Error(ErrorCode::kInterrupted, "interrupted; nothing was changed");
        const auto part =
            std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), file.size() - at));
        file.read_at(part, at);
        hasher.add(part);
    }
    return hasher.take_text();
}

}  // namespace octet::io
