// What a command line asks for, understood: one struct for all commands. The setters of the table
// (option.hpp) fill it in; a command reads the members that its own options set, and nobody else
// changes them. Defaults are those of the library.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/terminal.hpp"
#include "octet/compare.hpp"
#include "octet/model.hpp"
#include "octet/options.hpp"
#include "octet/parts.hpp"
#include "octet/show.hpp"
#include "octet/verify.hpp"

namespace octet::cli {

/// The order of inspect's table, in that of the choices of --sort.
enum class SortKey : std::uint8_t { kFile, kName, kSize, kSqnr };

struct Arguments {
    std::string command;              ///< empty until it is known
    std::string input;                ///< the first path, as it was given
    std::string output;               ///< the second one; of compare, B; of show, the file of --npy
    std::vector<std::string> others;  ///< of compare: what is judged beside B
    std::string tensor;               ///< of show

    unsigned threads = 0;
    bool json = false;
    bool quiet = false;
    bool verbose = false;
    bool sandbox = true;
    When color = When::kAuto;
    When progress = When::kAuto;

    std::vector<std::string>
        reports;  ///< files of --report, each with an ending that says a format

    WriteOptions write;      ///< force, sync, sha256
    Gates gates;             ///< of quantize and compare
    QuantizeOptions coding;  ///< of quantize and plan: what decides the codes, and keep_on_failure
    std::optional<Part> part;  ///< of quantize; empty: all of it
    bool resume = false;       ///< of quantize
    JoinOptions join;          ///< source, verify
    bool discard = false;      ///< of join
    bool scan = false;
    bool list_schemes = false;
    std::optional<Dtype> dtype;  ///< of dequantize; empty: each tensor's own
    std::filesystem::path like;  ///< of dequantize; empty: none
    std::string tensors;         ///< a pattern, of inspect, compare and plan; empty: all
    bool sizes = false;
    bool summary = false;  ///< plan: a row for each scheme
    std::optional<SortKey> sort;
    VerifyOptions verify;  ///< source (of show, too), importance
    ShowOptions show;      ///< rows, columns, index
    unsigned precision = 4;

    GenerateOptions generate;
    std::optional<std::string> prompt;
    std::optional<std::string> prompt_file;
    std::optional<double> temperature;
    std::string versus;
    EvaluateOptions
        evaluate;  ///< and of calibrate: the text; of compare: the text and the gates on it
};

}  // namespace octet::cli
