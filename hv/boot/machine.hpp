// The machine, once the hypervisor has taken it over.
#pragma once

#include "hv/boot/boot_info.hpp"
#include "hv/boot/early_memory.hpp"
#include "hv/boot/memory_ranges.hpp"
#include "hv/cpu/descriptor_tables.hpp"

namespace twofold::hv {

struct Machine {
    BootInfo const& boot_info;
    /// Empty when the image holds no guest.
    MemoryRange bundle;
    /// For the host state of a VMCS.
    DescriptorTables descriptor_tables;
    /// All RAM, the hypervisor's own included, mapped to itself: writable but for the hypervisor's
    /// code and constants, and not executable.
    MemoryRanges memory;
    /// What nobody has taken yet: neither the hypervisor's nor the bundle's, nor below 1 MiB.
    EarlyMemory free;
};

} // namespace twofold::hv
