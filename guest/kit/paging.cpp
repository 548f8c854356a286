#include "guest/kit/paging.hpp"

#include "guest/kit/launch.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/processor.hpp"

#include <twofold/arch/bits.hpp>
#include <twofold/paging/map_run.hpp>

#include <cstring>

namespace twofold::guest {

namespace {

constinit Gva next_region = stack_region + page_1g.bytes();

class FreshTables {
  public:
    std::optional<Gpa> allocate_table() {
        auto const table = allocate_pages(1);
        // Elsewhere memory that nobody has touched reads as zero.
        if (table && is_native()) std::memset(pointer_to<void>(*table), 0, page_4k.bytes());
        return table;
    }
    /// Pages are never given back.
    void free_table(Gpa) {}
};

} // namespace

bool has_pages_1g() { return (cpuid(0x8000'0001).edx & bit(26)) != 0; }

Paging paging_format() {
    Paging format;
    format.physical_bits = cpuid(0x8000'0008).eax & 0xff;
    format.pages_1g = has_pages_1g();
    return format;
}

Gpa live_root() { return Gpa{read_cr3() & X86Entry::address_mask}; }

std::expected<Gva, MapError> map_region(Gpa gpa, std::uint64_t bytes, PageSize size,
                                        Permissions permissions) {
    IdentityMemory memory;
    FreshTables tables;
    Paging const format = paging_format();
    Gva const region = next_region + page_1g.bytes(); // The gap below catches overflows.
    auto const duty =
        map_run(format, live_root(), region, bytes, size, gpa, permissions, memory, tables);
    if (!duty) return std::unexpected(duty.error());
    for (std::uint64_t at = 0; at < bytes && duty->must_invalidate(); at += size.bytes())
        invalidate_page(region + at);
    next_region = (region + bytes + (page_1g.bytes() - 1)).aligned_down(page_1g.bytes());
    return region;
}

std::expected<void, MapError> unmap_page(Gva gva) {
    IdentityMemory memory;
    auto const unmapped = unmap(paging_format(), live_root(), gva, memory);
    if (!unmapped) return std::unexpected(unmapped.error());
    if (unmapped->duty.must_invalidate()) invalidate_page(gva);
    return {};
}

} // namespace twofold::guest
