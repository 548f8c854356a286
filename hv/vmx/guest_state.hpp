// What a VMCS holds before its guest's first instruction.
#pragma once

#include "hv/cpu/descriptor_tables.hpp"
#include "hv/vmx/capabilities.hpp"

#include <twofold/arch/address.hpp>

#include <cstdint>

namespace twofold::hv {

/// CR0 and CR4 bits that the hypervisor owns: a guest reads them from the shadows, and its writes
/// that would change them exit.
struct OwnedBits {
    std::uint64_t cr0;
    std::uint64_t cr4;
    /// CR4 bits that a guest may not set, for what they turn on is not virtualised.
    std::uint64_t cr4_forbidden;
};
OwnedBits owned_bits();

struct SpaceRoot {
    std::uint64_t ept_pointer;
    std::uint16_t vpid;
};

/// Writes the controls into the current VMCS.
void write_controls(VmxCapabilities const& capabilities, SpaceRoot const& root);

/// Writes the state to which every exit returns: the hypervisor as it is now, at vm_exit_entry.
void write_host_state(DescriptorTables const& tables);

/// Writes the entry state that abi/launch_info.hpp promises, general registers aside.
void write_entry_state(Gpa entry, Gpa cr3);

/// Says once more whether the guest is in IA-32e mode, after its EFER.LMA changed.
void write_long_mode_active(bool active);

} // namespace twofold::hv
