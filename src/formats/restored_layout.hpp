// Where every tensor of a restored checkpoint will lie: plain safetensors files, as they were before quantize, or one file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/layout.hpp"
#include "formats/octet_set/quantized_set.hpp"

namespace octet::formats {

/// The dtype of a restored tensor: the source's, or `dtype` for float tensors but the state of weights that came quantized.
Dtype restored_dtype(const TensorReport& tensor, std::optional<Dtype> dtype) noexcept;

/// Lays out one file with all these tensors in that order. kBadInput naming `input` where a size overflows.
OutputPlan plan_plain(const std::vector<TensorReport>& tensors, std::optional<Dtype> dtype,
                      const std::string& file_name, std::string_view input);

/// Lays out the restored files, roles filled in: the source's file names, or one file `single_name` with all tensors.
OutputPlan plan_restored(const octet_set::QuantizedSet& set, std::optional<Dtype> dtype,
                         const std::optional<std::string>& single_name);

}  // namespace octet::formats
