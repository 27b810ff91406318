// T5's tokenizer: SentencePiece (T. Kudo and J. Richardson, 2018), by its own library.
#include <exception>
#include <new>

#include <sentencepiece_processor.h>

#include "base/text.hpp"
#include "io/file.hpp"
#include "model/tokenizer.hpp"
#include "octet/error.hpp"

namespace octet::model {
namespace {

constexpr std::uint64_t kMostFileBytes = 256U << 20U;

class SentencePieces : public Tokenizer {
  public:
    SentencePieces(const std::string& model, std::string_view name) {
        std::string problem;
        try {
            const auto status = processor_.LoadFromSerializedProto(model);
            if (!status.ok()) problem = status.ToString();
        } catch (const std::bad_alloc&) {
            throw;
        } catch (const std::exception& exception) {  // of the library's trie
            problem = exception.what();
        }
        if (problem.empty()) return;
        throw Error(ErrorCode::kBadInput, printable(name),
                    "is not a SentencePiece model (" + printable(problem) + "); fetch it again");
    }

    Ids encode(std::string_view text) const override {
        std::vector<int> numbers;
        const auto status = processor_.Encode({text.data(), text.size()}, &numbers);
        if (!status.ok())
            throw Error(ErrorCode::kBadInput, "the text: SentencePiece says " + printable(status.ToString()));
        return {numbers.begin(), numbers.end()};
    }

    std::string decode(std::span<const std::uint32_t> ids) const override {
        std::vector<int> numbers;
        for (const std::uint32_t id : ids) {
            const bool known = id < static_cast<std::uint32_t>(processor_.GetPieceSize());
            if (known && !processor_.IsControl(static_cast<int>(id))) numbers.push_back(static_cast<int>(id));
        }
        std::string text;
        const auto status = processor_.Decode(numbers, &text);
        if (!status.ok()) throw Error(ErrorCode::kInternal, "SentencePiece: " + printable(status.ToString()));
        return mended_utf8(text);
    }

  private:
    sentencepiece::SentencePieceProcessor processor_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_sentence_pieces(const std::string& model, std::string_view name) {
    return std::make_unique<SentencePieces>(model, name);
}

std::unique_ptr<Tokenizer> open_sentence_pieces(const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / "spiece.model";
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
        throw Error(ErrorCode::kBadInput, printable(folder.native()),
                    "has no tokenizer: no spiece.model; fetch it, or give token ids");
    }
    return make_sentence_pieces(io::read_text_file(path, kMostFileBytes), path.native());
}

}  // namespace octet::model
