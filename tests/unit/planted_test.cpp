// What somebody planted under octet's hidden names: it is neither followed nor changed nor removed.
#include <sys/stat.h>

#include "output_run.hpp"

namespace octet::test {
namespace {

TEST_CASE("what was planted under hidden names is left alone or refused") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    const fs::path victim = folder / "victim";
    fs::create_directory(victim);
    write_file(victim / "file", "mine");
    fs::create_directory_symlink(victim, folder / ".out.octet-building");
    fs::create_directory_symlink(victim, folder / ".out.octet-building-0");
    std::vector<std::string> notes;
    {
        Run run(target);
        run.output.publish_folder({});
        notes = run.notes;
    }
    REQUIRE(notes.size() == 2);
    REQUIRE(content_of(victim) == std::vector<std::string>{"file=mine"});
    const fs::path journal = folder / ".out.octet-journal";
    const auto refused = [&] { return error_of([&] { const Run run(target); }); };
    fs::create_symlink(victim / "file", journal);
    REQUIRE(
        refused() ==
        "4 " + journal.native() +
            ": is no regular file, where octet keeps a journal of what it writes; move it away");
    fs::remove(journal);
    fs::create_hard_link(victim / "file", journal);
    REQUIRE(
        refused() ==
        "4 " + journal.native() +
            ": has other names, too, where octet keeps a journal of what it writes; move it away");
    fs::remove(journal);
    write_file(journal, "mine");
    REQUIRE(refused() == "4 " + journal.native() +
                             ": is no journal of octet's, where octet keeps a journal of what it "
                             "writes; move it away");
    REQUIRE(read_file(journal) == "mine");
    fs::remove(journal);
    REQUIRE(::mkfifo(journal.c_str(), 0600) == 0);
    REQUIRE(
        refused() ==
        "4 " + journal.native() +
            ": is no regular file, where octet keeps a journal of what it writes; move it away");
    REQUIRE(content_of(victim) == std::vector<std::string>{"file=mine"});
}

TEST_CASE("a planted journal whose folders are others removes and installs nothing") {
    const TemporaryFolder folder;
    const fs::path target = folder / "out";
    write_old_set(target);
    const fs::path planted = folder / ".out.octet-building-00000001";
    fs::create_directory(planted);
    write_file(planted / "file", "mine");
    write_file(folder / ".out.octet-journal",
               "octet-journal 1\nbuild .out.octet-building-00000001\nbuilt 2\nfile file\nreplace "
               "2\nold 2 file\n"
               "save .out.octet-building-00000001\nsaved 2\nnew 3 config.json\n");
    {
        Run run(target);
        run.output.publish_folder(kOldFiles);
    }
    REQUIRE(content_of(planted) == std::vector<std::string>{"file=mine"});
    REQUIRE(content_of(target) == set_of("new"));
}

TEST_CASE("a journal whose names lead elsewhere is none of octet's") {
    const TemporaryFolder folder;
    for (const std::string line :
         {"build ../x", "file a/b", "file ..", "old 2 a%2Fb", "built 1 2", "built x", "file a b",
          "what 1", "built 99999999999999999999", "file %zz", ""}) {
        write_file(folder / ".out.octet-journal", "octet-journal 1\n" + line + "\n");
        INFO(line);
        REQUIRE(error_of([&] { const Run run(folder / "out"); }).rfind("4 ", 0) == 0);
    }
    write_file(folder / ".out.octet-journal",
               "octet-journal 1\nfile ../x");  // cut: the line does not count
    REQUIRE_NOTHROW(Run(folder / "out"));
}

}  // namespace
}  // namespace octet::test
