// The pages of mapped weights, brought into memory before a model touches them, and given back at
// its end, by all members of a team. What is in the page cache is mapped while the caller goes on;
// what is not is read first, in the order of the files, which a disk gives faster than what a
// network happens to touch.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "model/team.hpp"
#include "model/weights.hpp"

namespace octet::model {

class WeightPages {
  public:
    /// Both have to outlive it.
    WeightPages(const Weights& weights, Team& team);
    WeightPages(const WeightPages&) = delete;
    WeightPages& operator=(const WeightPages&) = delete;

    /// Takes out what came in.
    ~WeightPages();

    /// Reads what is not in the page cache, and returns then; nothing where the weights would take
    /// more than half of the machine's memory.
    void read_missing();

    /// Lets the members map all pages, until the next run of the team, in which the caller takes
    /// part in it.
    void begin_to_map();

  private:
    /// Bytes of a mapped file within one large page.
    struct Piece {
        const io::File* file = nullptr;
        const io::Mapping* mapping = nullptr;
        std::uint64_t offset = 0;
        std::uint64_t byte_count = 0;

        void map() const noexcept;
    };

    const Weights& weights_;
    Team& team_;
    std::vector<Piece> pieces_;  ///< none: they come as they are touched
    std::function<void(std::size_t, unsigned)> map_piece_;
};

}  // namespace octet::model
