// How a checkpoint had the tensors of a GGUF file: names, shapes, and what the file's layout made of
// the values, which is undone as they are read. Of an architecture that octet does not know, and of a
// tensor that its table does not name, the file's own name and layout.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/gguf/gguf_file.hpp"
#include "octet/dtype.hpp"

namespace octet::gguf {

/// What is undone.
enum class Undo : std::uint8_t {
    kNothing,
    kTransposition,  ///< stored [out, in], and the checkpoint had [in, out]
    kHeadOrder,      ///< of each head rows 2 i and 2 i + 1 were i and i + half
};

struct ViewedTensor {
    std::size_t stored = 0;  ///< number in the file
    std::string name;
    Shape shape;
    Undo undo = Undo::kNothing;
    std::uint64_t head_rows = 0;  ///< of kHeadOrder
    float divisor = 1;            ///< of every value
    float subtrahend = 0;         ///< after it
};

struct CheckpointView {
    std::vector<ViewedTensor> tensors;    ///< in the order of the file
    std::vector<std::size_t> left_out;    ///< what a checkpoint has no tensor for: it follows from its config
};

/// Of a file's keys and infos.
CheckpointView view_of(const GgufFile& file);

}  // namespace octet::gguf
