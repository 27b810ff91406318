// What a GGUF file says of the model that it holds, in the words of the files that a model's folder
// has: config.json, and the files of the tokenizer. So it is checked, and refused, by what reads
// those.
#pragma once

#include <memory>
#include <string>

#include "formats/gguf/gguf_source.hpp"
#include "model/config.hpp"
#include "tokenize/tokenizer.hpp"

namespace octet::model {

/// Of GPT-2 and T5. Another architecture, a key that is missing, or one that says what octet does
/// not compute: kBadInput.
Config config_of(const gguf::GgufSource& source);

/// GPT-2's byte-level BPE or T5's SentencePiece. None in the file, or another one: kBadInput.
std::unique_ptr<tokenize::Tokenizer> tokenizer_of(const gguf::GgufSource& source);

}  // namespace octet::model
