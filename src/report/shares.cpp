// One pass over the tensors; of quantized ones the dtype is that of their codes.
#include <array>
#include <map>

#include "quant/ggml/types.hpp"
#include "quant/storage_layout.hpp"
#include "report/report_options.hpp"

namespace octet::report {
namespace {

void add(Share& share, const TensorReport& tensor) {
    ++share.tensors;
    share.parameters += element_count(tensor.shape).value_or(0);
    share.byte_count += tensor.output_bytes;
}

/// Of a quantized tensor: its codes'.
Dtype stored_dtype(const TensorReport& tensor) {
    return tensor.scheme ? quant::stored_parts(*tensor.scheme, tensor.shape).front().dtype
                         : tensor.dtype;
}

template <std::size_t N, typename NameOf>
Shares named(const std::array<Share, N>& shares, NameOf name_of) {
    Shares result;
    for (std::size_t i = 0; i < N; ++i) {
        if (shares[i].tensors > 0) result.emplace_back(std::string(name_of(i)), shares[i]);
    }
    return result;
}

/// What is stored as a type of another format, in the order of its table.
void add_types(const Report& report, Shares& shares) {
    std::map<std::string_view, Share> found;
    for (const TensorReport& tensor : report.tensors) {
        if (!tensor.type.empty()) add(found[tensor.type], tensor);
    }
    for (const ggml::TypeTraits& traits : ggml::all_types()) {
        const auto share = found.find(traits.name);
        if (share != found.end()) shares.emplace_back(std::string(traits.name), share->second);
    }
}

}  // namespace

Shares shares_by_dtype(const Report& report) {
    std::array<Share, kDtypeCount> shares{};
    for (const TensorReport& tensor : report.tensors) {
        if (tensor.type.empty())
            add(shares[static_cast<std::size_t>(stored_dtype(tensor))], tensor);
    }
    Shares result = named(shares, [](std::size_t i) { return dtype_name(static_cast<Dtype>(i)); });
    add_types(report, result);
    return result;
}

Shares shares_by_kind(const Report& report) {
    std::array<Share, kKindCount> shares{};
    for (const TensorReport& tensor : report.tensors)
        add(shares[static_cast<std::size_t>(tensor.kind)], tensor);
    return named(shares, [](std::size_t i) { return kind_name(static_cast<Kind>(i)); });
}

}  // namespace octet::report
