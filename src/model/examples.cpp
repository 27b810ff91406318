// Lines are read in pieces, through pipes, too. A text is one stream of tokens, an end token before
// each line, cut into windows of the model's context; a pair is a line with a tab between prompt
// and answer.
#include "model/examples.hpp"

#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include "base/text.hpp"
#include "io/text_stream.hpp"
#include "octet/error.hpp"

namespace octet::model {
namespace {

/// The lines of a text, read in pieces. A line ends in \n or \r\n, or with the text.
class Lines {
  public:
    Lines(const std::filesystem::path& path, const ReadOptions& options)
        : stream_(path, options.stop_requested) {}

    bool next(std::string& line) {
        std::size_t stop = buffer_.find('\n', start_);
        while (stop == buffer_.npos && !ended_) {
            const std::size_t count = fill();
            stop = buffer_.find('\n', buffer_.size() - count);
        }
        if (stop == buffer_.npos && start_ == buffer_.size()) return false;
        const std::size_t end = std::min(stop, buffer_.size());
        line = buffer_.substr(start_, end - start_);
        start_ = std::min(end + 1, buffer_.size());
        if (line.ends_with('\r')) line.pop_back();
        ++number_;
        if (line.size() > kMostLineBytes) fail("is longer than 16 MiB; break it");
        if (!is_utf8(line)) fail("is not valid UTF-8; convert the file");
        return true;
    }

    [[noreturn]] void fail(std::string_view what) const {
        throw Error(ErrorCode::kBadInput, printable(name()),
                    fmt::format("line {} {}", number_, what));
    }

    const std::string& name() const noexcept { return stream_.name(); }
    std::uint64_t read_bytes() const noexcept {
        return stream_.read_bytes() - (buffer_.size() - start_);
    }
    std::uint64_t total_bytes() const noexcept { return stream_.total_bytes(); }

  private:
    static constexpr std::size_t kPieceBytes = 1U << 20U;
    static constexpr std::size_t kMostLineBytes = 16U << 20U;

    /// How many bytes came; a terminal is not asked again after its end.
    std::size_t fill() {
        if (buffer_.size() - start_ > kMostLineBytes) {
            ++number_;
            fail("is longer than 16 MiB; break it");
        }
        buffer_.erase(0, start_);
        start_ = 0;
        const std::size_t size = buffer_.size();
        buffer_.resize(size + kPieceBytes);
        const std::size_t count = stream_.read(std::span(buffer_).subspan(size));
        buffer_.resize(size + count);
        ended_ = count == 0;
        return count;
    }

    io::TextStream stream_;
    std::string buffer_;
    bool ended_ = false;
    std::size_t start_ = 0;  ///< of what is not yet taken
    std::uint64_t number_ = 0;
};

/// The numbers in a line, with anything that is no digit between them.
Ids numbers_of(const std::string& line, const Lines& lines) {
    Ids ids;
    constexpr std::string_view kDigits = "0123456789";
    std::size_t at = 0;
    while ((at = line.find_first_not_of(" ,\t[]", at)) != line.npos) {
        const std::size_t stop = std::min(line.find_first_not_of(kDigits, at), line.size());
        if (stop == at || stop - at > 9)
            lines.fail("is no list of token ids; give numbers with blanks or commas between them");
        ids.push_back(static_cast<std::uint32_t>(std::stoul(line.substr(at, stop - at))));
        at = stop;
    }
    return ids;
}

/// A stream of tokens, cut into windows.
class Windows : public Examples {
  public:
    Windows(const std::filesystem::path& path, const ReadOptions& options, Loaded& loaded,
            bool are_ids)
        : lines_(path, options), loaded_(loaded), are_ids_(are_ids) {}

    std::optional<Example> next() override {
        const std::size_t size = loaded_.config().positions;
        std::string line;
        while (stream_.size() < size && lines_.next(line)) {
            const Ids ids = are_ids_ ? numbers_of(line, lines_) : loaded_.tokenizer().encode(line);
            if (!are_ids_) stream_.push_back(loaded_.config().end_token);
            stream_.insert(stream_.end(), ids.begin(), ids.end());
            has_text_ = has_text_ || !ids.empty();
        }
        if (!has_text_)
            throw Error(ErrorCode::kBadInput, printable(lines_.name()), "is empty; give some text");
        const bool whole = stream_.size() >= size;
        if (!whole && (gave_one_ || stream_.size() < 2)) return std::nullopt;
        gave_one_ = true;
        const auto count = static_cast<std::ptrdiff_t>(std::min(size, stream_.size()));
        Example example;
        example.inputs.assign(stream_.begin(), stream_.begin() + count - 1);
        example.labels.assign(stream_.begin() + 1, stream_.begin() + count);
        stream_.erase(stream_.begin(), stream_.begin() + count);
        return example;
    }

    std::uint64_t read_bytes() const override { return lines_.read_bytes(); }
    std::uint64_t total_bytes() const override { return lines_.total_bytes(); }

  private:
    Lines lines_;
    Loaded& loaded_;
    bool are_ids_;
    bool has_text_ = false;
    bool gave_one_ = false;
    std::deque<std::uint32_t> stream_;
};

class Pairs : public Examples {
  public:
    Pairs(const std::filesystem::path& path, const ReadOptions& options, Loaded& loaded)
        : lines_(path, options), loaded_(loaded) {}

    std::optional<Example> next() override {
        std::string line;
        do {
            if (!lines_.next(line)) return std::nullopt;
        } while (line.empty());
        const std::size_t tab = line.find('\t');
        if (tab == line.npos) lines_.fail("has no tab; a line is a prompt, a tab, and its answer");
        const Config& config = loaded_.config();
        Example example;
        example.source = loaded_.tokenizer().encode(std::string_view(line).substr(0, tab));
        example.source.push_back(config.end_token);
        example.labels = loaded_.tokenizer().encode(std::string_view(line).substr(tab + 1));
        example.inputs = example.labels;
        example.inputs.insert(example.inputs.begin(), config.start_token);
        example.labels.push_back(config.end_token);
        return example;
    }

    std::uint64_t read_bytes() const override { return lines_.read_bytes(); }
    std::uint64_t total_bytes() const override { return lines_.total_bytes(); }

  private:
    Lines lines_;
    Loaded& loaded_;
};

}  // namespace

std::unique_ptr<Examples> open_examples(const EvaluateOptions& options, Loaded& loaded) {
    const int kinds = (options.text ? 1 : 0) + (options.pairs ? 1 : 0) + (options.ids ? 1 : 0);
    if (kinds != 1) throw Error(ErrorCode::kUsage, "give one of --text, --pairs and --ids");
    if (loaded.is_t5() != options.pairs.has_value()) {
        throw Error(ErrorCode::kUsage,
                    loaded.is_t5()
                        ? "--pairs: a T5 model answers prompts; give a file with lines of "
                          "prompt, tab, answer"
                        : "--text: a GPT-2 model continues text; give --text or --ids");
    }
    if (options.pairs) return std::make_unique<Pairs>(*options.pairs, options.read, loaded);
    return std::make_unique<Windows>(options.text ? *options.text : *options.ids, options.read,
                                     loaded, options.ids.has_value());
}

}  // namespace octet::model
