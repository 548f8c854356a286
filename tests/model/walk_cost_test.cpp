#include "catch.hpp"
#include "support/nested_scene.hpp"
#include "support/processor_shapes.hpp"

#include <twofold/model/closed_form.hpp>
#include <twofold/model/native_space.hpp>
#include <twofold/model/nested_space.hpp>
#include <twofold/model/reference_counts.hpp>
#include <twofold/model/translation_model.hpp>

#include <array>
#include <memory>

namespace walk_cost_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr std::array sizes{page_4k, page_2m, page_1g};
constexpr Gva some_gva{0x1234'5678};
constexpr Gpa some_gpa{0x1'c000'0000};

template <class Scene>
auto nested_space(Scene& scene, typename Scene::Guest::Root const& root) {
    return NestedSpace<typename Scene::Guest, typename Scene::Ept, RecordingMemory>{
        {}, root, scene.second_dimension()};
}

/// Counts one access through caches of `shape`, all cold.
template <class Space>
std::uint64_t cold_references(Space const& space, ProcessorShape const& shape, Gva gva = some_gva) {
    auto const caches = std::make_unique<TranslationCaches>(shape);
    caches->enter({1, 0, Hpa{0x8000'0000}});
    TranslationModel model{space, *caches};
    ReferenceCounts counts;
    CHECK(model.access(gva, Access::read, counts) == Outcome::walked);
    return counts.total();
}

template <unsigned GuestLevels, unsigned EptLevels>
std::uint64_t cell(unsigned guest, unsigned host) {
    NestedScene<X86Format<Gva, Gpa, GuestLevels>, EptFormat<EptLevels>> scene{sizes[host]};
    scene.map_page(some_gva, some_gpa, sizes[guest]);
    return cold_references(nested_space(scene, scene.guest_root), no_caches);
}

template <unsigned GuestLevels, unsigned EptLevels>
void check_matrix(std::array<std::array<unsigned, 3>, 3> const& expected) {
    for (unsigned guest = 0; guest < 3; ++guest) {
        for (unsigned host = 0; host < 3; ++host) {
            CAPTURE(GuestLevels, EptLevels, guest, host);
            std::uint64_t const counted = cell<GuestLevels, EptLevels>(guest, host);
            CHECK(counted == expected[guest][host]);
            CHECK(counted == closed_form::nested(GuestLevels - guest, EptLevels - host));
        }
    }
}

} // namespace

TEST_CASE("without caches the model counts (g+1)(h+1)-1, in all 36 cells") {
    check_matrix<4, 4>({{{24, 19, 14}, {19, 15, 11}, {14, 11, 8}}});
    check_matrix<4, 5>({{{29, 24, 19}, {23, 19, 15}, {17, 14, 11}}});
    check_matrix<5, 4>({{{29, 23, 17}, {24, 19, 14}, {19, 15, 11}}});
    check_matrix<5, 5>({{{35, 29, 23}, {29, 24, 19}, {23, 19, 15}}});
}

TEST_CASE("PAE and 32-bit guests take 14 or 9 references, paging off 4, 3 or 2") {
    for (auto const& [size, expected] : {std::pair{page_4k, 14U}, std::pair{page_2m, 9U}}) {
        NestedScene<X86PaeFormat<Gva, Gpa>> scene;
        scene.map_page(some_gva, some_gpa, size);
        X86PaeFormat<Gva, Gpa>::Root registers{};
        registers.fill(scene.guest_root.value() | 1);
        CHECK(cold_references(nested_space(scene, registers), no_caches) == expected);
    }
    for (auto const& [size, expected] : {std::pair{page_4k, 14U}, std::pair{page_4m, 9U}}) {
        NestedScene<X86Format32<Gva, Gpa>> scene;
        scene.map_page(some_gva, Gpa{0x4000'0000}, size);
        CHECK(cold_references(nested_space(scene, scene.guest_root), no_caches) == expected);
    }
    for (unsigned host = 0; host < 3; ++host) {
        NestedScene<> scene{sizes[host]};
        scene.reach(Gpa{0x1234});
        NestedSpace<NoPagingFormat<Gva, Gpa>, EptFormat<4>, RecordingMemory> const off{
            {}, Gpa{}, scene.second_dimension()};
        CHECK(cold_references(off, no_caches, Gva{0x1234}) == 4 - host);
    }
}

namespace {

/// A scene in which exactly the wanted entries can be warmed: the guest's structure caches hold
/// what skips `k` levels, the caches of EPT what leaves `h` references of each nested walk.
struct WarmScene {
    /// Guest tables and data spread so that no two of them share an EPT table of any level but the
    /// top, unless `near`.
    NestedScene<> scene;
    std::unique_ptr<TranslationCaches> caches;

    WarmScene(unsigned skipped, unsigned h) {
        scene.map_page(some_gva, some_gpa);
        ProcessorShape shape;
        if (skipped != 0) shape.structures[3 - skipped] = fully(4);
        if (h == 0) shape.guest_physical.nested_tlb = fully(64);
        if (h >= 1 && h <= 3) shape.guest_physical.structures[h - 1] = fully(64);
        caches = std::make_unique<TranslationCaches>(shape);
        caches->enter({1, 0, scene.ept_root});
    }
    std::uint64_t references() {
        TranslationModel model{nested_space(scene, scene.guest_root), *caches};
        ReferenceCounts counts;
        CHECK(model.access(some_gva, Access::read, counts) == Outcome::walked);
        return counts.total();
    }
};

} // namespace

TEST_CASE("with caches the model counts the known table, in all 20 cells") {
    constexpr unsigned known[4][5] = {
        {24, 19, 14, 9, 4}, {15, 12, 9, 6, 3}, {10, 8, 6, 4, 2}, {5, 4, 3, 2, 1}};
    for (unsigned skipped = 0; skipped < 4; ++skipped) {
        for (unsigned column = 0; column < 5; ++column) {
            unsigned const h = 4 - column;
            CAPTURE(skipped, h);
            WarmScene scene{skipped, h};
            CHECK(scene.references() >= known[skipped][column]); // it warms the caches
            CHECK(scene.references() == known[skipped][column]);
            CHECK(closed_form::with_combined_entry(4, skipped, h) == known[skipped][column]);
        }
    }
}

TEST_CASE("a scan in sequence costs the cold walk, then 2 a page, then 5 a new page table") {
    constexpr std::uint64_t pages = 1200; // two page tables' ends are passed
    NestedScene<> scene;
    Gva const first{0x4000'0000};
    Gpa const data{0x4000'0000};
    scene.guest_tables.next = NestedScene<>::first_guest_table + 4096;
    for (std::uint64_t page = 0; page < pages; ++page)
        scene.map_page(first + page * 4096, data + page * 4096);

    auto const caches = std::make_unique<TranslationCaches>(structures_only);
    caches->enter({1, 0, scene.ept_root});
    TranslationModel model{nested_space(scene, scene.guest_root), *caches};
    std::uint64_t cold = 0;
    std::uint64_t total = 0;
    for (std::uint64_t page = 0; page < pages; ++page) {
        ReferenceCounts counts;
        REQUIRE(model.access(first + page * 4096, Access::read, counts) == Outcome::walked);
        total += counts.total();
        if (page == 0) cold = total;
        auto const& scan = closed_form::sequential_scan_nested;
        if (page != 0) REQUIRE(counts.total() == (page % 512 == 0 ? scan.directory : scan.page));
    }
    // The guest's four tables lie side by side: after the root's EPT walk each takes an EPT PTE.
    // The data lies in another GiB: three references, below the EPT PML4E.
    CHECK(cold == 4 + 4 + 3 * 1 + 3);
    CHECK(total == closed_form::sequential(closed_form::sequential_scan_nested, cold, pages, 2));
}

TEST_CASE("a native scan costs four, then 1 a page, then 2 a new page table") {
    using Native = X86Format<Gva, Hpa, 4>;
    RecordingMemory host;
    BumpTables<Hpa> tables{host, 0, 0x10'0000};
    Hpa const root = *tables.allocate_table();
    constexpr std::uint64_t pages = 1100;
    for (std::uint64_t page = 0; page < pages; ++page)
        REQUIRE(map(Native{}, root, Gva{0x4000'0000} + page * 4096, page_4k,
                    Hpa{0x8000'0000} + page * 4096, Permissions::all(), host, tables));
    auto const caches = std::make_unique<TranslationCaches>(structures_only);
    TranslationModel model{NativeSpace<Native, RecordingMemory>{{}, root, host}, *caches};
    ReferenceCounts counts;
    for (std::uint64_t page = 0; page < pages; ++page)
        REQUIRE(model.access(Gva{0x4000'0000} + page * 4096, Access::read, counts) ==
                Outcome::walked);
    CHECK(counts.total() ==
          closed_form::sequential(closed_form::sequential_scan_native, 4, pages, 2));
}

} // namespace walk_cost_test
