// The options of show: how much of a tensor, and where else it goes.
#include <charconv>

#include "cli/option.hpp"

namespace octet::cli {
namespace {

constexpr std::uint64_t kMostPlaces = kMostShown;
constexpr unsigned kMostPrecision = 16;

/// "3,5" or "-1": whole numbers with commas between them.
void set_index(Arguments& arguments, const Given& given) {
    arguments.show.index.clear();
    const char* at = given.text.data();
    const char* const end = at + given.text.size();
    while (true) {
        std::int64_t place = 0;
        const auto [stop, error] = std::from_chars(at, end, place);
        const bool is_last = stop == end;
        if (error != std::errc() || (!is_last && *stop != ','))
            given.refuse("is no index, such as 3 or 3,5");
        arguments.show.index.push_back(place);
        if (is_last) return;
        at = stop + 1;
    }
}

constexpr Option kOptions[] = {
    {
        .name = "--rows",
        .value = "N",
        .commands = kShowTensor,
        .group = Group::kShow,
        .help = "the most rows that are shown, half of them from each end",
        .fallback = "6 of a large tensor, else all",
        .set = [](Arguments& a, const Given& given) { a.show.rows = given.count(1, kMostPlaces); },
    },
    {
        .name = "--columns",
        .value = "N",
        .commands = kShowTensor,
        .group = Group::kShow,
        .help = "the same of columns",
        .manual = "The most columns that are shown, half of them from each end.",
        .fallback = "6 of a large tensor, else all",
        .set = [](Arguments& a,
                  const Given& given) { a.show.columns = given.count(1, kMostPlaces); },
    },
    {
        .name = "--index",
        .value = "I,J",
        .commands = kShowTensor,
        .group = Group::kShow,
        .help = "only t[I, J]: an element, a row, or what is below it",
        .manual =
            R"(Only `t[I, J]`, as torch and NumPy take indices, from 0, negative ones from the end: of
            a matrix `3,5` is one element and `3` a row. All figures are of what is selected.)",
        .set = set_index,
    },
    {
        .name = "--precision",
        .value = "N",
        .commands = kShowTensor,
        .group = Group::kShow,
        .help = "digits behind the point, 0 to 16",
        .fallback = "4",
        .set =
            [](Arguments& a, const Given& given) {
                a.precision = static_cast<unsigned>(given.count(0, kMostPrecision));
            },
    },
    {
        .name = "--npy",
        .value = "FILE",
        .commands = kShowTensor,
        .group = Group::kWrite,
        .help = "also write all of the tensor, or of --index, for numpy.load",
        .manual =
            R"(Also write all of the tensor, or of what `--index` selects, as NumPy's `.npy`, version
            1.0: restored values as float32, BF16 as float32, any other dtype as it is. FILE ends in `.npy`
            and appears whole or not at all; an existing one is exit 2 without `--force`.)",
        .path = &Arguments::output,
    },
};

}  // namespace

std::span<const Option> show_options() {
    return kOptions;
}

}  // namespace octet::cli
