#include "system/file_descriptor.hpp"

#include "system/failure.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace twofold::vmm {

std::string FileDescriptor::path() const { return fmt::format("/dev/fd/{}", descriptor_); }

void FileDescriptor::reset() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
}

Pipe Pipe::make() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw SystemFailure{"can't make a pipe", errno};
    Pipe made{FileDescriptor{ends[0]}, FileDescriptor{ends[1]}};
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) throw SystemFailure{"can't set up a pipe", errno};
    return made;
}

FileDescriptor make_memory_file(char const* name, std::span<std::byte const> contents) {
    FileDescriptor file{memfd_create(name, MFD_CLOEXEC)};
    if (!file.open()) throw SystemFailure{"can't make a file in memory", errno};
    if (int const error = write_all(file.get(), contents)) {
        throw SystemFailure{
            fmt::format("can't hold {} bytes of {} in memory", contents.size(), name), error};
    }
    return file;
}

FileDescriptor make_memory_file(char const* name, std::string_view contents) {
    return make_memory_file(name, std::as_bytes(std::span{contents}));
}

FileDescriptor make_nameless_file(std::uint64_t bytes) {
    std::error_code error;
    std::string name = (std::filesystem::temp_directory_path(error) / "twofold.XXXXXX").string();
    FileDescriptor file{error ? -1 : mkostemp(name.data(), O_CLOEXEC)};
    if (!file.open()) {
        throw SystemFailure{fmt::format("can't make the temporary file {}; TMPDIR names the "
                                        "directory",
                                        name),
                            error ? error.value() : errno};
    }
    unlink(name.c_str());
    if (ftruncate(file.get(), static_cast<off_t>(bytes)) != 0)
        throw SystemFailure{fmt::format("can't make a file of {} bytes like {}", bytes, name),
                            errno};
    return file;
}

int write_all(int descriptor, std::span<std::byte const> bytes) {
    while (!bytes.empty()) {
        auto const written = write(descriptor, bytes.data(), bytes.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return 0;
}

bool read_some(int descriptor, std::string& to) {
    std::array<char, 64 * 1024> buffer;
    auto const got = read(descriptor, buffer.data(), buffer.size());
    if (got > 0) to.append(buffer.data(), static_cast<std::size_t>(got));
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

} // namespace twofold::vmm
