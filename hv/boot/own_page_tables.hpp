// The page tables that the hypervisor itself runs on.
#pragma once

#include "hv/boot/early_memory.hpp"
#include "hv/boot/mapped_regions.hpp"

#include <twofold/paging/map.hpp>

#include <expected>

namespace twofold::hv {

/// Where the linker put the parts of the image.
ImageSections image_sections();

/// Without it, no page can be kept from being executed, and the tables cannot be used.
bool has_execute_disable();

/// Builds tables out of `early` that map all of `memory` to itself as MappedRegions says, and turns
/// to them, with write protection, execute-disable and caches on. Returns the top table.
[[nodiscard]] std::expected<Hpa, MapError> use_own_page_tables(MemoryRanges const& memory,
                                                               EarlyMemory& early);

} // namespace twofold::hv
