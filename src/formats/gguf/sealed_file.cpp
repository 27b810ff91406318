#include "formats/gguf/sealed_file.hpp"

#include <algorithm>
#include <bit>
#include <span>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/checksum.hpp"

namespace octet::gguf {
namespace {

/// Tokens and merges of the largest vocabularies take some 10 MB.
constexpr std::uint64_t kMostHeaderBytes = 256U << 20U;
constexpr std::size_t kChecksumDigits = 32;

/// The header's bytes, one part after the other, none beyond its end.
class HeaderReader {
  public:
    explicit HeaderReader(const io::File& file)
        : file_(file), bytes_(std::min(file.size(), kFirstBytes)) {
        file_.read_at(std::as_writable_bytes(std::span(bytes_)), 0);
    }

    std::size_t at() const noexcept { return at_; }
    std::string& bytes() noexcept { return bytes_; }

    [[noreturn]] void refuse(std::string_view what) const {
        throw Error(ErrorCode::kBadInput, printable(file_.name()),
                    fmt::format("at byte {}: {}; fetch or make the file again", with_commas(at_), what));
    }

    std::string_view take(std::uint64_t count) {
        if (count > file_.size() - at_) refuse(fmt::format("{} should follow, and the file ends", counted(count, "byte")));
        if (at_ + count > bytes_.size()) read_more(at_ + count);
        const std::string_view part(bytes_.data() + at_, count);
        at_ += count;
        return part;
    }

    template <typename Number>
    Number number() {
        std::uint64_t value = 0;
        const std::string_view part = take(sizeof(Number));
        for (std::size_t i = part.size(); i-- > 0;) value = value << 8U | static_cast<unsigned char>(part[i]);
        return static_cast<Number>(value);
    }

    std::string text() { return std::string(take(number<std::uint64_t>())); }

    void skip_string() { take(number<std::uint64_t>()); }

    /// So many elements, of at least one byte each, as the file can hold.
    std::uint64_t count() {
        const auto count = number<std::uint64_t>();
        if (count > file_.size()) refuse(fmt::format("{} elements are more than the file has bytes", with_commas(count)));
        return count;
    }

  private:
    static constexpr std::uint64_t kFirstBytes = 64U << 10U;

    void read_more(std::uint64_t needed) {
        if (needed > kMostHeaderBytes)
            refuse(fmt::format("the header has more than {} bytes", with_commas(kMostHeaderBytes)));
        const std::uint64_t before = bytes_.size();
        bytes_.resize(std::min(std::max(needed, 2 * before), file_.size()));
        file_.read_at(std::as_writable_bytes(std::span(bytes_).subspan(before)), before);
    }

    const io::File& file_;
    std::string bytes_;
    std::size_t at_ = 0;
};

std::uint64_t bytes_of_type(HeaderReader& reader, ValueType type) {
    switch (type) {
        case ValueType::kU8:
        case ValueType::kI8:
        case ValueType::kBool:
            return 1;
        case ValueType::kU16:
        case ValueType::kI16:
            return 2;
        case ValueType::kU32:
        case ValueType::kI32:
        case ValueType::kF32:
            return 4;
        case ValueType::kU64:
        case ValueType::kI64:
        case ValueType::kF64:
            return 8;
        default:
            reader.refuse("no value has such a type");
    }
}

/// Octet's own keys, and what else is looked at, as they come.
class Parser {
  public:
    explicit Parser(const io::File& file) : file_(file), reader_(file) {}

    SealedFile parse() {
        if (reader_.take(kMagic.size()) != kMagic) reader_.refuse("no GGUF file begins like that");
        if (reader_.number<std::uint32_t>() != kVersion) reader_.refuse("octet writes version 3 alone");
        const std::uint64_t tensors = reader_.count();
        const std::uint64_t keys = reader_.count();
        for (std::uint64_t i = 0; i < keys; ++i) read_key();
        for (std::uint64_t i = 0; i < tensors; ++i) read_info();
        if (seal_at_ == 0) reader_.refuse("no \"octet.seal\" is before it: octet did not write this file");
        finish();
        return std::move(result_);
    }

  private:
    void read_key() {
        const std::string name = reader_.text();
        const auto type = static_cast<ValueType>(reader_.number<std::uint32_t>());
        if (type == ValueType::kString) return take_string(name);
        if (type == ValueType::kArray) return take_array(name);
        if (name == "octet.source_bytes" && type == ValueType::kU64) {
            result_.source_bytes = reader_.number<std::uint64_t>();
        } else {
            reader_.take(bytes_of_type(reader_, type));
        }
    }

    void take_string(const std::string& name) {
        if (name == "octet.seal") {
            seal_ = reader_.text();
            seal_at_ = reader_.at() - seal_.size();
        } else if (name == "octet.version") {
            result_.generator = reader_.text();
        } else if (name == "general.architecture") {
            result_.architecture = reader_.text();
        } else {
            reader_.skip_string();
        }
    }

    void take_array(const std::string& name) {
        const auto type = static_cast<ValueType>(reader_.number<std::uint32_t>());
        const std::uint64_t count = reader_.count();
        if (type == ValueType::kString) {
            for (std::uint64_t i = 0; i < count; ++i) {
                if (name == "octet.checksums") {
                    checksums_.push_back(reader_.text());
                } else {
                    reader_.skip_string();
                }
            }
            return;
        }
        std::vector<double>* const figures = name == "octet.sqnr_db"         ? &sqnr_db_
                                             : name == "octet.rmse"          ? &rmse_
                                             : name == "octet.max_abs_error" ? &max_abs_error_
                                                                             : nullptr;
        if (figures == nullptr || type != ValueType::kF64) {
            const auto bytes = checked_multiply(count, bytes_of_type(reader_, type));
            if (!bytes) reader_.refuse("the array is longer than any file");
            reader_.take(*bytes);
            return;
        }
        for (std::uint64_t i = 0; i < count; ++i)
            figures->push_back(std::bit_cast<double>(reader_.number<std::uint64_t>()));
    }

    void read_info() {
        SealedTensor tensor;
        tensor.name = reader_.text();
        const auto dimensions = reader_.number<std::uint32_t>();
        if (dimensions > kMostDimensions) reader_.refuse(fmt::format("a tensor has {} dimensions", dimensions));
        for (std::uint32_t i = 0; i < dimensions; ++i) tensor.shape.push_back(reader_.number<std::uint64_t>());
        std::reverse(tensor.shape.begin(), tensor.shape.end());
        const ggml::TypeTraits* const type = ggml::find_type(reader_.number<std::uint32_t>());
        if (type == nullptr) reader_.refuse("a tensor has a type that octet does not write");
        tensor.type = type->type;
        const auto elements = element_count(tensor.shape);
        const std::uint64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
        if (!elements || *elements > file_.size() * std::uint64_t{type->block_elements} || !ggml::fits_row(tensor.type, row))
            reader_.refuse(fmt::format("tensor {} has a shape that cannot be", in_quotes(tensor.name)));
        tensor.byte_count = stored_bytes(tensor.type, tensor.shape);
        tensor.offset = reader_.number<std::uint64_t>();
        result_.tensors.push_back(std::move(tensor));
    }

    /// Where the data begin, whether they fit, and the seal.
    void finish() {
        const std::size_t tensors = result_.tensors.size();
        for (const std::size_t count : {checksums_.size(), sqnr_db_.size(), rmse_.size(), max_abs_error_.size()})
            if (count != tensors) reader_.refuse("octet's own keys are for another number of tensors");
        const std::uint64_t header = aligned(reader_.at());
        reader_.take(header - reader_.at());
        result_.header_bytes = header;
        std::uint64_t end = header;
        for (std::size_t i = 0; i < tensors; ++i) {
            SealedTensor& tensor = result_.tensors[i];
            const auto checksum = parse_checksum(checksums_[i]);
            if (!checksum || tensor.offset != end - header)
                reader_.refuse(fmt::format("tensor {} is not where octet puts it", in_quotes(tensor.name)));
            tensor.offset = end;
            tensor.record = {*checksum, sqnr_db_[i], rmse_[i], max_abs_error_[i]};
            const auto next = checked_add(end, aligned(tensor.byte_count));
            if (!next) reader_.refuse("the tensors are longer than any file");
            end = *next;
        }
        result_.byte_count = end;
        std::string bytes = reader_.bytes().substr(0, header);
        bytes.replace(seal_at_, seal_.size(), kChecksumDigits, '0');
        result_.is_sealed = seal_ == checksum_text(quant::checksum_of(std::as_bytes(std::span(bytes))));
    }

    const io::File& file_;
    HeaderReader reader_;
    SealedFile result_;
    std::string seal_;
    std::size_t seal_at_ = 0;
    std::vector<std::string> checksums_;
    std::vector<double> sqnr_db_;
    std::vector<double> rmse_;
    std::vector<double> max_abs_error_;
};

}  // namespace

bool is_gguf(const io::File& file) {
    std::string magic(kMagic.size(), '\0');
    if (file.size() < magic.size()) return false;
    file.read_at(std::as_writable_bytes(std::span(magic)), 0);
    return magic == kMagic;
}

SealedFile read_sealed_file(const io::File& file) {
    return Parser(file).parse();
}

}  // namespace octet::gguf
