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

constexpr std::size_t kChecksumDigits = 32;

/// Octet's own keys; the seal, which is the last, of zeros.
Keys own_keys(const DataFile& file, const FileFacts& facts, const std::vector<TensorRecord>& records) {
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

std::string unsealed_header(const Layout& layout, std::size_t file, const FileFacts& facts,
                            const std::vector<TypedFileTensor>& tensors, const std::vector<TensorRecord>& records) {
    const DataFile& data = layout.files[file];
    Keys keys = data.keys;
    Keys own = own_keys(data, facts, records);
    keys.insert(keys.end(), std::make_move_iterator(own.begin()), std::make_move_iterator(own.end()));
    std::vector<TensorInfo> infos;
    for (const std::uint32_t number : data.tensors) {
        const TypedFileTensor& one = tensors[number];
        const std::uint64_t offset = layout.places[number].offset - data.header_bytes;
        infos.push_back({one.tensor.name, one.tensor.shape, static_cast<std::uint32_t>(one.type), offset});
    }
    return header_bytes(keys, infos);
}

/// Puts the tensors of one file one behind the other.
void place_tensors(DataFile& file, std::uint32_t number, const FileFacts& facts,
                   const std::vector<TypedFileTensor>& tensors, Layout& layout) {
    for (const std::uint32_t i : file.tensors) layout.places[i].offset = 0;
    layout.files.push_back(file);
    DataFile& placed = layout.files.back();
    placed.header_bytes = unsealed_header(layout, number, facts, tensors, {}).size();
    std::uint64_t end = placed.header_bytes;
    for (const std::uint32_t i : placed.tensors) {
        const std::uint64_t bytes = stored_bytes(tensors[i].type, tensors[i].tensor.shape);
        layout.places[i] = {number, end, bytes};
        end += aligned(bytes);
    }
    placed.byte_count = end;
}

}  // namespace

std::uint64_t stored_bytes(ggml::Type type, const Shape& shape) {
    if (shape.empty()) return ggml::row_bytes(type, 1);
    std::uint64_t rows = 1;
    for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];  // checked: the source's bytes fit 64 bits
    return rows == 0 ? 0 : rows * ggml::row_bytes(type, shape.back());
}

Layout lay_out(const FileFacts& facts, const std::vector<TypedFileTensor>& tensors) {
    Layout layout;
    layout.places.resize(tensors.size());
    DataFile file;
    file.name = facts.name;
    file.keys = facts.keys;
    for (std::uint32_t i = 0; i < tensors.size(); ++i) file.tensors.push_back(i);
    place_tensors(file, 0, facts, tensors, layout);
    return layout;
}

std::string header_of(const Layout& layout, std::size_t file, const FileFacts& facts,
                      const std::vector<TypedFileTensor>& tensors, const std::vector<TensorRecord>& records) {
    std::string header = unsealed_header(layout, file, facts, tensors, records);
    const std::string zeros(kChecksumDigits, '0');
    const std::string_view key = "octet.seal";
    const std::size_t at = header.find(zeros, header.find(key) + key.size());
    header.replace(at, kChecksumDigits, checksum_text(quant::checksum_of(std::as_bytes(std::span(header)))));
    return header;
}

}  // namespace octet::gguf
