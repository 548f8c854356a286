#include "kvm/processor_state.hpp"

#include "kvm/explain.hpp"
#include "system/failure.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace twofold::vmm::kvm {

namespace {

constexpr std::size_t most_state_msrs = 512;

/// `kvm_msrs` with room for its entries.
struct MsrTable {
    std::uint32_t count;
    std::uint32_t padding;
    kvm_msr_entry entries[most_state_msrs];
};
static_assert(offsetof(MsrTable, entries) == sizeof(kvm_msrs));

/// `kvm_msr_list` with room for its indices.
struct MsrIndices {
    std::uint32_t count;
    std::uint32_t indices[most_state_msrs];
};
static_assert(offsetof(MsrIndices, indices) == sizeof(kvm_msr_list));

/// Capabilities of VMX, performance counters, and what only guests that know Hyper-V use.
bool left_out(std::uint32_t msr) {
    return (msr >= 0x480 && msr <= 0x491) || (msr >= 0xc1 && msr <= 0xc8) ||
           (msr >= 0x186 && msr <= 0x18d) || (msr >= 0x309 && msr <= 0x3f1) ||
           (msr >= 0x4000'0000 && msr < 0x4000'0200) || (msr >= 0xc001'0000 && msr < 0xc002'0000);
}

/// Of the interface between KVM and its guests ("KVM-specific MSRs"): some exist only with the
/// kernel's interrupt controllers, and read as 0 without.
bool is_paravirtual(std::uint32_t msr) { return msr >= 0x4b56'4d00 && msr < 0x4b56'4e00; }

void write_msrs(Processor const& processor, std::span<kvm_msr_entry const> msrs) {
    while (!msrs.empty()) {
        MsrTable table{};
        table.count = static_cast<std::uint32_t>(std::min(msrs.size(), most_state_msrs));
        std::ranges::copy(msrs.first(table.count), table.entries);
        auto const set =
            static_cast<std::uint32_t>(TWOFOLD_KVM_CALL(processor.get(), KVM_SET_MSRS, &table));
        msrs = msrs.subspan(set);
        if (set == table.count) continue;
        if (!is_paravirtual(msrs[0].index) || msrs[0].data != 0)
            throw Failure{fmt::format("this kernel does not take model-specific register {:#x}, "
                                      "which the state holds",
                                      msrs[0].index)};
        msrs = msrs.subspan(1);
    }
}

} // namespace

std::vector<std::uint32_t> state_msrs(Device const& device) {
    MsrIndices list{};
    list.count = most_state_msrs;
    TWOFOLD_KVM_CALL(device.get(), KVM_GET_MSR_INDEX_LIST, &list);
    std::vector<std::uint32_t> msrs(list.indices, list.indices + list.count);
    std::erase_if(msrs, left_out);
    return msrs;
}

ProcessorState read_state(Device const& device, Processor const& processor,
                          std::vector<std::uint32_t> const& msrs, bool with_local_apic) {
    ProcessorState state{};
    state.registers = processor.registers();
    state.special = processor.special_registers();
    TWOFOLD_KVM_CALL(processor.get(), KVM_GET_DEBUGREGS, &state.debug);
    TWOFOLD_KVM_CALL(processor.get(), KVM_GET_VCPU_EVENTS, &state.events);
    TWOFOLD_KVM_CALL(processor.get(), KVM_GET_MP_STATE, &state.run_state);
    TWOFOLD_KVM_CALL(processor.get(), KVM_GET_FPU, &state.fpu);
    if (device.extension(KVM_CAP_XSAVE) > 0)
        TWOFOLD_KVM_CALL(processor.get(), KVM_GET_XSAVE, &state.vector_state.emplace());
    if (device.extension(KVM_CAP_XCRS) > 0)
        TWOFOLD_KVM_CALL(processor.get(), KVM_GET_XCRS, &state.extended_control.emplace());
    if (with_local_apic)
        TWOFOLD_KVM_CALL(processor.get(), KVM_GET_LAPIC, &state.local_apic.emplace());
    for (std::uint32_t const msr : msrs) {
        MsrTable table{};
        table.count = 1;
        table.entries[0].index = msr;
        // The list holds some that this processor model does not have.
        if (ioctl(processor.get(), KVM_GET_MSRS, &table) == 1)
            state.msrs.push_back(table.entries[0]);
    }
    return state;
}

void write_state(Processor& processor, ProcessorState const& state) {
    auto const give = [&](unsigned long request, auto const& part, std::string_view name) {
        call(processor.get(), request, const_cast<void*>(static_cast<void const*>(&part)), name);
    };
    processor.set_special_registers(state.special);
    processor.set_registers(state.registers);
    if (state.extended_control) give(KVM_SET_XCRS, *state.extended_control, "KVM_SET_XCRS");
    if (state.vector_state) {
        give(KVM_SET_XSAVE, *state.vector_state, "KVM_SET_XSAVE");
    } else {
        give(KVM_SET_FPU, state.fpu, "KVM_SET_FPU");
    }
    give(KVM_SET_DEBUGREGS, state.debug, "KVM_SET_DEBUGREGS");
    // Before the registers, for the deadline of its timer is among them.
    if (state.local_apic) give(KVM_SET_LAPIC, *state.local_apic, "KVM_SET_LAPIC");
    write_msrs(processor, state.msrs);
    give(KVM_SET_VCPU_EVENTS, state.events, "KVM_SET_VCPU_EVENTS");
    give(KVM_SET_MP_STATE, state.run_state, "KVM_SET_MP_STATE");
}

void complete_exit(Processor& processor) {
    processor.shared().immediate_exit = 1;
    (void)processor.enter();
    processor.shared().immediate_exit = 0;
}

} // namespace twofold::vmm::kvm
