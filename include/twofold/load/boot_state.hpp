// The state of the processor that a boot protocol promises to a kernel. Engines apply it; nothing
// in it depends on VT-x or KVM.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/control_register.hpp>
#include <twofold/arch/msr.hpp>
#include <twofold/arch/segment.hpp>

#include <array>
#include <cstdint>

namespace twofold {

enum class ProcessorMode : std::uint8_t {
    /// Real mode: 16 bits, no paging.
    real,
    /// Protected mode: 32 bits, no paging.
    protected_32,
    /// 64-bit mode: 4-level paging on.
    long_64,
};

/// What a kernel starts with. Registers that are not named by its protocol are 0. Interrupts are
/// off, the direction flag is clear.
struct BootState {
    ProcessorMode mode = ProcessorMode::protected_32;

    std::uint64_t rip = 0;
    std::uint64_t rflags = bit(1);
    std::uint64_t rax = 0;
    std::uint64_t rbx = 0;
    std::uint64_t rcx = 0;
    std::uint64_t rdx = 0;
    std::uint64_t rsi = 0;
    std::uint64_t rdi = 0;
    std::uint64_t rbp = 0;
    std::uint64_t rsp = 0;

    SegmentRegister code;
    /// DS, ES, FS, GS and SS alike.
    SegmentRegister data;
    SegmentRegister task;
    SegmentRegister local_descriptors;
    /// Lies in the guest's memory and holds `code` and `data`; limit 0 where there is none.
    DescriptorTable gdt;
    DescriptorTable idt;

    std::uint64_t cr0 = 0;
    std::uint64_t cr3 = 0;
    std::uint64_t cr4 = 0;
    std::uint64_t efer = 0;

    friend constexpr bool operator==(BootState const&, BootState const&) = default;
};

/// A GDT in which `state`'s code and data segments have their places. Selectors are 8, 16 or 24.
constexpr std::array<std::uint64_t, 4> gdt_for(BootState const& state) {
    std::array<std::uint64_t, 4> table{};
    table[state.code.selector >> 3] = state.code.descriptor();
    table[state.data.selector >> 3] = state.data.descriptor();
    return table;
}

namespace detail {
inline constexpr std::uint32_t whole_limit = 0xffff'ffff;
/// Of a TSS without an I/O permission bitmap.
inline constexpr SegmentRegister boot_task{0, 0, 0x67, segment_access::busy_task};
} // namespace detail

/// 32-bit protected mode at `entry` with flat segments, paging off.
constexpr BootState protected_state(Gpa entry, std::uint16_t code_selector,
                                    std::uint16_t data_selector) {
    BootState state;
    state.mode = ProcessorMode::protected_32;
    state.rip = entry.value();
    state.code = {code_selector, 0, detail::whole_limit, segment_access::flat_code_32};
    state.data = {data_selector, 0, detail::whole_limit, segment_access::flat_data_32};
    state.task = detail::boot_task;
    state.cr0 = cr0::protection_enable | cr0::extension_type;
    return state;
}

/// 64-bit mode at `entry` over the page tables at `cr3`.
constexpr BootState long_state(Gpa entry, Gpa cr3, std::uint16_t code_selector,
                               std::uint16_t data_selector) {
    BootState state = protected_state(entry, code_selector, data_selector);
    state.mode = ProcessorMode::long_64;
    state.code.access = segment_access::code_64;
    state.cr0 |= cr0::monitor_coprocessor | cr0::numeric_error | cr0::write_protect | cr0::paging;
    state.cr3 = cr3.value();
    state.cr4 = cr4::physical_address_extension | cr4::os_fxsr;
    state.efer = efer::long_mode_enable | efer::long_mode_active | efer::execute_disable_enable;
    return state;
}

/// Real mode at `entry`, which lies below 1 MiB: CS is its paragraph, the data segments begin at 0.
constexpr BootState real_state(Gpa entry) {
    BootState state;
    state.mode = ProcessorMode::real;
    state.rip = entry.offset_in(16);
    state.code = {static_cast<std::uint16_t>(entry.value() >> 4), entry.aligned_down(16).value(),
                  0xffff, segment_access::code_16};
    state.data = {0, 0, 0xffff, segment_access::data_16};
    state.task = detail::boot_task;
    state.idt = {0, 0x3ff};
    state.cr0 = cr0::extension_type;
    return state;
}

} // namespace twofold
