// The few things that octet asks of the SentencePiece library, as plain functions. Only T5 needs them, so the release does not link the
// library: a module with these functions is built beside the program, carried inside it, and loaded when a T5 model is opened
// (model/load_module.cpp). Every other run starts a millisecond sooner, also where the library is not installed.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

/// No function throws. A text goes out through `sink(context, bytes, size)`; one that fails returns false and gives its reason there.
struct OctetSentencePieceFunctions {
    using Sink = void (*)(void* context, const char* bytes, std::size_t size);

    /// Opens the bytes of a spiece.model; null when they are none.
    void* (*open)(const char* model, std::size_t size, Sink why, void* context);
    void (*close)(void* processor);
    std::int32_t (*piece_count)(const void* processor);
    bool (*is_control)(const void* processor, std::int32_t id);
    /// The ids of a text, 4 bytes each, or the reason.
    bool (*encode)(const void* processor, const char* text, std::size_t size, Sink ids, Sink why, void* context);
    /// The text of ids that all are in the vocabulary, or the reason.
    bool (*decode)(const void* processor, const std::int32_t* ids, std::size_t count, Sink text, Sink why,
                   void* context);
};

/// What the module exports.
const OctetSentencePieceFunctions* octet_sentence_piece_functions();

}  // extern "C"

namespace octet::model {

/// The functions, loaded at the first call. kIo when the library is not there.
const OctetSentencePieceFunctions& sentence_piece_functions();

}  // namespace octet::model
