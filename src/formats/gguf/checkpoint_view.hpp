// How a checkpoint had the tensors of a GGUF file: names, shapes, and what the file's layout made
// of the values, which is undone as they are read. Of an architecture that octet does not know, and
// of a tensor that its table does not name, the file's own name and layout.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf/gguf_file.hpp"
#include "octet/dtype.hpp"

namespace octet::gguf {

/// What is undone.
enum class Undo : std::uint8_t {
    kNothing,
    kTransposition,  ///< stored [out, in], and the checkpoint had [in, out]
    kHeadOrder,      ///< rows 2 i and 2 i + 1 of each head were i and i + half
};

struct ViewedTensor {
    std::size_t stored = 0;  ///< number in the file
    std::string name;
    Shape shape;
    Undo undo = Undo::kNothing;
    std::uint64_t head_rows = 0;  ///< of kHeadOrder
    float divisor = 1;            ///< of every value
    float subtrahend = 0;         ///< of the quotient
};

struct CheckpointView {
    std::string architecture;           ///< as `general.architecture` says; empty: it does not
    bool is_known = false;              ///< names and layout are those of a checkpoint
    std::vector<ViewedTensor> tensors;  ///< in the order of the file
    std::vector<std::size_t>
        left_out;  ///< numbers of what follows from the config, so that a checkpoint has none
};

/// Of a file's keys and infos.
CheckpointView view_of(const GgufFile& file);

/// True of a tensor of a checkpoint that a file of that architecture has no place for: masks, and
/// further names of the embedding.
bool is_dropped(std::string_view architecture, std::string_view name);

}  // namespace octet::gguf
