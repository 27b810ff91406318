// The bounded pipeline: takes every tensor from where it lies to where it goes through one codec, in tiles, on any number of threads.
//
// Work is cut into steps in file order: a batch of whole tensors that fit one worker's memory, or one tile of a larger tensor in one
// of its two passes (range, then codes). Workers take steps in that order, so a tile of codes only ever waits for range tiles that
// others already work on. Memory is a fixed budget shared by the workers, whatever the checkpoint's size. Statistics are gathered per
// tile of fixed size and merged in order: the result does not depend on the number of workers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "io/file.hpp"
#include "octet/dtype.hpp"
#include "octet/options.hpp"
#include "quant/affine.hpp"
#include "quant/block_state.hpp"
#include "quant/error_sums.hpp"
#include "run/file_hasher.hpp"

namespace octet::run {

/// Bytes of source (or restored) data that one slot of statistics covers.
inline constexpr std::uint64_t kTileBytes = 4U << 20U;

enum class Codec : std::uint8_t {
    kCopy,            ///< bytes as they are
    kQuantize,        ///< floats to codes
    kDequantize,      ///< codes to floats
    kConvert,         ///< floats to floats of another dtype
    kScan,            ///< range only; writes nothing, and values that are not finite are a result, not an error
    kQuantizeBlocks,  ///< floats to codes, scales and zero points of channels or groups (run/block_work.hpp)
    kRestoreBlocks,   ///< the way back
    kCheckBlocks,     ///< as kQuantizeBlocks, but holds the target's bytes against what would be written
    kMeasureBlocks,   ///< as kQuantizeBlocks, for its sums alone; writes nothing, and has no target
};

/// What few of the tensors done in blocks need.
struct BlockExtras {
    std::optional<std::uint64_t> first_difference;  ///< made by kCheckBlocks: where in the target
    std::vector<float> weights;                     ///< of the squared errors of the inputs of a search; empty: all 1
    std::vector<quant::BlockState> states;  ///< of all blocks, where they were found first (run/wide_states.hpp)
    /// Made by kQuantizeBlocks where a checksum is not: of the source's pieces those read in order, of codes and state those so written.
    std::vector<std::optional<Checksum>> source_pieces;
    std::vector<std::optional<Checksum>> stored_pieces;
};

/// What tensors done in blocks need besides a TensorJob; codes and state tensors lie one behind the other.
struct BlockJob {
    Scheme scheme;                             ///< with its axis resolved
    std::uint64_t elements = 0;                ///< of the tensor
    quant::BlockState state;                   ///< of a whole tensor: given to kRestoreBlocks, else made
    double bound = 0;                          ///< made: the largest of the blocks'
    std::uint64_t stored_bytes = 0;            ///< given to kQuantizeBlocks: of codes and state tensors
    std::unique_ptr<BlockExtras> extras = {};  ///< null: all empty

    const BlockExtras& extra() const {
        static const BlockExtras none;
        return extras ? *extras : none;
    }
    BlockExtras& make_extra() {
        if (!extras) extras = std::make_unique<BlockExtras>();
        return *extras;
    }
};

/// One tensor's way. The files and the shape outlive the run.
struct TensorJob {
    Codec codec = Codec::kCopy;
    Dtype source_dtype = Dtype::kU8;
    Dtype target_dtype = Dtype::kU8;
    Rounding rounding = Rounding::kNearest;
    const io::File* source = nullptr;
    const io::File* target = nullptr;
    std::uint64_t source_offset = 0;
    std::uint64_t target_offset = 0;
    std::uint64_t elements = 0;      ///< of a copy, and of what kRestoreBlocks reads: bytes
    std::string_view name;           ///< for messages
    const Shape* shape = nullptr;    ///< for messages
    quant::AffineState state;        ///< given to kDequantize, made by kQuantize
    kernels::Range range{};          ///< made by kQuantize and kScan
    quant::ErrorSums sums;           ///< made by kQuantize
    kernels::Narrowing narrowing{};  ///< made by kDequantize and kConvert
    BlockJob* block = nullptr;       ///< of the codecs for blocks; outlives the run
    Checksum source_checksum;        ///< made by kQuantize and kCopy, and by kQuantizeBlocks unless pieces are missing
    Checksum stored_checksum;        ///< the same

    std::uint64_t source_bytes() const noexcept { return elements * (dtype_bits(source_dtype) / 8); }
    std::uint64_t target_bytes() const noexcept {
        if (codec == Codec::kQuantizeBlocks) return block->stored_bytes;
        if (codec == Codec::kRestoreBlocks) return block->elements * (dtype_bits(target_dtype) / 8);
        return codec == Codec::kScan ? 0 : elements * (dtype_bits(target_dtype) / 8);
    }
};

/// Runs all jobs. On failure everything stops soon and the error of the first tensor in file order is thrown: kBadInput (a value that is
/// not finite, or that overflows the target dtype), kIo; kInterrupted when `options.stop_requested` says so. Returns the checksums
/// of the files' pieces that were written in order, a target each.
std::vector<FileHasher> run_jobs(std::span<TensorJob> jobs, const WriteOptions& options);

/// The same with nothing but threads and progress.
inline std::vector<FileHasher> run_jobs(std::span<TensorJob> jobs, unsigned threads, const Progress& progress) {
    WriteOptions options;
    options.threads = threads;
    options.progress = progress;
    return run_jobs(jobs, options);
}

}  // namespace octet::run
