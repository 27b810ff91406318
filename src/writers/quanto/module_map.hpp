// quanto_qmap.json: which modules are quantized, and how. The modules are in the order in which
// frameworks make them, as quanto lists them: the encoder before the decoder, q before k, layer 2
// before layer 10. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace octet::writers {

struct QuantizedModule {
    std::string_view name;   ///< "encoder.block.0.layer.0.SelfAttention.q"
    std::string_view qtype;  ///< "qint8"
};

/// The text of the file, as Python's json writes it with an indent of 4.
std::string module_map_text(std::vector<QuantizedModule> modules);

}  // namespace octet::writers
