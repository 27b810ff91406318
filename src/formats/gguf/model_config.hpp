// config.json as the keys of a GGUF file are made from it: members by name, with the file's name in
// every message.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace octet::gguf {

class ModelConfig {
  public:
    /// Reads the file. Missing, larger than 16 MiB, or no JSON object: kBadInput.
    static ModelConfig read(const std::filesystem::path& path);

    /// The same of its text; `name` stands in messages.
    static ModelConfig parse(std::string_view text, std::string name);

    ModelConfig(ModelConfig&&) noexcept;
    ~ModelConfig();

    /// False where it is missing or null.
    bool has(const char* key) const;

    /// A whole number from 1 to 2^31 - 1. Missing or something else: kBadInput naming the key.
    std::uint32_t size(const char* key) const;
    std::uint32_t size_or(const char* key, std::uint32_t otherwise) const;

    /// The number of a token; of a list the first. Missing: `otherwise`.
    std::int64_t token_or(const char* key, std::int64_t otherwise) const;

    double number_or(const char* key, double otherwise) const;
    bool flag_or(const char* key, bool otherwise) const;
    std::string text_or(const char* key, std::string_view otherwise) const;

    bool is_text(const char* key) const;

    /// The object under the key; one without members where it is missing.
    ModelConfig part(const char* key) const;

    /// The strings, or for each layer the one, of a list under the key; empty where it is missing.
    std::vector<std::string> texts(const char* key) const;

    /// Its text as JSON, for messages.
    std::string shown(const char* key) const;

    /// Throws kBadInput: "FILE: WHAT".
    [[noreturn]] void refuse(std::string_view what) const;

    /// A variant of the model that llama.cpp does not compute, by the key that asks for it.
    [[noreturn]] void refuse_variant(const char* key, std::string_view computed) const;

  private:
    struct Node;
    ModelConfig(std::unique_ptr<Node> node, std::string name);

    std::unique_ptr<Node> node_;
    std::string name_;
};

}  // namespace octet::gguf
