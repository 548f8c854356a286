// Pages of the same contents share a frame: what guests offer goes into one file in memory, each
// contents once, and the guests see it copy-on-write, which the kernel carries out.
#pragma once

#include "kvm/guest_ram.hpp"
#include "system/file_descriptor.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace twofold::vmm::kvm {

/// What came of an offer, in pages of 4 KiB.
struct OfferResult {
    std::uint64_t hashed = 0;
    /// Those that came to share the frame of a page of another place, or the one of zeros.
    std::uint64_t merged = 0;
    std::uint64_t zeroed = 0;
};

/// Of all guests of a process.
class PageMerger {
  public:
    /// A guest, whose processors have left it, offers pages of memory that can_share_pages(). Those
    /// that hold something share frames from here on. Throws Failure.
    OfferResult offer(GuestRam& ram, std::uint64_t first, std::uint64_t pages);
    /// How many of the pages share a frame now.
    [[nodiscard]] std::uint64_t shared(GuestRam const& ram, std::uint64_t first,
                                       std::uint64_t pages);
    /// Gives each page of the memory that is shared a frame of its own, and forgets them.
    void part(GuestRam& ram);
    /// These pages of the memory are no more what they were.
    void forget(GuestRam const& ram, std::uint64_t first, std::uint64_t pages);

  private:
    /// A page of a guest's memory.
    struct Page {
        GuestRam const* ram;
        std::uint64_t number;
        auto operator<=>(Page const&) const = default;
    };
    /// A page of the file.
    struct Place {
        std::uint64_t hash;
        bool zeros;
        std::vector<Page> users;
    };
    using PlaceNumber = std::uint64_t;

    [[nodiscard]] bool still_uses(Page page) const;
    [[nodiscard]] PlaceNumber keep(std::span<std::byte const> contents, std::uint64_t hash,
                                   bool zeros);
    [[nodiscard]] PlaceNumber const* find(std::span<std::byte const> contents, std::uint64_t hash);
    void offer_one(GuestRam& ram, std::uint64_t number, OfferResult& result);
    void leave(std::map<Page, PlaceNumber>::iterator at);
    /// What is known of these pages.
    [[nodiscard]] auto range(GuestRam const& ram, std::uint64_t first, std::uint64_t pages) {
        return std::pair{pages_.lower_bound(Page{&ram, first}),
                         pages_.lower_bound(Page{&ram, first + pages})};
    }
    void give_frames_back();

    std::mutex mutex_;
    PageMap map_;
    FileDescriptor file_;
    std::uint64_t file_pages_ = 0;
    std::vector<PlaceNumber> free_;
    /// Free as well, but with a frame still: confined threads may not give it back.
    std::vector<PlaceNumber> left_;
    std::unordered_map<PlaceNumber, Place> places_;
    std::unordered_multimap<std::uint64_t, PlaceNumber> by_hash_;
    std::map<Page, PlaceNumber> pages_;
};

} // namespace twofold::vmm::kvm
