#include "formats/gguf/checkpoint_view.hpp"

namespace octet::gguf {

CheckpointView view_of(const GgufFile& file) {
    CheckpointView view;
    for (std::size_t i = 0; i < file.tensors.size(); ++i) {
        ViewedTensor tensor;
        tensor.stored = i;
        tensor.name = file.tensors[i].name;
        tensor.shape = file.tensors[i].shape;
        view.tensors.push_back(std::move(tensor));
    }
    return view;
}

}  // namespace octet::gguf
