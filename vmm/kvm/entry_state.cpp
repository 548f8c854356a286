#include "kvm/entry_state.hpp"

namespace twofold::vmm::kvm {

namespace {

kvm_dtable kvm_table_of(DescriptorTable const& table) {
    return {.base = table.base, .limit = table.limit, .padding = {}};
}

} // namespace

kvm_segment kvm_segment_of(SegmentRegister const& segment) {
    SegmentAccess const access = segment.access;
    auto const flag = [](bool value) { return static_cast<__u8>(value ? 1 : 0); };
    kvm_segment made{};
    made.base = segment.base;
    made.limit = segment.limit;
    made.selector = segment.selector;
    made.type = access.type();
    made.present = flag(access.present());
    made.dpl = access.privilege();
    made.db = flag(access.default_32());
    made.s = flag(access.code_or_data());
    made.l = flag(access.long_mode());
    made.g = flag(access.granularity());
    made.unusable = flag(access.unusable());
    return made;
}

void set_entry_state(Processor& processor, BootState const& state) {
    auto special = processor.special_registers();
    special.cs = kvm_segment_of(state.code);
    special.ds = special.es = special.fs = special.gs = special.ss = kvm_segment_of(state.data);
    special.tr = kvm_segment_of(state.task);
    special.ldt = kvm_segment_of(state.local_descriptors);
    special.gdt = kvm_table_of(state.gdt);
    special.idt = kvm_table_of(state.idt);
    special.cr0 = state.cr0;
    special.cr3 = state.cr3;
    special.cr4 = state.cr4;
    special.efer = state.efer;
    processor.set_special_registers(special);

    kvm_regs registers{};
    registers.rip = state.rip;
    registers.rflags = state.rflags;
    registers.rax = state.rax;
    registers.rbx = state.rbx;
    registers.rcx = state.rcx;
    registers.rdx = state.rdx;
    registers.rsi = state.rsi;
    registers.rdi = state.rdi;
    registers.rbp = state.rbp;
    registers.rsp = state.rsp;
    processor.set_registers(registers);
}

} // namespace twofold::vmm::kvm
