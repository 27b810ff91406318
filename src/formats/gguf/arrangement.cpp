// Each tensor of the checkpoint goes to the place that its row in names names, or is left out with
// the reason; at the end every place that the architecture needs must be taken.
#include "formats/gguf/arrangement.hpp"

#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "arch/names.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::gguf {
namespace {

constexpr std::string_view kEmbedding = "token_embd.weight";
constexpr std::string_view kHead = "output.weight";

/// More than any vocabulary has.
constexpr std::uint64_t kMostRows = 1U << 24U;

[[noreturn]] void refuse(const checkpoint::Checkpoint& checkpoint, const checkpoint::Tensor& tensor,
                         std::string_view what) {
    throw Error(ErrorCode::kBadInput, printable(checkpoint.shards[tensor.shard].base_name),
                fmt::format("tensor {} {}", in_quotes(tensor.name), what));
}

void check_shape(const checkpoint::Checkpoint& checkpoint, const checkpoint::Tensor& tensor,
                 std::string_view name) {
    if (name.size() > kMostNameBytes)
        refuse(checkpoint, tensor,
               fmt::format("would have a name of {} bytes, and GGUF has room for {}", name.size(),
                           kMostNameBytes));
    if (tensor.shape.size() > kMostDimensions)
        refuse(checkpoint, tensor,
               fmt::format("has {} dimensions, and GGUF has room for {}", tensor.shape.size(),
                           kMostDimensions));
}

/// The tensors of one model, one after the other.
class Arranger {
  public:
    Arranger(const checkpoint::Checkpoint& checkpoint, const Architecture& architecture,
             const ModelConfig& config)
        : checkpoint_(checkpoint), architecture_(architecture), config_(config) {
        result_.architecture = &architecture;
        is_tied_ = config.flag_or("tie_word_embeddings", architecture.ties_by_default);
        keeps_head_ = !is_tied_ || config.has(kScaledHead);
    }

    Arrangement arrange() {
        for (std::size_t i = 0; i < checkpoint_.tensors.size(); ++i) add(i);
        settle_aliases();
        for (const FileTensor& tensor : result_.tensors) note(tensor);
        add_frequencies();
        if (result_.rows == 0)
            throw Error(ErrorCode::kBadInput, printable(checkpoint_.input),
                        fmt::format("has no {}, which a model of \"{}\" needs",
                                    in_quotes(embedding_name()), architecture_.name));
        return std::move(result_);
    }

  private:
    /// How transformers 5 saves a T5 whose head was untied.
    static constexpr const char* kScaledHead = "scale_decoder_outputs";

    std::string embedding_name() const {
        return source_of(architecture_.names(), kEmbedding)->name;
    }

    void add(std::size_t number) {
        const checkpoint::Tensor& tensor = checkpoint_.tensors[number];
        const auto renamed = target_of(architecture_.names(), arch::without_wrappers(tensor.name));
        if (!renamed)
            refuse(checkpoint_, tensor,
                   fmt::format("is none that llama.cpp has in a model of \"{}\"; --arch none "
                               "writes weights alone",
                               architecture_.name));
        if (renamed->target.empty())
            return leave_out(number, fmt::format("no weight: a model of \"{}\" makes it itself",
                                                 architecture_.name));
        if (renamed->target == kHead && !keeps_head_)
            return leave_out(number, "config.json ties the head to the embedding");
        if (renamed->row->is_alias) {
            aliases_.emplace_back(number, *renamed);
            return;
        }
        place(number, *renamed);
    }

    void add_frequencies() {
        if (architecture_.frequencies == nullptr) return;
        FileTensor made;
        made.name = "rope_freqs.weight";
        made.values = architecture_.frequencies(config_);
        made.shape = {made.values.size()};
        made.may_be_quantized = false;
        if (made.is_made()) result_.tensors.push_back(std::move(made));
    }

    void leave_out(std::size_t number, std::string why) {
        result_.left_out.push_back({number, std::move(why)});
    }

    void place(std::size_t number, const Renamed& renamed) {
        const checkpoint::Tensor& tensor = checkpoint_.tensors[number];
        check_shape(checkpoint_, tensor, renamed.target);
        if (!is_quantizable(tensor.dtype))
            refuse(checkpoint_, tensor,
                   fmt::format("is {}, and octet writes GGUF files from F16, BF16, F32 and F64; "
                               "give the weights that "
                               "it was made from",
                               dtype_name(tensor.dtype)));
        if (!names_.insert(renamed.target).second)
            refuse(checkpoint_, tensor,
                   fmt::format("would be a second {}", in_quotes(renamed.target)));
        FileTensor placed;
        placed.source = number;
        placed.name = renamed.target;
        placed.shape = tensor.shape;
        placed.change = renamed.row->change;
        change(tensor, placed);
        placed.may_be_quantized = may_be_quantized(placed.name, placed.shape);
        result_.tensors.push_back(std::move(placed));
    }

    void change(const checkpoint::Tensor& tensor, FileTensor& placed) const {
        const bool is_matrix = tensor.shape.size() == 2;
        switch (placed.change) {
            case Change::kTransposed:
                if (!is_matrix) placed.change = Change::kNone;
                if (is_matrix) std::swap(placed.shape.front(), placed.shape.back());
                break;
            case Change::kInterleavedHeads:
                placed.head_rows = rows_of_heads(tensor, config_.size("num_attention_heads"));
                break;
            case Change::kInterleavedKeys:
                placed.head_rows = rows_of_heads(
                    tensor,
                    config_.size_or("num_key_value_heads", config_.size("num_attention_heads")));
                break;
            case Change::kPlusOne:
                placed.addend = 1;
                break;
            case Change::kNone:
                break;
        }
        // llama.cpp does not scale the input of a head that is the embedding: the norm before it
        // does.
        const bool scales = architecture_.name == "t5" && placed.name == kFoldedNorm;
        if (scales && config_.flag_or(kScaledHead, is_tied_))
            placed.factor =
                static_cast<float>(1.0 / std::sqrt(static_cast<double>(config_.size("d_model"))));
    }

    std::uint64_t rows_of_heads(const checkpoint::Tensor& tensor, std::uint32_t heads) const {
        const std::uint64_t rows = tensor.shape.empty() ? 0 : tensor.shape.front();
        if (rows == 0 || rows % (2 * std::uint64_t{heads}) != 0)
            refuse(checkpoint_, tensor,
                   fmt::format(
                       "is {}, and the {} heads of config.json have no even number of rows each",
                       shape_text(tensor.shape), heads));
        return rows / heads;
    }

    /// The first of several names of one tensor, where the tensor itself is missing.
    void settle_aliases() {
        for (const auto& [number, renamed] : aliases_) {
            if (names_.contains(renamed.target)) {
                leave_out(number, fmt::format("stored once, as {}", in_quotes(renamed.target)));
            } else {
                place(number, renamed);
            }
        }
    }

    void note(const FileTensor& tensor) {
        if (tensor.name == kHead) result_.has_head = true;
        if (tensor.name != kEmbedding) return;
        const checkpoint::Tensor& source = checkpoint_.tensors[tensor.source];
        if (tensor.shape.size() != 2 || tensor.shape.front() > kMostRows ||
            tensor.shape.front() == 0)
            refuse(checkpoint_, source,
                   fmt::format("is {}, no embedding of up to {} tokens", shape_text(tensor.shape),
                               with_commas(kMostRows)));
        result_.rows = tensor.shape.front();
    }

    const checkpoint::Checkpoint& checkpoint_;
    const Architecture& architecture_;
    const ModelConfig& config_;
    bool is_tied_ = false;
    bool keeps_head_ = true;
    Arrangement result_;
    std::unordered_set<std::string> names_;
    std::vector<std::pair<std::size_t, Renamed>> aliases_;
};

}  // namespace

Arrangement arrange_model(const checkpoint::Checkpoint& checkpoint,
                          const Architecture& architecture, const ModelConfig& config) {
    return Arranger(checkpoint, architecture, config).arrange();
}

Arrangement arrange_weights(const checkpoint::Checkpoint& checkpoint) {
    Arrangement result;
    for (std::size_t i = 0; i < checkpoint.tensors.size(); ++i) {
        const checkpoint::Tensor& tensor = checkpoint.tensors[i];
        check_shape(checkpoint, tensor, tensor.name);
        FileTensor placed;
        placed.source = i;
        placed.name = tensor.name;
        placed.shape = tensor.shape;
        result.tensors.push_back(std::move(placed));
    }
    return result;
}

}  // namespace octet::gguf
