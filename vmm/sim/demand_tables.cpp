#include "sim/demand_tables.hpp"

#include <fmt/format.h>

#include <bit>

namespace twofold::vmm {

std::uint64_t PageRow::next() {
    std::uint64_t const pages = sim_layout::data_bytes >> size_.shift();
    if (count_ == pages)
        throw Failure{fmt::format(
            "the accesses touch more than {} pages of {} bytes: more than 256 GiB of memory", pages,
            size_.bytes())};
    std::uint64_t const number = count_++;
    auto const bits = static_cast<unsigned>(std::bit_width(pages) - 1);
    return (scattered_ ? permuted(number, bits) : number) << size_.shift();
}

} // namespace twofold::vmm
