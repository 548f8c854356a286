// First touches of guest memory that were answered here: how many, for what, and how long they
// took.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace twofold::vmm::kvm {

struct FaultStatistics {
    /// Faults by what was tried. The kernel tells writes apart; a fetch counts as a read.
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
    /// 4 KiB pages that were brought in, those around the fault included.
    std::uint64_t pages = 0;
    /// Of these, copied from the guest's image or snapshot, and read from the swap file; the others
    /// were zeros.
    std::uint64_t from_file = 0;
    std::uint64_t from_swap = 0;
    /// Ticks from a fault's arrival at its handler until its pages were there.
    std::uint64_t ticks = 0;
    std::uint64_t ticks_min = ~std::uint64_t{0};
    std::uint64_t ticks_max = 0;
    /// [n]: faults that took 2^n to 2^(n+1) - 1 ticks.
    std::array<std::uint64_t, 64> histogram{};

    [[nodiscard]] std::uint64_t faults() const { return reads + writes; }

    void count(bool write, std::uint64_t brought_in, std::uint64_t spent) {
        ++(write ? writes : reads);
        pages += brought_in;
        ticks += spent;
        ticks_min = std::min(ticks_min, spent);
        ticks_max = std::max(ticks_max, spent);
        ++histogram[static_cast<std::size_t>(std::bit_width(std::max<std::uint64_t>(spent, 1))) -
                    1];
    }
};

} // namespace twofold::vmm::kvm
