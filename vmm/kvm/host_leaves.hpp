// By leaves of which size the host's page tables map a guest's memory.
#pragma once

#include <twofold/arch/page_size.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold::vmm::kvm {

struct HostLeaves {
    /// Of 4 KiB.
    std::uint64_t small = 0;
    /// Of the larger size.
    std::uint64_t large = 0;
};

/// The leaves that map `memory` of this process by now, whose larger pages are of `large`: an
/// ioctl that Linux has since 6.7 ("pagemap" in its admin guide: PAGEMAP_SCAN). Nothing where it
/// is missing.
[[nodiscard]] std::optional<HostLeaves> count_host_leaves(std::span<std::byte const> memory,
                                                          PageSize large);

} // namespace twofold::vmm::kvm
