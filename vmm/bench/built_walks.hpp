// Walks of tables that are built for them in simulated memory, counted reference by reference.
#pragma once

#include "sim/demand_tables.hpp"

#include <string>
#include <vector>

namespace twofold::vmm {

/// The address that all of them walk.
inline constexpr Gva built_gva{0x40'4020'1000};

/// A guest's tables that map `built_gva`, over EPT.
template <class Guest, class Ept>
class BuiltTables {
  public:
    explicit BuiltTables(PageSize guest_page = page_4k, PageSize host_page = page_4k)
        : tables_{memory_, Configuration{.guest_page = guest_page, .host_page = host_page}} {
        tables_.populate(built_gva);
    }
    [[nodiscard]] SparseMemory& memory() { return memory_; }
    [[nodiscard]] Gpa guest_root() const { return tables_.guest_root(); }
    [[nodiscard]] SecondDimension<Ept, SparseMemory> ept() const { return tables_.ept(); }

    /// The plain walk of both dimensions.
    template <class Observer>
    NestedTranslation walk(Observer&& observe) const {
        auto const found = walk_nested(Guest{}, guest_root(), built_gva, ept(), observe);
        if (!found) throw Failure{"a walk of tables that were built for it found nothing"};
        return *found;
    }
    [[nodiscard]] unsigned references() const {
        unsigned count = 0;
        walk([&count](Reference const&) { ++count; });
        return count;
    }

  private:
    SparseMemory memory_{sim_layout::table_memory_bytes};
    NestedTables<Guest, Ept> tables_;
};

/// What a cold walk by some technique reads, and what its closed form says.
struct TechniqueWalk {
    std::string name;
    unsigned references;
    unsigned formula;
    /// The closed form with its numbers, for people.
    std::string formula_text;
};

/// 4K pages and four levels, each by a walker or format of its own: shadow, agile with 0 to 4
/// nested levels, flat, flattened, three dimensions. Throws Failure where one leads to another
/// address than the plain walk.
std::vector<TechniqueWalk> walk_by_other_techniques();

/// What the model with caches reads when it walks the address once more, 4K pages and four levels
/// in both dimensions: a combined paging-structure entry skips so many guest levels, and EPT's
/// caches leave `ept_references`, 0 to 4, of each nested walk.
unsigned references_with_caches(unsigned skipped, unsigned ept_references);

} // namespace twofold::vmm
