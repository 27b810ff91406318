// octet as a library: quantizes safetensors checkpoints to 2 to 8 bits and restores them. Include
// this one header.
//
// Every function reads and writes files only and keeps no global state. Several threads may call
// functions at once; of two calls that write to the same place, the second is refused. All
// functions throw octet::Error and nothing else.
#pragma once

#include <filesystem>
#include <string_view>

#include "octet/compare.hpp"
#include "octet/dtype.hpp"
#include "octet/error.hpp"
#include "octet/options.hpp"
#include "octet/parts.hpp"
#include "octet/plan.hpp"
#include "octet/report.hpp"
#include "octet/rules.hpp"
#include "octet/scheme.hpp"
#include "octet/show.hpp"
#include "octet/verify.hpp"

namespace octet {

/// The version of the library, such as "0.1.0".
std::string_view version() noexcept;

/// Quantizes a checkpoint into a set (docs/format.md): codes, `quantization_state.json`,
/// companions.
///
/// `input`: a .safetensors file, a *.safetensors.index.json, or a folder that holds one of them.
/// `out_dir`: absent or empty, or an existing set with `options.write.force`; with `options.type`
/// a file whose name ends in .gguf. The set becomes
/// visible whole or not at all; after an error everything is as before. Peak memory does not grow
/// with the checkpoint's data. The bytes written depend on the input and on the options that decide
/// codes; they do not depend on threads, instruction set or compiler.
/// A failed gate (`options.gates`) does not throw: see Report::checks. The report then describes
/// the set as it would have been, and nothing is written (Report::written) without
/// `options.keep_on_failure`.
/// Throws Error: kUsage (out_dir not acceptable), kBadInput (malformed, not finite, already
/// quantized), kIo, kCheckFailed (a requested size or SQNR cannot be reached).
Report quantize(const std::filesystem::path& input, const std::filesystem::path& out_dir,
                const QuantizeOptions& options);

/// Makes one part of what quantize() with these options writes, and leaves it in a hidden folder
/// beside `out`: parts may be made in any order, at any time, on any machine that sees both paths.
/// A part that is done already is not made again. The planner's goals are kUsage.
/// Throws what quantize() does, and Error: kUsage (parts of a run with other options lie there),
/// kBadInput (of a source that changed).
PartReport quantize_part(const std::filesystem::path& input, const std::filesystem::path& out,
                         const QuantizeOptions& options, const Part& part);

/// As quantize(), piece by piece: where it is interrupted, or killed, the next call with the same
/// input, output and options goes on behind the last piece that was done.
/// Throws what quantize_part() and join() do.
Report quantize_resumable(const std::filesystem::path& input, const std::filesystem::path& out,
                          const QuantizeOptions& options);

/// Makes what quantize() would have written, byte for byte, of all its parts, which are removed.
/// Reads no tensor data but where the bytes of two parts meet. After an error, and when a gate
/// failed, the parts are as before.
/// Throws what quantize() does, and Error: kBadInput (no parts; parts that are missing, broken, or
/// of another run; a source that changed).
Report join(const std::filesystem::path& out, const JoinOptions& options);

/// Removes the parts of `out`. Returns lines about what else lies there, and was left. kUsage where
/// there are none, kIo.
std::vector<std::string> discard_parts(const std::filesystem::path& out);

/// The files that join() will read beside the parts: the source, as the parts had it. Empty where
/// there are no parts. Throws nothing.
std::vector<std::filesystem::path> inputs_of_parts(const std::filesystem::path& out) noexcept;

/// Restores a checkpoint from a set or a GGUF file: names, order, shapes, dtypes and metadata are
/// the source's. A value is code * scale + zero_point in float32 (two roundings), narrowed to the
/// output dtype (to nearest, ties to even). Copied tensors are identical to the source's bytes,
/// unless `options.dtype` names another float type.
///
/// `set`: the folder, or the data file or index in it. `output`: a name ending in .safetensors for
/// one file (shards are joined), otherwise a folder, absent or empty, that gets the source's file
/// names, its index and the companions.
/// Throws Error: kUsage, kBadInput (a sidecar that is missing, broken or does not fit the codes; a
/// value that overflows the dtype), kIo.
Report dequantize(const std::filesystem::path& set, const std::filesystem::path& output,
                  const DequantizeOptions& options);

/// Describes a checkpoint, set or GGUF file from its headers and sidecar. Reads no tensor data.
/// Throws Error: kBadInput, kIo.
Report inspect(const std::filesystem::path& path, bool follow_links = false);

}  // namespace octet
