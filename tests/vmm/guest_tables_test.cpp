// Tables go through the report and are walked on its other side as they were.
#include "report/walk_fault_text.hpp"
#include "system/failure.hpp"
#include "tables/address_selection.hpp"
#include "tables/guest_tables.hpp"
#include "tables/walk_summary.hpp"
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/random_layout.hpp"
#include "tests/support/table_report.hpp"

#include <set>

namespace guest_tables_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::vmm;

namespace {

using Reached = std::vector<record::WalkReference>;

bool same(record::WalkReference const& a, record::WalkReference const& b) {
    return a.dimension == b.dimension && a.level == b.level && a.address == b.address &&
           a.entry == b.entry && a.gpa == b.gpa;
}

/// Walks random layouts directly and through a report, and compares both.
template <unsigned GuestLevels, unsigned EptLevels>
void compare_layouts(unsigned layouts, std::set<std::size_t>& lengths,
                     std::set<std::string>& faults) {
    RandomLayout layout{GuestLevels, EptLevels, 10 * GuestLevels + EptLevels};
    for (unsigned i = 0; i < layouts; ++i) {
        layout.build(2);
        if (i % 3 == 0) layout.break_one_entry();
        X86Format<Gva, Gpa, GuestLevels> const format;
        SecondDimension<EptFormat<EptLevels>, WordMemory> const ept{
            {}, Hpa{layout.ept_root}, layout.memory};
        auto const report = report_of(table_lines(format, Gpa{layout.guest_root}, ept));
        GuestTables const tables{report.guests().front()};
        for (auto const gva : layout.gvas) {
            Reached direct;
            auto const found =
                walk_nested(format, Gpa{layout.guest_root}, Gva{gva}, ept, [&](Reference const& r) {
                    direct.push_back({r.dimension, r.level, r.address.value(), r.entry,
                                      r.dimension == Dimension::guest ? std::optional{r.gpa.value()}
                                                                      : std::nullopt});
                });
            auto const walk = tables.walk(Gva{gva});
            REQUIRE(std::ranges::equal(walk.references, direct, same));
            lengths.insert(direct.size());
            if (walk.fault) faults.insert(fault_text(walk));
            if (!found) {
                REQUIRE(walk.fault);
                CHECK(walk.fault->level == found.error().level);
                CHECK(walk.fault->dimension == found.error().dimension);
                CHECK(walk.fault->bits == found.error().bits);
                continue;
            }
            CHECK(walk.hpa == found->hpa.value());
            CHECK(walk.host_page == found->host_page);
            CHECK(walk.page_size == found->page_size());
            CHECK(walk.fault.has_value() == !found->ept_permissions.read);
        }
    }
}

/// A guest of two levels, mapped to itself by EPT.
struct Legacy {
    WordMemory memory;
    SecondDimension<EptFormat<4>, WordMemory> ept{{}, Hpa{0x1000}, memory};

    Legacy() {
        memory.put(0x1000, 0x2007);
        memory.put(0x2000, 0x87 | 6 << 3); // 1 GiB
    }
};

} // namespace

TEST_CASE("tables of 4 and 5 levels in either dimension walk as before they were reported") {
    std::set<std::size_t> lengths;
    std::set<std::string> faults;
    compare_layouts<4, 4>(150, lengths, faults);
    compare_layouts<4, 5>(50, lengths, faults);
    compare_layouts<5, 4>(50, lengths, faults);
    compare_layouts<5, 5>(50, lengths, faults);
    CHECK(lengths.size() > 15);
    CHECK(faults.size() > 8);
}

TEST_CASE("32-bit tables walk in two levels, and PSE decides about large pages") {
    Legacy legacy;
    // Two entries of 32 bits a word: PDE 0 leads to a table, PDE 1 maps 4 MiB at 0xc00000.
    legacy.memory.put(0x10'0000, 0x0010'1007 | std::uint64_t{0x00c0'0083} << 32);
    legacy.memory.put(0x10'1000, std::uint64_t{0x0020'0003} << 32);
    X86Format32<Gva, Gpa> format;
    auto const report = report_of(table_lines(format, Gpa{0x10'0000}, legacy.ept));
    GuestTables const tables{report.guests().front()};
    auto const small = tables.walk(Gva{0x1234});
    CHECK(small.gpa == 0x20'0234);
    CHECK(small.references.size() == 3 * 2 + 2);
    CHECK(native_walk_of(small).references.size() == 2);
    auto const large = tables.walk(Gva{0x40'1234});
    CHECK(large.gpa == 0xc0'1234);
    CHECK(large.guest_page == page_4m);
    CHECK(large.page_size == page_4m);
    CHECK(large.references.size() == 2 * 2 + 1);
    CHECK(holds(failure_of([&] { return tables.walk(Gva{std::uint64_t{1} << 32}); }),
                {"0x100000000", "32 bits"}));
    // Before any of them is walked.
    CHECK(holds(
        failure_of([&] {
            (void)AddressSelection{.gvas = {"0x1000"}, .range = "0xfffff000-0x100001000"}.addresses(
                tables);
        }),
        {"0x100000000", "32 bits"}));

    format.page_size_extension = false;
    auto const without = report_of(table_lines(format, Gpa{0x10'0000}, legacy.ept));
    auto const walk = GuestTables{without.guests().front()}.walk(Gva{0x40'1234});
    CHECK(walk.fault->level == 1);
}

TEST_CASE("PAE tables walk in two levels below four registers; paging off only in EPT") {
    Legacy legacy;
    legacy.memory.put(0x10'0000, 0x20'0083); // 2 MiB
    X86PaeFormat<Gva, Gpa>::Root const root{0x10'0001, 0, 0, 0};
    auto const report = report_of(table_lines(X86PaeFormat<Gva, Gpa>{}, root, legacy.ept));
    GuestTables const tables{report.guests().front()};
    CHECK(tables.walk(Gva{0x1234}).gpa == 0x20'1234);
    CHECK(tables.walk(Gva{0x1234}).references.size() == 2 * 2 + 1);
    auto const nowhere = tables.walk(Gva{0x8000'0000});
    CHECK(nowhere.references.empty());
    CHECK(fault_text(nowhere) == "PDPTE register 2: bit 0 (P) is clear");

    auto const off = report_of(table_lines(NoPagingFormat<Gva, Gpa>{}, Gpa{}, legacy.ept));
    GuestTables const none{off.guests().front()};
    CHECK(none.walk(Gva{0x1234}).references.size() == 2);
    CHECK(none.walk(Gva{0x1234}).gpa == 0x1234);
    std::uint64_t pages = 0;
    none.for_each_page([&](MappedPage) { ++pages; });
    CHECK(pages == 64 << 8);
}

TEST_CASE("a walk that ends in a fault says which dimension, level and bit") {
    Legacy legacy;
    auto& memory = legacy.memory;
    // PML4E, PDPTE and PDE lead to a table whose entries are each wrong in their own way.
    memory.put(0x10'0000, 0x10'1007);
    memory.put(0x10'1000, 0x10'2007);
    memory.put(0x10'2000, 0x10'3007);
    memory.put(0x10'2008, 0x20'2087);           // bit 13 of a 2M leaf
    memory.put(0x10'3000, 0);                   // not present
    memory.put(0x10'3008, 0x5001);              // read-only
    memory.put(0x10'3010, 1ULL << 63 | 0x6003); // not executable
    memory.put(0x10'3018, 0x4000'0003);         // beyond what EPT maps
    auto const report =
        report_of(table_lines(X86Format<Gva, Gpa, 4>{}, Gpa{0x10'0000}, legacy.ept));
    GuestTables const tables{report.guests().front()};
    auto const text = [&](std::uint64_t gva, Access access = Access::read) {
        auto const walk = tables.walk(Gva{gva}, access);
        return walk.fault ? fault_text(walk) : "none";
    };
    CHECK(text(0) == "PTE: bit 0 (P) is clear");
    CHECK(text(0x1000) == "none");
    CHECK(text(0x1000, Access::write) == "PTE: bit 1 (R/W) forbids the access");
    CHECK(text(0x2000, Access::execute) == "PTE: bit 63 (XD) forbids the access");
    CHECK(text(0x3000) == "EPT PDPTE: bits 2:0 (R, W, X) are clear");
    CHECK(tables.walk(Gva{0x3000}).fault->gpa == 0x4000'0000);
    CHECK(text(0x20'0000) == "PDE: reserved: bit 13");
    CHECK(text(0x8000'0000'0000) == "the address is not canonical: no entry is read");
    CHECK(tables.walk(Gva{0xffff'8000'0000'0000}).fault->level == 4);

    memory.put(0x2000, 0x81 | 6 << 3); // EPT: not writable
    auto const locked =
        report_of(table_lines(X86Format<Gva, Gpa, 4>{}, Gpa{0x10'0000}, legacy.ept));
    auto const walk = GuestTables{locked.guests().front()}.walk(Gva{0x2000}, Access::write);
    CHECK(fault_text(walk) == "EPT PDPTE: bit 1 (W) forbids the access");
    CHECK(walk.fault->gpa == 0x6000);
}

TEST_CASE("tables that lead back to themselves come to an end, and the report says so") {
    Legacy legacy;
    for (std::uint64_t index = 0; index < 512; ++index)
        legacy.memory.put(0x10'0000 + 8 * index, 0x10'0003);
    auto const lines = table_lines(X86Format<Gva, Gpa, 4>{}, Gpa{0x10'0000}, legacy.ept);
    CHECK(lines.size() == abi::most_reported_tables + 4);
    auto const report = report_of(lines);
    GuestTables const tables{report.guests().front()};
    CHECK(tables.cut());
    CHECK(tables.tables(Dimension::guest) == 1);
    CHECK(tables.walk(Gva{0x1234}).references.size() == 5 * 2 + 4);
    CHECK(holds(failure_of([&] { tables.for_each_page([](MappedPage) {}); }),
                {"more than", "lead back to themselves"}));
}

TEST_CASE("many walks are summed up by dimension, level, page and fault") {
    Legacy legacy;
    legacy.memory.put(0x10'0000, 0x10'1007);
    legacy.memory.put(0x10'1000, 0x10'2007);
    legacy.memory.put(0x10'2000, 0x20'0087);
    auto const report =
        report_of(table_lines(X86Format<Gva, Gpa, 4>{}, Gpa{0x10'0000}, legacy.ept));
    GuestTables const tables{report.guests().front()};
    AddressSelection const range{.gvas = {}, .range = "0-4M:4k"};
    WalkSummary summary;
    for (Gva const gva : range.addresses(tables))
        summary.add(tables.walk(gva));
    auto const json = summary.json();
    CHECK(json["walks"] == 1024);
    CHECK(json["translated"] == 512);
    CHECK(json["references"] == 512 * (3 + 4 * 2));
    CHECK(json["native_references"] == 512 * 3);
    CHECK(json["ept_by_level"]["4"] == 512 * 4);
    CHECK(json["guest_by_level"]["2"] == 512);
    CHECK(json["by_page"][0]["page_size"] == "0x200000");
    CHECK(json["by_fault"][0]["fault"] == "PDE: bit 0 (P) is clear");
    REQUIRE(summary.runs().size() == 2);
    CHECK(summary.runs()[0].walks == 512);
    CHECK(summary.runs()[1].first == 0x20'0000);

    AddressSelection const sample{.gvas = {}, .range = {}, .sample = 50, .seed = 3};
    auto const drawn = sample.addresses(tables);
    CHECK(drawn.size() == 50);
    CHECK(std::set<Gva>(drawn.begin(), drawn.end()).size() > 30);
    for (Gva const gva : drawn)
        CHECK(gva.value() < 0x20'0000);
    CHECK(drawn == sample.addresses(tables));
}

TEST_CASE("addresses that make no sense are refused before anything runs") {
    auto const refusal = [](AddressSelection const& selection) {
        return failure_of([&] { selection.check(); });
    };
    CHECK(holds(refusal({.gvas = {"here"}}), {"--gva", "here"}));
    CHECK(holds(refusal({.range = "0x1000"}), {"--range", "FROM-TO"}));
    CHECK(holds(refusal({.range = "0x2000-0x1000"}), {"0x2000 is not below 0x1000"}));
    CHECK(holds(refusal({.range = "0-4k:0"}), {"step of 0"}));
    CHECK(holds(refusal({.range = "0-8G"}), {"2097152 addresses", "larger step"}));
    CHECK(holds(refusal({.sample = 1 << 21}), {"--sample"}));
    CHECK(refusal({.gvas = {"4M"}, .range = "0x1000-0x1001", .sample = 1}).empty());
}

TEST_CASE("records of tables that are not as they must be are refused") {
    auto const wrong = [](std::string const& line) {
        return failure_of([&] {
            return report_of({R"({"record":"paging","guest":0,"mode":"4_level","root":"0x1000",)"
                              R"("ept_root":"0x1000","ept_levels":4})",
                              line});
        });
    };
    std::string const table = R"({"record":"table","guest":0,"dimension":"ept","level":1,)";
    CHECK(wrong(table + R"("address":"0x1000","words":[[0,512,"0x1","0x1000"]]})").empty());
    CHECK(holds(wrong(table + R"("address":"0x1000","words":[[1,512,"0x1","0x0"]]})"),
                {"words", "within 512"}));
    CHECK(holds(wrong(table + R"("address":"0x1000","words":[[1,2]]})"), {"[index, count"}));
    CHECK(holds(wrong(table + R"("address":"0x1001","words":[]})"), {"address"}));
    CHECK(holds(wrong(R"({"record":"paging","guest":0,"mode":"6_level","root":"0x0",)"
                      R"("ept_root":"0x0","ept_levels":4})"),
                {"mode"}));
    CHECK(holds(failure_of([&] { return report_of({table + R"("address":"0x0","words":[]})"}); }),
                {"table", "paging"}));
}

} // namespace guest_tables_test
