// Where every tensor of a restored checkpoint will lie: plain safetensors files, as they were
// before quantize, or one file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/layout.hpp"
#include "formats/octet_set/quantized_set.hpp"

namespace octet::formats {

/// The dtype of a restored tensor: the source's, or `dtype` for float tensors but the state of
/// weights that came quantized.
Dtype restored_dtype(const TensorReport& tensor, std::optional<Dtype> dtype) noexcept;

/// Lays out one file with all these tensors in that order. kBadInput naming `input` where a size
/// overflows.
OutputPlan plan_plain(const std::vector<TensorReport>& tensors, std::optional<Dtype> dtype,
                      const std::string& file_name, std::string_view input);

/// Lays out the restored files, roles filled in: the source's file names, or one file `single_name`
/// with all tensors.
OutputPlan plan_restored(const octet_set::QuantizedSet& set, std::optional<Dtype> dtype,
                         const std::optional<std::string>& single_name);

/// Lays out those files with these tensors, where `places` has them; all of it outlives the
/// headers. Headers keep the metadata of `files` without octet's own keys, and say "pt" where they
/// said "mlx". kBadInput naming `input` where a size overflows.
OutputPlan plan_files(const std::vector<TensorReport>& tensors, std::optional<Dtype> dtype,
                      std::vector<OutputTensor> places, const std::vector<DataFile>& files,
                      std::string_view input);

/// The metadata of all files together; where two files differ, the first one's value.
safetensors::Metadata joined_metadata(const std::vector<safetensors::Metadata>& all);

}  // namespace octet::formats
