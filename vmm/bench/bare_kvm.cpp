#include "bench/bare_kvm.hpp"

#include "system/failure.hpp"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace twofold::vmm {

void check_bare(long result, char const* what) {
    if (result < 0) throw SystemFailure{what, errno};
}

BareMachine::~BareMachine() {
    if (run != nullptr) munmap(run, run_bytes);
    close(processor);
    close(machine);
    if (memory != nullptr) munmap(memory, memory_bytes);
}

void BareMachine::make(int device, std::size_t shared_bytes, kvm::CpuidTable const& cpuid) {
    machine = ioctl(device, KVM_CREATE_VM, 0);
    check_bare(machine, "KVM_CREATE_VM");
    processor = ioctl(machine, KVM_CREATE_VCPU, 0);
    check_bare(processor, "KVM_CREATE_VCPU");
    run_bytes = shared_bytes;
    run = static_cast<kvm_run*>(
        mmap(nullptr, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, processor, 0));
    check_bare(run == MAP_FAILED ? -1 : 0, "mmap of a processor");
    check_bare(ioctl(processor, KVM_SET_CPUID2, &cpuid), "KVM_SET_CPUID2");
}

void BareMachine::map(int file, std::size_t bytes) {
    memory_bytes = bytes;
    int const flags = MAP_PRIVATE | MAP_NORESERVE | (file < 0 ? MAP_ANONYMOUS : 0);
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
    check_bare(memory == MAP_FAILED ? -1 : 0, "mmap of guest memory");
    if (file < 0) (void)madvise(memory, bytes, MADV_NOHUGEPAGE);
}

void BareMachine::set_slot() {
    kvm_userspace_memory_region region{.slot = 0,
                                       .flags = 0,
                                       .guest_phys_addr = 0,
                                       .memory_size = memory_bytes,
                                       .userspace_addr = reinterpret_cast<std::uint64_t>(memory)};
    check_bare(ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
}

void BareMachine::set_clock(kvm::MachineState const& state) {
    kvm_clock_data clock{};
    clock.clock = state.clock.clock;
    check_bare(ioctl(machine, KVM_SET_CLOCK, &clock), "KVM_SET_CLOCK");
}

void BareMachine::set_state(kvm::ProcessorState const& state) {
    check_bare(ioctl(processor, KVM_SET_SREGS, &state.special), "KVM_SET_SREGS");
    check_bare(ioctl(processor, KVM_SET_REGS, &state.registers), "KVM_SET_REGS");
    if (state.extended_control)
        check_bare(ioctl(processor, KVM_SET_XCRS, &*state.extended_control), "KVM_SET_XCRS");
    if (state.vector_state) {
        check_bare(ioctl(processor, KVM_SET_XSAVE, &*state.vector_state), "KVM_SET_XSAVE");
    } else {
        check_bare(ioctl(processor, KVM_SET_FPU, &state.fpu), "KVM_SET_FPU");
    }
    check_bare(ioctl(processor, KVM_SET_DEBUGREGS, &state.debug), "KVM_SET_DEBUGREGS");
    check_bare(ioctl(processor, KVM_SET_VCPU_EVENTS, &state.events), "KVM_SET_VCPU_EVENTS");
    check_bare(ioctl(processor, KVM_SET_MP_STATE, &state.run_state), "KVM_SET_MP_STATE");
    struct {
        std::uint32_t count;
        std::uint32_t padding;
        kvm_msr_entry entries[512];
    } msrs;
    msrs.padding = 0;
    msrs.count = static_cast<std::uint32_t>(std::min<std::size_t>(state.msrs.size(), 512));
    std::copy_n(state.msrs.begin(), msrs.count, msrs.entries);
    check_bare(ioctl(processor, KVM_SET_MSRS, &msrs), "KVM_SET_MSRS");
}

void BareMachine::run_to_halt() {
    do {
        check_bare(ioctl(processor, KVM_RUN, 0), "KVM_RUN");
    } while (run->exit_reason != KVM_EXIT_HLT && run->exit_reason != KVM_EXIT_SHUTDOWN &&
             run->exit_reason != KVM_EXIT_INTERNAL_ERROR);
    if (run->exit_reason != KVM_EXIT_HLT) throw Failure{"the bare guest did not come to its HLT"};
}

} // namespace twofold::vmm
