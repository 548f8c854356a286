// A guest's live page tables: which format they have, and walks through them.
#pragma once

#include "hv/vm/guest.hpp"
#include "hv/vmx/instructions.hpp"

#include <twofold/arch/control_register.hpp>
#include <twofold/arch/msr.hpp>
#include <twofold/paging/nested_walk.hpp>

#include <expected>
#include <utility>

namespace twofold::hv {

/// Otherwise linear addresses have 32 bits.
inline bool in_64_bit_code() {
    constexpr std::uint32_t long_code = 1U << 13;
    bool const long_mode_active =
        (read_vmcs(VmcsField64::guest_efer) & efer::long_mode_active) != 0;
    return long_mode_active && (read_vmcs(VmcsField32::guest_cs_access_rights) & long_code) != 0;
}

/// Calls `action(format, root)` with what the running guest's control registers say of its paging.
template <class Action>
auto with_guest_paging(Guest const& guest, Action&& action) {
    std::uint64_t const cr0 = read_vmcs(VmcsFieldNatural::guest_cr0);
    std::uint64_t const cr4 = read_vmcs(VmcsFieldNatural::guest_cr4);
    std::uint64_t const efer = read_vmcs(VmcsField64::guest_efer);
    std::uint64_t const cr3 = read_vmcs(VmcsFieldNatural::guest_cr3);
    bool const execute_disable = (efer & efer::execute_disable_enable) != 0;
    if ((cr0 & cr0::paging) == 0) return action(NoPagingFormat<Gva, Gpa>{}, Gpa{});
    if ((efer & efer::long_mode_active) != 0) {
        X86Format<Gva, Gpa, 4> format;
        format.physical_bits = guest.physical_bits;
        format.execute_disable = execute_disable;
        return action(format, Gpa{cr3 & X86Entry::address_mask});
    }
    if ((cr4 & cr4::physical_address_extension) != 0) {
        X86PaeFormat<Gva, Gpa> format;
        format.physical_bits = guest.physical_bits;
        format.execute_disable = execute_disable;
        return action(format, X86PaeFormat<Gva, Gpa>::Root{read_vmcs(VmcsField64::guest_pdpte0),
                                                           read_vmcs(VmcsField64::guest_pdpte1),
                                                           read_vmcs(VmcsField64::guest_pdpte2),
                                                           read_vmcs(VmcsField64::guest_pdpte3)});
    }
    X86Format32<Gva, Gpa> format;
    format.page_size_extension = (cr4 & cr4::page_size_extensions) != 0;
    return action(format, Gpa{cr3 & mask(31, 12)});
}

inline SecondDimension<EptFormat<4>, HostMemory> second_dimension(Guest& guest) {
    return {guest.space.format(), guest.space.root(), guest.space.memory()};
}

inline PagingMode paging_mode(Guest const& guest) {
    return with_guest_paging(guest,
                             []<class Format>(Format const&, auto const&) { return Format::mode; });
}

/// The two-dimensional walk of the running guest's tables.
template <class Observer>
std::expected<NestedTranslation, NestedFault> walk_guest(Guest& guest, Gva gva,
                                                         Observer&& observe) {
    if (in_64_bit_code() && !is_canonical(gva)) {
        // No entry is read: as of a root that leads nowhere.
        return std::unexpected(NestedFault{.dimension = Dimension::guest,
                                           .reason = WalkFaultReason::not_present,
                                           .level = 5,
                                           .bits = 0,
                                           .gpa = Gpa{},
                                           .during_walk = true});
    }
    return with_guest_paging(guest, [&](auto const& format, auto const& root) {
        return walk_nested(format, root, gva, second_dimension(guest), observe);
    });
}

} // namespace twofold::hv
