#include "hv/vmx/operation.hpp"

#include "hv/cpu/control_registers.hpp"
#include "hv/cpu/msr.hpp"
#include "hv/cpu/physical_memory.hpp"
#include "hv/vmx/instructions.hpp"

#include <twofold/arch/control_register.hpp>
#include <twofold/arch/msr.hpp>

namespace twofold::hv {

namespace {

/// "Format of the VMCS Region": the first word is the revision identifier, bit 31 clear.
void prepare(VmxCapabilities const& capabilities, Hpa region) {
    *at<std::uint32_t>(region) = capabilities.revision;
}

std::uint64_t within(std::uint64_t value, Msr fixed_to_one, Msr may_be_one) {
    return (value | read_msr(fixed_to_one)) & read_msr(may_be_one);
}

} // namespace

bool enter_vmx_operation(VmxCapabilities const& capabilities, Hpa region) {
    prepare(capabilities, region);
    write_cr0(within(read_cr0(), Msr::vmx_cr0_fixed0, Msr::vmx_cr0_fixed1));
    write_cr4(within(read_cr4() | cr4::vmx_enable, Msr::vmx_cr4_fixed0, Msr::vmx_cr4_fixed1));
    return vmxon(region);
}

void leave_vmx_operation() {
    asm volatile("vmxoff" : : : "cc", "memory");
    write_cr4(read_cr4() & ~cr4::vmx_enable);
}

bool make_current_vmcs(VmxCapabilities const& capabilities, Hpa region) {
    prepare(capabilities, region);
    return vmclear(region) && vmptrld(region);
}

} // namespace twofold::hv
