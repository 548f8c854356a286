#include "kvm/machine.hpp"

#include "kvm/explain.hpp"

#include <sys/ioctl.h>

#include <cerrno>

namespace twofold::vmm::kvm {

Machine::Machine(Device const& device)
    : machine_(TWOFOLD_KVM_CALL(device.get(), KVM_CREATE_VM, 0UL)) {}

void Machine::set_slot(std::uint32_t slot, Gpa gpa, std::span<std::byte> memory, Log log) {
    std::uint32_t const flags = log == Log::writes ? KVM_MEM_LOG_DIRTY_PAGES : 0;
    kvm_userspace_memory_region region{.slot = slot,
                                       .flags = flags,
                                       .guest_phys_addr = gpa.value(),
                                       .memory_size = memory.size(),
                                       .userspace_addr =
                                           reinterpret_cast<std::uint64_t>(memory.data())};
    TWOFOLD_KVM_CALL(get(), KVM_SET_USER_MEMORY_REGION, &region);
}

void Machine::take_writes(std::uint32_t slot, std::span<std::uint64_t> words) {
    kvm_dirty_log log{.slot = slot, .padding1 = 0, .dirty_bitmap = words.data()};
    TWOFOLD_KVM_CALL(get(), KVM_GET_DIRTY_LOG, &log);
}

Processor::Processor(Device const& device, Machine const& machine, unsigned number,
                     CpuidTable const* cpuid)
    : processor_(
          TWOFOLD_KVM_CALL(machine.get(), KVM_CREATE_VCPU, static_cast<unsigned long>(number))),
      run_(Mapping::make(device.run_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, processor_.get(),
                         "can't map a virtual processor's shared page")) {
    if (cpuid != nullptr) TWOFOLD_KVM_CALL(get(), KVM_SET_CPUID2, const_cast<CpuidTable*>(cpuid));
}

int Processor::enter() { return ioctl(get(), KVM_RUN, 0) < 0 ? errno : 0; }

kvm_regs Processor::registers() const {
    kvm_regs registers{};
    TWOFOLD_KVM_CALL(get(), KVM_GET_REGS, &registers);
    return registers;
}

void Processor::set_registers(kvm_regs const& registers) {
    TWOFOLD_KVM_CALL(get(), KVM_SET_REGS, const_cast<kvm_regs*>(&registers));
}

kvm_sregs Processor::special_registers() const {
    kvm_sregs registers{};
    TWOFOLD_KVM_CALL(get(), KVM_GET_SREGS, &registers);
    return registers;
}

void Processor::set_special_registers(kvm_sregs const& registers) {
    TWOFOLD_KVM_CALL(get(), KVM_SET_SREGS, const_cast<kvm_sregs*>(&registers));
}

} // namespace twofold::vmm::kvm
