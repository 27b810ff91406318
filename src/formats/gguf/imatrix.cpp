// The old format is walked with byte_cursor, as headers are; the new one is a GGUF file whose
// tensors come in pairs.
#include "formats/gguf/imatrix.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <span>

#include <fmt/format.h>

#include "arch/names.hpp"
#include "base/text.hpp"
#include "formats/gguf/architecture.hpp"
#include "formats/gguf/gguf_reader.hpp"
#include "octet/error.hpp"

namespace octet::gguf {
namespace {

/// No name of a tensor is longer; a safetensors file has 0 where the first length stands.
constexpr std::int32_t kMostName = 1024;

[[noreturn]] void refuse(const io::File& file, const std::string& what) {
    throw Error(ErrorCode::kBadInput, printable(file.name()), what);
}

bool begins_like_gguf(const io::File& file) {
    std::array<char, kMagic.size()> magic{};
    if (file.size() < magic.size()) return false;
    file.read_at(std::as_writable_bytes(std::span(magic)), 0);
    return std::string_view(magic.data(), magic.size()) == kMagic;
}

/// Makes means of sums: one count a row. A row without any tokens counts all inputs alike, as
/// llama.cpp has it.
void divide(const io::File& file, ImatrixEntry& entry, std::span<const float> counts) {
    const std::uint64_t inputs = entry.values.size() / entry.rows;
    for (std::uint64_t row = 0; row < entry.rows; ++row) {
        const float count = counts[row];
        if (!std::isfinite(count) || count < 0)
            refuse(file, fmt::format("entry {} has a count of {}; make the file again",
                                     in_quotes(entry.name), count));
        for (float& value : std::span(entry.values).subspan(row * inputs, inputs)) {
            if (count > 0) value = static_cast<float>(double{value} / double{count});
            if (!std::isfinite(value) || value < 0)
                refuse(file,
                       fmt::format(
                           "entry {} holds {}, which is no mean of squares; make the file again",
                           in_quotes(entry.name), value));
            if (count == 0) value = 1;
        }
    }
}

/// The old format, from front to back.
class DatReader {
  public:
    explicit DatReader(const io::File& file) : file_(file) {}

    std::vector<ImatrixEntry> read() {
        const std::int32_t count = number("its number of entries");
        if (count < 1) refuse(file_, fmt::format("has {} entries; make the file again", count));
        std::vector<ImatrixEntry> entries;
        for (std::int32_t i = 0; i < count; ++i)
            entries.push_back(entry(fmt::format("entry {} of {}", i + 1, count)));
        if (at_ == file_.size()) return entries;
        number("the number of chunks");
        const std::int32_t length = number("the length of the dataset's name");
        if (length < 0 || static_cast<std::uint64_t>(length) != file_.size() - at_)
            refuse(file_, fmt::format("byte {}: the name of a dataset of {} bytes, and the file "
                                      "has {} more; it was cut "
                                      "or is damaged: make it again",
                                      with_commas(at_), length, with_commas(file_.size() - at_)));
        return entries;
    }

  private:
    void need(std::uint64_t bytes, const std::string& what) const {
        if (bytes <= file_.size() - at_) return;
        refuse(file_, fmt::format("byte {}: {} needs {} bytes, and the file has {} more; it was "
                                  "cut or is damaged: make "
                                  "it again",
                                  with_commas(at_), what, with_commas(bytes),
                                  with_commas(file_.size() - at_)));
    }

    void take(std::span<std::byte> bytes, const std::string& what) {
        need(bytes.size(), what);
        file_.read_at(bytes, at_);
        at_ += bytes.size();
    }

    std::int32_t number(const std::string& what) {
        std::int32_t value = 0;
        take(std::as_writable_bytes(std::span(&value, 1)), what);
        return value;
    }

    ImatrixEntry entry(const std::string& part) {
        const std::int32_t length = number(part);
        if (length < 1 || length > kMostName)
            refuse(
                file_,
                fmt::format("byte {}: a name of {} bytes in {}; the file is damaged: make it again",
                            with_commas(at_), length, part));
        ImatrixEntry entry;
        entry.name.resize(static_cast<std::size_t>(length));
        take(std::as_writable_bytes(std::span(entry.name)), part);
        const std::string named = "entry " + in_quotes(entry.name);
        const std::int32_t calls = number(named);
        const std::int32_t values = number(named);
        if (calls < 0 || values < 1)
            refuse(file_, fmt::format("{} has {} values of {} calls; make the file again", named,
                                      values, calls));
        need(static_cast<std::uint64_t>(values) * sizeof(float), named);
        entry.values.resize(static_cast<std::size_t>(values));
        take(std::as_writable_bytes(std::span(entry.values)), named);
        // The old format has sums of means here, which are finished without calls.
        const float count = calls > 0 ? static_cast<float>(calls) : 1.0F;
        divide(file_, entry, std::span(&count, 1));
        return entry;
    }

    const io::File& file_;
    std::uint64_t at_ = 0;
};

std::vector<float> floats_of(const io::File& file, const ReadTensor& tensor) {
    if (tensor.type != ggml::Type::kF32)
        refuse(file, fmt::format("tensor {} is {}, and an imatrix has f32; make the file again",
                                 in_quotes(tensor.name), ggml::traits_of(tensor.type).name));
    std::vector<float> values(tensor.byte_count / sizeof(float));
    file.read_at(std::as_writable_bytes(std::span(values)), tensor.offset);
    return values;
}

/// All dimensions but the fastest.
std::uint64_t rows_of(const Shape& shape) {
    std::uint64_t rows = 1;
    for (std::size_t i = 0; i + 1 < shape.size(); ++i)
        rows *= shape[i];  // checked: the reader's product fits 64 bits
    return rows;
}

std::vector<ImatrixEntry> read_gguf(const io::File& file) {
    constexpr std::string_view kSums = ".in_sum2";
    constexpr std::string_view kCounts = ".counts";
    const Header header = read_header(file);
    std::map<std::string_view, const ReadTensor*> counts;
    for (const ReadTensor& tensor : header.tensors) {
        const std::string_view name = tensor.name;
        if (name.ends_with(kCounts))
            counts.emplace(name.substr(0, name.size() - kCounts.size()), &tensor);
    }
    std::vector<ImatrixEntry> entries;
    for (const ReadTensor& tensor : header.tensors) {
        if (!tensor.name.ends_with(kSums)) continue;
        ImatrixEntry entry{
            tensor.name.substr(0, tensor.name.size() - kSums.size()), rows_of(tensor.shape), {}};
        const auto found = counts.find(entry.name);
        if (found == counts.end())
            refuse(file, fmt::format("tensor {} has no {} beside it; make the file again",
                                     in_quotes(tensor.name),
                                     in_quotes(entry.name + std::string(kCounts))));
        entry.values = floats_of(file, tensor);
        const std::vector<float> tokens = floats_of(file, *found->second);
        if (entry.values.empty() || tokens.size() != entry.rows)
            refuse(file, fmt::format("tensor {} is {}, and {} has {} counts; make the file again",
                                     in_quotes(tensor.name), shape_text(tensor.shape),
                                     in_quotes(found->second->name), with_commas(tokens.size())));
        divide(file, entry, tokens);
        entries.push_back(std::move(entry));
    }
    if (entries.empty())
        refuse(file,
               "is a GGUF file without any tensor NAME.in_sum2, and so no imatrix; give what "
               "llama-imatrix wrote");
    return entries;
}

/// A module of experts: in a checkpoint "...mlp.experts.3.down_proj.weight", or one tensor for all
/// of them.
struct ExpertRow {
    std::string_view word;
    std::string_view target;
};

constexpr ExpertRow kExperts[] = {
    {"gate_up_proj", "ffn_gate_exps"},
    {"gate_proj", "ffn_gate_exps"},
    {"w1", "ffn_gate_exps"},
    {"up_proj", "ffn_up_exps"},
    {"w3", "ffn_up_exps"},
    {"down_proj", "ffn_down_exps"},
    {"w2", "ffn_down_exps"},
};

/// The number that `text` begins with, which goes on with a dot behind it.
std::optional<std::uint64_t> take_number(std::string_view& text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto length = static_cast<std::size_t>(end - text.data());
    if (error != std::errc() || length >= text.size() || text[length] != '.') return std::nullopt;
    text.remove_prefix(length + 1);
    return number;
}

std::optional<ImatrixPlace> place_of_expert(std::string_view name) {
    constexpr std::string_view kLayers = "layers.";
    constexpr std::string_view kMark = ".experts.";
    constexpr std::string_view kLeaf = ".weight";
    if (!name.starts_with(kLayers)) return std::nullopt;
    name.remove_prefix(kLayers.size());
    const auto layer = take_number(name);
    const std::size_t mark = name.find(kMark);
    if (!layer || mark == name.npos) return std::nullopt;
    name.remove_prefix(mark + kMark.size());
    const auto expert = take_number(name);
    if (name.ends_with(kLeaf)) name.remove_suffix(kLeaf.size());
    const auto* const row = std::find_if(std::begin(kExperts), std::end(kExperts),
                                         [&](const ExpertRow& one) { return one.word == name; });
    if (row == std::end(kExperts)) return std::nullopt;
    return ImatrixPlace{fmt::format("blk.{}.{}.weight", *layer, row->target), expert};
}

}  // namespace

bool is_imatrix(const io::File& file) {
    if (begins_like_gguf(file)) return true;
    std::array<std::int32_t, 2>
        start{};  // of a safetensors file the length of its header, so the second is 0
    if (file.size() < sizeof(start)) return false;
    file.read_at(std::as_writable_bytes(std::span(start)), 0);
    return start[0] > 0 && start[1] > 0 && start[1] <= kMostName;
}

std::vector<ImatrixEntry> read_imatrix(const io::File& file) {
    std::vector<ImatrixEntry> entries =
        begins_like_gguf(file) ? read_gguf(file) : DatReader(file).read();
    std::map<std::string_view, const ImatrixEntry*> names;
    for (const ImatrixEntry& entry : entries) {
        if (!is_utf8(entry.name)) refuse(file, "has a name that is no UTF-8; make the file again");
        if (!names.emplace(entry.name, &entry).second)
            refuse(file, fmt::format("entry {} stands there twice; make the file again",
                                     in_quotes(entry.name)));
    }
    return entries;
}

std::vector<ImatrixPlace> places_in_imatrix(std::string_view name) {
    const std::string_view bare = arch::without_wrappers(name);
    if (const auto expert = place_of_expert(bare)) return {*expert};
    std::vector<ImatrixPlace> places;
    for (const Architecture& one : architectures()) {
        const std::optional<Renamed> renamed = target_of(one.names(), bare);
        if (!renamed || renamed->target.empty()) continue;
        const bool is_new =
            std::none_of(places.begin(), places.end(),
                         [&](const ImatrixPlace& known) { return known.name == renamed->target; });
        if (is_new) places.push_back({renamed->target, std::nullopt});
    }
    return places;
}

}  // namespace octet::gguf
