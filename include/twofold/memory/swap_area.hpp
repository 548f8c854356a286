// Pages on a swap device: which slots are taken, and how many page-table entries name each.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/bits.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold {

/// The place of one 4 KiB page on a swap device.
struct SwapSlot {
    std::uint32_t number;
    friend constexpr bool operator==(SwapSlot, SwapSlot) = default;
};

/// A device that keeps pages. Both return whether the whole page was transferred; a write that
/// fails leaves the slot with undefined contents.
template <class D>
concept SwapDevice = requires(D& device, SwapSlot slot, Hpa frame) {
    { device.write_page(slot, frame) } -> std::same_as<bool>;
    { device.read_page(slot, frame) } -> std::same_as<bool>;
};

/// How an entry that is not present names the slot of its page: the processor ignores all other
/// bits of an entry whose present bits are clear (Intel SDM vol. 3, "Format of an EPT Page-Table
/// Entry": bits 2:0). An entry that is 0 has no page at all. Bit 63, which can suppress #VE, stays
/// clear.
struct SwappedEntry {
    static constexpr std::uint64_t swapped_bit = bit(11);

    static constexpr std::uint64_t word(SwapSlot slot) {
        return std::uint64_t{slot.number} << 12 | swapped_bit;
    }
    static constexpr bool is(std::uint64_t word) {
        return (word & (mask(2, 0) | swapped_bit)) == swapped_bit;
    }
    static constexpr SwapSlot slot(std::uint64_t word) {
        return {static_cast<std::uint32_t>(field(word, 43, 12))};
    }
};
static_assert(SwappedEntry::is(SwappedEntry::word({7})) && !SwappedEntry::is(0));
static_assert(SwappedEntry::slot(SwappedEntry::word({0xffff'ffff})).number == 0xffff'ffff);

/// The slots of one device. Clones that share a swapped page share its slot; the slot is free when
/// no entry names it any more. Four bytes of memory a slot.
class SwapArea {
  public:
    static constexpr std::uint32_t most_slots = (std::uint32_t{1} << 30) - 1;

    /// `device` outlives the area. `counts`: one for each slot, most_slots at most, contents
    /// immaterial.
    template <SwapDevice Device>
    SwapArea(Device& device, std::span<std::uint32_t> counts)
        : counts_(counts), device_(&device), write_([](void* to, SwapSlot slot, Hpa frame) {
              return static_cast<Device*>(to)->write_page(slot, frame);
          }),
          read_([](void* from, SwapSlot slot, Hpa frame) {
              return static_cast<Device*>(from)->read_page(slot, frame);
          }) {
        for (std::uint32_t number = 0; number < slots_total(); ++number)
            counts_[number] = free_slot(number + 1);
    }

    /// Writes the frame to a free slot, which then has one reference. Nothing when no slot is free
    /// or the device fails.
    [[nodiscard]] std::optional<SwapSlot> store(Hpa frame) {
        if (first_free_ == slots_total()) return std::nullopt;
        SwapSlot const slot{first_free_};
        if (!write_(device_, slot, frame)) {
            ++write_failures_;
            return std::nullopt;
        }
        first_free_ = counts_[slot.number] - free_slot(0);
        counts_[slot.number] = 1;
        ++used_;
        return slot;
    }
    /// Reads the page of `slot`, which must have a reference, into `frame`.
    [[nodiscard]] bool load(SwapSlot slot, Hpa frame) {
        bool const done = read_(device_, slot, frame);
        if (!done) ++read_failures_;
        return done;
    }

    /// One more entry names `slot`, which must have a reference.
    void retain(SwapSlot slot) { ++counts_[slot.number]; }
    /// One entry less names `slot`.
    void release(SwapSlot slot) {
        if (--counts_[slot.number] != 0) return;
        counts_[slot.number] = free_slot(first_free_);
        first_free_ = slot.number;
        --used_;
    }
    /// Entries that name `slot`, which must have one.
    [[nodiscard]] std::uint32_t references(SwapSlot slot) const { return counts_[slot.number]; }

    [[nodiscard]] std::uint32_t slots_total() const {
        return static_cast<std::uint32_t>(counts_.size());
    }
    [[nodiscard]] std::uint32_t slots_used() const { return used_; }
    [[nodiscard]] std::uint64_t write_failures() const { return write_failures_; }
    [[nodiscard]] std::uint64_t read_failures() const { return read_failures_; }

  private:
    friend class SlotAudit;

    using Transfer = bool (*)(void*, SwapSlot, Hpa);

    /// What a free slot has in place of a count.
    static constexpr std::uint32_t free_slot(std::uint32_t next) {
        return (std::uint32_t{1} << 31) + next;
    }
    /// The same from what is there, less up to 2^30 references that somebody has taken from it.
    static constexpr bool is_free(std::uint32_t count) {
        return ((count >> 31 ^ count >> 30) & 1) != 0;
    }

    /// References of a slot in use; of a free one, the next that is free.
    std::span<std::uint32_t> counts_;
    void* device_;
    Transfer write_;
    Transfer read_;
    std::uint32_t first_free_ = 0;
    std::uint32_t used_ = 0;
    std::uint64_t write_failures_ = 0;
    std::uint64_t read_failures_ = 0;
};

} // namespace twofold
