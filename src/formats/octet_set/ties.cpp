// A tie leads to a tensor that is stored, never to another tie; dtype, shape and scheme agree. Its
// figures are those of the tensor that it is stored with.
#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "formats/octet_set/sidecar.hpp"

namespace octet::octet_set {

bool resolve_ties(std::vector<TensorReport>& tensors) {
    const auto is_tied = [](const TensorReport& tensor) { return !tensor.same_as.empty(); };
    if (std::none_of(tensors.begin(), tensors.end(), is_tied)) return true;  // no table of a million names for nothing
    std::unordered_map<std::string_view, const TensorReport*> originals;
    for (const TensorReport& tensor : tensors) {
        if (tensor.same_as.empty()) originals.emplace(tensor.name, &tensor);
    }
    for (TensorReport& tensor : tensors) {
        if (tensor.same_as.empty()) continue;
        const auto found = originals.find(tensor.same_as);
        if (found == originals.end()) return false;
        const TensorReport& original = *found->second;
        if (original.dtype != tensor.dtype || original.shape != tensor.shape) return false;
        tensor.scheme = original.scheme;
        tensor.reason = original.reason;
        tensor.scale = original.scale;
        tensor.zero_point = original.zero_point;
        tensor.statistics = original.statistics;
        tensor.source_checksum = original.source_checksum;
        tensor.stored_checksum = original.stored_checksum;
    }
    return true;
}

}  // namespace octet::octet_set
