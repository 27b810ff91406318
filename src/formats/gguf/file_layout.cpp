// Tensors are shared out to files, put one behind the other at aligned offsets, and headers with
// placeholders are measured; what the writing finds out has the same length.
#include "formats/gguf/file_layout.hpp"

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "formats/gguf/header_writer.hpp"
#include "octet/error.hpp"
#include "octet/octet.hpp"
#include "quant/checksum.hpp"

namespace octet::gguf {
namespace {

/// Octet's own keys; the seal, which is the last, of zeros.
Keys own_keys(const DataFile& file, const FileFacts& facts,
              const std::vector<TensorRecord>& records) {
    std::vector<std::string> checksums;
    std::vector<double> sqnr_db;
    std::vector<double> rmse;
    std::vector<double> max_abs_error;
    for (const std::uint32_t number : file.tensors) {
        const TensorRecord record = records.empty() ? TensorRecord{} : records[number];
        checksums.push_back(checksum_text(record.checksum));
        sqnr_db.push_back(record.sqnr_db);
        rmse.push_back(record.rmse);
        max_abs_error.push_back(record.max_abs_error);
    }
    Keys keys;
    keys.push_back({"octet.version", std::string(version())});
    keys.push_back({"octet.source_bytes", facts.source_bytes});
    keys.push_back({"octet.checksums", std::move(checksums)});
    keys.push_back({"octet.sqnr_db", std::move(sqnr_db)});
    keys.push_back({"octet.rmse", std::move(rmse)});
    keys.push_back({"octet.max_abs_error", std::move(max_abs_error)});
    keys.push_back({"octet.seal", std::string(kChecksumDigits, '0')});
    return keys;
}

HeaderText unsealed_header(const Layout& layout, std::size_t file, const FileFacts& facts,
                           const std::vector<TypedFileTensor>& tensors,
                           const std::vector<TensorRecord>& records) {
    const DataFile& data = layout.files[file];
    Keys keys = data.keys;
    Keys own = own_keys(data, facts, records);
    keys.insert(keys.end(), std::make_move_iterator(own.begin()),
                std::make_move_iterator(own.end()));
    std::vector<TensorInfo> infos;
    for (const std::uint32_t number : data.tensors) {
        const TypedFileTensor& one = tensors[number];
        const std::uint64_t offset = layout.places[number].offset - data.header_bytes;
        infos.push_back(
            {one.tensor.name, one.tensor.shape, static_cast<std::uint32_t>(one.type), offset});
    }
    return header_text(keys, infos);
}

/// Puts the tensors of one file one behind the other.
void place_tensors(DataFile file, const FileFacts& facts,
                   const std::vector<TypedFileTensor>& tensors, Layout& layout) {
    const auto number = static_cast<std::uint32_t>(layout.files.size());
    for (const std::uint32_t i : file.tensors) layout.places[i].offset = 0;
    layout.files.push_back(std::move(file));
    DataFile& placed = layout.files.back();
    placed.header_bytes = unsealed_header(layout, number, facts, tensors, {}).bytes.size();
    std::uint64_t end = placed.header_bytes;
    for (const std::uint32_t i : placed.tensors) {
        const std::uint64_t bytes = stored_bytes(tensors[i].type, tensors[i].tensor.shape);
        layout.places[i] = {number, end, bytes};
        end += aligned(bytes);
    }
    placed.byte_count = end;
}

/// Bytes of a header that has no tensors; of those beyond the first file only what says that it is
/// one of several.
std::uint64_t empty_header_bytes(const Keys& keys, const FileFacts& facts) {
    constexpr std::uint64_t kSplitKeys = 128;
    Layout empty;
    empty.files.push_back({"", 0, 0, keys, {}});
    return unsealed_header(empty, 0, facts, {}, {}).bytes.size() + kSplitKeys;
}

/// Which tensors go to which file, in their order.
std::vector<std::vector<std::uint32_t>> dealt_out(const FileFacts& facts,
                                                  const std::vector<TypedFileTensor>& tensors) {
    constexpr std::uint64_t kMostInfo = 256;  // of a tensor, in keys and infos
    std::vector<std::vector<std::uint32_t>> files(1);
    if (!facts.split_size) {
        for (std::uint32_t i = 0; i < tensors.size(); ++i) files.front().push_back(i);
        return files;
    }
    const std::uint64_t further = empty_header_bytes({}, facts);
    std::uint64_t bytes = empty_header_bytes(facts.keys, facts);
    for (std::uint32_t i = 0; i < tensors.size(); ++i) {
        const std::uint64_t own =
            aligned(stored_bytes(tensors[i].type, tensors[i].tensor.shape)) + kMostInfo;
        if (!files.back().empty() && bytes + own > *facts.split_size) {
            files.emplace_back();
            bytes = further;
        }
        files.back().push_back(i);
        bytes += own;
    }
    return files;
}

/// "NAME-00002-of-00003.gguf" of "NAME.gguf".
std::string name_of_part(std::string_view name, std::size_t number, std::size_t count) {
    constexpr std::string_view kEnding = ".gguf";
    return fmt::format("{}-{:05}-of-{:05}{}", name.substr(0, name.size() - kEnding.size()),
                       number + 1, count, kEnding);
}

}  // namespace

std::string seal_of(std::string_view header) {
    return checksum_text(quant::checksum_of(std::as_bytes(std::span(header))));
}

std::uint64_t stored_bytes(ggml::Type type, const Shape& shape) {
    if (shape.empty()) return ggml::row_bytes(type, 1);
    std::uint64_t rows = 1;
    for (std::size_t i = 0; i + 1 < shape.size(); ++i)
        rows *= shape[i];  // checked: the source's bytes fit 64 bits
    return rows == 0 ? 0 : rows * ggml::row_bytes(type, shape.back());
}

Layout lay_out(const FileFacts& facts, const std::vector<TypedFileTensor>& tensors) {
    Layout layout;
    layout.places.resize(tensors.size());
    const std::vector<std::vector<std::uint32_t>> files = dealt_out(facts, tensors);
    for (std::size_t i = 0; i < files.size(); ++i) {
        DataFile file;
        file.name = facts.split_size ? name_of_part(facts.name, i, files.size()) : facts.name;
        if (i == 0) file.keys = facts.keys;
        if (facts.split_size) {
            file.keys.push_back({"split.no", static_cast<std::uint16_t>(i)});
            file.keys.push_back({"split.count", static_cast<std::uint16_t>(files.size())});
            file.keys.push_back({"split.tensors.count", static_cast<std::int32_t>(tensors.size())});
        }
        file.tensors = files[i];
        place_tensors(std::move(file), facts, tensors, layout);
    }
    return layout;
}

std::string header_of(const Layout& layout, std::size_t file, const FileFacts& facts,
                      const std::vector<TypedFileTensor>& tensors,
                      const std::vector<TensorRecord>& records) {
    HeaderText header = unsealed_header(layout, file, facts, tensors, records);
    header.bytes.replace(header.keys_end - kChecksumDigits, kChecksumDigits, seal_of(header.bytes));
    return std::move(header.bytes);
}

}  // namespace octet::gguf
