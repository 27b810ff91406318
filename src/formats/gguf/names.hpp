// Names of tensors in a checkpoint and in a GGUF file, as tables that are read in both directions.
// A row names a module; its `.weight` and `.bias` go along. "#" stands for a number: of a layer, in
// both names the same.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace octet::gguf {

/// What a file's layout makes of a weight's values.
enum class Change : std::uint8_t {
    kNone,
    kTransposed,        ///< GPT-2's Conv1D: [in, out] becomes [out, in]
    kInterleavedHeads,  ///< rows of each head: i and i + half become 2 i and 2 i + 1, as llama.cpp
                        ///< rotates them
    kInterleavedKeys,   ///< the same of the fewer heads of keys
    kPlusOne,           ///< Gemma's norms are stored as what is added to 1
};

struct NameRow {
    std::string_view source;  ///< a module without the prefixes of wrappers, or of a row without a
                              ///< target a whole name
    std::string_view target;  ///< the module in the file; empty: no tensor of the file
    Change change = Change::kNone;
    bool is_alias =
        false;  ///< the same tensor as the row before: used only where that one is missing
};

/// Where a name of a checkpoint leads.
struct Renamed {
    const NameRow* row = nullptr;
    std::string target;  ///< "blk.3.attn_qkv.weight"; empty: the tensor is left out
};

/// `name` has no prefix of a wrapper any more. Nothing where no row is for it.
std::optional<Renamed> target_of(std::span<const NameRow> rows, std::string_view name);

/// The other way: the name in a checkpoint, and the row. Nothing where no row is for it.
struct Source {
    const NameRow* row = nullptr;
    std::string name;
};
std::optional<Source> source_of(std::span<const NameRow> rows, std::string_view target);

// The tables, by the architecture's name in a file; a family is one file.
std::span<const NameRow> gpt2_names();
std::span<const NameRow> t5_names();
std::span<const NameRow> llama_names();  ///< and Mistral
std::span<const NameRow> qwen_names();   ///< Qwen 2 and 3
std::span<const NameRow> phi3_names();
std::span<const NameRow> gemma_names();  ///< Gemma 2 and 3

}  // namespace octet::gguf
