// Names go back through the architecture's table; shapes are reversed, and what the layout made of
// values is noted, to be undone when they are read.
#include "formats/gguf/checkpoint_view.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "arch/names.hpp"
#include "base/text.hpp"
#include "formats/gguf/arrangement.hpp"
#include "formats/gguf/names.hpp"
#include "formats/gguf/read_values.hpp"
#include "octet/error.hpp"

namespace octet::gguf {
namespace {

constexpr std::string_view kHead = "output.weight";

/// What a file calls an architecture, its names, and what stands before those of all modules but
/// the head in a checkpoint.
struct KnownNames {
    std::string_view architecture;
    std::span<const NameRow> (*rows)();
    std::string_view prefix;
};

constexpr std::array<KnownNames, 9> kKnown = {{
    {"gpt2", gpt2_names, ""},
    {"t5", t5_names, ""},
    {"llama", llama_names, "model."},
    {"mistral3", llama_names, "model."},
    {"qwen2", qwen_names, "model."},
    {"qwen3", qwen_names, "model."},
    {"phi3", phi3_names, "model."},
    {"gemma2", gemma_names, "model."},
    {"gemma3", gemma_names, "model."},
}};

const KnownNames* known_names(std::string_view architecture) {
    const auto* const found =
        std::find_if(kKnown.begin(), kKnown.end(),
                     [&](const KnownNames& one) { return one.architecture == architecture; });
    return found == kKnown.end() ? nullptr : found;
}

class Viewer {
  public:
    explicit Viewer(const GgufFile& file) : file_(file) {
        view_.architecture = text_of(find_key(file.keys, "general.architecture"));
        known_ = known_names(view_.architecture);
        view_.is_known = known_ != nullptr;
        for (const ReadTensor& tensor : file.tensors) names_.insert(tensor.name);
    }

    CheckpointView view() {
        for (std::size_t i = 0; i < file_.tensors.size(); ++i) {
            const ReadTensor& stored = file_.tensors[i];
            ViewedTensor tensor;
            tensor.stored = i;
            tensor.name = stored.name;
            tensor.shape = stored.shape;
            if (known_ != nullptr && stored.name == "rope_freqs.weight") {
                view_.left_out.push_back(i);
                continue;
            }
            if (known_ != nullptr) undo_layout(stored, tensor);
            view_.tensors.push_back(std::move(tensor));
        }
        refuse_twins();
        return std::move(view_);
    }

  private:
    /// Two tensors that the checkpoint would have under one name.
    void refuse_twins() const {
        std::unordered_map<std::string_view, std::size_t> stored;
        for (const ViewedTensor& tensor : view_.tensors) {
            const auto [found, is_new] = stored.emplace(tensor.name, tensor.stored);
            if (is_new) continue;
            throw Error(
                ErrorCode::kBadInput,
                printable(file_.files[file_.tensors[tensor.stored].file].name()),
                fmt::format("tensors {} and {} are both {} of a checkpoint; the file is damaged",
                            in_quotes(file_.tensors[found->second].name),
                            in_quotes(file_.tensors[tensor.stored].name), in_quotes(tensor.name)));
        }
    }

    std::uint64_t key(std::string_view name) const {
        return whole_number(find_key(file_.keys, view_.architecture + "." + std::string(name)))
            .value_or(0);
    }

    void undo_layout(const ReadTensor& stored, ViewedTensor& tensor) const {
        const std::optional<Source> source = source_of(known_->rows(), stored.name);
        if (!source) return;
        tensor.name =
            stored.name == kHead ? source->name : std::string(known_->prefix) + source->name;
        rename_ungated(stored.name, tensor.name);
        const std::uint64_t heads = key("attention.head_count");
        switch (source->row->change) {
            case Change::kTransposed:
                if (stored.shape.size() != 2) break;
                std::swap(tensor.shape.front(), tensor.shape.back());
                tensor.undo = Undo::kTransposition;
                break;
            case Change::kInterleavedHeads:
                undo_heads(heads, tensor);
                break;
            case Change::kInterleavedKeys:
                undo_heads(
                    key("attention.head_count_kv") > 0 ? key("attention.head_count_kv") : heads,
                    tensor);
                break;
            case Change::kPlusOne:
                tensor.subtrahend = 1;
                break;
            case Change::kNone:
                break;
        }
        if (stored.name == kFoldedNorm && view_.architecture == "t5")
            tensor.divisor = folded_factor();
    }

    /// T5's `ffn_up` is `wi_1` beside a gate, and `wi` without.
    void rename_ungated(const std::string& stored, std::string& name) const {
        constexpr std::string_view kUp = "ffn_up.weight";
        constexpr std::string_view kGated = "wi_1.weight";
        if (!name.ends_with(kGated) || !stored.ends_with(kUp)) return;
        if (names_.contains(stored.substr(0, stored.size() - kUp.size()) + "ffn_gate.weight"))
            return;
        name.replace(name.size() - kGated.size(), kGated.size(), "wi.weight");
    }

    static void undo_heads(std::uint64_t heads, ViewedTensor& tensor) {
        const std::uint64_t rows = tensor.shape.empty() ? 0 : tensor.shape.front();
        const bool has_heads = heads > 0 && rows > 0 && tensor.shape.size() <= 2 &&
                               heads <= rows / 2 && rows % (2 * heads) == 0;
        if (!has_heads) return;
        tensor.undo = Undo::kHeadOrder;
        tensor.head_rows = rows / heads;
    }

    /// What the writer multiplied the norm with (arrangement.cpp), as it noted; files before that
    /// were of models whose head is their embedding.
    float folded_factor() const {
        if (const ReadKey* const noted = find_key(file_.keys, kFoldedFactorKey)) {
            const auto factor = static_cast<float>(number_of(noted).value_or(0));
            if (std::isnormal(factor) && factor > 0) return factor;
            throw Error(
                ErrorCode::kBadInput, printable(file_.files.front().name()),
                fmt::format("key {} is no factor above 0; the file is damaged: fetch it again",
                            in_quotes(kFoldedFactorKey)));
        }
        const bool is_folded =
            !names_.contains(kHead) && find_key(file_.keys, "octet.version") != nullptr;
        const std::uint64_t width = key("embedding_length");
        return is_folded && width > 0
                   ? static_cast<float>(1.0 / std::sqrt(static_cast<double>(width)))
                   : 1.0F;
    }

    const GgufFile& file_;
    const KnownNames* known_ = nullptr;
    std::unordered_set<std::string_view> names_;
    CheckpointView view_;
};

}  // namespace

CheckpointView view_of(const GgufFile& file) {
    return Viewer(file).view();
}

bool is_dropped(std::string_view architecture, std::string_view name) {
    const KnownNames* const known = known_names(architecture);
    if (known == nullptr) return false;
    const auto target = target_of(known->rows(), arch::without_wrappers(name));
    return target && (target->target.empty() || target->row->is_alias);
}

}  // namespace octet::gguf
