// The rules are those of torch/_tensor_str.py: all shown numbers have one width and one form.
// Whether that is whole numbers, a fixed number of digits or powers of ten follows from the shown
// numbers that are finite and not 0.
#include "report/torch_text.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace octet::report {
namespace {

constexpr std::size_t kLineWidth = 80;
constexpr std::string_view kPrefix = "tensor(";

/// How the floats of one tensor are written.
class FloatForm {
  public:
    FloatForm(const std::vector<double>& values, unsigned precision) : precision_(precision) {
        double least = std::numeric_limits<double>::infinity();
        double most = 0;
        for (const double value : values) {
            if (!counts(value)) continue;
            least = std::min(least, std::fabs(value));
            most = std::max(most, std::fabs(value));
            is_whole_ = is_whole_ && value == std::ceil(value);
        }
        if (most == 0) return;
        is_scientific_ = most / least > 1000.0 || most > 1.0e8 || least < 1.0e-4;
        for (const double value : values) {
            if (counts(value)) width_ = std::max(width_, text(value).size());
        }
    }

    std::string text(double value) const {
        if (std::isnan(value)) return "nan";  // Python shows no sign of it
        if (is_scientific_) return fmt::format("{:.{}e}", value, precision_);
        if (!is_whole_) return fmt::format("{:.{}f}", value, precision_);
        return fmt::format("{:.0f}", value) + (std::isfinite(value) ? "." : "");
    }

    std::size_t width() const { return width_; }

  private:
    static bool counts(double value) { return std::isfinite(value) && value != 0.0; }

    unsigned precision_;
    bool is_whole_ = true;
    bool is_scientific_ = false;
    std::size_t width_ = 1;
};

std::string integer_text(Dtype dtype, std::int64_t value) {
    if (dtype == Dtype::kBool) return value != 0 ? "True" : "False";
    if (dtype == Dtype::kU64) return fmt::format("{}", static_cast<std::uint64_t>(value));
    return fmt::format("{}", value);
}

/// All shown elements as texts of one width.
std::vector<std::string> element_texts(const ShownTensor& tensor, unsigned precision,
                                       std::size_t& width) {
    std::vector<std::string> texts;
    if (is_quantizable(tensor.dtype)) {
        const FloatForm form(tensor.floats, precision);
        for (const double value : tensor.floats) texts.push_back(form.text(value));
        width = form.width();
    } else {
        width = 1;
        for (const std::int64_t value : tensor.integers)
            texts.push_back(integer_text(tensor.dtype, value));
        for (const std::string& text : texts) width = std::max(width, text.size());
    }
    for (std::string& text : texts) text.insert(0, width - std::min(width, text.size()), ' ');
    return texts;
}

/// The brackets, level by level. Elements are taken in order.
class Brackets {
  public:
    Brackets(const ShownTensor& tensor, const std::vector<std::string>& texts, std::size_t width)
        : dimensions_(tensor.dimensions), texts_(texts), width_(width) {}

    std::string text(std::size_t depth, std::size_t indent) {
        if (depth == dimensions_.size()) return texts_[next_++];
        if (depth + 1 == dimensions_.size()) return row(dimensions_[depth], indent);
        const ShownDimension& d = dimensions_[depth];
        std::vector<std::string> slices;
        for (std::uint64_t i = 0; i < d.count(); ++i) {
            if (d.is_cut() && i == d.head) slices.emplace_back("...");
            slices.push_back(text(depth + 1, indent + 1));
        }
        if (d.is_cut() && d.tail == 0) slices.emplace_back("...");
        const std::size_t breaks = dimensions_.size() - depth - 1;
        return "[" +
               joined(slices, "," + std::string(breaks, '\n') + std::string(indent + 1, ' ')) + "]";
    }

  private:
    static std::string joined(const std::vector<std::string>& parts, const std::string& separator) {
        return fmt::format("{}", fmt::join(parts, separator));
    }

    std::string row(const ShownDimension& d, std::size_t indent) {
        std::vector<std::string> data;
        for (std::uint64_t i = 0; i < d.count(); ++i) {
            if (d.is_cut() && i == d.head) data.emplace_back(" ...");
            data.push_back(texts_[next_++]);
        }
        if (d.is_cut() && d.tail == 0) data.emplace_back(" ...");
        const std::size_t room = kLineWidth - std::min(kLineWidth, indent);
        const std::size_t each = std::max<std::size_t>(room / (width_ + 2), 1);
        std::vector<std::string> lines;
        for (std::size_t i = 0; i < data.size(); i += each) {
            const auto begin = data.begin() + static_cast<std::ptrdiff_t>(i);
            lines.push_back(joined(
                {begin, begin + static_cast<std::ptrdiff_t>(std::min(each, data.size() - i))},
                ", "));
        }
        return "[" + joined(lines, ",\n" + std::string(indent + 1, ' ')) + "]";
    }

    const std::vector<ShownDimension>& dimensions_;
    const std::vector<std::string>& texts_;
    std::size_t width_;
    std::size_t next_ = 0;
};

/// Empty of the dtypes that torch takes for granted.
std::string_view torch_dtype(Dtype dtype) {
    switch (dtype) {
        case Dtype::kU8:
            return "torch.uint8";
        case Dtype::kI8:
            return "torch.int8";
        case Dtype::kI16:
            return "torch.int16";
        case Dtype::kU16:
            return "torch.uint16";
        case Dtype::kF16:
            return "torch.float16";
        case Dtype::kBF16:
            return "torch.bfloat16";
        case Dtype::kI32:
            return "torch.int32";
        case Dtype::kU32:
            return "torch.uint32";
        case Dtype::kF64:
            return "torch.float64";
        case Dtype::kU64:
            return "torch.uint64";
        default:
            return {};  // torch.bool, torch.float32, torch.int64
    }
}

/// ", dtype=torch.uint8)", on a line of its own where there is no room.
std::string with_suffixes(std::string text, const std::vector<std::string>& suffixes) {
    const std::size_t last_break = text.rfind('\n');
    // torch counts two columns more of a text that has one line
    std::size_t length =
        last_break == std::string::npos ? text.size() + 2 : text.size() - last_break + 1;
    for (const std::string& suffix : suffixes) {
        if (length + suffix.size() + 2 > kLineWidth) {
            text += ",\n" + std::string(kPrefix.size(), ' ') + suffix;
            length = kPrefix.size() + suffix.size();
        } else {
            text += ", " + suffix;
            length += suffix.size() + 2;
        }
    }
    return text + ")";
}

}  // namespace

std::string torch_text(const ShownTensor& tensor, unsigned precision) {
    std::size_t width = 1;
    const std::vector<std::string> texts = element_texts(tensor, precision, width);
    std::vector<std::string> suffixes;
    std::string text(kPrefix);
    if (texts.empty()) {
        text += "[]";
        std::vector<std::uint64_t> lengths;
        for (const ShownDimension& d : tensor.dimensions) lengths.push_back(d.length);
        if (lengths.size() != 1)
            suffixes.push_back(fmt::format("size=({})", fmt::join(lengths, ", ")));
    } else {
        text += Brackets(tensor, texts, width).text(0, kPrefix.size());
    }
    const std::string_view dtype = torch_dtype(tensor.dtype);
    const bool is_named = !dtype.empty() || (texts.empty() && tensor.dtype != Dtype::kF32);
    if (is_named) {
        const std::string_view rare = tensor.dtype == Dtype::kBool ? "torch.bool" : "torch.int64";
        suffixes.push_back(fmt::format("dtype={}", dtype.empty() ? rare : dtype));
    }
    return with_suffixes(std::move(text), suffixes);
}

std::string torch_number(double value, unsigned precision) {
    return FloatForm({value}, precision).text(value);
}

}  // namespace octet::report
