// What a model's config.json says of the way its weights came quantized, taken out where they are
// plain again: a loader would look for codes. Every other byte of the file stays.
#pragma once

#include <string>
#include <string_view>

namespace octet::checkpoint {

/// `config` without the members "quantization_config", "compression_config" and "quantization", at
/// the top and in "text_config". What is not a JSON object comes back as it is.
std::string without_quantization(std::string_view config);

}  // namespace octet::checkpoint
