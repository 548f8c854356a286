#include "kvm/file_disk.hpp"

#include "system/failure.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace twofold::vmm::kvm {

namespace {

constexpr std::uint64_t sector_bytes = 512;

} // namespace

FileDisk::FileDisk(DiskOptions const& options)
    : file_(open(options.file.c_str(), (options.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC)),
      read_only_(options.read_only) {
    struct stat status {};
    if (!file_.open() || fstat(file_.get(), &status) != 0)
        throw SystemFailure{fmt::format("--disk: can't open {}{}", options.file.string(),
                                        errno == EACCES && !read_only_
                                            ? " to write; --disk-read-only would do"
                                            : ""),
                            errno};
    if (!S_ISREG(status.st_mode))
        throw Failure{fmt::format("--disk: {} is not a file", options.file.string())};
    bytes_ = static_cast<std::uint64_t>(status.st_size);
    if (bytes_ == 0 || bytes_ % sector_bytes != 0)
        throw Failure{fmt::format("--disk: {} has {} bytes, which is no whole number of sectors of "
                                  "{} above 0",
                                  options.file.string(), bytes_, sector_bytes)};
}

bool FileDisk::read(std::uint64_t offset, std::span<std::byte> to) {
    // A file that was cut off meanwhile gives less.
    return pread(file_.get(), to.data(), to.size(), static_cast<off_t>(offset)) ==
           static_cast<ssize_t>(to.size());
}

bool FileDisk::write(std::uint64_t offset, std::span<std::byte const> from) {
    return pwrite(file_.get(), from.data(), from.size(), static_cast<off_t>(offset)) ==
           static_cast<ssize_t>(from.size());
}

bool FileDisk::flush() { return fdatasync(file_.get()) == 0; }

} // namespace twofold::vmm::kvm
