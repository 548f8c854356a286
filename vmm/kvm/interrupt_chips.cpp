#include "kvm/interrupt_chips.hpp"

#include "kvm/explain.hpp"

#include <cstring>

namespace twofold::vmm::kvm {

namespace {

// On Intel's processors KVM keeps four pages for itself where a PC has its firmware ("KVM API",
// KVM_SET_TSS_ADDR and KVM_SET_IDENTITY_MAP_ADDR): real mode, in which processors wake up, needs
// them without unrestricted guests.
constexpr std::uint64_t identity_map_page = 0xfffb'c000;
constexpr std::uint64_t task_state_pages = 0xfffb'd000;

} // namespace

void make_interrupt_chips(Machine& machine) {
    std::uint64_t identity_map = identity_map_page;
    TWOFOLD_KVM_CALL(machine.get(), KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
    TWOFOLD_KVM_CALL(machine.get(), KVM_SET_TSS_ADDR, static_cast<unsigned long>(task_state_pages));
    TWOFOLD_KVM_CALL(machine.get(), KVM_CREATE_IRQCHIP, 0UL);
    // With port 0x61, by which kernels gate and watch the timer's third channel.
    kvm_pit_config timer{.flags = KVM_PIT_SPEAKER_DUMMY, .pad = {}};
    TWOFOLD_KVM_CALL(machine.get(), KVM_CREATE_PIT2, &timer);
}

void connect_local_apic(Processor& processor, bool first) {
    // "Local Vector Table": the old controller's interrupts come through the first's LINT0.
    constexpr std::size_t lint0 = 0x350;
    constexpr std::size_t lint1 = 0x360;
    constexpr std::uint32_t external = 0x700;
    constexpr std::uint32_t masked = 0x1'0700;
    constexpr std::uint32_t non_maskable = 0x400;
    kvm_lapic_state state{};
    TWOFOLD_KVM_CALL(processor.get(), KVM_GET_LAPIC, &state);
    std::uint32_t const line0 = first ? external : masked;
    std::memcpy(state.regs + lint0, &line0, sizeof line0);
    std::memcpy(state.regs + lint1, &non_maskable, sizeof non_maskable);
    // KVM's map of identifiers lacks a processor until something is set in its APIC.
    TWOFOLD_KVM_CALL(processor.get(), KVM_SET_LAPIC, &state);
}

SetInterruptLine interrupt_lines_of(Machine const& machine) {
    return [descriptor = machine.get()](unsigned line, bool level) {
        kvm_irq_level change{};
        change.irq = line;
        change.level = level ? 1 : 0;
        TWOFOLD_KVM_CALL(descriptor, KVM_IRQ_LINE, &change);
    };
}

} // namespace twofold::vmm::kvm
