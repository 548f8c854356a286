#include "hv/boot/own_page_tables.hpp"

#include "hv/boot/identity_map.hpp"
#include "hv/cpu/control_registers.hpp"
#include "hv/cpu/cpuid.hpp"
#include "hv/cpu/msr.hpp"
#include "hv/cpu/physical_memory.hpp"

#include <twofold/arch/bits.hpp>
#include <twofold/arch/control_register.hpp>

#include <cstring>
#include <optional>

/// hypervisor.ld
extern "C" char const image_begin[], text_end[], rodata_end[], image_end[];

namespace twofold::hv {

namespace {

Hpa address_of(char const* symbol) { return Hpa{reinterpret_cast<std::uint64_t>(symbol)}; }

/// CPUID.80000001H:EDX.
bool has_extended_feature(unsigned position) {
    return (cpuid(0x8000'0001).edx & bit(position)) != 0;
}

HostPaging paging_format() {
    HostPaging format;
    format.physical_bits = cpuid(0x8000'0008).eax & 0xff;
    format.execute_disable = true;
    format.pages_1g = has_extended_feature(26);
    return format;
}

class EarlyTables {
  public:
    explicit EarlyTables(EarlyMemory& memory) : memory_(memory) {}

    std::optional<Hpa> allocate_table() {
        auto const table = memory_.allocate(page_4k.bytes());
        if (table) std::memset(at<void>(*table), 0, page_4k.bytes());
        return table;
    }
    /// Only after a failure that ends the machine.
    void free_table(Hpa) {}

  private:
    EarlyMemory& memory_;
};

void turn_to(Hpa root) {
    write_msr(Msr::efer, read_msr(Msr::efer) | efer::execute_disable_enable);
    write_cr3(root.value());
    write_cr0((read_cr0() | cr0::write_protect) & ~(cr0::cache_disable | cr0::not_write_through));
}

} // namespace

ImageSections image_sections() {
    return {address_of(image_begin), address_of(text_end), address_of(rodata_end),
            address_of(image_end)};
}

bool has_execute_disable() { return has_extended_feature(20); }

std::expected<Hpa, MapError> use_own_page_tables(MemoryRanges const& memory, EarlyMemory& early) {
    MappedRegions const regions{memory, image_sections()};
    PhysicalMemory physical;
    EarlyTables tables{early};
    auto const root = map_to_themselves(paging_format(), regions.all(), physical, tables);
    if (root) turn_to(*root);
    return root;
}

} // namespace twofold::hv
