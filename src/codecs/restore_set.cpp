// One task a tensor, and its measured loss; see the header.
#include "codecs/restore_set.hpp"

#include <algorithm>

#include "base/json_text.hpp"
#include "codecs/copy.hpp"
#include "codecs/restore.hpp"

namespace octet::codecs {

TaskList restore_tasks(const octet_set::QuantizedSet& set, const formats::OutputPlan& plan,
                       const std::vector<io::File>& files, std::optional<Dtype> dtype,
                       const TakeResult& take) {
    TaskList tasks;
    tasks.reserve(set.stored.size());
    for (std::size_t i = 0; i < set.stored.size(); ++i) {
        const TensorReport& tensor = set.sidecar.tensors[i];
        const octet_set::StoredTensor& stored = set.stored[i];
        const formats::Placement& place = plan.placements[i];
        const pipeline::Stretch source{&set.data_files[stored.file].file, stored.offset,
                                       stored.byte_count};
        const pipeline::Stretch target{&files[place.file], place.offset, place.byte_count};
        const Dtype restored = formats::restored_dtype(tensor, dtype);
        if (tensor.scheme) {
            const quant::BlockState state{tensor.scale.value_or(0.0F),
                                          tensor.zero_point.value_or(0.0F)};
            tasks.add<RestoreTask>(RestoreJob{source, target, *tensor.scheme, state, restored,
                                              tensor.name, &tensor.shape},
                                   i, take);
        } else if (restored != tensor.dtype) {
            tasks.add<ConvertTask>(ConvertJob{source, target, tensor.dtype, restored, tensor.name},
                                   i, take);
        } else {
            tasks.add<CopyTask>(source, target, i, take, false);
        }
    }
    return tasks;
}

void note_narrowing(const std::vector<kernels::Narrowing>& narrowings, std::optional<Dtype> dtype,
                    std::vector<TensorReport>& tensors, Totals& totals) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const Dtype restored = formats::restored_dtype(tensors[i], dtype);
        const bool is_copied = !tensors[i].scheme && restored == tensors[i].dtype;
        tensors[i].dtype = restored;
        if (is_copied || (restored != Dtype::kF16 && restored != Dtype::kBF16)) continue;
        const double before = tensors[i].statistics ? tensors[i].statistics->max_abs_error : 0.0;
        tensors[i].narrowed_max_abs_error =
            six_digits(before + static_cast<double>(narrowings[i].max_abs_difference));
        totals.narrowed_max_abs_error = std::max(totals.narrowed_max_abs_error.value_or(0.0),
                                                 *tensors[i].narrowed_max_abs_error);
    }
}

}  // namespace octet::codecs
