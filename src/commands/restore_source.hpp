// What dequantize does alike of every source that is read through the reading seam: tasks, the
// report, checksums. dequantize_gguf and dequantize_quantized lay out and name the files.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/companions.hpp"
#include "formats/float_source.hpp"
#include "formats/layout.hpp"
#include "io/output.hpp"
#include "kernels/kernels.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::commands {

/// The one dtype that all float tensors of two dimensions or more will have; nothing where they
/// differ.
std::optional<Dtype> common_dtype(const formats::FloatSource& source, std::optional<Dtype> asked);

/// Fills the data files of the plan; one result a tensor.
std::vector<kernels::Narrowing> restore(const formats::FloatSource& source,
                                        formats::OutputPlan& plan, io::Output& output,
                                        const DequantizeOptions& options);

/// The files that are read, which are not to be written to.
std::vector<io::FileIdentity> inputs_of(const formats::FloatSource& source,
                                        const checkpoint::Companions& companions);

/// Everything but companions and notes; `tensors` are the source's under the names they get,
/// `totals` its own.
void fill_report(const formats::FloatSource& source, std::vector<TensorReport> tensors,
                 const Totals& totals, const formats::OutputPlan& plan,
                 const std::vector<kernels::Narrowing>& narrowings, std::optional<Dtype> dtype,
                 Report& report);

/// Of every file that was written, where it was asked for.
void add_sha256(const io::Output& output, const WriteOptions& options, Report& report);

}  // namespace octet::commands
