// How a set becomes visible: whole or not at all, one run at a time, without leftovers.
#include <algorithm>
#include <cerrno>

#include "io/file.hpp"
#include "io/folder_swap.hpp"
#include "io/output_folder.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

namespace fs = std::filesystem;

const std::string kLast = "quantization_state.json";

/// Names and contents of everything in a folder, hidden files too.
std::vector<std::string> content_of(const fs::path& folder) {
    std::vector<std::string> content;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().native();
        content.push_back(entry.is_directory() ? name + "/" : name + "=" + read_file(entry.path()));
    }
    std::sort(content.begin(), content.end());
    return content;
}

std::vector<std::string> set_of(const std::string& age, const std::string& data = "model.octet.safetensors") {
    std::vector<std::string> content{data + "=" + age, "config.json=" + age, kLast + "=" + age};
    std::sort(content.begin(), content.end());
    return content;
}

void build(const io::OutputFolder& output, const std::string& age,
           const std::string& data = "model.octet.safetensors") {
    for (const std::string& name : {data, std::string("config.json"), kLast})
        io::write_text_file(output.place(name), age, false);
}

void write_old_set(const fs::path& target) {
    fs::create_directory(target);
    for (const std::string& name : {std::string("old-data.safetensors"), std::string("config.json"), kLast})
        write_file(target / name, "old");
}

TEST_CASE("a new folder appears whole and nothing else is left") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    std::vector<std::string> notes;
    {
        io::OutputFolder output(target, kLast, true, notes);
        build(output, "new");
        REQUIRE_FALSE(fs::exists(target));
        output.commit();
        REQUIRE(content_of(target) == set_of("new"));
    }
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
    REQUIRE(content_of(target) == set_of("new"));
    REQUIRE(notes.empty());
}

TEST_CASE("an empty folder is taken") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    fs::create_directory(target);
    std::vector<std::string> notes;
    io::OutputFolder output(target, kLast, false, notes);
    build(output, "new");
    output.commit();
    REQUIRE(content_of(target) == set_of("new"));
}

TEST_CASE("output that is not committed vanishes and leaves all as it was") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    write_old_set(target);
    const auto before = content_of(target);
    std::vector<std::string> notes;
    { build(io::OutputFolder(target, kLast, false, notes), "new"); }
    REQUIRE(content_of(target) == before);
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
}

TEST_CASE("an old set is exchanged with the new one and removed") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    write_old_set(target);
    std::vector<std::string> notes;
    io::OutputFolder output(target, kLast, true, notes);
    build(output, "new");
    output.commit();
    REQUIRE(content_of(target) == set_of("new"));
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
}

TEST_CASE("where folders cannot be exchanged the files are moved") {
    const SystemCallsGuard guard;
    static int error_number;
    for (const int error : {EINVAL, ENOSYS, ENOTSUP}) {
        error_number = error;
        io::system_calls().exchange = [](const char*, const char*) {
            errno = error_number;
            return -1;
        };
        const TemporaryFolder folder;
        const fs::path target = folder / "out";
        write_old_set(target);
        std::vector<std::string> notes;
        {
            io::OutputFolder output(target, kLast, true, notes);
            build(output, "new");
            output.commit();
        }
        INFO("errno " << error);
        REQUIRE(content_of(target) == set_of("new"));
        REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
        REQUIRE(notes.empty());
    }
}

TEST_CASE("an exchange that is refused for another reason leaves the old set") {
    const SystemCallsGuard guard;
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    write_old_set(target);
    const auto before = content_of(target);
    io::system_calls().exchange = [](const char*, const char*) {
        errno = EACCES;
        return -1;
    };
    std::vector<std::string> notes;
    {
        io::OutputFolder output(target, kLast, false, notes);
        build(output, "new");
        REQUIRE(error_of([&] { output.commit(); }) ==
                "4 " + target.native() +
                    ": cannot exchange with the new set: Permission denied; check the permissions of the file and its "
                    "folder");
    }
    REQUIRE(content_of(target) == before);
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
}

TEST_CASE("an old set that cannot be removed is an error after the new one stands") {
    const SystemCallsGuard guard;
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    write_old_set(target);
    io::system_calls().unlink = [](const char*) {
        errno = EPERM;
        return -1;
    };
    std::vector<std::string> notes;
    io::OutputFolder output(target, kLast, false, notes);
    build(output, "new");
    const std::string error = error_of([&] { output.commit(); });
    REQUIRE(error.rfind("4 " + target.native() + ": the new set is whole, but the old one could not be removed from ",
                        0) == 0);
    REQUIRE(content_of(target) == set_of("new"));
}

TEST_CASE("a rename that fails leaves nothing behind") {
    const SystemCallsGuard guard;
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    io::system_calls().rename = [](const char*, const char*) {
        errno = EIO;
        return -1;
    };
    std::vector<std::string> notes;
    {
        io::OutputFolder output(target, kLast, false, notes);
        build(output, "new");
        REQUIRE(error_of([&] { output.commit(); }) ==
                "4 " + target.native() + ": cannot move into place: Input/output error; check the disk and try again");
    }
    REQUIRE(content_of(folder.path()).empty());
}

TEST_CASE("a second run on the same target is refused while the first one builds") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    std::vector<std::string> notes;
    io::OutputFolder first(target, kLast, false, notes);
    build(first, "new");
    REQUIRE(error_of([&] { io::OutputFolder second(target, kLast, false, notes); }) ==
            "4 " + target.native() +
                ": another run of octet is writing it; wait for that run or choose another target");
    first.commit();
    REQUIRE(content_of(target) == set_of("new"));
    std::vector<std::string> later_notes;
    io::OutputFolder third(target, kLast, false, later_notes);
    REQUIRE(later_notes.empty());
}

TEST_CASE("two targets do not lock each other") {
    const TemporaryFolder folder;
    std::vector<std::string> notes;
    const io::OutputFolder first(folder / "a", kLast, false, notes);
    REQUIRE_NOTHROW(io::OutputFolder(folder / "b", kLast, false, notes));
}

TEST_CASE("what a killed run left beside the target is removed and said") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    const fs::path left = io::sibling_staging_path(target);
    fs::create_directories(left / "deep");
    write_file(left / "half.safetensors", "half");
    std::vector<std::string> notes;
    {
        io::OutputFolder output(target, kLast, false, notes);
        REQUIRE(content_of(left).empty());
        build(output, "new");
        output.commit();
    }
    REQUIRE(notes == std::vector<std::string>{"removed what an interrupted run had left in " + left.native()});
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
    REQUIRE(content_of(target) == set_of("new"));
}

TEST_CASE("the old set is locked until it is removed, so that nobody builds where it lies") {
    const SystemCallsGuard guard;
    const TemporaryFolder folder;
    static fs::path target;
    target = folder / "out";
    write_old_set(target);
    static std::string second_run;
    io::system_calls().unlink = [](const char* path) {
        std::vector<std::string> notes;
        if (second_run.empty()) second_run = error_of([&] { io::OutputFolder(target, kLast, false, notes); });
        return io::real_system_calls().unlink(path);
    };
    std::vector<std::string> notes;
    io::OutputFolder output(target, kLast, false, notes);
    build(output, "new");
    output.commit();
    REQUIRE(second_run == "4 " + target.native() +
                              ": another run of octet is writing it; wait for that run or choose another target");
    REQUIRE(content_of(target) == set_of("new"));
}

TEST_CASE("files go among others one by one and replace only their names") {
    const TemporaryFolder folder;
    write_file(folder / "model.safetensors", "old");
    write_file(folder / "other.txt", "mine");
    std::vector<std::string> notes;
    {
        io::OutputFiles output(folder.path(), folder / "model.safetensors", true, notes);
        write_file(output.place("model.safetensors"), "new");
        REQUIRE(read_file(folder / "model.safetensors") == "old");
        output.commit({"model.safetensors"});
    }
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"model.safetensors=new", "other.txt=mine"});
}

TEST_CASE("a target is resolved through links and its parent has to exist") {
    const TemporaryFolder folder;
    fs::create_directory(folder / "real");
    fs::create_directory_symlink(folder / "real", folder / "link");
    REQUIRE(io::resolved_target(folder / "link") == folder / "real");
    REQUIRE(io::resolved_target(folder / "link" / "new") == folder / "real" / "new");
    REQUIRE(io::resolved_target((folder / "new").native() + "/") == folder / "new");
    REQUIRE(io::resolved_target(folder / "real" / ".." / "new") == folder / "new");
    const fs::path lost = folder / "no" / "new";
    REQUIRE(error_of([&] { io::resolved_target(lost); }) ==
            "2 " + lost.native() + ": its parent folder does not exist; create it first");
}

TEST_CASE("visible names leave out the folders of the fallback road") {
    const TemporaryFolder folder;
    for (const std::string_view name : {io::kBuildingName, io::kSavingName, io::kNewName, io::kOldName}) {
        REQUIRE(io::is_swap_name(name));
        fs::create_directory(folder / name);
    }
    write_file(folder / "b", "");
    write_file(folder / ".hidden", "");
    REQUIRE(io::visible_names(folder.path()) == std::vector<std::string>{".hidden", "b"});
    REQUIRE(io::visible_names(folder / "absent").empty());
}

}  // namespace
}  // namespace octet::test
