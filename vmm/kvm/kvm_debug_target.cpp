#include "kvm/kvm_debug_target.hpp"

#include "kvm/host.hpp"
#include "kvm/ram_words.hpp"

#include <twofold/paging/linear_memory.hpp>

#include <array>
#include <utility>
#include <vector>

namespace twofold::vmm::kvm {

namespace {

/// KVM's general registers in GDB's order, which is the processor's but for two.
constexpr std::array<__u64 kvm_regs::*, 16> general_registers{
    &kvm_regs::rax, &kvm_regs::rbx, &kvm_regs::rcx, &kvm_regs::rdx, &kvm_regs::rsi, &kvm_regs::rdi,
    &kvm_regs::rbp, &kvm_regs::rsp, &kvm_regs::r8,  &kvm_regs::r9,  &kvm_regs::r10, &kvm_regs::r11,
    &kvm_regs::r12, &kvm_regs::r13, &kvm_regs::r14, &kvm_regs::r15};

PagingRegisters paging_of(kvm_sregs const& special) {
    return {.cr0 = special.cr0, .cr3 = special.cr3, .cr4 = special.cr4, .efer = special.efer};
}

} // namespace

KvmDebugTarget::KvmDebugTarget(Processor& processor, GuestRam& ram, DebugGate& gate,
                               DebugControl control)
    : processor_(processor), ram_(ram), gate_(gate), control_(std::move(control)),
      breakpoints_(ram, examine_host().paging != Paging::software) {}

DebugRegisters KvmDebugTarget::registers() {
    auto const general = processor_.registers();
    auto const special = processor_.special_registers();
    DebugRegisters registers{.rip = general.rip,
                             .eflags = static_cast<std::uint32_t>(general.rflags),
                             .selectors = {special.cs.selector, special.ss.selector,
                                           special.ds.selector, special.es.selector,
                                           special.fs.selector, special.gs.selector},
                             .fs_base = special.fs.base,
                             .gs_base = special.gs.base,
                             .cr0 = special.cr0,
                             .cr2 = special.cr2,
                             .cr3 = special.cr3,
                             .cr4 = special.cr4,
                             .efer = special.efer};
    for (std::size_t n = 0; n < general_registers.size(); ++n)
        registers.general[n] = general.*general_registers[n];
    return registers;
}

bool KvmDebugTarget::set_registers(DebugRegisters const& registers) {
    DebugRegisters const before = this->registers();
    if (registers.selectors != before.selectors) return false;
    auto general = processor_.registers();
    for (std::size_t n = 0; n < general_registers.size(); ++n)
        general.*general_registers[n] = registers.general[n];
    general.rip = registers.rip;
    general.rflags = registers.eflags;
    processor_.set_registers(general);

    auto special = processor_.special_registers();
    special.fs.base = registers.fs_base;
    special.gs.base = registers.gs_base;
    special.cr0 = registers.cr0;
    special.cr2 = registers.cr2;
    special.cr3 = registers.cr3;
    special.cr4 = registers.cr4;
    special.efer = registers.efer;
    try {
        processor_.set_special_registers(special);
    } catch (std::exception const&) {
        return false;
    }
    return true;
}

/// `action(gpa, first, bytes)` for each page's part, as for_each_linear_page() has it.
template <class Action>
std::size_t KvmDebugTarget::access(Gva gva, std::size_t bytes, Action const& action) {
    RamWords words{ram_};
    return for_each_linear_page(paging_of(processor_.special_registers()), gva, bytes, words,
                                action);
}

std::size_t KvmDebugTarget::read_memory(Gva gva, std::span<std::byte> to) {
    return access(gva, to.size(), [&](Gpa gpa, std::uint64_t first, std::uint64_t bytes) {
        auto const part = to.subspan(first, bytes);
        if (!ram_.read(gpa, part)) return false;
        breakpoints_.hide(gpa, part);
        return true;
    });
}

std::size_t KvmDebugTarget::write_memory(Gva gva, std::span<std::byte const> from) {
    return access(gva, from.size(), [&](Gpa gpa, std::uint64_t first, std::uint64_t bytes) {
        auto const part = from.subspan(first, bytes);
        std::vector<std::byte> covered(part.begin(), part.end());
        breakpoints_.cover(gpa, covered);
        return ram_.write(gpa, covered).has_value();
    });
}

bool KvmDebugTarget::set_breakpoint(BreakpointKind kind, Gva gva) {
    RamWords words{ram_};
    auto const gpa = translate_linear(paging_of(processor_.special_registers()), gva, words);
    return breakpoints_.set(kind, gva, gpa);
}

bool KvmDebugTarget::remove_breakpoint(BreakpointKind kind, Gva gva) {
    return breakpoints_.remove(kind, gva);
}

void KvmDebugTarget::resume(ResumeKind kind) {
    // A processor that KVM can't debug goes on without.
    (void)breakpoints_.apply(processor_, kind == ResumeKind::step);
    gate_.open();
}

void KvmDebugTarget::interrupt() {
    gate_.interrupt();
    control_.kick();
}

} // namespace twofold::vmm::kvm
