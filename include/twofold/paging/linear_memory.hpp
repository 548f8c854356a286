// A guest's memory by the addresses that its own instructions use: each is walked by the format
// that the guest's control registers choose.
#pragma once

#include <twofold/arch/control_register.hpp>
#include <twofold/arch/msr.hpp>
#include <twofold/arch/paging_format.hpp>
#include <twofold/paging/walk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold {

/// What chooses the paging mode (Intel SDM vol. 3, "Paging Modes and Control Bits").
struct PagingRegisters {
    std::uint64_t cr0 = 0;
    std::uint64_t cr3 = 0;
    std::uint64_t cr4 = 0;
    std::uint64_t efer = 0;
};

namespace detail {

template <class Format, class Memory>
constexpr std::optional<Gpa> walk_to(Format const& format, typename Format::Root const& root,
                                     Gva gva, Memory& memory) {
    auto const found = walk(format, root, gva, memory);
    if (!found) return std::nullopt;
    return found->address;
}

/// The processor keeps the four PDPTEs in registers; here they are read from where CR3 points.
template <class Memory>
constexpr std::optional<Gpa> walk_pae(std::uint64_t cr3, Gva gva, Memory& memory) {
    X86PaeFormat<Gva, Gpa>::Root pdptes{};
    for (std::size_t i = 0; i < pdptes.size(); ++i) {
        auto const read = memory.template read<std::uint64_t>(Gpa{(cr3 & mask(31, 5)) + i * 8});
        if (!read) return std::nullopt;
        pdptes[i] = *read;
    }
    return walk_to(X86PaeFormat<Gva, Gpa>{}, pdptes, gva, memory);
}

} // namespace detail

/// The gpa behind `gva`; none where nothing is mapped, where `gva` is not canonical, where an entry
/// is malformed, or where tables cannot be read. Permissions are not asked for. `memory`: as walk()
/// reads it.
template <class Memory>
[[nodiscard]] constexpr std::optional<Gpa> translate_linear(PagingRegisters const& registers,
                                                            Gva gva, Memory& memory) {
    if ((registers.cr0 & cr0::paging) == 0) return Gpa{gva.value()};
    if ((registers.efer & efer::long_mode_active) != 0) {
        Gpa const root{registers.cr3 & X86Entry::address_mask};
        bool const five_levels = (registers.cr4 & cr4::linear_addresses_57) != 0;
        if (!is_canonical(gva, five_levels ? 57 : 48)) return std::nullopt;
        if (five_levels) return detail::walk_to(X86Format<Gva, Gpa, 5>{}, root, gva, memory);
        return detail::walk_to(X86Format<Gva, Gpa, 4>{}, root, gva, memory);
    }
    if ((registers.cr4 & cr4::physical_address_extension) != 0)
        return detail::walk_pae(registers.cr3, gva, memory);
    X86Format32<Gva, Gpa> format;
    format.page_size_extension = (registers.cr4 & cr4::page_size_extensions) != 0;
    return detail::walk_to(format, Gpa{registers.cr3 & mask(31, 12)}, gva, memory);
}

/// Calls `access(gpa, first, bytes)` for each part of [gva, gva + bytes) within one page, `first`
/// being its offset from `gva`, until it returns false. Returns how many bytes were accessed.
template <class Memory, class Action>
std::uint64_t for_each_linear_page(PagingRegisters const& registers, Gva gva, std::uint64_t bytes,
                                   Memory& memory, Action&& access) {
    std::uint64_t done = 0;
    while (done < bytes) {
        Gva const at = gva + done;
        std::uint64_t const part = std::min(bytes - done, 4096 - at.offset_in(4096));
        auto const gpa = translate_linear(registers, at, memory);
        if (!gpa || !access(*gpa, done, part)) break;
        done += part;
    }
    return done;
}

} // namespace twofold
