// Page sizes as people write them.
#pragma once

#include <twofold/arch/page_size.hpp>

#include <string>

namespace twofold::vmm {

/// "4K", "2M", "4M" or "1G".
inline std::string page_size_name(PageSize size) {
    if (size.shift() >= 30) return std::to_string(size.bytes() >> 30) + "G";
    if (size.shift() >= 20) return std::to_string(size.bytes() >> 20) + "M";
    return std::to_string(size.bytes() >> 10) + "K";
}

} // namespace twofold::vmm
