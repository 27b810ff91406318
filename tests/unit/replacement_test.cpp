// Files replaced in place, killed before and after every step that changes the disk, and mended by
// the next run.
#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>

#include "io/output.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

namespace fs = std::filesystem;

const std::string kLast = "quantization_state.json";

int calls_left = 0;
bool dead = false;
std::function<void()>
    look;  ///< called before every change, as another process would look at the target

/// A call that changes the disk: the process dies before it, or it happens. Once dead nothing
/// changes any more: what still runs, as clean-up does, meets calls that fail.
template <typename Call>
auto change(Call call) -> decltype(call()) {
    if (look) look();
    dead = dead || calls_left-- == 0;
    if (!dead) return call();
    errno = EIO;
    return -1;
}

int no_exchange(int from, const char* a, int to, const char* b, io::MoveMode mode) {
    if (mode != io::MoveMode::kExchange) return io::real_system_calls().move(from, a, to, b, mode);
    errno = EINVAL;
    return -1;
}

void count_changes(int until_death) {
    calls_left = until_death;
    dead = false;
    io::SystemCalls& calls = io::system_calls();
    calls.mkdir = [](int directory, const char* name, mode_t mode) {
        return change([&] { return io::real_system_calls().mkdir(directory, name, mode); });
    };
    calls.move = [](int from, const char* a, int to, const char* b, io::MoveMode mode) {
        return change([&] { return no_exchange(from, a, to, b, mode); });
    };
    calls.unlink = [](int directory, const char* name) {
        return change([&] { return io::real_system_calls().unlink(directory, name); });
    };
    calls.rmdir = [](int directory, const char* name) {
        return change([&] { return io::real_system_calls().rmdir(directory, name); });
    };
    calls.pwrite = [](int fd, const void* bytes, std::size_t count,
                      off_t offset) {  // the journal's lines, too
        return change([&] { return io::real_system_calls().pwrite(fd, bytes, count, offset); });
    };
}

std::vector<std::string> files_of(const std::string& age) {
    return {"model.octet.safetensors", "config.json", age == "old" ? "a-old" : "z-new", kLast};
}

/// The age of the set that stands whole in the folder; "none" without a file, "mixed" if files are
/// missing or of different ages.
std::string standing_set(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder))
        names.push_back(entry.path().filename().native());
    std::sort(names.begin(), names.end());
    for (const std::string age : {"old", "new"}) {
        std::vector<std::string> expected = files_of(age);
        std::sort(expected.begin(), expected.end());
        if (names != expected) continue;
        const bool whole =
            std::all_of(expected.begin(), expected.end(),
                        [&](const std::string& name) { return read_file(folder / name) == age; });
        if (whole) return age;
    }
    return names.empty() ? "none" : "mixed";
}

/// What a reader must never meet: a sidecar among files that are not all its own.
void check_no_mixture(const fs::path& target) {
    if (fs::exists(target / kLast)) REQUIRE(standing_set(target) != "mixed");
}

struct Target {
    Target() {
        fs::create_directories(path);
        for (const std::string& name : files_of("old")) write_file(path / name, "old");
    }
    bool is_alone() const {
        return std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1;
    }
    TemporaryFolder folder;
    fs::path path = folder / "out";
};

/// A whole run that replaces the old set in place.
void replace(const fs::path& target) {
    std::vector<std::string> notes;
    io::Output output(target, io::Output::Kind::kFolder, kLast, false, notes);
    output.begin();
    output.build(files_of("new"));
    for (const std::string& name : files_of("new"))
        io::write_text(output.create(name, 3), "new", false);
    output.publish_folder(files_of("old"));
}

/// What the next run does before anything else. It then builds nothing.
std::vector<std::string> mend(const fs::path& target) {
    std::vector<std::string> notes;
    io::Output output(target, io::Output::Kind::kFolder, kLast, false, notes);
    output.begin();
    return notes;
}

/// Runs `work` and dies at change number `step`; true if it came to its end before.
bool survives(int step, const std::function<void()>& work) {
    count_changes(step);
    try {
        work();
    } catch (const Error&) {
        REQUIRE(dead);
    }
    io::system_calls() = io::real_system_calls();
    return !dead;
}

TEST_CASE("files are replaced in place and nothing else is left") {
    const SystemCallsGuard guard;
    const Target target;
    REQUIRE(survives(1000, [&] { replace(target.path); }));
    REQUIRE(standing_set(target.path) == "new");
    REQUIRE(target.is_alone());
}

TEST_CASE("a sidecar never stands beside files of another set while they are moved") {
    const SystemCallsGuard guard;
    const Target target;
    int looks = 0;
    look = [&] {
        ++looks;
        check_no_mixture(target.path);
    };
    REQUIRE(survives(1000, [&] { replace(target.path); }));
    look = nullptr;
    REQUIRE(looks > 30);
}

TEST_CASE(
    "a kill at any step of the fallback road leaves no mixture and is mended to a whole set") {
    const SystemCallsGuard guard;
    int step = 0;
    int put_back = 0;
    for (bool survived = false; !survived; ++step) {
        const Target target;
        survived = survives(step, [&] { replace(target.path); });
        INFO("killed at step " << step);
        check_no_mixture(target.path);
        const std::string standing = standing_set(target.path);
        if (standing == "mixed" || standing == "none") REQUIRE(io::is_half_replaced(target.path));
        const std::vector<std::string> notes = mend(target.path);
        REQUIRE(standing_set(target.path) == (survived || standing == "new" ? "new" : "old"));
        REQUIRE(target.is_alone());
        REQUIRE_FALSE(io::is_half_replaced(target.path));
        if (!notes.empty() && notes.front().rfind("put back", 0) == 0) ++put_back;
    }
    REQUIRE(step > 30);
    REQUIRE(put_back > 5);
}

TEST_CASE("a kill while mending is mended by the next run") {
    const SystemCallsGuard guard;
    bool replaced = false;
    for (int step = 0; !replaced; ++step) {
        bool mended = false;
        for (int mend_step = 0; !mended; ++mend_step) {
            const Target target;
            replaced = survives(step, [&] { replace(target.path); });
            mended = survives(mend_step, [&] { mend(target.path); });
            INFO("killed at step " << step << " and at step " << mend_step << " of mending");
            check_no_mixture(target.path);
            mend(target.path);
            const std::string standing = standing_set(target.path);
            REQUIRE((standing == "old" || standing == "new"));
            REQUIRE(target.is_alone());
        }
    }
}

TEST_CASE("a move that fails before the new set stands puts the old one back at once") {
    const SystemCallsGuard guard;
    static int moves_left;
    for (int failing = 0; failing < 8; ++failing) {  // four old files, four new ones
        const Target target;
        moves_left = failing;
        io::system_calls().move = [](int from, const char* a, int to, const char* b,
                                     io::MoveMode mode) {
            if (mode == io::MoveMode::kExchange || moves_left-- != 0)
                return no_exchange(from, a, to, b, mode);
            errno = EIO;
            return -1;
        };
        const std::string error = error_of([&] { replace(target.path); });
        io::system_calls() = io::real_system_calls();
        INFO("move " << failing << " failed: " << error);
        REQUIRE(error.rfind("4 ", 0) == 0);
        REQUIRE(standing_set(target.path) == "old");
        REQUIRE(target.is_alone());
    }
}

TEST_CASE("when putting back fails as well nothing is thrown away and the next run mends it") {
    const SystemCallsGuard guard;
    static int moves_left;
    for (int failing = 0; failing < 8; ++failing) {
        const Target target;
        moves_left = failing;
        io::system_calls().move = [](int from, const char* a, int to, const char* b,
                                     io::MoveMode mode) {
            if (mode == io::MoveMode::kExchange || moves_left-- > 0)
                return no_exchange(from, a, to, b, mode);
            errno = EIO;
            return -1;
        };
        REQUIRE(error_of([&] { replace(target.path); }).rfind("4 ", 0) == 0);
        io::system_calls() = io::real_system_calls();
        check_no_mixture(target.path);
        INFO("every move from " << failing << " on failed");
        mend(target.path);
        REQUIRE(standing_set(target.path) == "old");
        REQUIRE(target.is_alone());
    }
}

TEST_CASE("what somebody puts into the hidden folders of a killed run stays and is named") {
    const SystemCallsGuard guard;
    const Target target;
    REQUIRE_FALSE(survives(12, [&] { replace(target.path); }));
    fs::path hidden;
    for (const auto& entry : fs::directory_iterator(target.folder.path())) {
        if (entry.is_directory() && entry.path() != target.path) hidden = entry.path();
    }
    write_file(hidden / "mine", "mine");
    const std::vector<std::string> notes = mend(target.path);
    REQUIRE(read_file(hidden / "mine") == "mine");
    REQUIRE(notes.back() ==
            hidden.native() +
                " is of an interrupted run and holds something else, too; it was left alone");
}

}  // namespace
}  // namespace octet::test
