// T5's tokenizer: SentencePiece (T. Kudo and J. Richardson, 2018), by its own library.
#include <cstring>
#include <vector>

#include "base/text.hpp"
#include "io/file.hpp"
#include "model/sentence_piece_module.hpp"
#include "model/tokenizer.hpp"
#include "octet/error.hpp"

namespace octet::model {
namespace {

constexpr std::uint64_t kMostFileBytes = 256U << 20U;

/// Where the library's functions put what they find.
void append_text(void* text, const char* bytes, std::size_t size) {
    static_cast<std::string*>(text)->append(bytes, size);
}

class SentencePieces : public Tokenizer {
  public:
    SentencePieces(const std::string& model, std::string_view name) : library_(sentence_piece_functions()) {
        std::string why;
        processor_ = library_.open(model.data(), model.size(), append_text, &why);
        if (processor_ == nullptr)
            throw Error(ErrorCode::kBadInput, printable(name),
                        "is not a SentencePiece model (" + printable(why) + "); fetch it again");
    }
    SentencePieces(const SentencePieces&) = delete;
    SentencePieces& operator=(const SentencePieces&) = delete;
    ~SentencePieces() override { library_.close(processor_); }

    Ids encode(std::string_view text) const override {
        std::string found;  // ids, or why there are none
        if (!library_.encode(processor_, text.data(), text.size(), append_text, append_text, &found))
            throw Error(ErrorCode::kBadInput, "the text: SentencePiece says " + printable(found));
        Ids ids(found.size() / sizeof(Ids::value_type));
        if (!ids.empty()) std::memcpy(ids.data(), found.data(), found.size());
        return ids;
    }

    std::string decode(std::span<const std::uint32_t> ids) const override {
        const auto pieces = static_cast<std::uint32_t>(library_.piece_count(processor_));
        std::vector<std::int32_t> numbers;
        for (const std::uint32_t id : ids) {
            const auto number = static_cast<std::int32_t>(id);
            if (id < pieces && !library_.is_control(processor_, number)) numbers.push_back(number);
        }
        std::string text;
        if (!library_.decode(processor_, numbers.data(), numbers.size(), append_text, append_text, &text))
            throw Error(ErrorCode::kInternal, "SentencePiece: " + printable(text));
        return mended_utf8(text);
    }

  private:
    const OctetSentencePieceFunctions& library_;
    void* processor_ = nullptr;
};

}  // namespace

std::unique_ptr<Tokenizer> make_sentence_pieces(const std::string& model, std::string_view name) {
    return std::make_unique<SentencePieces>(model, name);
}

std::unique_ptr<Tokenizer> open_sentence_pieces(const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / "spiece.model";
    if (!io::exists(path)) {
        throw Error(ErrorCode::kBadInput, printable(folder.native()),
                    "has no tokenizer: no spiece.model; fetch it, or give token ids");
    }
    return make_sentence_pieces(io::read_text_file(path, kMostFileBytes), path.native());
}

}  // namespace octet::model
