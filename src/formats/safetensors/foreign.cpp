// One row a format: its name, how its first bytes look, and the cure. Order matters where one
// beginning is another's, too.
#include "formats/safetensors/foreign.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::safetensors {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kEnough = 512;  // a tar has its mark at 257

constexpr std::string_view kGguf = "GGUF";
constexpr std::string_view kConvert = "; save it as safetensors first";

struct Format {
    std::string_view begins;
    std::string_view what;
};

constexpr std::array<Format, 18> kFormats = {{
    {"version https://git-lfs.github.com"sv,
     "is a Git LFS pointer, not the file that it stands for; run git lfs pull"},
    {kGguf,
     "is a GGUF file, not safetensors; give it a name that ends in .gguf, or the checkpoint it was "
     "made from"},
    {"ggml"sv, "is a GGML file, not safetensors; give the checkpoint that it was made from"},
    {"tjgg"sv, "is a GGML file, not safetensors; give the checkpoint that it was made from"},
    {"PK\x03\x04"sv,
     "is a zip archive, as PyTorch (.bin, .pt) and Keras save weights, not safetensors; save it as "
     "safetensors first"},
    {"\x1f\x8b"sv, "is compressed with gzip; unpack it first (gzip -d)"},
    {"\x28\xb5\x2f\xfd"sv, "is compressed with zstd; unpack it first (zstd -d)"},
    {"\xfd"
     "7zXZ\0"sv,
     "is compressed with xz; unpack it first (xz -d)"},
    {"BZh"sv, "is compressed with bzip2; unpack it first (bzip2 -d)"},
    {"7z\xbc\xaf\x27\x1c"sv, "is a 7z archive; unpack it first"},
    {"\x89HDF\r\n\x1a\n"sv,
     "is an HDF5 file (.h5), as TensorFlow and Keras save weights, not safetensors; save it as "
     "safetensors first"},
    {"\x93NUMPY"sv, "is a NumPy file, not safetensors; save it as safetensors first"},
    {"%PDF"sv, "is a PDF document, not safetensors"},
    {"\x7f"
     "ELF"sv,
     "is a program, not safetensors"},
    {"<!DOCTYPE"sv,
     "is an HTML page, not safetensors: what was downloaded is a web page; download the file "
     "itself"},
    {"<!doctype"sv,
     "is an HTML page, not safetensors: what was downloaded is a web page; download the file "
     "itself"},
    {"<html"sv,
     "is an HTML page, not safetensors: what was downloaded is a web page; download the file "
     "itself"},
    {"<?xml"sv,
     "is an XML document, as servers answer with errors, not safetensors; download the file again"},
}};

/// Protocol 2 and later: an opcode, the protocol, and the first opcode of what is saved.
bool is_pickle(std::string_view beginning) {
    return beginning.size() > 2 && beginning[0] == '\x80' && beginning[1] >= 2 &&
           beginning[1] <= 5 && "cX}]()\x95\x8a\x8c"sv.find(beginning[2]) != beginning.npos;
}

/// A protocol buffer whose first field is the version of ONNX, and whose second is the name of what
/// made it, or the opset or graph.
bool is_onnx(std::string_view beginning) {
    return beginning.size() > 3 && beginning[0] == '\x08' && beginning[1] >= 1 &&
           beginning[1] <= 20 &&
           (beginning[2] == '\x12' || beginning[2] == '\x3a' || beginning[2] == '\x42');
}

/// 8 bytes of a length that the format allows, and the bracket of a header behind them.
bool begins_like_safetensors(std::string_view beginning) {
    if (beginning.size() < 9 || beginning[8] != '{') return false;
    return std::all_of(beginning.begin() + 4, beginning.begin() + 8,
                       [](char c) { return c == '\0'; });
}

}  // namespace

std::optional<std::string> foreign_format(std::string_view beginning) {
    if (begins_like_safetensors(beginning)) return std::nullopt;
    const std::string_view text =
        beginning.substr(std::min(beginning.find_first_not_of(" \t\r\n"), beginning.size()));
    for (const Format& format : kFormats) {
        const bool is_markup = format.begins.front() == '<';
        if ((is_markup ? text : beginning).starts_with(format.begins))
            return std::string(format.what);
    }
    if (is_pickle(beginning))
        return "is a pickle, as PyTorch (.bin, .pt) saves weights, not safetensors" +
               std::string(kConvert);
    if (beginning.size() > 262 && beginning.substr(257, 5) == "ustar")
        return "is a tar archive; unpack it first (tar -x)";
    if (beginning.size() > 8 && beginning.substr(4, 4) == "TFL3")
        return "is a TensorFlow Lite model, not safetensors; give the checkpoint that it was made "
               "from";
    if (is_onnx(beginning))
        return "is an ONNX model, not safetensors; give the checkpoint that it was made from";
    if (text.starts_with('{') || text.starts_with("[{") || text.starts_with("[\""))
        return "is JSON text, not safetensors; give the .safetensors file, its "
               "*.safetensors.index.json, or the folder";
    return std::nullopt;
}

std::optional<std::string> foreign_format(const io::File& file) {
    std::string beginning(std::min<std::uint64_t>(file.size(), kEnough), '\0');
    try {
        file.read_at(std::as_writable_bytes(std::span(beginning)), 0);
    } catch (const Error&) {
        return std::nullopt;
    }
    return foreign_format(beginning);
}

bool begins_like_gguf(const io::File& file) {
    std::string beginning(kGguf.size(), '\0');
    if (file.size() < beginning.size()) return false;
    try {
        file.read_at(std::as_writable_bytes(std::span(beginning)), 0);
    } catch (const Error&) {
        return false;
    }
    return beginning == kGguf;
}

void refuse_foreign(const io::File& file) {
    if (const auto what = foreign_format(file))
        throw Error(ErrorCode::kBadInput, printable(file.name()), *what);
}

}  // namespace octet::safetensors
