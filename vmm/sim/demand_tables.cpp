#include "sim/demand_tables.hpp"

#include <fmt/format.h>

#include <bit>

namespace twofold::vmm {

Gpa PageRow::next(Gva gva) {
    std::uint64_t const pages = sim_layout::data_bytes >> size_.shift();
    std::uint64_t const number =
        placement_ == Placement::linear ? (gva - first_) >> size_.shift() : count_++;
    if (number >= pages)
        throw Failure{fmt::format(
            "the accesses touch more than {} pages of {} bytes: more than 256 GiB of memory", pages,
            size_.bytes())};
    auto const bits = static_cast<unsigned>(std::bit_width(pages) - 1);
    bool const scattered = placement_ == Placement::scattered;
    return sim_layout::data + ((scattered ? permuted(number, bits) : number) << size_.shift());
}

} // namespace twofold::vmm
