#include "kvm/second_dimension.hpp"

#include "system/failure.hpp"

#include <twofold/paging/map.hpp>

namespace twofold::vmm::kvm {

std::optional<Hpa> SlotTables::allocate_table() {
    return Hpa{reinterpret_cast<std::uint64_t>(&tables_.emplace_back())};
}

SlotTables::SlotTables(GuestRam const& ram) : root_(*allocate_table()) {
    auto const begin = reinterpret_cast<std::uint64_t>(ram.bytes().data());
    std::uint64_t const step = ram.page().bytes();
    for (std::uint64_t at = 0; at < ram.bytes().size(); at += step) {
        auto const mapped = map(format_, root_, Gpa{at}, ram.page(), Hpa{begin + at},
                                Permissions::all(), memory_, *this);
        if (!mapped) throw Failure{"the tables of the second dimension could not be built"};
    }
}

} // namespace twofold::vmm::kvm
