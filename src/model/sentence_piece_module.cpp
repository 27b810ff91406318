#include "model/sentence_piece_module.hpp"

#include <sentencepiece_processor.h>

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace {

using sentencepiece::SentencePieceProcessor;
using Sink = OctetSentencePieceFunctions::Sink;

const SentencePieceProcessor& processor_of(const void* processor) {
    return *static_cast<const SentencePieceProcessor*>(processor);
}

/// Runs an action that returns a status; false, with the reason told, when that is not ok or it throws.
template <typename Action>
bool done(Sink why, void* context, Action action) {
    const auto tell = [&](std::string_view reason) { why(context, reason.data(), reason.size()); };
    try {
        const auto status = action();
        if (status.ok()) return true;
        tell(status.ToString());
    } catch (const std::bad_alloc&) {
        tell("out of memory");
    } catch (const std::exception& error) {  // such as the library's trie throws
        tell(error.what());
    }
    return false;
}

void* open(const char* model, std::size_t size, Sink why, void* context) {
    std::unique_ptr<SentencePieceProcessor> processor;
    const bool opened = done(why, context, [&] {
        processor = std::make_unique<SentencePieceProcessor>();
        return processor->LoadFromSerializedProto({model, size});
    });
    return opened ? processor.release() : nullptr;
}

void close(void* processor) {
    delete static_cast<SentencePieceProcessor*>(processor);
}

std::int32_t piece_count(const void* processor) {
    return processor_of(processor).GetPieceSize();
}

bool is_control(const void* processor, std::int32_t id) {
    return processor_of(processor).IsControl(id);
}

bool encode(const void* processor, const char* text, std::size_t size, Sink ids, Sink why, void* context) {
    std::vector<int> found;
    if (!done(why, context, [&] { return processor_of(processor).Encode({text, size}, &found); })) return false;
    static_assert(sizeof(int) == sizeof(std::int32_t));
    ids(context, reinterpret_cast<const char*>(found.data()), found.size() * sizeof(int));
    return true;
}

bool decode(const void* processor, const std::int32_t* ids, std::size_t count, Sink text, Sink why, void* context) {
    std::string found;
    const auto action = [&] { return processor_of(processor).Decode(std::vector<int>(ids, ids + count), &found); };
    if (!done(why, context, action)) return false;
    text(context, found.data(), found.size());
    return true;
}

constexpr OctetSentencePieceFunctions kFunctions = {open, close, piece_count, is_control, encode, decode};

}  // namespace

extern "C" const OctetSentencePieceFunctions* octet_sentence_piece_functions() {
    return &kFunctions;
}
