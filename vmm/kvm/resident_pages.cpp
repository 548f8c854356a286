#include "kvm/resident_pages.hpp"

#include "kvm/ticks.hpp"
#include "system/failure.hpp"

#include <twofold/arch/page_size.hpp>

#include <linux/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace twofold::vmm::kvm {

namespace {

bool all_zeros_in(std::span<std::byte const> page) {
    return std::ranges::all_of(page, [](std::byte byte) { return byte == std::byte{0}; });
}

} // namespace

ResidentPages::ResidentPages(std::span<std::byte> memory, FrameLimit limit)
    : memory_(memory), limit_(limit),
      stage_(Mapping::make(page_4k.bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                           "can't map a page for swapping")),
      places_(memory.size() / page_4k.bytes(), never_touched), resident_(places_.size()) {
    if (limit.swap_bytes != 0) swap_ = std::make_unique<SwapFile>(limit.swap_bytes);
    std::vector<unsigned char> present(places_.size());
    if (mincore(memory.data(), memory.size(), present.data()) != 0)
        throw SystemFailure{"can't find out which pages of the guest have a frame", errno};
    for (std::uint64_t page = 0; page < present.size(); ++page)
        if ((present[page] & 1) != 0) note(page);
}

std::span<std::byte> ResidentPages::bytes_of(std::uint64_t page) const {
    return memory_.subspan(page * page_4k.bytes(), page_4k.bytes());
}

bool ResidentPages::resident(std::uint64_t page) const {
    std::lock_guard const lock{mutex_};
    return resident_[page];
}

ResidentPages::Contents ResidentPages::contents(std::uint64_t page) const {
    std::lock_guard const lock{mutex_};
    if (places_[page] == never_touched) return Contents::as_at_first;
    return places_[page] == all_zeros ? Contents::zeros : Contents::swapped;
}

bool ResidentPages::load(std::uint64_t page, std::span<std::byte> to) {
    std::lock_guard const lock{mutex_};
    // The guest may have given it back meanwhile.
    if (places_[page] == all_zeros) return std::ranges::fill(to, std::byte{0}), true;
    if (!swap_->load(places_[page], to)) return false;
    places_[page] = all_zeros;
    ++statistics_.swapped_in;
    return true;
}

void ResidentPages::note(std::uint64_t page) {
    std::lock_guard const lock{mutex_};
    if (resident_[page]) return;
    resident_[page] = true;
    ++count_;
    order_.push_back(static_cast<std::uint32_t>(page));
    if (order_.size() > 2 * places_.size()) forget_stale();
}

/// What was given back stays in the order until then, even when it came in again.
void ResidentPages::forget_stale() {
    std::vector<bool> seen(places_.size());
    std::erase_if(order_, [&](std::uint32_t page) {
        bool const stale = !resident_[page] || seen[page];
        seen[page] = true;
        return stale;
    });
}

std::expected<void, std::string> ResidentPages::make_room(std::uint64_t pages) {
    std::lock_guard const lock{mutex_};
    if (count_ + pages <= limit_.frames) return {};
    std::uint64_t const begun = read_ticks();
    ++statistics_.reclaims;
    while (!order_.empty() && count_ + pages > limit_.frames) {
        std::uint64_t const page = order_.front();
        if (resident_[page])
            if (auto const done = put_out(page); !done) return done;
        order_.pop_front();
    }
    statistics_.ticks += read_ticks() - begun;
    return {};
}

/// Moves the page out of the guest's memory as a whole: what touches it from here on is a fault.
std::span<std::byte> ResidentPages::take_away(std::uint64_t page) {
    void* const moved = mremap(bytes_of(page).data(), page_4k.bytes(), page_4k.bytes(),
                               MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, stage_.begin());
    return moved == MAP_FAILED ? std::span<std::byte>{} : stage_.span();
}

std::expected<void, std::string> ResidentPages::put_out(std::uint64_t page) {
    auto const bytes = take_away(page);
    if (bytes.empty())
        return std::unexpected(std::string{"a page can't be taken from the guest: "} +
                               std::strerror(errno));
    set_absent(page);
    if (all_zeros_in(bytes)) {
        places_[page] = all_zeros;
        ++statistics_.dropped;
        return {};
    }
    auto const slot = swap_ ? swap_->store(bytes)
                            : std::unexpected(std::string{
                                  "no more frames are allowed to it, and there is no --swap"});
    if (slot) {
        places_[page] = *slot;
        ++statistics_.swapped_out;
        return {};
    }
    // Nothing is lost: it goes back to where it was.
    if (mremap(stage_.begin(), page_4k.bytes(), page_4k.bytes(),
               MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
               bytes_of(page).data()) != MAP_FAILED) {
        resident_[page] = true;
        ++count_;
    }
    return std::unexpected(slot.error());
}

void ResidentPages::set_absent(std::uint64_t page) {
    resident_[page] = false;
    --count_;
}

std::uint64_t ResidentPages::release(std::uint64_t first, std::uint64_t pages) {
    std::lock_guard const lock{mutex_};
    std::vector<unsigned char> present(pages);
    (void)mincore(bytes_of(first).data(), pages * page_4k.bytes(), present.data());
    std::uint64_t held = 0;
    for (std::uint64_t n = 0; n < pages; ++n) {
        bool const away = swapped(first + n);
        if ((present[n] & 1) != 0 || away) ++held;
        if (away) swap_->forget(places_[first + n]);
        if (resident_[first + n]) set_absent(first + n);
        places_[first + n] = all_zeros;
    }
    (void)madvise(bytes_of(first).data(), pages * page_4k.bytes(), MADV_DONTNEED);
    statistics_.released += held;
    return held;
}

void ResidentPages::start_over() {
    std::lock_guard const lock{mutex_};
    for (std::uint64_t page = 0; page < places_.size(); ++page)
        if (swapped(page)) swap_->forget(places_[page]);
    places_.assign(places_.size(), never_touched);
    resident_.assign(resident_.size(), false);
    count_ = 0;
    order_.clear();
}

std::vector<std::uint64_t> ResidentPages::swapped_pages() const {
    std::lock_guard const lock{mutex_};
    std::vector<std::uint64_t> pages;
    for (std::uint64_t page = 0; page < places_.size(); ++page)
        if (swapped(page)) pages.push_back(page);
    return pages;
}

ReclaimStatistics ResidentPages::statistics() const {
    std::lock_guard const lock{mutex_};
    auto all = statistics_;
    all.frames_limit = limit_.frames;
    if (swap_) all.swap = swap_->statistics();
    return all;
}

} // namespace twofold::vmm::kvm
