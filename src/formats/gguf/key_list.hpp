// Keys of an architecture, each name behind that of the architecture.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "formats/gguf/gguf_format.hpp"

namespace octet::gguf {

class KeyList {
  public:
    /// `keys` outlives it.
    KeyList(std::string_view architecture, Keys& keys)
        : prefix_(std::string(architecture) + "."), keys_(keys) {}

    /// A double becomes a float, which is what llama.cpp reads.
    template <typename T>
    void add(std::string_view name, T value) {
        if constexpr (std::is_same_v<T, double>) {
            add(name, static_cast<float>(value));
        } else {
            keys_.push_back({prefix_ + std::string(name), Value(std::move(value))});
        }
    }

  private:
    std::string prefix_;
    Keys& keys_;
};

}  // namespace octet::gguf
