// A disk whose contents are a file's.
#pragma once

#include "system/file_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace twofold::vmm::kvm {

struct DiskOptions {
    /// Empty: no disk.
    std::filesystem::path file = {};
    bool read_only = false;
};

class FileDisk {
  public:
    /// Throws Failure for a file that can't be a disk: that is not there, not a file, or no whole
    /// number of sectors.
    explicit FileDisk(DiskOptions const& options);

    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] bool read_only() const { return read_only_; }
    [[nodiscard]] bool read(std::uint64_t offset, std::span<std::byte> to);
    [[nodiscard]] bool write(std::uint64_t offset, std::span<std::byte const> from);
    [[nodiscard]] bool flush();

  private:
    FileDescriptor file_;
    std::uint64_t bytes_ = 0;
    bool read_only_;
};

} // namespace twofold::vmm::kvm
