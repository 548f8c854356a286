// GDT, TSS and IDT (Intel SDM vol. 3, "Segment Descriptor Tables" and "64-Bit Mode Task
// Management").
#pragma once

#include <twofold/arch/address.hpp>

#include <cstdint>

namespace twofold::hv {

namespace selector {
inline constexpr std::uint16_t code = 0x08;
inline constexpr std::uint16_t data = 0x10;
inline constexpr std::uint16_t task_state = 0x18;
} // namespace selector

/// Where the tables stand, for the host state of a VMCS.
struct DescriptorTables {
    Hva global;
    Hva interrupt;
    Hva task_state;
};

/// Loads all three. From here on, an exception ends in a panic that names it; double faults, NMIs
/// and machine checks have stacks of their own.
DescriptorTables load_descriptor_tables();

} // namespace twofold::hv
