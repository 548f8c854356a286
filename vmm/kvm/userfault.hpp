// Guest memory that comes in when it is touched, by a handler of our own: userfaultfd.
#pragma once

#include "kvm/fault_statistics.hpp"
#include "kvm/resident_pages.hpp"
#include "system/file_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace twofold::vmm::kvm {

/// A part of a guest's file, and where in memory it belongs.
struct ImagePart {
    std::uint64_t gpa;
    std::span<std::byte const> bytes;
};

/// What first touches of memory find there.
struct PageSource {
    /// Copied from, at the place of the touched memory; empty: zeros.
    std::span<std::byte const> contents = {};
    /// Or from here: whole pages only, in ascending order. The bytes must outlive the handler.
    std::vector<ImagePart> image = {};
    /// 4 KiB pages that one fault brings in at the most: a power of two. The window is aligned.
    std::uint64_t window = 1;
    /// How many pages may have a frame, if that is limited.
    std::optional<FrameLimit> limit = std::nullopt;
    /// Told, on the handler's thread, when a fault can't be answered within the limit. It is
    /// answered beyond it then, so that the guest can come to its end.
    std::function<void(std::string const& why)> on_short = {};
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

    /// The guest gives pages back: they read as zeros from here on. How many held something. Only
    /// where frames are limited.
    std::uint64_t release(std::uint64_t first, std::uint64_t pages);

    /// The memory is as it was at first: for a guest that has been stopped.
    void start_over();
    /// In ascending order, numbers of pages that hold something and have no frame, without those
    /// that PageSource::contents has.
    [[nodiscard]] std::vector<std::uint64_t> pages_elsewhere() const;

    /// Ends the thread. To be called before statistics().
    void stop();
    [[nodiscard]] FaultStatistics const& statistics() const { return statistics_; }
    [[nodiscard]] bool limits_frames() const { return resident_.has_value(); }
    /// Only where frames are limited.
    [[nodiscard]] std::optional<ReclaimStatistics> reclaimed() const;

  private:
    void serve();
    void answer(std::uint64_t address, bool write);
    [[nodiscard]] std::byte const* source(std::uint64_t begin, std::uint64_t end) const;
    std::int64_t copy_in(std::uint64_t at, std::byte const* from, std::uint64_t bytes);
    std::int64_t zero_in(std::uint64_t at, std::uint64_t bytes);
    std::uint64_t bring_in(std::uint64_t begin, std::uint64_t end, bool write);
    std::uint64_t fill_run(std::uint64_t begin, std::uint64_t end, bool write);
    std::uint64_t fill_each(std::uint64_t begin, std::uint64_t end);
    void make_room(std::uint64_t begin, std::uint64_t end);
    std::uint64_t* compose(std::uint64_t page);

    FileDescriptor userfault_;
    std::span<std::byte> memory_;
    PageSource source_;
    std::optional<ResidentPages> resident_;
    /// A page that is put together, where pages come from different places.
    std::vector<std::byte> page_;
    FaultStatistics statistics_;
    /// Held while pages are brought in: what was read of a page must still be so when it comes in.
    std::mutex filling_;
    FileDescriptor stop_;
    std::thread thread_;
};

} // namespace twofold::vmm::kvm
