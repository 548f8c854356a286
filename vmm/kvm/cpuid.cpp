#include "kvm/cpuid.hpp"

#include <bit>
#include <span>

namespace twofold::vmm::kvm {

namespace {

// "CPUID—CPU Identification".
constexpr std::uint32_t version_leaf = 0x01;
constexpr std::uint32_t topology_leaf = 0x0b;
constexpr std::uint32_t newer_topology_leaf = 0x1f;
constexpr std::uint32_t amd_topology_leaf = 0x8000'001e;
constexpr std::uint32_t several_logical_processors = 1U << 28; // of leaf 1, EDX
constexpr std::uint32_t tsc_deadline = 1U << 24;               // of leaf 1, ECX

void set_topology(kvm_cpuid_entry2& entry, unsigned number, unsigned processors) {
    entry.edx = number;
    bool const of_threads = entry.index == 0; // one thread a core
    bool const of_cores = entry.index == 1;
    constexpr std::uint32_t thread_level = 0x100;
    constexpr std::uint32_t core_level = 0x200;
    entry.eax = of_cores ? static_cast<std::uint32_t>(std::bit_width(processors - 1)) : 0;
    entry.ebx = of_threads ? 1 : of_cores ? processors : 0;
    entry.ecx = entry.index | (of_threads ? thread_level : of_cores ? core_level : 0);
}

} // namespace

CpuidTable cpuid_of(CpuidTable supported, ProcessorPlace const& place) {
    auto const& [number, processors, deadline_timer] = place;
    for (auto& entry : std::span{supported.entries}.first(supported.count)) {
        switch (entry.function) {
        case version_leaf:
            entry.ebx = (entry.ebx & 0xffff) | processors << 16 | number << 24;
            if (processors > 1) entry.edx |= several_logical_processors;
            if (deadline_timer) entry.ecx |= tsc_deadline;
            break;
        case topology_leaf:
        case newer_topology_leaf: set_topology(entry, number, processors); break;
        case amd_topology_leaf: entry.eax = number; break;
        default: break;
        }
    }
    return supported;
}

} // namespace twofold::vmm::kvm
