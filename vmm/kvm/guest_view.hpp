// A guest's memory by its own virtual addresses, through its live page tables.
#pragma once

#include "kvm/guest_ram.hpp"
#include "kvm/machine.hpp"
#include "kvm/second_dimension.hpp"

#include <twofold/arch/paging_mode.hpp>
#include <twofold/paging/nested_walk.hpp>

#include <functional>
#include <optional>
#include <span>
#include <string>

namespace twofold::vmm::kvm {

/// Reads for the stopped processor whose registers it is given.
class GuestView {
  public:
    GuestView(kvm_sregs const& registers, GuestRam const& ram) : registers_(registers), ram_(ram) {}

    /// Where `gva` lies, or nothing.
    [[nodiscard]] std::optional<Gpa> translate(Gva gva) const;
    /// False when not all of it is mapped to memory.
    [[nodiscard]] bool read(Gva gva, std::span<std::byte> to) const;
    /// Into memory that is `ram`'s own; what was written before an address that is not mapped
    /// stays.
    [[nodiscard]] bool write(Gva gva, GuestRam& ram, std::span<std::byte const> from) const;
    /// The walk of both dimensions, the second being `slot`. No entry is read for an address that
    /// is not canonical.
    [[nodiscard]] std::expected<NestedTranslation, NestedFault>
    walk(Gva gva, SlotTables& slot, std::function<void(Reference const&)> const& observe) const;

    [[nodiscard]] PagingMode mode() const;
    /// Whether 64-bit code may use `gva`; that of other modes has no address that it may not.
    [[nodiscard]] bool is_usable(Gva gva) const;
    /// Calls `put(line)` for each record of the tables of both dimensions.
    void report_tables(std::uint64_t guest, SlotTables& slot,
                       std::function<void(std::string)> const& put) const;

  private:
    /// Calls `move(gpa, done, length)` for each page's part of `bytes` bytes from `gva` on, until
    /// one returns false. Whether all of them are done.
    template <class Move>
    bool in_pages(Gva gva, std::size_t bytes, Move&& move) const;

    kvm_sregs const& registers_;
    GuestRam const& ram_;
};

} // namespace twofold::vmm::kvm
