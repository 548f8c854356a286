#include "catch.hpp"
#include "support/recording_memory.hpp"
#include "support/table_allocator.hpp"

#include <twofold/paging/map.hpp>
#include <twofold/paging/nested_walk.hpp>

#include <tuple>
#include <vector>

namespace nested_walk_test {

using namespace twofold;
using namespace twofold::test;

namespace {

/// Translates guest-physical reads and writes of a guest's tables by a fixed distance, so that gpa
/// and hpa differ.
constexpr std::uint64_t gpa_to_hpa = std::uint64_t{1} << 32;

/// Guest memory as the guest's own table editor sees it.
struct GuestView {
    using Error = AccessFailed;
    RecordingMemory host;
    template <class Word>
    std::expected<Word, Error> read(Gpa gpa) {
        return host.read<Word>(Hpa{gpa.value() + gpa_to_hpa});
    }
    template <class Word>
    std::expected<void, Error> write(Gpa gpa, Word word) {
        return host.write(Hpa{gpa.value() + gpa_to_hpa}, word);
    }
};

struct GuestTables {
    RecordingMemory host;
    std::uint64_t next = 0x10'0000;
    std::optional<Gpa> allocate_table() {
        Gpa const table{next};
        next += 4096;
        host.zero(Hpa{table.value() + gpa_to_hpa}, 4096);
        return table;
    }
    void free_table(Gpa) {}
};

template <unsigned GuestLevels, unsigned EptLevels>
struct Scene {
    using Guest = X86Format<Gva, Gpa, GuestLevels>;
    using Ept = EptFormat<EptLevels>;

    RecordingMemory host;
    TableFrames<Hpa> ept_tables{host};
    GuestTables guest_tables{host};
    GuestView guest_view{host};
    Hpa ept_root = *ept_tables.allocate_table();
    Gpa guest_root = *guest_tables.allocate_table();
    std::vector<Reference> seen;

    /// Maps the first GiB of gpas, and the GiB at `data`, by leaves of `size`; sparse: only the
    /// pages that are used.
    void map_ept(Gpa gpa, PageSize size) {
        auto const page = gpa.aligned_down(size.bytes());
        Hpa const frame{page.value() + gpa_to_hpa};
        auto const duty =
            map(Ept{}, ept_root, page, size, frame, read_write_execute, host, ept_tables);
        if (!duty) CHECK(duty.error() == MapError::larger_page_present);
    }
    void map_guest(Gva gva, PageSize size, Gpa gpa) {
        REQUIRE(
            map(Guest{}, guest_root, gva, size, gpa, read_write_execute, guest_view, guest_tables));
    }
    void map_guest_tables_in_ept(PageSize size) {
        for (std::uint64_t table = 0x10'0000; table < guest_tables.next; table += 4096) {
            if (size == page_4k || table == 0x10'0000) map_ept(Gpa{table}, size);
        }
    }
    auto walk(Gva gva) {
        seen.clear();
        return walk_nested(Guest{}, guest_root, gva,
                           SecondDimension<Ept, RecordingMemory>{Ept{}, ept_root, host},
                           [&](Reference const& reference) { seen.push_back(reference); });
    }
};

constexpr Gva some_gva{0x7f40'1234'5678};
constexpr Gpa some_gpa{0x1'c000'0000};

template <unsigned GuestLevels, unsigned EptLevels>
std::size_t references(PageSize guest_page, PageSize host_page) {
    Scene<GuestLevels, EptLevels> scene;
    Gpa const target = some_gpa;
    scene.map_guest(some_gva.aligned_down(guest_page.bytes()), guest_page, target);
    scene.map_guest_tables_in_ept(host_page);
    scene.map_ept(target + some_gva.offset_in(guest_page.bytes()), host_page);

    auto const found = scene.walk(some_gva);
    REQUIRE(found);
    CHECK(found->gpa == target + some_gva.offset_in(guest_page.bytes()));
    CHECK(found->hpa == Hpa{found->gpa.value() + gpa_to_hpa});
    CHECK(found->guest_page == guest_page);
    CHECK(found->host_page == host_page);
    CHECK(found->page_size() == std::min(guest_page, host_page));
    return scene.seen.size();
}

constexpr std::array sizes{page_4k, page_2m, page_1g};

template <unsigned GuestLevels, unsigned EptLevels>
void check_matrix(std::array<std::array<std::size_t, 3>, 3> const& expected) {
    for (unsigned guest = 0; guest < 3; ++guest) {
        for (unsigned host = 0; host < 3; ++host) {
            CAPTURE(GuestLevels, EptLevels, guest, host);
            std::size_t const counted =
                references<GuestLevels, EptLevels>(sizes[guest], sizes[host]);
            CHECK(counted == expected[guest][host]);
            CHECK(counted == (GuestLevels - guest + 1) * (EptLevels - host + 1) - 1);
        }
    }
}

} // namespace

TEST_CASE("a walk of g by h levels takes (g+1)(h+1)-1 references, for every leaf size and depth") {
    check_matrix<4, 4>({{{24, 19, 14}, {19, 15, 11}, {14, 11, 8}}});
    check_matrix<4, 5>({{{29, 24, 19}, {23, 19, 15}, {17, 14, 11}}});
    check_matrix<5, 4>({{{29, 23, 17}, {24, 19, 14}, {19, 15, 11}}});
    check_matrix<5, 5>({{{35, 29, 23}, {29, 24, 19}, {23, 19, 15}}});
}

TEST_CASE("the references come as four of EPT and one of the guest, four times, and four of EPT") {
    Scene<4, 4> scene;
    scene.map_guest(some_gva.aligned_down(4096), page_4k, some_gpa);
    scene.map_guest_tables_in_ept(page_4k);
    scene.map_ept(some_gpa, page_4k);
    REQUIRE(scene.walk(some_gva));
    REQUIRE(scene.seen.size() == 24);
    for (std::size_t i = 0; i < 24; ++i) {
        CAPTURE(i);
        bool const guest = i % 5 == 4;
        CHECK((scene.seen[i].dimension == Dimension::guest) == guest);
        CHECK(scene.seen[i].level == (guest ? 4 - i / 5 : 4 - i % 5));
        CHECK(scene.seen[i].entry == scene.host.get<std::uint64_t>(scene.seen[i].address.value()));
        if (guest) CHECK(scene.seen[i].address == Hpa{scene.seen[i].gpa.value() + gpa_to_hpa});
    }
}

TEST_CASE("with mixed EPT leaves a walk takes g + sum of h_i references") {
    // The root's gpa by 1 GiB (h = 2), one table by 2 MiB (h = 3), the data by 4 KiB (h = 4).
    Scene<4, 4> scene;
    scene.guest_tables.next = 0x4000'0000; // the tables below the root, 2 MiB apart, in another GiB
    auto place_next_table = [&](std::uint64_t gpa) { scene.guest_tables.next = gpa; };
    scene.map_ept(scene.guest_root, page_1g);
    auto const root = scene.guest_root;
    std::array<std::uint64_t, 3> const tables{0x4000'0000, 0x4020'0000, 0x4040'0000};
    Gpa parent = root;
    for (unsigned i = 0; i < 3; ++i) {
        place_next_table(tables[i]);
        Gpa const table = *scene.guest_tables.allocate_table();
        auto const index = X86Format<Gva, Gpa, 4>::index(some_gva, 4 - i);
        REQUIRE(
            scene.guest_view.write(parent + 8 * index, X86Entry::to_table(table.value()).word()));
        parent = table;
    }
    auto const index = X86Format<Gva, Gpa, 4>::index(some_gva, 1);
    REQUIRE(scene.guest_view.write(
        parent + 8 * index, X86Entry::to_frame(some_gpa.value(), 1, read_write_execute).word()));
    scene.map_ept(Gpa{tables[0]}, page_2m);
    scene.map_ept(Gpa{tables[1]}, page_4k);
    scene.map_ept(Gpa{tables[2]}, page_2m);
    scene.map_ept(some_gpa, page_4k);
    REQUIRE(scene.walk(some_gva));
    CHECK(scene.seen.size() == 4 + 2 + 3 + 4 + 3 + 4);
}

TEST_CASE("paging off leaves the second dimension alone: 4, 3 or 2 references") {
    for (unsigned i = 0; i < 3; ++i) {
        Scene<4, 4> scene;
        scene.map_ept(Gpa{0x1234}, sizes[i]);
        std::size_t count = 0;
        auto const found = walk_nested(
            NoPagingFormat<Gva, Gpa>{}, Gpa{}, Gva{0x1234},
            SecondDimension<EptFormat<4>, RecordingMemory>{{}, scene.ept_root, scene.host},
            [&](Reference const&) { ++count; });
        REQUIRE(found);
        CHECK(found->gpa == Gpa{0x1234});
        CHECK(count == 4 - i);
    }
}

TEST_CASE("PAE walks 14 or 9 references: the PDPTE registers cost nothing") {
    using Pae = X86PaeFormat<Gva, Gpa>;
    Gva const gva{0xc012'3456};
    for (auto const& [size, expected] : {std::pair{page_4k, 14U}, std::pair{page_2m, 9U}}) {
        Scene<4, 4> scene;
        Gpa const directory = scene.guest_root;
        REQUIRE(map(Pae{}, directory, gva.aligned_down(size.bytes()), size, some_gpa,
                    read_write_execute, scene.guest_view, scene.guest_tables));
        scene.map_guest_tables_in_ept(page_4k);
        scene.map_ept(some_gpa + gva.offset_in(size.bytes()), page_4k);
        Pae::Root registers{};
        registers[3] = directory.value() | 1;
        std::size_t count = 0;
        auto walk_pae = [&](Gva at) {
            return walk_nested(
                Pae{}, registers, at,
                SecondDimension<EptFormat<4>, RecordingMemory>{{}, scene.ept_root, scene.host},
                [&](Reference const&) { ++count; });
        };
        auto const found = walk_pae(gva);
        REQUIRE(found);
        CHECK(found->gpa == some_gpa + gva.offset_in(size.bytes()));
        CHECK(count == expected);

        auto const fault = walk_pae(Gva{0x1000});
        REQUIRE_FALSE(fault);
        CHECK(fault.error().dimension == Dimension::guest);
        CHECK(fault.error().level == 3);
    }
}

TEST_CASE("32-bit paging walks 14 or 9 references, with 4 MiB leaves above 4 GiB by PSE-36") {
    using Legacy = X86Format32<Gva, Gpa>;
    Gva const gva{0xc012'3456};
    for (auto const& [size, expected] : {std::pair{page_4k, 14U}, std::pair{page_4m, 9U}}) {
        Scene<4, 4> scene;
        Gpa const target = size == page_4k ? Gpa{0x8000'0000} : some_gpa;
        REQUIRE(map(Legacy{}, scene.guest_root, gva.aligned_down(size.bytes()), size, target,
                    read_write_execute, scene.guest_view, scene.guest_tables));
        scene.map_guest_tables_in_ept(page_4k);
        scene.map_ept(target + gva.offset_in(size.bytes()), page_4k);
        std::size_t count = 0;
        auto const found = walk_nested(
            Legacy{}, scene.guest_root, gva,
            SecondDimension<EptFormat<4>, RecordingMemory>{{}, scene.ept_root, scene.host},
            [&](Reference const&) { ++count; });
        REQUIRE(found);
        CHECK(found->gpa == target + gva.offset_in(size.bytes()));
        CHECK(count == expected);
    }
}

TEST_CASE("a fault names its dimension, level and reason, and whether a table or the data was "
          "looked for") {
    Scene<4, 4> scene;
    scene.map_guest(some_gva.aligned_down(4096), page_4k, some_gpa);

    auto fault = scene.walk(some_gva).error();
    CHECK(fault.dimension == Dimension::ept);
    CHECK(fault.level == 4);
    CHECK(fault.during_walk);
    CHECK(fault.gpa.aligned_down(4096) == scene.guest_root);

    scene.map_guest_tables_in_ept(page_4k);
    fault = scene.walk(some_gva).error();
    CHECK(fault.dimension == Dimension::ept);
    CHECK(fault.reason == WalkFaultReason::not_present);
    CHECK_FALSE(fault.during_walk);
    CHECK(fault.gpa == some_gpa + some_gva.offset_in(4096));

    scene.map_ept(some_gpa, page_4k);
    REQUIRE(scene.walk(some_gva));
    auto const ept_leaf = scene.seen.back();
    auto const guest_leaf = scene.seen[19];

    scene.host.put(ept_leaf.address.value(),
                   ept_leaf.entry & ~std::uint64_t{1}); // write without read
    fault = scene.walk(some_gva).error();
    CHECK(fault.reason == WalkFaultReason::malformed);
    CHECK(fault.bits == 6);
    CHECK(fault.level == 1);

    scene.host.put(ept_leaf.address.value(), ept_leaf.entry);
    scene.host.put(guest_leaf.address.value(), std::uint64_t{0});
    fault = scene.walk(some_gva).error();
    CHECK(fault.dimension == Dimension::guest);
    CHECK(fault.level == 1);
    CHECK(fault.reason == WalkFaultReason::not_present);
}

TEST_CASE("a guest table behind execute-only EPT cannot be read by the walk") {
    Scene<4, 4> scene;
    scene.map_guest(some_gva.aligned_down(4096), page_4k, some_gpa);
    scene.map_guest_tables_in_ept(page_4k);
    scene.map_ept(some_gpa, page_4k);
    REQUIRE(scene.walk(some_gva));
    auto const table_leaf = scene.seen[3]; // the EPT leaf of the guest's PML4
    scene.host.put(table_leaf.address.value(), (table_leaf.entry & ~std::uint64_t{7}) | 4);
    auto const fault = scene.walk(some_gva).error();
    CHECK(fault.reason == WalkFaultReason::denied);
    CHECK(fault.during_walk);
    CHECK(fault.level == 1);
}

} // namespace nested_walk_test
