// Output with files in subfolders: whole or not at all like any other, and nothing in those folders
// that octet did not list is touched.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "io/subfolders.hpp"
#include "io/system_calls.hpp"
#include "output_run.hpp"

namespace octet::test {
namespace {

const std::vector<std::string> kNames{"model.octet.safetensors", "1_Pooling/config.json", "a/b/c",
                                      kLast};

/// Relative paths of everything below a folder, with what files hold.
std::vector<std::string> tree_of(const fs::path& folder) {
    std::vector<std::string> tree;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        const std::string name = entry.path().lexically_relative(folder).native();
        tree.push_back(entry.is_directory() ? name + "/" : name + "=" + read_file(entry.path()));
    }
    std::sort(tree.begin(), tree.end());
    return tree;
}

std::vector<std::string> tree_with(const std::string& age) {
    std::vector<std::string> tree{"1_Pooling/", "a/", "a/b/"};
    for (const std::string& name : kNames) tree.push_back(name + "=" + age);
    std::sort(tree.begin(), tree.end());
    return tree;
}

/// A run to a folder whose files are written with that text.
struct DeepRun {
    DeepRun(const fs::path& target, const std::string& text)
        : output(target, io::Output::Kind::kFolder, kLast, true, notes) {
        output.begin();
        output.build(kNames);
        for (const std::string& name : kNames)
            io::write_text(output.create(name, text.size()), text, true);
    }
    std::vector<std::string> notes;
    io::Output output;
};

/// While it is there no folder can be exchanged with another.
struct NoExchange {
    NoExchange() : saved(io::system_calls()) {
        io::system_calls().move = [](int from, const char* name, int to, const char* to_name,
                                     io::MoveMode mode) {
            if (mode != io::MoveMode::kExchange)
                return io::real_system_calls().move(from, name, to, to_name, mode);
            errno = EINVAL;
            return -1;
        };
    }
    NoExchange(const NoExchange&) = delete;
    NoExchange& operator=(const NoExchange&) = delete;
    ~NoExchange() { io::system_calls() = saved; }
    io::SystemCalls saved;
};

TEST_CASE("files in subfolders appear whole and vanish when they are not published") {
    const TemporaryFolder folder;
    { const DeepRun run(folder / "out", "new"); }
    REQUIRE(tree_of(folder.path()).empty());
    { DeepRun(folder / "out", "new").output.publish_folder({}); }
    REQUIRE(tree_of(folder / "out") == tree_with("new"));
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
}

TEST_CASE(
    "a set with subfolders is replaced by the names it lists with and without an exchange of "
    "folders") {
    for (const bool exchanges : {true, false}) {
        const TemporaryFolder folder;
        { DeepRun(folder / "out", "old").output.publish_folder({}); }
        std::optional<NoExchange> no_exchange;
        if (!exchanges) no_exchange.emplace();
        { DeepRun(folder / "out", "new").output.publish_folder(kNames); }
        REQUIRE(tree_of(folder / "out") == tree_with("new"));
        REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
    }
}

TEST_CASE("what lies in a listed subfolder and is not listed bars the replacement") {
    for (const std::string name : {"a/mine", "a/b/mine", "1_Pooling/x/"}) {
        const TemporaryFolder folder;
        { DeepRun(folder / "out", "old").output.publish_folder({}); }
        if (name.ends_with('/')) {
            fs::create_directory(folder / "out" / name);
        } else {
            write_file(folder / "out" / name, "mine");
        }
        const auto before = tree_of(folder / "out");
        {
            DeepRun run(folder / "out", "new");
            const std::string plain = name.ends_with('/') ? name.substr(0, name.size() - 1) : name;
            REQUIRE(run.output.strangers(kNames) == std::vector<std::string>{plain});
            REQUIRE(error_of([&] { run.output.publish_folder(kNames); }) ==
                    "4 " + (folder / "out").native() + ": holds '" + plain +
                        "' now, which is not part of the set there; nothing was changed, move it "
                        "away and run again");
        }
        REQUIRE(tree_of(folder / "out") == before);
        REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
    }
}

TEST_CASE("a link in the place of a listed subfolder is neither followed nor removed") {
    const TemporaryFolder folder;
    fs::create_directories(folder / "victim" / "b");
    write_file(folder / "victim" / "b" / "c", "mine");
    { DeepRun(folder / "out", "old").output.publish_folder({}); }
    fs::remove_all(folder / "out" / "a");
    fs::create_directory_symlink(folder / "victim", folder / "out" / "a");
    DeepRun run(folder / "out", "new");
    REQUIRE(run.output.strangers(kNames) == std::vector<std::string>{"a"});
    REQUIRE(error_of([&] { run.output.publish_folder(kNames); }).starts_with("4 "));
    REQUIRE(read_file(folder / "victim" / "b" / "c") == "mine");
}

TEST_CASE("files are moved among those of a folder and their subfolders are made") {
    const TemporaryFolder folder;
    fs::create_directories(folder / "out" / "a");
    write_file(folder / "out" / "a" / "mine", "mine");
    { DeepRun(folder / "out", "new").output.publish_files(kNames, false); }
    auto expected = tree_with("new");
    expected.emplace_back("a/mine=mine");
    std::sort(expected.begin(), expected.end());
    REQUIRE(tree_of(folder / "out") == expected);
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
}

TEST_CASE("a failure while files of subfolders are moved puts the old ones back") {
    for (int failing = 1; failing <= 8; ++failing) {
        const TemporaryFolder folder;
        { DeepRun(folder / "out", "old").output.publish_folder({}); }
        static int left = 0;
        left = failing;
        const io::SystemCalls saved = io::system_calls();
        {
            DeepRun run(folder / "out", "new");
            io::system_calls().move = [](int from, const char* name, int to, const char* to_name,
                                         io::MoveMode mode) {
                if (mode == io::MoveMode::kExchange) {
                    errno = EINVAL;
                    return -1;
                }
                if (--left == 0) {
                    errno = EIO;
                    return -1;
                }
                return io::real_system_calls().move(from, name, to, to_name, mode);
            };
            REQUIRE(error_of([&] { run.output.publish_folder(kNames); }).starts_with("4 "));
        }
        io::system_calls() = saved;
        INFO(failing);
        REQUIRE(tree_of(folder / "out") == tree_with("old"));
        REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
    }
}

TEST_CASE("what a killed run left in subfolders is removed by the next") {
    const TemporaryFolder folder;
    const TemporaryFolder aside;
    const fs::path kept = aside / "kept";
    {
        DeepRun run(folder / "out",
                    "new");  // its leftovers as a kill leaves them: copied away while it lives, put
                             // back after it
        fs::copy(folder.path(), kept, fs::copy_options::recursive);
    }
    const std::string journal = read_file(kept / ".out.octet-journal");
    REQUIRE(journal.find("\nfile-below a b c\n") != std::string::npos);
    REQUIRE(journal.find("\nfile-below 1_Pooling config.json\n") != std::string::npos);
    const std::size_t at = journal.find("build ") + 6;
    const std::string name = journal.substr(at, journal.find('\n', at) - at);
    fs::rename(kept / name, folder / name);
    struct stat status {};
    REQUIRE(::stat((folder / name).c_str(), &status) == 0);
    const std::string text =
        journal.substr(0, journal.find("built ")) + "built " + std::to_string(status.st_ino) + "\n";
    write_file(folder / ".out.octet-journal", text);
    { DeepRun(folder / "out", "new").output.publish_folder({}); }
    REQUIRE(tree_of(folder / "out") == tree_with("new"));
    REQUIRE(content_of(folder.path()) == std::vector<std::string>{"out/"});
}

TEST_CASE("a journal whose names in subfolders lead elsewhere is none of octet's") {
    const TemporaryFolder folder;
    for (const std::string line :
         {"file-below a ..", "file-below .. a", "file-below a b%2Fc", "build-below a b",
          "old-below 1 a .", "saved-below 1", "new-below a b", "file-below"}) {
        write_file(folder / ".out.octet-journal", "octet-journal 1\n" + line + "\n");
        INFO(line);
        REQUIRE(error_of([&] { const Run run(folder / "out"); }).starts_with("4 "));
    }
}

}  // namespace
}  // namespace octet::test
