// octet as a library: quantize safetensors checkpoints to 2 to 8 bits and back. Include this one header.
//
// Every function reads and writes files only, keeps no global state, and may be called from several threads at once as long
// as two calls do not write to the same place (the second is refused). All of them throw octet::Error and nothing else.
#pragma once

#include <filesystem>
#include <string_view>

#include "octet/compare.hpp"
#include "octet/dtype.hpp"
#include "octet/error.hpp"
#include "octet/options.hpp"
#include "octet/plan.hpp"
#include "octet/report.hpp"
#include "octet/rules.hpp"
#include "octet/scheme.hpp"
#include "octet/verify.hpp"

namespace octet {

/// The version of the library, such as "0.1.0".
std::string_view version() noexcept;

/// Quantizes a checkpoint into a set (docs/format.md): codes, `quantization_state.json`, companions.
///
/// `input`: a .safetensors file, a *.safetensors.index.json, or a folder that holds one of them. `out_dir`: absent or empty, or
/// an existing set when `options.write.force`. The set becomes visible whole or not at all; on any error everything is as it was.
/// Peak memory does not grow with the checkpoint's data. The bytes written depend on the input and the options that decide
/// codes only: not on threads, instruction set or compiler.
/// A gate that fails (`options.gates`) does not throw: see Report::checks. The report then says what the set would have
/// been, and unless `options.keep_on_failure` nothing is written (Report::written).
/// Throws Error: kUsage (out_dir not acceptable), kBadInput (malformed, not finite, already quantized), kIo, kCheckFailed (a size or an SQNR
/// that was asked for cannot be reached).
Report quantize(const std::filesystem::path& input, const std::filesystem::path& out_dir,
                const QuantizeOptions& options);

/// Restores a checkpoint from a set: names, order, shapes, dtypes and metadata of the source, values code * scale + zero_point
/// in float32 (two roundings), then narrowed to the output dtype (to nearest, ties to even). Copied tensors are identical to
/// the source's bytes unless `options.dtype` asks for another float type.
///
/// `set`: the folder, or the data file or index in it. `output`: a name ending in .safetensors for one file (shards are
/// joined), else a folder, absent or empty, that gets the source's file names, its index and the companions.
/// Throws Error: kUsage, kBadInput (sidecar missing, broken or not fitting the codes; a value that overflows the dtype), kIo.
Report dequantize(const std::filesystem::path& set, const std::filesystem::path& output,
                  const DequantizeOptions& options);

/// Describes a checkpoint or a set from its headers and sidecar; reads no tensor data.
/// Throws Error: kBadInput, kIo.
Report inspect(const std::filesystem::path& path, bool follow_links = false);

}  // namespace octet
