// What `twofold bench chase` runs over: one memory, natively and as a guest's, at the same
// addresses.
#pragma once

#include "kvm/guest_ram.hpp"

#include <twofold/arch/address.hpp>
#include <twofold/arch/page_size.hpp>

#include <cstdint>

namespace twofold::vmm {

/// A guest of this memory has page tables that map it at the addresses that it has in this process,
/// so that the same chain of pointers is good for both.
class ChaseMemory {
  public:
    /// A chain can cover `largest` bytes, a multiple of 2M. `host_page`: 4K or 2M, what the kernel
    /// is asked to map the memory by; so is the second dimension of a guest. Takes all frames now.
    ChaseMemory(std::uint64_t largest, PageSize host_page);

    /// Links one node in each 4K page of the first `bytes`, at another place in each, into one
    /// cycle in random order (Sattolo, 1986). Returns the address of the first.
    std::uint64_t link(std::uint64_t bytes);

    [[nodiscard]] kvm::GuestRam& ram() { return ram_; }
    /// Makes page tables that map the chain's memory by `guest_page` (4K or 2M), for ring 3, beside
    /// those that were made before. Returns their root.
    Gpa make_tables(PageSize guest_page);

    /// Of the guest, in pages of 4K at the begin of its memory: code and stack for ring 3, then
    /// what only ring 0 sees.
    enum class Place : std::uint64_t { code = 0x1000, stack = 0x2000, ring_0 = 0x3000 };
    [[nodiscard]] std::uint64_t address(Place place, std::uint64_t offset = 0) const {
        return begin() + static_cast<std::uint64_t>(place) + offset;
    }
    /// Bytes of `ring_0`.
    static constexpr std::uint64_t ring_0_bytes = 0x3000;

  private:
    [[nodiscard]] std::uint64_t begin() const {
        return reinterpret_cast<std::uint64_t>(ram_.bytes().data());
    }

    std::uint64_t largest_;
    kvm::GuestRam ram_;
    Gpa next_table_{0x10'0000};
};

} // namespace twofold::vmm
