// Where pages of a guest go that are not needed now: a file without a name, which takes room only
// for what is written, and is gone with this process.
#pragma once

#include "system/file_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace twofold::vmm::kvm {

/// The number of a page in the file.
using SwapSlot = std::uint32_t;

struct SwapStatistics {
    std::uint64_t pages = 0;
    std::uint64_t used_most = 0;
    std::uint64_t written = 0;
    std::uint64_t read = 0;
    /// What the file system last said is wrong with it, or nothing.
    std::string error = {};
};

class SwapFile {
  public:
    /// Room for `bytes`, a multiple of 4096, in TMPDIR. Throws Failure.
    explicit SwapFile(std::uint64_t bytes);

    /// Keeps a page of 4 KiB. Where it lies, or why it could not be kept.
    std::expected<SwapSlot, std::string> store(std::span<std::byte const> page);
    /// Gives a page back. False when it cannot be read any more; why is in the statistics.
    bool load(SwapSlot slot, std::span<std::byte> page);
    /// Nobody wants the page any more.
    void forget(SwapSlot slot) { free_.push_back(slot); }

    [[nodiscard]] SwapStatistics const& statistics() const { return statistics_; }

  private:
    FileDescriptor file_;
    std::vector<SwapSlot> free_;
    SwapSlot never_used_ = 0;
    SwapStatistics statistics_;
};

} // namespace twofold::vmm::kvm
