// A pipeline of several models in one folder, as diffusers stores it: model_index.json beside a
// subfolder for each component, some of which are checkpoints (unet, vae, text_encoder) and some
// only configs (scheduler, tokenizer). What quantize makes of it is a folder of the same form,
// whose components are sets.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/companions.hpp"
#include "io/links.hpp"

namespace octet::checkpoint {

/// The file that makes a folder the root of a pipeline.
inline constexpr std::string_view kPipelineName = "model_index.json";

/// The subfolders of a pipeline's root that hold a set or .safetensors files, sorted; none where
/// `folder` is no such root, or holds a checkpoint itself. Links to folders are none of them. kIo.
std::vector<std::string> components_of(const std::filesystem::path& folder);

/// What else is in the root and goes along: model_index.json, and folders without weights. kIo.
Companions companions_of_pipeline(const std::filesystem::path& folder,
                                  const std::vector<std::string>& components,
                                  CompanionChoice choice, io::Links links);

}  // namespace octet::checkpoint
