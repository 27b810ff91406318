// The fallback road, killed before and after every step that changes the disk, and mended by the next run.
#include <algorithm>
#include <cerrno>
#include <functional>

#include "io/folder_swap.hpp"
#include "io/output_folder.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

namespace fs = std::filesystem;

const std::string kLast = "quantization_state.json";

/// Not an octet::Error and not a std::exception: nothing on the way may treat it as a failed call. Clean-up that still
/// runs while it passes goes through the same calls, which then change nothing: see `dead`.
struct Killed {};

int calls_left = 0;
bool dead = false;
std::function<void()> look;  ///< called before every change, as another process would look at the target

/// A call that changes the disk: the process dies before it, or it happens; once dead nothing changes any more.
template <typename Call>
int change(Call call) {
    if (look) look();
    if (dead) {
        errno = EIO;
        return -1;
    }
    if (calls_left-- == 0) {
        dead = true;
        throw Killed{};
    }
    return call();
}

void count_changes(int until_death) {
    calls_left = until_death;
    dead = false;
    io::SystemCalls& calls = io::system_calls();
    calls.mkdir = [](const char* path, mode_t mode) {
        return change([&] { return io::real_system_calls().mkdir(path, mode); });
    };
    calls.rename = [](const char* from, const char* to) {
        return change([&] { return io::real_system_calls().rename(from, to); });
    };
    calls.unlink = [](const char* path) { return change([&] { return io::real_system_calls().unlink(path); }); };
    calls.rmdir = [](const char* path) { return change([&] { return io::real_system_calls().rmdir(path); }); };
}

/// A set whose files hold its age; `extra` is a data file that only it has.
void write_set(const fs::path& folder, const std::string& age, const std::string& extra) {
    fs::create_directories(folder);
    for (const std::string& name : {std::string("model.octet.safetensors"), std::string("config.json"), extra, kLast})
        write_file(folder / name, age);
}

/// The age of the set that stands whole in the folder; "mixed" if files are missing or of different ages or strange.
std::string standing_set(const fs::path& folder) {
    for (const std::string age : {"old", "new"}) {
        const std::string extra = age == "old" ? "a-old" : "z-new";
        std::vector<std::string> expected{"model.octet.safetensors", "config.json", extra, kLast};
        std::sort(expected.begin(), expected.end());
        if (io::visible_names(folder) != expected) continue;
        const bool whole = std::all_of(expected.begin(), expected.end(),
                                       [&](const std::string& name) { return read_file(folder / name) == age; });
        if (whole) return age;
    }
    return "mixed";
}

/// What a reader must never meet: a sidecar among files that are not all its own.
void check_no_mixture(const fs::path& target) {
    if (fs::exists(target / kLast)) REQUIRE(standing_set(target) != "mixed");
}

struct Target {
    explicit Target(bool has_old) {
        if (has_old) write_set(path, "old", "a-old");
        if (!has_old) fs::create_directories(path);
        write_set(path / io::kNewName, "new", "z-new");
    }
    TemporaryFolder folder;
    fs::path path = folder / "out";
};

/// Runs `work` and dies at change number `step`; true if it came to its end before.
bool survives(int step, const std::function<void()>& work) {
    count_changes(step);
    bool survived = true;
    try {
        work();
    } catch (const Killed&) {
        survived = false;
    }
    // An error that clean-up made of a dead process's calls is as dead.
    catch (const Error&) {
        REQUIRE(dead);
        survived = false;
    }
    io::system_calls() = io::real_system_calls();
    return survived;
}

void mend(const fs::path& target, std::vector<std::string>& notes) {
    io::mend_swap(target, kLast, false, notes);
}

void swap(const fs::path& target) {
    io::swap_in(target, kLast, false);
}

TEST_CASE("the fallback road replaces the old set and leaves no hidden folders") {
    for (const bool has_old : {true, false}) {
        const Target target(has_old);
        swap(target.path);
        REQUIRE(standing_set(target.path) == "new");
        REQUIRE_FALSE(io::is_swap_unfinished(target.path));
    }
}

TEST_CASE("a sidecar never stands beside files of another set while they are moved") {
    const SystemCallsGuard guard;
    const Target target(true);
    int looks = 0;
    look = [&] {
        ++looks;
        check_no_mixture(target.path);
    };
    REQUIRE(survives(1000, [&] { swap(target.path); }));
    look = nullptr;
    REQUIRE(looks > 10);
}

TEST_CASE("a kill at any step of the fallback road leaves no mixture and is mended to a whole set") {
    const SystemCallsGuard guard;
    for (const bool has_old : {true, false}) {
        int step = 0;
        bool old_came_back = false;
        bool new_was_completed = false;
        for (bool survived = false; !survived; ++step) {
            const Target target(has_old);
            survived = survives(step, [&] { swap(target.path); });
            INFO("killed at step " << step << (has_old ? " with" : " without") << " an old set");
            check_no_mixture(target.path);
            std::vector<std::string> notes;
            mend(target.path, notes);
            const std::string standing = standing_set(target.path);
            REQUIRE(standing != "mixed");
            REQUIRE_FALSE(io::is_swap_unfinished(target.path));
            old_came_back = old_came_back || standing == "old";
            new_was_completed = new_was_completed || (standing == "new" && !notes.empty());
            if (survived) REQUIRE(standing == "new");
        }
        REQUIRE(step > 5);
        REQUIRE(old_came_back == has_old);
        REQUIRE(new_was_completed);
    }
}

TEST_CASE("a kill while mending is mended by the next run") {
    const SystemCallsGuard guard;
    bool swapped = false;
    for (int step = 0; !swapped; ++step) {
        bool mended = false;
        for (int mend_step = 0; !mended; ++mend_step) {
            const Target target(true);
            swapped = survives(step, [&] { swap(target.path); });
            std::vector<std::string> notes;
            mended = survives(mend_step, [&] { mend(target.path, notes); });
            INFO("killed at step " << step << " and at step " << mend_step << " of mending");
            check_no_mixture(target.path);
            mend(target.path, notes);
            REQUIRE(standing_set(target.path) != "mixed");
            REQUIRE_FALSE(io::is_swap_unfinished(target.path));
        }
    }
}

TEST_CASE("a move that fails before the new set stands puts the old one back at once") {
    const SystemCallsGuard guard;
    static int renames_left;
    for (int failing = 0; failing < 9; ++failing) {  // four old files, the folder of them, four new files
        const Target target(true);
        renames_left = failing;
        io::system_calls().rename = [](const char* from, const char* to) {
            if (renames_left-- != 0) return io::real_system_calls().rename(from, to);
            errno = EIO;
            return -1;
        };
        const std::string error = error_of([&] { swap(target.path); });
        io::system_calls() = io::real_system_calls();
        INFO("rename " << failing << " failed: " << error);
        REQUIRE(error.rfind("4 ", 0) == 0);
        REQUIRE(standing_set(target.path) == "old");
        REQUIRE_FALSE(io::is_swap_unfinished(target.path));
    }
}

TEST_CASE("when putting back fails as well nothing is thrown away and the next run mends it") {
    const SystemCallsGuard guard;
    static int renames_left;
    for (int failing = 0; failing < 9; ++failing) {
        const Target target(true);
        renames_left = failing;
        io::system_calls().rename = [](const char* from, const char* to) {
            if (renames_left-- > 0) return io::real_system_calls().rename(from, to);
            errno = EIO;
            return -1;
        };
        REQUIRE(error_of([&] { swap(target.path); }).rfind("4 ", 0) == 0);
        io::system_calls() = io::real_system_calls();
        check_no_mixture(target.path);
        std::vector<std::string> notes;
        mend(target.path, notes);
        INFO("every rename from " << failing << " on failed");
        REQUIRE(standing_set(target.path) == (failing < 5 ? "old" : "new"));
        REQUIRE_FALSE(io::is_swap_unfinished(target.path));
    }
}

TEST_CASE("complete old files come back where no new ones are to come") {
    const Target target(false);
    fs::remove_all(target.path / io::kNewName);
    write_set(target.path / io::kOldName, "old", "a-old");
    std::vector<std::string> notes;
    mend(target.path, notes);
    REQUIRE(standing_set(target.path) == "old");
    REQUIRE_FALSE(io::is_swap_unfinished(target.path));
}

TEST_CASE("files of an unfinished build are removed and the old set stays") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    write_set(target, "old", "a-old");
    write_set(target / io::kBuildingName, "new", "z-new");
    std::vector<std::string> notes;
    mend(target, notes);
    REQUIRE(standing_set(target) == "old");
    REQUIRE_FALSE(io::is_swap_unfinished(target));
    REQUIRE(notes == std::vector<std::string>{"removed what an interrupted run had left in " + target.native()});
    notes.clear();
    mend(target, notes);
    REQUIRE(notes.empty());
}

}  // namespace
}  // namespace octet::test
