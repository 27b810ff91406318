#include "model/loaded.hpp"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include "checkpoint/checkpoint.hpp"
#include "io/mapping.hpp"
#include "octet/error.hpp"

namespace octet::model {
namespace {

/// Begins to open the tokenizer of the model at `path`. What is wrong with the model is left to those who open it.
std::future<std::unique_ptr<Tokenizer>> coming_tokenizer(const std::filesystem::path& path,
                                                         const std::optional<std::string>& only) {
    try {
        return std::async(std::launch::async, [folder = checkpoint::locate(path).folder, only] {
            return open_tokenizer(folder, read_config(folder), only);
        });
    } catch (const Error&) {
        return {};
    } catch (const std::system_error&) {  // no thread to be had
        return {};
    }
}

}  // namespace

Loaded::Loaded(const std::filesystem::path& path, Machine& machine, Start start, std::optional<std::string> only)
    : only_(std::move(only)) {
    if (start == Start::kAtOnce && machine.team().size() > 1) {
        coming_tokenizer_ = coming_tokenizer(path, only_);
        // A thread that is new to a processor that goes on working may wait for milliseconds.
        std::this_thread::yield();
    }
    weights_ = Weights::open(path);
    config_ = read_config(weights_.folder());
    if (start == Start::kAtOnce) bring_in_weights();
    network_ = open_model(weights_, config_, machine);
}

// In the order of the files, which a disk gives faster than what the network happens to touch. What is in the page cache already is mapped
// only as long as there is nothing better to do.
void Loaded::bring_in_weights() const noexcept {
    constexpr std::uint64_t kPiece = 2U << 20U;  // a large page: pieces begin at multiples of it
    const std::vector<Weights::Stretch> stretches = weights_.stretches();
    std::uint64_t total = 0;
    for (const Weights::Stretch& stretch : stretches) total += stretch.byte_count;
    if (total > io::memory_size() / 2) return;  // it would drive itself out again
    const Weights::Stretch* before = nullptr;
    std::uint64_t at = 0;
    bool is_read = false;
    for (const Weights::Stretch& stretch : stretches) {
        const bool is_next_file = before == nullptr || before->mapping != stretch.mapping;
        const std::uint64_t first = stretch.offset / kPiece * kPiece;
        if (is_next_file) is_read = false;
        at = is_next_file ? first : std::max(at, first);
        before = &stretch;
        for (const std::uint64_t end = stretch.offset + stretch.byte_count; at < end; at += kPiece) {
            const std::uint64_t size = std::min(kPiece, stretch.mapping->size() - at);
            const bool has_time = coming_tokenizer_.valid() &&
                                  coming_tokenizer_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
            if (!is_read && stretch.mapping->looks_cached(at, size)) {
                if (has_time) stretch.mapping->populate(at, size);
                continue;
            }
            if (!std::exchange(is_read, true)) stretch.file->will_be_read_in_order();
            if (!stretch.file->bring_in(at, size)) return;
            stretch.mapping->populate(at, size);
        }
    }
}

const Tokenizer& Loaded::tokenizer() {
    if (!tokenizer_ && coming_tokenizer_.valid()) tokenizer_ = coming_tokenizer_.get();
    if (!tokenizer_) tokenizer_ = open_tokenizer(weights_.folder(), config_, only_);
    return *tokenizer_;
}

}  // namespace octet::model
