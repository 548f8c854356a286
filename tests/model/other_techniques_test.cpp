#include "catch.hpp"
#include "support/nested_scene.hpp"

#include <twofold/model/closed_form.hpp>
#include <twofold/model/other_techniques.hpp>
#include <twofold/model/reference_counts.hpp>

#include <array>

namespace other_techniques_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr Gva some_gva{0x1234'5678};
constexpr Gpa some_gpa{0x4'5000};
constexpr Hpa expected_hpa = ShiftedMemory::hpa_of(Gpa{0x4'5678});

template <class Scene>
std::uint64_t nested_references(Scene& scene) {
    ReferenceCounts counts;
    auto const found = walk_nested(typename Scene::Guest{}, scene.guest_root, some_gva,
                                   scene.second_dimension(), counts);
    REQUIRE(found);
    CHECK(found->hpa == expected_hpa);
    return counts.total();
}

} // namespace

TEST_CASE("a flat second dimension makes 9 references of 24") {
    constexpr unsigned index_bits = 12;
    NestedScene<X86Format<Gva, Gpa, 4>, FlatEptFormat<index_bits>> scene{
        page_4k, 4096, std::uint64_t{8} << index_bits};
    scene.map_page(some_gva, some_gpa);
    CHECK(nested_references(scene) == 9);
    CHECK(closed_form::nested(4, 1) == 9);
}

TEST_CASE("tables flattened to two levels in both dimensions make 8 references of 24") {
    constexpr std::uint64_t table = std::uint64_t{8} << 18;
    NestedScene<FlattenedFormat<Gva, Gpa, X86Entry>, FlattenedFormat<Gpa, Hpa, EptEntry>> scene{
        page_4k, table, table};
    for (std::uint64_t page = 0; page < 2 * table; page += 4096) // the guest's two tables
        scene.reach(Gpa{scene.first_guest_table + page});
    scene.map_page(some_gva, some_gpa);
    CHECK(nested_references(scene) == 8);
    CHECK(closed_form::nested(2, 2) == 8);
}

TEST_CASE("agile paging takes 4, 8, 12, 16 or 20 references by how many levels are nested") {
    NestedScene<> scene;
    scene.map_page(some_gva, some_gpa);
    using Agile = AgileSpace<X86Format<Gva, Gpa, 4>, EptFormat<4>, RecordingMemory>;
    for (unsigned nested = 0; nested <= 4; ++nested) {
        CAPTURE(nested);
        BumpTables<Hpa> shadow{scene.host, 0, (std::uint64_t{0x2000} + nested) << 20};
        auto const root = make_agile_shadow(NestedScene<>::Guest{}, scene.guest_root,
                                            scene.second_dimension(), some_gva, nested, shadow);
        REQUIRE(root);
        Agile const space{{}, scene.second_dimension(), *root, nested};
        ReferenceCounts counts;
        auto const found = space.walk(some_gva, counts);
        REQUIRE(found);
        CHECK(*found == expected_hpa);
        CHECK(counts.total() == 4 + 4 * nested);
        CHECK(counts.total() == closed_form::agile(4, nested, 4));
    }
    CHECK(closed_form::shadow(4) == 4);
    BumpTables<Hpa> shadow{scene.host, 0, std::uint64_t{0x2010} << 20};
    CHECK_FALSE(make_agile_shadow(NestedScene<>::Guest{}, scene.guest_root,
                                  scene.second_dimension(), Gva{0x7000'0000'0000}, 2, shadow));
    CHECK(nested_references(scene) == 24);
}

TEST_CASE("a third dimension of four levels makes 124 references") {
    NestedScene<> scene;
    scene.map_page(some_gva, some_gpa);

    // Every page of host memory that the two-dimensional walk reads, and the data's, under a third
    // dimension that moves them by another distance.
    constexpr std::uint64_t further = std::uint64_t{1} << 44;
    RecordingMemory machine;
    BumpTables<Hpa> tables{machine, 0, 0x1000};
    Hpa const root = *tables.allocate_table();
    auto const lift = [&](Hpa at) {
        Hpa const page = at.aligned_down(4096);
        REQUIRE(map(EptFormat<4>{}, root, Gpa{page.value()}, page_4k, Hpa{page.value() + further},
                    read_write_execute, machine, tables));
        for (std::uint64_t offset = 0; offset < 4096; offset += 8)
            machine.put(page.value() + further + offset,
                        scene.host.get<std::uint64_t>(page.value() + offset));
    };
    auto observe_pages = [&](Reference const& reference) { lift(reference.address); };
    REQUIRE(walk_nested(NestedScene<>::Guest{}, scene.guest_root, some_gva,
                        scene.second_dimension(), observe_pages));
    lift(expected_hpa);

    std::uint64_t third = 0;
    auto count_third = [&](unsigned, Hpa, std::uint64_t) { ++third; };
    LiftedMemory lifted{SecondDimension<EptFormat<4>, RecordingMemory>{{}, root, machine},
                        count_third};
    ReferenceCounts counts;
    auto const found = walk_nested(
        NestedScene<>::Guest{}, scene.guest_root, some_gva,
        SecondDimension<EptFormat<4>, decltype(lifted)>{{}, scene.ept_root, lifted}, counts);
    REQUIRE(found);
    auto const hpa = lifted.translate(found->hpa);
    REQUIRE(hpa);
    CHECK(*hpa == Hpa{expected_hpa.value() + further});
    CHECK(counts.total() == 24);
    CHECK(third == 4 * 25);
    CHECK(counts.total() + third == 124);
    CHECK(closed_form::dimensions(std::array{4U, 4U, 4U}) == 124);
}

} // namespace other_techniques_test
