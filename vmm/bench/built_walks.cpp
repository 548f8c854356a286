#include "bench/built_walks.hpp"

#include "sim/filled_tables.hpp"

#include <twofold/model/closed_form.hpp>
#include <twofold/model/nested_space.hpp>
#include <twofold/model/other_techniques.hpp>
#include <twofold/model/translation_model.hpp>

#include <fmt/format.h>

#include <array>
#include <memory>

namespace twofold::vmm {

namespace {

using Guest = X86Format<Gva, Gpa, 4>;
using Ept = EptFormat<4>;

void require_same(bool same, std::string_view technique) {
    if (!same)
        throw Failure{
            fmt::format("the {} walk does not lead where the plain walk leads", technique)};
}

unsigned shadow_references() {
    SparseMemory memory{sim_layout::table_memory_bytes};
    ShadowParts<4, 4> parts{memory, {}};
    parts.populate(built_gva);
    unsigned count = 0;
    auto const found = walk(ShadowParts<4, 4>::Shadow{}, parts.space().root, built_gva, memory,
                            [&count](unsigned, Hpa, std::uint64_t) { ++count; });
    BuiltTables<Guest, Ept> const plain;
    require_same(found && found->address == plain.walk([](Reference const&) {}).hpa, "shadow");
    return count;
}

unsigned agile_references(unsigned nested_levels) {
    BuiltTables<Guest, Ept> built;
    TableRow<Hpa> shadow{sim_layout::shadow_tables};
    auto const root = make_agile_shadow(Guest{}, built.guest_root(), built.ept(), built_gva,
                                        nested_levels, shadow);
    if (!root) throw Failure{"the shadow tables of the agile walk could not be built"};
    AgileSpace<Guest, Ept, SparseMemory> const space{{}, built.ept(), *root, nested_levels};
    unsigned count = 0;
    auto const found = space.walk(built_gva, [&count](Reference const&) { ++count; });
    require_same(found && *found == built.walk([](Reference const&) {}).hpa, "agile");
    return count;
}

/// The third dimension maps host memory to itself.
unsigned three_dimensional_references() {
    BuiltTables<Guest, Ept> built;
    TableRow<Hpa> tables{sim_layout::shadow_tables};
    Hpa const root = *tables.allocate_table();
    auto const lift = [&](Hpa at) {
        Gpa const page = Gpa{at.value()};
        map_or_fail<Ept>(root, page, page_4k, at.aligned_down(page_4k.bytes()), built.memory(),
                         tables);
    };
    Hpa const expected =
        built.walk([&](Reference const& reference) { lift(reference.address); }).hpa;
    lift(expected);

    unsigned count = 0;
    auto count_third = [&count](unsigned, Hpa, std::uint64_t) { ++count; };
    LiftedMemory lifted{SecondDimension<Ept, SparseMemory>{{}, root, built.memory()}, count_third};
    SecondDimension<Ept, decltype(lifted)> const ept{{}, built.ept().root, lifted};
    auto const found = walk_nested(Guest{}, built.guest_root(), built_gva, ept,
                                   [&count](Reference const&) { ++count; });
    require_same(found && lifted.translate(found->hpa) == expected, "three-dimensional");
    return count;
}

constexpr Geometry some_entries{1, 64};

ProcessorShape shape_with(unsigned skipped, unsigned ept_references) {
    ProcessorShape shape;
    // The caches stand in the order of their entries' levels, from PDEs up.
    if (skipped != 0) shape.structures[3 - skipped] = some_entries;
    if (ept_references == 0) shape.guest_physical.nested_tlb = some_entries;
    if (ept_references >= 1 && ept_references <= 3)
        shape.guest_physical.structures[ept_references - 1] = some_entries;
    return shape;
}

} // namespace

std::vector<TechniqueWalk> walk_by_other_techniques() {
    std::vector<TechniqueWalk> walks;
    walks.push_back({"shadow", shadow_references(), closed_form::shadow(4), "g"});
    for (unsigned nested = 0; nested <= 4; ++nested)
        walks.push_back({fmt::format("agile_{}_nested", nested), agile_references(nested),
                         closed_form::agile(4, nested, 4),
                         fmt::format("(g-n) + n(h+1) = {} + {} x 5", 4 - nested, nested)});
    walks.push_back({"flat", BuiltTables<Guest, FlatEptFormat<>>{}.references(),
                     closed_form::nested(4, 1), "(g+1)(h+1)-1 = 5 x 2 - 1"});
    using FlattenedTables =
        BuiltTables<FlattenedFormat<Gva, Gpa, X86Entry>, FlattenedFormat<Gpa, Hpa, EptEntry>>;
    walks.push_back({"flattened", FlattenedTables{}.references(), closed_form::nested(2, 2),
                     "(g+1)(h+1)-1 = 3 x 3 - 1"});
    walks.push_back({"three_dimensions", three_dimensional_references(),
                     closed_form::dimensions(std::array{4U, 4U, 4U}), "5 x 5 x 5 - 1"});
    return walks;
}

unsigned references_with_caches(unsigned skipped, unsigned ept_references) {
    BuiltTables<Guest, Ept> const built;
    auto const caches = std::make_unique<TranslationCaches>(shape_with(skipped, ept_references));
    auto const ept = built.ept();
    caches->enter({.vpid = 1, .ept = ept.root});
    NestedSpace<Guest, Ept, SparseMemory> const space{{}, built.guest_root(), ept};
    TranslationModel model{space, *caches};
    (void)model.access(built_gva, Access::read, [](Reference const&) {});
    unsigned count = 0;
    auto const outcome =
        model.access(built_gva, Access::read, [&count](Reference const&) { ++count; });
    if (outcome != Outcome::walked) throw Failure{"a walk with warm caches did not take place"};
    return count;
}

} // namespace twofold::vmm
