#include "system/failure.hpp"
#include "system/file.hpp"
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>

namespace file_test {

using namespace twofold::vmm;
using twofold::test::contents_of;
using twofold::test::failure_of;
using twofold::test::holds;
using twofold::test::TemporaryDirectory;

namespace {

std::size_t files_in(std::filesystem::path const& directory) {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator{directory}, {}));
}

/// A file system of 64 KiB at `path`, for as long as this lives.
class SmallFileSystem {
  public:
    explicit SmallFileSystem(std::filesystem::path path) : path_(std::move(path)) {
        std::filesystem::create_directory(path_);
        mounted_ = mount("none", path_.c_str(), "tmpfs", 0, "size=64k") == 0;
    }
    ~SmallFileSystem() {
        if (mounted_) umount(path_.c_str());
    }
    SmallFileSystem(SmallFileSystem const&) = delete;
    SmallFileSystem& operator=(SmallFileSystem const&) = delete;
    [[nodiscard]] bool mounted() const { return mounted_; }

  private:
    std::filesystem::path path_;
    bool mounted_;
};

} // namespace

TEST_CASE("a file that is written replaces the old one and leaves nothing beside it") {
    TemporaryDirectory const directory;
    auto const file = directory.write("f", "old");
    std::filesystem::permissions(file, std::filesystem::perms{0640});
    write_file(file, std::string_view{"new"});
    CHECK(contents_of(file) == "new");
    CHECK(std::filesystem::status(file).permissions() == std::filesystem::perms{0640});
    CHECK(files_in(directory.path()) == 1);
}

TEST_CASE("a new file has the permissions that the user's mask leaves") {
    TemporaryDirectory const directory;
    mode_t const before = umask(027);
    write_file(directory.file("f"), std::string_view{"new"});
    umask(before);
    CHECK(std::filesystem::status(directory.file("f")).permissions() ==
          std::filesystem::perms{0640});
}

TEST_CASE("behind a symbolic link the file is replaced, not the link") {
    TemporaryDirectory const directory;
    directory.write("f", "old");
    std::filesystem::create_symlink("f", directory.file("link"));
    write_file(directory.file("link"), std::string_view{"new"});
    CHECK(std::filesystem::is_symlink(directory.file("link")));
    CHECK(contents_of(directory.file("f")) == "new");
}

TEST_CASE("what can't be written is a failure that names the file") {
    TemporaryDirectory const directory;
    CHECK(holds(failure_of([&] {
                    write_file(directory.file("none/f"), std::string_view{"x"});
                    return 0;
                }),
                {"none/f", "No such file or directory"}));
    CHECK(holds(failure_of([&] {
                    write_file(directory.path(), std::string_view{"x"});
                    return 0;
                }),
                {"Is a directory"}));
    CHECK(holds(failure_of([&] {
                    write_file("/dev/full", std::string_view{"x"});
                    return 0;
                }),
                {"/dev/full", "No space left on device"}));
}

TEST_CASE("on a full disk the old file stays and no half file is left") {
    TemporaryDirectory const directory;
    SmallFileSystem const disk{directory.file("disk")};
    if (!disk.mounted()) {
        WARN("skipped: a file system of a chosen size can't be mounted here (not root)");
        return;
    }
    auto const file = directory.file("disk/f");
    write_file(file, std::string_view{"old"});
    std::string const large(200'000, 'x');
    CHECK(holds(failure_of([&] {
                    write_file(file, large);
                    return 0;
                }),
                {"disk/f", "No space left on device"}));
    CHECK(contents_of(file) == "old");
    CHECK(files_in(directory.file("disk")) == 1);
}

TEST_CASE("only regular files of the right size are read") {
    TemporaryDirectory const directory;
    auto const file = directory.write("f", "12345");
    CHECK(read_file(file, 5).size() == 5);
    CHECK(holds(failure_of([&] { return read_file(file, 4); }), {"5 bytes", "at most 4"}));
    CHECK(holds(failure_of([&] { return read_file(directory.path(), 4); }), {"Is a directory"}));
    CHECK(holds(failure_of([&] { return read_file("/dev/zero", 4); }), {"not a regular file"}));
    REQUIRE(mkfifo(directory.file("pipe").c_str(), 0600) == 0);
    CHECK(holds(failure_of([&] { return read_file(directory.file("pipe"), 4); }),
                {"not a regular file"}));
    CHECK(holds(failure_of([&] { return read_file(directory.file("none"), 4); }),
                {"none", "No such file"}));
}

} // namespace file_test
