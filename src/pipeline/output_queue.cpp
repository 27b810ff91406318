// A lock, a list of waiting chunks in file order, and one writer at a time: whoever hands in the
// chunk that is next writes everything that follows it.
#include "pipeline/output_queue.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/checked.hpp"

namespace octet::pipeline {

OutputQueue::OutputQueue(std::vector<FileHasher> files, bool hashes, std::uint64_t memory_bytes,
                         io::Pages pages)
    : memory_(memory_bytes, pages),
      hashers_(std::move(files)),
      hashes_(hashes),
      chunk_bytes_(hashes ? kHashedChunkBytes : kPlainChunkBytes) {
    for (std::uint64_t at = memory_bytes / chunk_bytes_ * chunk_bytes_; at > 0; at -= chunk_bytes_)
        free_.push_back(memory_.bytes().data() + at - chunk_bytes_);
    waiting_.reserve(free_.size());
}

std::size_t OutputQueue::hash_stretch(const io::File& file, std::uint64_t offset,
                                      std::uint64_t byte_count) {
    stretches_.push_back({number_of(file), offset, offset + byte_count, {}});
    stretches_.back().pieces.resize(divide_up(byte_count, quant::kPieceBytes));
    return stretches_.size() - 1;
}

std::byte* OutputQueue::take() {
    std::unique_lock lock(mutex_);
    while (free_.empty()) {
        if (is_writing_ || waiting_.empty()) {
            changed_.wait(lock);
        } else {
            write_waiting(lock, true);
        }
    }
    std::byte* const chunk = free_.back();
    free_.pop_back();
    return chunk;
}

void OutputQueue::give_back(std::byte* chunk) noexcept {
    const std::lock_guard lock(mutex_);
    free_.push_back(chunk);  // never allocates: the chunk came from here
    changed_.notify_all();
}

void OutputQueue::put(std::byte* chunk, std::uint64_t size, const io::File& file,
                      std::uint64_t offset, bool has_hash) {
    std::unique_lock lock(mutex_);
    const Waiting one{number_of(file), offset, size, chunk, has_hash};
    const auto behind = std::upper_bound(
        waiting_.begin(), waiting_.end(), one, [](const Waiting& a, const Waiting& b) {
            return std::tie(a.file, a.offset) < std::tie(b.file, b.offset);
        });
    waiting_.insert(behind, one);
    if (!is_writing_) write_waiting(lock, false);
    if (free_.empty())
        changed_.notify_all();  // somebody in need of a chunk may write this one, in order or not
}

void OutputQueue::finish() {
    std::unique_lock lock(mutex_);
    while (!waiting_.empty()) write_waiting(lock, true);
    end_stretch();
}

/// Files come one after the other; a search from the current one ends at once.
std::size_t OutputQueue::number_of(const io::File& file) const noexcept {
    for (std::size_t i = current_; i < hashers_.size(); ++i) {
        if (&hashers_[i].file() == &file) return i;
    }
    std::size_t i = 0;
    while (&hashers_[i].file() != &file) ++i;
    return i;
}

bool OutputQueue::is_next(const Waiting& waiting) noexcept {
    while (current_ + 1 < hashers_.size() && hashers_[current_].is_complete()) ++current_;
    return waiting.file == current_ && waiting.offset == hashers_[current_].next();
}

void OutputQueue::end_stretch() {
    if (stretch_ == nullptr) return;
    std::size_t number = 0;
    for (std::optional<Checksum>& piece : stretch_hasher_->take_pieces()) {
        if (piece) stretch_->pieces[number] = piece;
        ++number;
    }
    stretch_ = nullptr;
}

/// For its file, and for the stretch that it may lie in.
void OutputQueue::hash(const Waiting& one) {
    const std::span<const std::byte> bytes(one.chunk, one.size);
    hashers_[one.file].add(one.offset, bytes);
    if (one.has_hash) return;
    const auto behind = std::upper_bound(
        stretches_.begin(), stretches_.end(), one, [](const Waiting& a, const Stretch& b) {
            return std::tie(a.file, a.offset) < std::tie(b.file, b.begin);
        });
    if (behind == stretches_.begin()) return;
    Stretch& stretch = *(behind - 1);
    if (stretch.file != one.file || one.offset >= stretch.end) return;
    if (stretch_ != &stretch) {
        end_stretch();
        stretch_ = &stretch;
        stretch_hasher_ =
            FileHasher::of_stretch(hashers_[one.file].file(), stretch.begin, stretch.end);
    }
    stretch_hasher_->add(one.offset, bytes);
}

/// Makes the caller the writer of everything that is next; `out_of_order`: of the first that waits,
/// whether it is next or not.
void OutputQueue::write_waiting(std::unique_lock<std::mutex>& lock, bool out_of_order) {
    is_writing_ = true;
    while (!waiting_.empty() && (out_of_order || is_next(waiting_.front()))) {
        out_of_order = false;
        const Waiting one = waiting_.front();
        waiting_.erase(waiting_.begin());
        current_ = one.file;
        lock.unlock();
        std::exception_ptr error;
        try {
            if (hashes_) {
                hash(one);
            } else {
                hashers_[one.file].skip(one.offset, one.size);
            }
            hashers_[one.file].file().write_at({one.chunk, one.size}, one.offset);
        } catch (...) {
            error = std::current_exception();
        }
        lock.lock();
        free_.push_back(one.chunk);
        changed_.notify_all();
        if (!error) continue;
        is_writing_ = false;
        std::rethrow_exception(error);
    }
    is_writing_ = false;
}

OutputStream::~OutputStream() {
    if (chunk_ != nullptr) queue_.give_back(chunk_);
}

void OutputStream::begin_hash() {
    hash_filled();
    hashed_ = filled_;
    hasher_.emplace();
}

void OutputStream::end_hash(std::optional<Checksum>* pieces) {
    if (!hasher_) return;
    hash_filled();
    hasher_->take_pieces([&](const Checksum& piece) { *pieces++ = piece; });
    hasher_.reset();
}

void OutputStream::hash_filled() {
    if (hasher_ && chunk_ != nullptr) hasher_->add({chunk_ + hashed_, filled_ - hashed_});
    hashed_ = filled_;
}

std::span<std::byte> OutputStream::next(std::uint64_t size) {
    hash_filled();
    if (chunk_ != nullptr && size > queue_.chunk_bytes() - filled_) finish();
    if (chunk_ == nullptr) chunk_ = queue_.take();
    const std::span<std::byte> room(chunk_ + filled_, size);
    filled_ += size;
    return room;
}

void OutputStream::go_on_at(std::uint64_t offset) {
    if (offset == offset_ + filled_) return;
    finish();
    offset_ = offset;
}

void OutputStream::finish() {
    if (chunk_ == nullptr) return;
    hash_filled();
    hashed_ = 0;
    std::byte* const chunk = std::exchange(chunk_, nullptr);
    const std::uint64_t size = std::exchange(filled_, 0);
    queue_.put(chunk, size, *file_, std::exchange(offset_, offset_ + size), hasher_.has_value());
}

}  // namespace octet::pipeline
