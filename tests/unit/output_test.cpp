// How output becomes visible: whole or not at all, one run at a time, without leftovers, and
// without touching what is not octet's.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "output_run.hpp"

namespace octet::test {
namespace {

TEST_CASE("a new folder appears whole and nothing else is left") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    Run run(target, true);
    REQUIRE_FALSE(fs::exists(target));
    run.output.publish_folder({});
    REQUIRE(content_of(target) == set_of("new"));
    REQUIRE(run.notes.empty());
}

TEST_CASE("nothing but the folder is left when a run has ended") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    { Run(target).output.publish_folder({}); }
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
    { Run(target).output.publish_folder({"model.octet.safetensors", "config.json", kLast}); }
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
    REQUIRE(content_of(target) == set_of("new"));
}

TEST_CASE("an empty folder is taken") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    fs::create_directory(target);
    Run(target).output.publish_folder({});
    REQUIRE(content_of(target) == set_of("new"));
}

TEST_CASE("output that is not published vanishes and leaves all as it was") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    write_old_set(target);
    const auto before = content_of(target);
    { const Run run(target); }
    REQUIRE(content_of(target) == before);
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
}

TEST_CASE("an old set is exchanged with the new one and removed") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    write_old_set(target);
    { Run(target, true).output.publish_folder(kOldFiles); }
    REQUIRE(content_of(target) == set_of("new"));
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
}

TEST_CASE("nobody else can enter the hidden folder and the set has the mode of the umask") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    const mode_t mask = ::umask(0022);
    Run run(target);
    const auto mode_of = [](const fs::path& path) {
        return static_cast<unsigned>(fs::status(path).permissions());
    };
    REQUIRE(mode_of(run.output.building().path()) == 0700);
    run.output.publish_folder({});
    ::umask(mask);
    REQUIRE(mode_of(target) == 0755);
}

TEST_CASE("where folders cannot be exchanged the files are moved") {
    const SystemCallsGuard guard;
    static int error_number;
    for (const int error : {EINVAL, ENOSYS, ENOTSUP, EXDEV}) {
        error_number = error;
        io::system_calls().move = [](int from, const char* a, int to, const char* b,
                                     io::MoveMode mode) {
            if (mode != io::MoveMode::kExchange)
                return io::real_system_calls().move(from, a, to, b, mode);
            errno = error_number;
            return -1;
        };
        const TemporaryFolder folder;
        const fs::path target = folder / "out";
        write_old_set(target);
        { Run(target, true).output.publish_folder(kOldFiles); }
        INFO("errno " << error);
        REQUIRE(content_of(target) == set_of("new"));
        REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
    }
}

TEST_CASE("an exchange that is refused for another reason leaves the old set") {
    const SystemCallsGuard guard;
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    write_old_set(target);
    const auto before = content_of(target);
    io::system_calls().move = [](int, const char*, int, const char*, io::MoveMode) {
        errno = EACCES;
        return -1;
    };
    {
        Run run(target);
        REQUIRE(error_of([&] { run.output.publish_folder(kOldFiles); }) ==
                "4 " + target.native() +
                    ": cannot exchange with the new set: Permission denied; check the permissions "
                    "of the file and its "
                    "folder");
    }
    REQUIRE(content_of(target) == before);
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
}

TEST_CASE(
    "an old set that cannot be removed is an error after the new one stands and the next run "
    "removes it") {
    const SystemCallsGuard guard;
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    write_old_set(target);
    {
        Run run(target);
        io::system_calls().unlink = [](int, const char*) {
            errno = EPERM;
            return -1;
        };
        const std::string error = error_of([&] { run.output.publish_folder(kOldFiles); });
        REQUIRE(error.rfind("4 " + target.native() +
                                ": the new set is whole, but the old one could not be removed: ",
                            0) == 0);
        REQUIRE(content_of(target) == set_of("new"));
    }
    io::system_calls() = io::real_system_calls();
    {
        Run run(target);
        REQUIRE(run.notes.size() == 1);
    }
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
}

TEST_CASE("a move that fails leaves nothing behind") {
    const SystemCallsGuard guard;
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    io::system_calls().move = [](int, const char*, int, const char*, io::MoveMode) {
        errno = EIO;
        return -1;
    };
    {
        Run run(target);
        REQUIRE(error_of([&] { run.output.publish_folder({}); }) ==
                "4 " + target.native() +
                    ": cannot move into place: Input/output error; check the disk and try again");
    }
    REQUIRE(content_of(folder.path()).empty());
}

TEST_CASE("a second run on the same target is refused while the first one builds") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    Run first(target);
    REQUIRE(error_of([&] { const Run second(target); }) ==
            "4 " + target.native() +
                ": another run of octet is writing it; wait for that run or choose another target");
    first.output.publish_folder({});
    REQUIRE(content_of(target) == set_of("new"));
}

TEST_CASE("two targets do not lock each other") {
    const TemporaryFolder folder;
    const Run first(folder / "a");
    REQUIRE_NOTHROW(Run(folder / "b"));
}

TEST_CASE("the target is claimed until the old set is removed") {
    const SystemCallsGuard guard;
    const TemporaryFolder folder;
    static fs::path target;
    target = folder / "out";
    write_old_set(target);
    static std::string second_run;
    Run run(target);
    io::system_calls().unlink = [](int directory, const char* name) {
        if (second_run.empty()) second_run = error_of([] { const Run second(target); });
        return io::real_system_calls().unlink(directory, name);
    };
    run.output.publish_folder(kOldFiles);
    REQUIRE(second_run ==
            "4 " + target.native() +
                ": another run of octet is writing it; wait for that run or choose another target");
    REQUIRE(content_of(target) == set_of("new"));
}

TEST_CASE("a file that comes to the old set while octet works is not lost") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    write_old_set(target);
    const auto run_with = [&](const std::string& late) {
        Run run(target);
        write_file(target / late, "mine");
        return error_of([&] { run.output.publish_folder(kOldFiles); });
    };
    REQUIRE(run_with("late") ==
            "4 " + target.native() +
                ": holds 'late' now, which is not part of the set there; nothing was changed, "
                "move it away and run again");
    REQUIRE(read_file(target / "late") == "mine");
    REQUIRE(read_file(target / kLast) == "old");
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
}

TEST_CASE("a file that comes to the old set after the last look stays and is named") {
    const SystemCallsGuard guard;
    const TemporaryFolder folder;
    static fs::path target;
    target = folder / "out";
    write_old_set(target);
    std::string error;
    {
        Run run(target);
        io::system_calls().move = [](int from, const char* a, int to, const char* b,
                                     io::MoveMode mode) {
            write_file(target / "late", "mine");
            return io::real_system_calls().move(from, a, to, b, mode);
        };
        error = error_of([&] { run.output.publish_folder(kOldFiles); });
    }
    REQUIRE(error.rfind("4 " + target.native() +
                            ": the new set is whole, but the old one could not be removed",
                        0) == 0);
    REQUIRE(content_of(target) == set_of("new"));
    const std::string moved =
        *std::find_if(fs::directory_iterator(folder.path()), {},
                      [](const auto& entry) { return fs::exists(entry.path() / "late"); })
                    ->path()
                    .filename()
                    .c_str() == '.'
            ? "hidden"
            : "visible";
    REQUIRE(moved == "hidden");
}

TEST_CASE("a target that is exchanged for another folder while octet works stays as it is") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    write_old_set(target);
    {
        Run run(target);
        fs::rename(target, folder / "elsewhere");
        write_old_set(target);
        REQUIRE(error_of([&] { run.output.publish_folder(kOldFiles); }) ==
                "4 " + target.native() +
                    ": was moved or exchanged for something else while octet worked; nothing was "
                    "changed there, run "
                    "again");
    }
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"elsewhere/", "out/"});
}

TEST_CASE("what appears at a new target while octet works is not replaced") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    {
        Run run(target);
        write_file(target, "mine");
        REQUIRE(error_of([&] { run.output.publish_folder({}); }).rfind("4 " + target.native(), 0) ==
                0);
    }
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out=mine"});
    fs::remove(target);
    fs::create_directory(target);
    {
        Run run(target);
        write_file(target / "late", "mine");
        REQUIRE(error_of([&] { run.output.publish_folder({}); }).rfind("4 " + target.native(), 0) ==
                0);
    }
    REQUIRE(content_of(target) == std::vector<std::string>{"late=mine"});
}

TEST_CASE("files go among others one by one and replace only their names") {
    const TemporaryFolder folder;
    write_file(folder / "model.safetensors", "old");
    write_file(folder / "other.txt", "mine");
    std::vector<std::string> notes;
    {
        io::Output output(folder / "model.safetensors", io::Output::Kind::kFile, "", true, notes);
        output.begin();
        output.build({"model.safetensors"});
        io::write_text(output.create("model.safetensors", 3), "new", true);
        REQUIRE(read_file(folder / "model.safetensors") == "old");
        output.publish_files({"model.safetensors"}, true);
    }
    REQUIRE(content_of(folder.path()) ==
            std::vector<std::string>{"model.safetensors=new", "other.txt=mine"});
}

TEST_CASE("a file that appears while octet works is not replaced unless that was asked for") {
    const TemporaryFolder folder;
    std::vector<std::string> notes;
    {
        io::Output output(folder / "m.safetensors", io::Output::Kind::kFile, "", false, notes);
        output.begin();
        output.build({"m.safetensors"});
        io::write_text(output.create("m.safetensors", 3), "new", false);
        write_file(folder / "m.safetensors", "mine");
        REQUIRE(error_of([&] { output.publish_files({"m.safetensors"}, false); }) ==
                "4 " + (folder / "m.safetensors").native() +
                    ": cannot move into place: File exists; something else put it there meanwhile; "
                    "move it away and "
                    "try again");
    }
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"m.safetensors=mine"});
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

}  // namespace
}  // namespace octet::test
