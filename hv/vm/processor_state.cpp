#include "hv/vm/processor_state.hpp"

#include "hv/cpu/control_registers.hpp"
#include "hv/cpu/msr.hpp"

#include <twofold/arch/control_register.hpp>
#include <twofold/arch/msr.hpp>

#include <cstddef>

namespace twofold::hv {

namespace {

constexpr std::array switched_msrs{Msr::star, Msr::lstar, Msr::cstar, Msr::fmask,
                                   Msr::kernel_gs_base};

} // namespace

void ProcessorState::save() {
    asm volatile("fxsave64 %0" : "=m"(vectors));
    asm volatile("mov %%dr0, %0; mov %%dr1, %1; mov %%dr2, %2; mov %%dr3, %3; mov %%dr6, %4"
                 : "=r"(breakpoints[0]), "=r"(breakpoints[1]), "=r"(breakpoints[2]),
                   "=r"(breakpoints[3]), "=r"(dr6));
    cr2 = read_cr2();
    for (std::size_t i = 0; i < msrs.size(); ++i)
        msrs[i] = read_msr(switched_msrs[i]);
}

void ProcessorState::load() const {
    asm volatile("fxrstor64 %0" : : "m"(vectors));
    asm volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3; mov %4, %%dr6"
                 :
                 : "r"(breakpoints[0]), "r"(breakpoints[1]), "r"(breakpoints[2]),
                   "r"(breakpoints[3]), "r"(dr6));
    write_cr2(cr2);
    for (std::size_t i = 0; i < msrs.size(); ++i)
        write_msr(switched_msrs[i], msrs[i]);
}

void turn_vector_unit_on() {
    constexpr std::uint64_t emulation = bit(2);
    write_cr0(read_cr0() & ~(emulation | cr0::task_switched));
    write_cr4(read_cr4() | cr4::os_fxsr);
}

} // namespace twofold::hv
