// What the hypervisor's own page tables map, and how: described apart from the tables, so that a
// test can look at it.
#pragma once

#include "hv/boot/low_memory.h"
#include "hv/boot/memory_ranges.hpp"

#include <twofold/arch/access.hpp>

#include <array>
#include <cstddef>
#include <span>

namespace twofold::hv {

/// The hypervisor's image in memory, by what its parts may be used for. Multiples of 4096.
struct ImageSections {
    Hpa text;
    Hpa read_only_data;
    Hpa data;
    Hpa end;
};

/// A range that is mapped to itself.
struct MappedRegion {
    MemoryRange range;
    Permissions permissions;
};

/// Ranges that no mapping covers, so that a null pointer or a stack that is too deep is caught.
inline constexpr std::array guards{
    MemoryRange{Hpa{0}, Hpa{0x1000}},
    MemoryRange{Hpa{MAIN_STACK_GUARD}, Hpa{MAIN_STACK_GUARD + STACK_GUARD_BYTES}},
    MemoryRange{Hpa{DOUBLE_FAULT_STACK_GUARD}, Hpa{DOUBLE_FAULT_STACK_GUARD + STACK_GUARD_BYTES}},
    MemoryRange{Hpa{NMI_STACK_GUARD}, Hpa{NMI_STACK_GUARD + STACK_GUARD_BYTES}},
    MemoryRange{Hpa{MACHINE_CHECK_STACK_GUARD}, Hpa{MACHINE_CHECK_STACK_GUARD + STACK_GUARD_BYTES}},
};

/// All that is mapped. No two regions overlap, and none is both writable and executable.
class MappedRegions {
  public:
    /// `memory`: every frame of RAM that the hypervisor may touch, its own image included.
    constexpr MappedRegions(MemoryRanges const& memory, ImageSections const& image) {
        MemoryRanges writable = memory;
        writable.remove({image.text, image.data});
        for (MemoryRange const& guard : guards)
            writable.remove(guard);

        add({image.text, image.read_only_data}, read_execute);
        add({image.read_only_data, image.data}, read_only);
        for (MemoryRange const& range : writable.all())
            add(range, read_write);
    }

    [[nodiscard]] constexpr std::span<MappedRegion const> all() const {
        return std::span{regions_}.first(count_);
    }

  private:
    constexpr void add(MemoryRange range, Permissions permissions) {
        regions_[count_++] = {range, permissions};
    }

    std::array<MappedRegion, MemoryRanges::capacity + 2> regions_{};
    std::size_t count_ = 0;
};

} // namespace twofold::hv
