#include "system/file.hpp"

#include "system/failure.hpp"
#include "system/file_descriptor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace twofold::vmm {

namespace {

/// The name that a file has until it is whole.
class UnfinishedFile {
  public:
    explicit UnfinishedFile(std::filesystem::path const& target)
        : name_(target.string() + ".XXXXXX"), file_(mkostemp(name_.data(), O_CLOEXEC)) {
        if (!file_.open())
            throw SystemFailure{fmt::format("can't write {}", target.string()), errno};
    }
    ~UnfinishedFile() {
        if (!name_.empty()) unlink(name_.c_str());
    }
    UnfinishedFile(UnfinishedFile const&) = delete;
    UnfinishedFile& operator=(UnfinishedFile const&) = delete;

    /// 0 or an errno value.
    int write(std::span<std::byte const> bytes, mode_t mode) {
        if (int const error = write_all(file_.get(), bytes)) return error;
        return fchmod(file_.get(), mode) == 0 ? 0 : errno;
    }
    int rename_to(std::filesystem::path const& target) {
        if (rename(name_.c_str(), target.c_str()) != 0) return errno;
        name_.clear();
        return 0;
    }

  private:
    std::string name_;
    FileDescriptor file_;
};

/// Permissions of a new file.
mode_t default_mode() {
    mode_t const mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

int write_directly(std::filesystem::path const& path, std::span<std::byte const> bytes) {
    FileDescriptor const file{open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    return file.open() ? write_all(file.get(), bytes) : errno;
}

int replace(std::filesystem::path const& path, std::span<std::byte const> bytes, mode_t mode) {
    UnfinishedFile file{path};
    if (int const error = file.write(bytes, mode)) return error;
    return file.rename_to(path);
}

} // namespace

std::vector<std::byte> read_file(std::filesystem::path const& path, std::uint64_t limit) {
    auto const fail = [&](int error) {
        throw SystemFailure{fmt::format("can't read {}", path.string()), error};
    };
    FileDescriptor const file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat status {};
    if (!file.open() || fstat(file.get(), &status) != 0) fail(errno);
    if (S_ISDIR(status.st_mode)) fail(EISDIR);
    if (!S_ISREG(status.st_mode))
        throw Failure{fmt::format("can't read {}: not a regular file", path.string())};
    auto const size = static_cast<std::uint64_t>(status.st_size);
    if (size > limit) {
        throw Failure{fmt::format("can't read {}: {} bytes, at most {} can be loaded",
                                  path.string(), size, limit)};
    }
    std::vector<std::byte> bytes(size);
    for (std::size_t done = 0; done < bytes.size();) {
        auto const got = read(file.get(), bytes.data() + done, bytes.size() - done);
        if (got < 0) fail(errno);
        if (got == 0) bytes.resize(done); // it shrank meanwhile
        done += static_cast<std::size_t>(got);
    }
    return bytes;
}

void require_directory_of(std::string_view option, std::filesystem::path const& file) {
    auto const directory = file.parent_path();
    if (!directory.empty() && !std::filesystem::is_directory(directory))
        throw Failure{fmt::format("{}: can't write {}: there is no directory {}", option,
                                  file.string(), directory.string())};
}

void write_file(std::filesystem::path const& path, std::span<std::byte const> bytes) {
    struct stat status {};
    bool const exists = stat(path.c_str(), &status) == 0;
    int error = 0;
    if (exists && !S_ISREG(status.st_mode)) {
        error = S_ISDIR(status.st_mode) ? EISDIR : write_directly(path, bytes);
    } else {
        // Behind a symbolic link the file is replaced, not the link.
        auto const target = exists ? std::filesystem::canonical(path) : path;
        error = replace(target, bytes, exists ? status.st_mode & 07777 : default_mode());
    }
    if (error != 0) throw SystemFailure{fmt::format("can't write {}", path.string()), error};
}

void write_file(std::filesystem::path const& path, std::string_view text) {
    write_file(path, std::as_bytes(std::span{text}));
}

} // namespace twofold::vmm
