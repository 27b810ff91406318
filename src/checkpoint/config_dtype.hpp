// The dtype that a model's config.json states of its weights: what Transformers loads them as.
// Where weights are restored in another one the statement changes with them; every other byte of
// the file stays.
#pragma once

#include <string>
#include <string_view>

#include "octet/dtype.hpp"

namespace octet::checkpoint {

/// `config` with every "torch_dtype" and "dtype" that names a float type made `dtype` (F32, F16,
/// BF16), those of parts of the model ("text_config") included, those below "quantization_config"
/// not; where there is none, with "torch_dtype" added. What is not a JSON object comes back as it
/// is.
std::string with_dtype(std::string_view config, Dtype dtype);

}  // namespace octet::checkpoint
