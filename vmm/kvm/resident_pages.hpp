// Which pages of a guest have a frame, where there are fewer frames than pages: those that came in
// first leave first, into a swap file.
#pragma once

#include "kvm/mapping.hpp"
#include "kvm/swap_file.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace twofold::vmm::kvm {

/// How a guest's frames are limited.
struct FrameLimit {
    /// 4 KiB pages that may have a frame.
    std::uint64_t frames;
    /// Bytes of the swap file; 0: none.
    std::uint64_t swap_bytes = 0;
};

struct ReclaimStatistics {
    std::uint64_t frames_limit = 0;
    std::uint64_t swapped_out = 0;
    std::uint64_t swapped_in = 0;
    /// Pages of zeros, which need no room in the file.
    std::uint64_t dropped = 0;
    std::uint64_t released = 0;
    /// How often room was made, and the ticks that it took.
    std::uint64_t reclaims = 0;
    std::uint64_t ticks = 0;
    std::optional<SwapStatistics> swap = std::nullopt;
};

/// For the thread that answers faults, but for release().
class ResidentPages {
  public:
    /// `memory`: private to this process, of pages of 4 KiB. Throws Failure.
    ResidentPages(std::span<std::byte> memory, FrameLimit limit);

    /// What a page without a frame holds.
    enum class Contents : std::uint8_t { as_at_first, zeros, swapped };
    [[nodiscard]] Contents contents(std::uint64_t page) const;
    [[nodiscard]] bool resident(std::uint64_t page) const;
    /// Reads a page that is swapped. False when it can't be read any more.
    [[nodiscard]] bool load(std::uint64_t page, std::span<std::byte> to);

    /// The page has a frame now.
    void note(std::uint64_t page);
    /// Makes frames free until so many pages more may have one. Why that can't be done, if so.
    std::expected<void, std::string> make_room(std::uint64_t pages);

    /// The guest gives pages back: they read as zeros. How many held something.
    std::uint64_t release(std::uint64_t first, std::uint64_t pages);

    /// No page has a frame, and all are as at first. The frames themselves are the caller's.
    void start_over();
    /// Numbers of the pages that are swapped, in ascending order.
    [[nodiscard]] std::vector<std::uint64_t> swapped_pages() const;

    [[nodiscard]] ReclaimStatistics statistics() const;

  private:
    std::expected<void, std::string> put_out(std::uint64_t page);
    std::span<std::byte> take_away(std::uint64_t page);
    void set_absent(std::uint64_t page);
    void forget_stale();
    [[nodiscard]] bool swapped(std::uint64_t page) const {
        return !resident_[page] && places_[page] != never_touched && places_[page] != all_zeros;
    }
    [[nodiscard]] std::span<std::byte> bytes_of(std::uint64_t page) const;

    /// A page's place while it has no frame.
    static constexpr SwapSlot never_touched = ~SwapSlot{0};
    static constexpr SwapSlot all_zeros = never_touched - 1;

    mutable std::mutex mutex_;
    std::span<std::byte> memory_;
    FrameLimit limit_;
    /// Where a page lies between the guest's memory and the file.
    Mapping stage_;
    std::unique_ptr<SwapFile> swap_;
    std::vector<SwapSlot> places_;
    std::vector<bool> resident_;
    std::uint64_t count_ = 0;
    /// The resident ones, in the order in which they came, and some that are so no more.
    std::deque<std::uint32_t> order_;
    ReclaimStatistics statistics_;
};

} // namespace twofold::vmm::kvm
