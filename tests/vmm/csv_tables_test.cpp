// Tables as text: written from a report, read back, and simulated.
#include "sim/recorded_tables.hpp"
#include "sim/simulation.hpp"
#include "system/file.hpp"
#include "tables/csv_tables.hpp"
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/random_layout.hpp"
#include "tests/support/table_report.hpp"
#include "tests/support/temporary_directory.hpp"

#include <fmt/format.h>

namespace csv_tables_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::vmm;

namespace {

constexpr char const* guest_head =
    "# twofold tables: guest, root 0x1000\nVA,PML4E,PDPTE,PDE,PTE,PA\n";
constexpr char const* ept_head = "# twofold tables: ept, root 0x9000\nVA,PML4E,PDPTE,PDE,PTE,PA\n";
/// A guest page of 4K and one of 2M; its tables at 0x1000 to 0x4000.
constexpr char const* guest_rows = "0x5000,0x2007,0x3007,0x4007,0x6003,0x6000\n"
                                   "0x200000,0x2007,0x3007,0x400083,,0x400000\n";
/// All of it by a page of 1G.
constexpr char const* ept_rows = "0x0,0xa007,0x400000b7,,,0x40000000\n";

struct Files {
    TemporaryDirectory directory;
    std::filesystem::path name = directory.file("t.csv");

    Files(std::string const& guest, std::string const& ept) {
        write_file(directory.file("t.guest.csv"), guest);
        write_file(directory.file("t.ept.csv"), ept);
    }
};

std::string failure_with(std::string const& guest, std::string const& ept) {
    Files const files{guest, ept};
    return failure_of([&] { return RecordedTables{files.name}; });
}
std::string failure_of_row(std::string const& row) {
    return failure_with(guest_head + row + "\n", std::string{ept_head} + ept_rows);
}

class OneAddress final : public AccessSource {
  public:
    explicit OneAddress(Gva gva) : gva_(gva) {}
    std::size_t next(std::span<TraceAccess> batch) override {
        if (given_) return 0;
        given_ = true;
        batch[0] = {gva_, Access::read};
        return 1;
    }

  private:
    Gva gva_;
    bool given_ = false;
};

/// References of one cold access.
std::uint64_t references_of(std::shared_ptr<RecordedTables const> const& tables,
                            Technique technique, Gva gva) {
    Configuration const configuration{.technique = technique,
                                      .guest_levels = tables->guest_levels(),
                                      .ept_levels = tables->ept_levels(),
                                      .recorded = tables};
    auto const results = simulate_all(
        std::array{configuration}, ProcessorShape{},
        [gva] { return std::make_unique<OneAddress>(gva); }, 1, [](std::uint64_t) {});
    return results.front().references.total();
}

} // namespace

TEST_CASE("recorded tables are walked natively, shadowed and nested") {
    Files const files{std::string{guest_head} + guest_rows, std::string{ept_head} + ept_rows};
    auto const tables = std::make_shared<RecordedTables const>(files.name);
    CHECK(tables->native_bytes() == 4 * 4096);
    CHECK(tables->bytes() == 6 * 4096);
    CHECK(references_of(tables, Technique::nested, Gva{0x5123}) == 4 + 5 * 2);
    CHECK(references_of(tables, Technique::nested, Gva{0x20'1000}) == 3 + 4 * 2);
    CHECK(references_of(tables, Technique::native, Gva{0x5123}) == 4);
    CHECK(references_of(tables, Technique::shadow, Gva{0x5123}) == 4);
    CHECK(holds(failure_of([&] { return references_of(tables, Technique::nested, Gva{0x7000}); }),
                {"0x7000", "PTE", "not present"}));
}

TEST_CASE("tables that go through files walk as before, 4 and 5 levels") {
    auto const compare = []<unsigned G, unsigned E>() {
        RandomLayout layout{G, E, 77};
        for (unsigned i = 0; i < 20; ++i) {
            layout.build(2);
            SecondDimension<EptFormat<E>, WordMemory> const ept{
                {}, Hpa{layout.ept_root}, layout.memory};
            auto const report =
                report_of(table_lines(X86Format<Gva, Gpa, G>{}, Gpa{layout.guest_root}, ept));
            GuestTables const tables{report.guests().front()};
            TemporaryDirectory const directory;
            write_csv_tables(directory.file("t.csv"), tables);
            auto const recorded = std::make_shared<RecordedTables const>(directory.file("t.csv"));
            for (auto const gva : layout.gvas) {
                auto const walk = tables.walk(Gva{gva});
                if (walk.fault) continue;
                CHECK(references_of(recorded, Technique::native, Gva{gva}) ==
                      native_walk_of(walk).references.size());
                SecondDimension<EptFormat<E>, PagedMemory const> const second{
                    {}, recorded->ept_root(), recorded->host()};
                std::vector<std::uint64_t> entries;
                auto const found = walk_nested(
                    X86Format<Gva, Gpa, G>{}, recorded->guest_root(), Gva{gva}, second,
                    [&](Reference const& reference) { entries.push_back(reference.entry); });
                REQUIRE(found);
                CHECK(found->hpa.value() == walk.hpa);
                CHECK(std::ranges::equal(entries, walk.references, {}, {},
                                         &record::WalkReference::entry));
            }
        }
    };
    compare.operator()<4, 4>();
    compare.operator()<5, 5>();
}

TEST_CASE("what is wrong in a file of tables is named by file, line and field") {
    std::string const ept = std::string{ept_head} + ept_rows;
    CHECK(failure_with(std::string{guest_head} + guest_rows, ept).empty());
    CHECK(holds(failure_with("VA\n", ept), {"t.guest.csv", "line 1", "# twofold tables: guest"}));
    CHECK(holds(failure_with("# twofold tables: guest, root 0x1001\n", ept),
                {"line 1", "root 0x1001"}));
    CHECK(holds(failure_with("# twofold tables: guest, root 0x1000\nVA,PA\n", ept),
                {"line 2", "VA,PML4E"}));
    CHECK(holds(failure_with(std::string{guest_head} + guest_rows, "# no"), {"t.ept.csv"}));
    CHECK(holds(failure_of_row("0x5000,0x2007"), {"t.guest.csv, line 3", "2 fields", "6"}));
    CHECK(holds(failure_of_row("x,0x2007,0x3007,0x4007,0x6003,0x6000"), {"line 3", "field VA"}));
    CHECK(holds(failure_of_row("0x5000,0x2007,0x3007,4,0x6003,0x6000"), {"field PDE", "'4'"}));
    CHECK(holds(failure_of_row("0x5000,0x2006,0x3007,0x4007,0x6003,0x6000"),
                {"field PML4E", "not present"}));
    CHECK(holds(failure_of_row("0x5000,0x2087,0x3007,0x4007,0x6003,0x6000"),
                {"field PML4E", "reserved", "0x80"}));
    CHECK(holds(failure_of_row("0x200000,0x2007,0x3007,0x400083,0x1,0x400000"),
                {"field PTE", "empty"}));
    CHECK(holds(failure_of_row("0x201000,0x2007,0x3007,0x400083,,0x400000"), {"field VA"}));
    CHECK(holds(failure_of_row("0x5000,0x2007,0x3007,0x4007,0x6003,0x7000"),
                {"field PA", "0x7000", "0x6000"}));
    CHECK(holds(failure_of_row("0x5000,0x2007,0x3007,0x4007,0x6003,0x6000\n"
                               "0x6000,0x2007,0x7007,0x4007,0x6003,0x6000"),
                {"line 4", "field PDPTE", "0x2000"}));
    CHECK(holds(failure_of_row("0x5000,0x2007,0x3007,0x40000007,0x6003,0x6000"),
                {"line 3", "gpa 0x40000000", "t.ept.csv"}));
    CHECK(holds(failure_of([] { return RecordedTables{"tables.txt"}; }), {".csv"}));
    CHECK(holds(failure_of([] { return RecordedTables{"/nowhere/t.csv"}; }),
                {"/nowhere/t.guest.csv"}));
}

} // namespace csv_tables_test
