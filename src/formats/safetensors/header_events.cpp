// A state for each level of the object, a bit for each key that was seen. A violation ends the
// parse at once with the place, and memory grows with what was accepted only.
#include "formats/safetensors/header_events.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::safetensors {
namespace {

/// After so many tensors it is clear enough how many a text of that length has.
constexpr std::size_t kFirstTensors = 256;

/// Walks the text and tells, through `where`, how far the parser has come.
class CountingIterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountingIterator(const char* at, const char** where) : at_(at), where_(where) {}
    reference operator*() const { return *at_; }
    CountingIterator& operator++() {
        *where_ = ++at_;
        return *this;
    }
    CountingIterator operator++(int) {
        CountingIterator before = *this;
        ++*this;
        return before;
    }
    friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
        return a.at_ == b.at_;
    }

  private:
    const char* at_;
    const char** where_;
};

/// The SAX handler. `false` from an event stops the parser; `problem` then says why.
class HeaderEvents {
  public:
    HeaderEvents(std::string_view json, const char** where) : json_(json), where_(where) {}

    bool null() { return unexpected("null"); }
    bool boolean(bool) { return unexpected("a boolean"); }
    bool number_float(double, const std::string& text) {
        return unexpected("the number " + printable(text.substr(0, 40)));
    }
    bool binary(std::vector<std::uint8_t>&) { return unexpected("binary data"); }

    bool number_integer(std::int64_t value) {
        return unexpected(fmt::format("the number {} where one from 0 up is due", value));
    }

    bool number_unsigned(std::uint64_t value) {
        if (place_ != Place::kShape && place_ != Place::kOffsets) return unexpected("a number");
        if (place_ == Place::kOffsets && numbers_.size() == 2)
            return fail("data_offsets has more than two numbers");
        numbers_.push_back(value);
        return true;
    }

    bool string(std::string& value) {
        if (place_ == Place::kMetadata) {
            parsed.header.metadata.back().second = std::move(value);
            return true;
        }
        if (place_ != Place::kTensor || field_ != "dtype") return unexpected("a string");
        dtype_ = parse_dtype(value);
        if (!dtype_)
            return fail(fmt::format(
                "unknown dtype {}; known are BOOL, U8 .. U64, I8 .. I64, F4 .. F64, BF16, C64",
                in_quotes(value)));
        return true;
    }

    bool start_object(std::size_t) {
        if (place_ == Place::kStart) {
            place_ = Place::kTop;
            mark();
            return true;
        }
        if (place_ != Place::kTop) return unexpected("an object");
        place_ = in_metadata_ ? Place::kMetadata : Place::kTensor;
        return true;
    }

    bool key(std::string& name) {
        if (place_ == Place::kTop) return start_member(name);
        if (place_ == Place::kMetadata) {
            parsed.header.metadata.emplace_back(name, std::string());
            return true;
        }
        const bool repeated = (name == "dtype" && dtype_) || (name == "shape" && has_shape_) ||
                              (name == "data_offsets" && has_offsets_);
        if (repeated) return fail(fmt::format("the key {} stands twice", in_quotes(name)));
        if (name != "dtype" && name != "shape" && name != "data_offsets") {
            return fail(fmt::format("unknown key {}; a tensor has dtype, shape and data_offsets",
                                    in_quotes(name)));
        }
        field_ = name;
        return true;
    }

    bool end_object() {
        if (place_ == Place::kTensor && !finish_tensor()) return false;
        if (place_ == Place::kMetadata && !finish_metadata()) return false;
        place_ = place_ == Place::kTop ? Place::kEnd : Place::kTop;
        name_.reset();
        mark();
        return true;
    }

    bool start_array(std::size_t) {
        if (place_ != Place::kTensor || field_ == "dtype") return unexpected("an array");
        place_ = field_ == "shape" ? Place::kShape : Place::kOffsets;
        numbers_.clear();
        return true;
    }

    bool end_array() {
        if (place_ == Place::kShape) {
            shape_ = numbers_;
            has_shape_ = true;
        } else {
            if (numbers_.size() != 2) return fail("data_offsets has fewer than two numbers");
            begin_ = numbers_[0];
            end_ = numbers_[1];
            has_offsets_ = true;
        }
        place_ = Place::kTensor;
        return true;
    }

    bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) {
        // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error while
        // ...": the last part is the fact.
        const std::string_view text = error.what();
        const std::size_t at = text.find("column") == text.npos
                                   ? text.find("] ")
                                   : text.find(": ", text.find("column"));
        return fail("not valid JSON: " +
                    printable(at == text.npos ? text : text.substr(at + 2, 160)));
    }

    std::string problem;
    ParsedHeader parsed;

  private:
    enum class Place { kStart, kTop, kTensor, kShape, kOffsets, kMetadata, kEnd };

    void mark() { mark_ = *where_; }

    std::uint64_t byte_of(const char* at) const {
        return 8 + static_cast<std::uint64_t>(at - json_.data());
    }

    bool fail(std::string_view what) {
        const std::string place = !name_         ? ""
                                  : in_metadata_ ? "__metadata__: "
                                                 : fmt::format("tensor {}: ", in_quotes(*name_));
        problem = fmt::format("{}{} (near byte {})", place, what, byte_of(*where_));
        return false;
    }

    bool unexpected(std::string_view what) {
        switch (place_) {
            case Place::kStart:
                return fail(fmt::format("holds {} instead of an object", what));
            case Place::kTop:
                return fail(fmt::format("{} instead of an object", what));
            case Place::kMetadata:
                return fail(fmt::format("holds {}; only strings are allowed there", what));
            case Place::kShape:
                return fail(fmt::format("shape holds {}", what));
            case Place::kOffsets:
                return fail(fmt::format("data_offsets holds {}", what));
            default:
                return fail(fmt::format("{} holds {}", field_, what));
        }
    }

    bool start_member(std::string& name) {
        const std::size_t from = static_cast<std::size_t>(mark_ - json_.data());
        const std::size_t quote = json_.find('"', from);
        in_metadata_ = name == "__metadata__";
        name_ = name;
        if (in_metadata_) {
            if (has_metadata_) return fail("stands twice");
            has_metadata_ = true;
            return true;
        }
        parsed.key_offsets.push_back(8 + quote);
        dtype_.reset();
        has_shape_ = has_offsets_ = false;
        return true;
    }

    bool finish_tensor() {
        if (!dtype_ || !has_shape_ || !has_offsets_) {
            return fail(fmt::format("has no {}", !dtype_       ? "dtype"
                                                 : !has_shape_ ? "shape"
                                                               : "data_offsets"));
        }
        auto& tensors = parsed.header.tensors;
        const auto position = static_cast<std::uint32_t>(tensors.size());
        if (position == kFirstTensors) reserve_rest();
        tensors.push_back({std::move(*name_), *dtype_, std::move(shape_), begin_, end_, position});
        shape_ = {};
        return true;
    }

    /// As many as the rest of the text has room for if it goes on like this, so that the tensors
    /// are never in memory twice.
    void reserve_rest() {
        const auto read = static_cast<std::uint64_t>(*where_ - json_.data());
        const std::uint64_t expected =
            json_.size() / std::max<std::uint64_t>(read / kFirstTensors, 1);
        parsed.header.tensors.reserve(expected + expected / 16);
        parsed.key_offsets.reserve(expected + expected / 16);
    }

    bool finish_metadata() {
        std::vector<std::string_view> keys;
        for (const auto& [key, value] : parsed.header.metadata) keys.push_back(key);
        std::sort(keys.begin(), keys.end());
        const auto twice = std::adjacent_find(keys.begin(), keys.end());
        return twice == keys.end() ||
               fail(fmt::format("the key {} stands twice", in_quotes(*twice)));
    }

    std::string_view json_;
    const char** where_;
    const char* mark_ = nullptr;
    Place place_ = Place::kStart;
    bool in_metadata_ = false;
    bool has_metadata_ = false;
    bool has_shape_ = false;
    bool has_offsets_ = false;
    std::optional<std::string> name_;
    std::optional<Dtype> dtype_;
    std::string field_;
    std::vector<std::uint64_t> numbers_;
    Shape shape_;
    std::uint64_t begin_ = 0;
    std::uint64_t end_ = 0;
};

}  // namespace

void throw_bad_header(std::string_view file_name, std::string_view what) {
    throw Error(ErrorCode::kBadInput, printable(file_name),
                fmt::format("header: {}; the file is broken or not safetensors", what));
}

ParsedHeader parse_header_events(std::string_view json, std::string_view file_name) {
    if (json.empty()) throw_bad_header(file_name, "has 0 bytes");
    if (json.front() != '{') throw_bad_header(file_name, "does not start with '{' at byte 8");
    // The parser would take a NUL for the end of the text.
    const std::size_t nul = json.find('\0');
    if (nul != json.npos)
        throw_bad_header(file_name,
                         fmt::format("NUL at byte {}; only spaces may pad a header", 8 + nul));
    const char* where = json.data();
    HeaderEvents events(json, &where);
    const CountingIterator first(json.data(), &where);
    const CountingIterator last(json.data() + json.size(), &where);
    if (!nlohmann::json::sax_parse(first, last, &events))
        throw_bad_header(file_name, events.problem);
    return std::move(events.parsed);
}

}  // namespace octet::safetensors
