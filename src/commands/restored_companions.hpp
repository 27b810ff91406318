// What stands beside the tensors of a restored checkpoint: the companions that quantize kept
// (config.json with the dtype that the weights have now), and the index. All are open before the
// work begins: the set may be replaced, and its files removed, before that ends.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "formats/octet_set/quantized_set.hpp"
#include "formats/restored_layout.hpp"
#include "io/output.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::commands {

struct OpenedSet {
    octet_set::QuantizedSet set;
    std::vector<io::File> companions;  ///< parallel to those of the sidecar, or none
};

OpenedSet open_with_companions(const std::filesystem::path& folder, io::Links links,
                               bool wants_companions);

/// Writes companions and index, and notes them in the report; `notes` say what changed in them.
void write_companions(const OpenedSet& opened, const formats::OutputPlan& plan, io::Output& output,
                      const DequantizeOptions& options, Report& report,
                      std::vector<std::string>& notes);

}  // namespace octet::commands
