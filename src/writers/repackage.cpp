// Opens the set, and puts its parts where writers look for those of a checkpoint.
#include "writers/repackage.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "checkpoint/kind.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "octet/error.hpp"

namespace octet::writers {
namespace {

/// Codes are decided already.
void check_options(const QuantizeOptions& options) {
    const auto refuse = [](bool is_given, std::string_view option) {
        if (!is_given) return;
        throw Error(ErrorCode::kUsage, std::string(option),
                    "decides codes, and those of a set are decided; leave it out, or give the "
                    "original checkpoint");
    };
    const SchemeOptions& scheme = options.scheme;
    refuse(options.preset != Preset::kAll, "--preset");
    refuse(scheme.bits.has_value(), "--bits");
    refuse(scheme.granularity.has_value(), "--granularity");
    refuse(scheme.group_size.has_value(), "--group-size");
    refuse(scheme != SchemeOptions(), "an option of the scheme");
    refuse(!options.rules.empty(), "--rule");
    refuse(options.importance.has_value(), "--importance");
    refuse(options.max_size.has_value(), "--max-size");
    refuse(options.target_sqnr_db.has_value(), "--target-sqnr");
    refuse(options.on_non_finite == OnNonFinite::kKeep, "--on-non-finite");
}

checkpoint::Checkpoint files_of(const std::filesystem::path& input, octet_set::QuantizedSet& set) {
    checkpoint::Checkpoint files;
    files.input = input.native();
    files.folder = set.folder.path();
    files.is_folder = io::kind_at(input) == io::EntryKind::kFolder;
    for (std::size_t i = 0; i < set.data_files.size(); ++i)
        files.shards.push_back({std::move(set.data_files[i].file), set.sidecar.files[i].name,
                                std::move(set.data_files[i].metadata)});
    if (set.sidecar.source_index)
        files.index =
            checkpoint::Index{set.sidecar.source_index->name, set.sidecar.source_index->metadata};
    files.tensors.reserve(set.stored.size());
    for (std::size_t i = 0; i < set.stored.size(); ++i) {
        const TensorReport& tensor = set.sidecar.tensors[i];
        const octet_set::StoredTensor& stored = set.stored[i];
        files.tensors.push_back({tensor.name, tensor.dtype, tensor.shape, stored.offset,
                                 stored.byte_count, stored.file, stored.header_position});
    }
    return files;
}

}  // namespace

std::optional<SetToRepackage> open_set_to_repackage(const std::filesystem::path& input,
                                                    const QuantizeOptions& options,
                                                    const OutputFormat& format, io::Links links) {
    if (!format.takes_sets || !octet_set::is_set(input)) return std::nullopt;
    check_options(options);
    octet_set::QuantizedSet set = octet_set::open_set(octet_set::find_set_folder(input), links);
    SetToRepackage found;
    found.files = files_of(input, set);
    found.sidecar = std::move(set.sidecar);
    checkpoint::assign_kinds(found.sidecar.tensors);
    return found;
}

bool holds_scales_of(ScaleDtype to, ScaleDtype from) noexcept {
    return to == ScaleDtype::kF32 || to == from;
}

ScaleDtype scale_dtype_like(Dtype weight) noexcept {
    if (weight == Dtype::kF16) return ScaleDtype::kF16;
    return weight == Dtype::kBF16 ? ScaleDtype::kBF16 : ScaleDtype::kF32;
}

void refuse_to_repackage(const TensorReport& tensor, std::string_view why,
                         std::string_view fitting) {
    throw Error(ErrorCode::kBadInput, "tensor " + in_quotes(tensor.name),
                fmt::format("is {} in the set, which {}; {} would fit: make the set with it, or "
                            "give the original checkpoint",
                            scheme_name(*tensor.scheme), why, fitting));
}

}  // namespace octet::writers
