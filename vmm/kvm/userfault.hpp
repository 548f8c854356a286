// Guest memory that comes in when it is touched, by a handler of our own: userfaultfd.
#pragma once

#include "kvm/fault_statistics.hpp"
#include "system/file_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <thread>

namespace twofold::vmm::kvm {

/// What first touches of memory find there.
struct PageSource {
    /// Copied from, at the place of the touched memory; empty: zeros.
    std::span<std::byte const> contents = {};
    /// 4 KiB pages that one fault brings in at the most: a power of two. The window is aligned.
    std::uint64_t window = 1;
};

/// Answers the faults of one span of memory, on a thread of its own, until it is destroyed. The
/// memory must not be touched afterwards where it was not touched before.
class FaultHandler {
  public:
    /// The descriptor of userfaultfd, or why this user is not given one.
    static std::expected<FileDescriptor, std::string> open_userfault();

    /// Takes over the pages of `memory` that have no frame yet. Throws Failure.
    FaultHandler(FileDescriptor userfault, std::span<std::byte> memory, PageSource source);
    ~FaultHandler();
    FaultHandler(FaultHandler const&) = delete;
    FaultHandler& operator=(FaultHandler const&) = delete;

    /// Ends the thread. To be called before statistics().
    void stop();
    [[nodiscard]] FaultStatistics const& statistics() const { return statistics_; }

  private:
    void serve();
    void answer(std::uint64_t address, bool write);
    [[nodiscard]] std::byte const* source(std::uint64_t begin, std::uint64_t end) const;
    std::uint64_t bring_in(std::uint64_t begin, std::uint64_t end, bool write);

    FileDescriptor userfault_;
    std::span<std::byte> memory_;
    PageSource source_;
    FaultStatistics statistics_;
    FileDescriptor stop_;
    std::thread thread_;
};

} // namespace twofold::vmm::kvm
