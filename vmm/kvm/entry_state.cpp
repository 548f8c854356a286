#include "kvm/entry_state.hpp"

#include <twofold/arch/control_register.hpp>
#include <twofold/arch/msr.hpp>

namespace twofold::vmm::kvm {

namespace {

constexpr kvm_segment flat_segment(std::uint16_t selector, std::uint8_t type, bool code) {
    return {.base = 0,
            .limit = 0xffff'ffff,
            .selector = selector,
            .type = type,
            .present = 1,
            .dpl = 0,
            .db = static_cast<__u8>(code ? 0 : 1),
            .s = 1,
            .l = static_cast<__u8>(code ? 1 : 0),
            .g = 1,
            .avl = 0,
            .unusable = 0,
            .padding = 0};
}

// "Code- and Data-Segment Descriptor Types": execute/read accessed, read/write accessed.
constexpr kvm_segment code_segment = flat_segment(0x08, 11, true);
constexpr kvm_segment data_segment = flat_segment(0x10, 3, false);

/// VM entry wants a usable task register ("Checks on Guest Segment Registers").
constexpr kvm_segment task_segment{.base = 0,
                                   .limit = 0x67,
                                   .selector = 0x18,
                                   .type = 11,
                                   .present = 1,
                                   .dpl = 0,
                                   .db = 0,
                                   .s = 0,
                                   .l = 0,
                                   .g = 0,
                                   .avl = 0,
                                   .unusable = 0,
                                   .padding = 0};

} // namespace

void set_entry_state(Processor& processor, GuestLayout const& layout) {
    auto special = processor.special_registers();
    special.cs = code_segment;
    special.ds = special.es = special.fs = special.gs = special.ss = data_segment;
    special.tr = task_segment;
    special.ldt = {};
    special.ldt.unusable = 1;
    special.gdt = special.idt = {};
    special.cr0 = cr0::protection_enable | cr0::monitor_coprocessor | cr0::extension_type |
                  cr0::numeric_error | cr0::write_protect | cr0::paging;
    special.cr3 = layout.cr3.value();
    special.cr4 = cr4::physical_address_extension | cr4::os_fxsr;
    special.efer = efer::long_mode_enable | efer::long_mode_active | efer::execute_disable_enable;
    processor.set_special_registers(special);

    kvm_regs registers{};
    registers.rip = layout.entry.value();
    registers.rdi = layout.launch_info.value();
    registers.rflags = 2; // bit 1 is always 1
    processor.set_registers(registers);
}

} // namespace twofold::vmm::kvm
