// quantize() of weights that are quantized already: they are made plain beside the output first.
#pragma once

#include <filesystem>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::commands {

/// Where QuantizeOptions::requantize is given and `input` holds codes (of any format that is read):
/// the plain checkpoint, in a hidden folder beside `out`, which goes away with the object. Of any
/// other input nothing is made, and input() is that input.
class PlainInput {
  public:
    /// kUsage, kBadInput, kIo as dequantize().
    PlainInput(const std::filesystem::path& input, const std::filesystem::path& out,
               const QuantizeOptions& options);
    PlainInput(const PlainInput&) = delete;
    PlainInput& operator=(const PlainInput&) = delete;
    ~PlainInput();

    const std::filesystem::path& path() const noexcept { return path_; }

    /// What is to be said where weights were quantized before; empty otherwise.
    const std::string& note() const noexcept { return note_; }

  private:
    std::filesystem::path path_;
    std::filesystem::path made_;
    std::string note_;
};

}  // namespace octet::commands
