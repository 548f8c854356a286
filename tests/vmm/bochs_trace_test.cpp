#include "engine/bochs_trace.hpp"
#include "report/walk_comparison.hpp"
#include "system/failure.hpp"
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"

#include <fmt/format.h>

#include <string>

namespace bochs_trace_test {

using namespace twofold;
using namespace twofold::vmm;
using twofold::test::holds;

namespace {

constexpr char const* open_line = "Memory-Tracing enabled for CPU0";
constexpr char const* close_line = "Memory-Tracing disabled for CPU0";

std::string read_line(unsigned address, unsigned entry, char const* tag) {
    return fmt::format("[CPU0 RD]: PHY {:#014x} (len=8, UC): 0x00000000 {:#010x} ; {}", address,
                       entry, tag);
}

/// One window that holds a walk of two references.
TraceReader two_references() {
    TraceReader reader;
    for (auto const& line : {std::string{open_line}, read_line(0x1000, 0x2007, "EPT PML4E"),
                             read_line(0x3000, 0x4063, "PTE"), std::string{close_line}})
        reader.add_line(line);
    return reader;
}

record::Walk matching_walk() {
    return {.guest = 0,
            .gva = 0x5000,
            .gpa = 0x5000,
            .hpa = 0x5000,
            .page_size = page_4k,
            .guest_page = page_4k,
            .host_page = page_4k,
            .native = false,
            .references = {{Dimension::ept, 4, 0x1000, 0x2007, std::nullopt},
                           {Dimension::guest, 1, 0x3000, 0x4063, 0x3000}},
            .fault = std::nullopt};
}

} // namespace

TEST_CASE("a traced access is read with tag, address and entry") {
    CHECK(parse_traced_access("[CPU0 RD]: PHY 0x000000102000 (len=8, UC): 0x80000000 0x00103023 ; "
                              "PML4E") ==
          TracedAccess{Dimension::guest, 4, false, 0x102000, 0x8000'0000'0010'3023});
    CHECK(parse_traced_access("[CPU0 WR]: PHY 0x000000102008 (len=8, WB): 0x00000000 0x00000337 ; "
                              "EPT PTE") == TracedAccess{Dimension::ept, 1, true, 0x102008, 0x337});
    CHECK(parse_traced_access("[CPU0 RD]: PHY 0x000000102008 (len=4, WB): 0x000001e7 ; PDE") ==
          TracedAccess{Dimension::guest, 2, false, 0x102008, 0x1e7});
}

TEST_CASE("what is not an access to a paging-structure entry is left alone") {
    for (auto const* const line :
         {"", "[CPU0 RD]: LIN 0x0000000000007000 PHY 0x000000007000 (len=2, UC): 0x0000",
          "[CPU0 RD]: PHY 0x000000102000 (len=8, UC): 0x00000000 0x00103023 ; VMCS",
          "[CPU0 RD]: PHY 0x000000102000 (len=8, UC): 0x00000000 0x00103023 ; EPT",
          "[CPU0 RD]: PHY 0x000000102000 (len=8, UC): 0x00000000 0x00103023",
          "[CPU0 RD]: PHY 0x000000102000", "[CPU0 RD]: PHY 102000 (len=8, UC): 0x0 0x1 ; PTE",
          "(0).[4268454] [0x000000007c03] 0000:7c03 (unk. ctxt): mov ax, word ptr ds:0x7000",
          "x [CPU0 RD]: PHY 0x000000102000 (len=8, UC): 0x00000000 0x00103023 ; PTE"}) {
        INFO(line);
        CHECK_FALSE(parse_traced_access(line));
    }
}

TEST_CASE("a window holds what was read in it; write-backs are apart") {
    TraceReader reader;
    reader.add_line(read_line(0x9000, 1, "PTE")); // outside
    for (auto const& line :
         {std::string{open_line}, read_line(0x1000, 0x2007, "EPT PTE"),
          std::string{"[CPU0 WR]: PHY 0x000000001000 (len=8, UC): 0x00000000 0x00002107 ; EPT PTE"},
          read_line(0x3000, 0x4063, "PTE"), std::string{close_line}})
        reader.add_line(line);
    reader.add_line(read_line(0x9000, 1, "PTE"));
    REQUIRE(reader.windows().size() == 1);
    auto const& window = reader.windows().front();
    CHECK(window.references.size() == 2);
    CHECK(window.write_backs.size() == 1);
}

TEST_CASE("what the end of the machine leaves open is no window") {
    TraceReader reader;
    for (auto const& line : {std::string{open_line}, read_line(0x1000, 0x2007, "EPT PTE"),
                             std::string{close_line}, std::string{open_line}})
        reader.add_line(line);
    CHECK(reader.windows().size() == 1);
}

TEST_CASE("a window that never closes is a failure, not endless memory") {
    TraceReader reader;
    reader.add_line(open_line);
    auto const line = read_line(0x1000, 0x2007, "PTE");
    CHECK_THROWS_AS(
        [&] {
            for (int i = 0; i < 1'000'000; ++i)
                reader.add_line(line);
        }(),
        Failure);
}

TEST_CASE("a walk that the processor repeats is equal") {
    auto const reader = two_references();
    record::Walk const walks[] = {matching_walk()};
    auto const comparison = compare_walks(walks, reader.windows());
    CHECK(comparison.difference.empty());
    CHECK(comparison.equal == 2);
}

TEST_CASE("each kind of difference is found and named") {
    auto const reader = two_references();
    auto const difference = [&](auto&& bend) {
        record::Walk walk = matching_walk();
        bend(walk);
        record::Walk const walks[] = {walk};
        return compare_walks(walks, reader.windows()).difference;
    };
    CHECK(holds(difference([](auto& walk) { walk.references[1].entry ^= 0x20; }),
                {"walk 1 of gva 0x5000", "reference 2", "0x4043", "0x4063"}));
    CHECK(holds(difference([](auto& walk) { walk.references[0].address = 0x1008; }),
                {"reference 1", "0x1008", "0x1000"}));
    CHECK(holds(difference([](auto& walk) { walk.references[0].level = 3; }),
                {"EPT PDPTE", "EPT PML4E"}));
    CHECK(holds(difference([](auto& walk) { walk.references[1].dimension = Dimension::ept; }),
                {"EPT PTE", "the processor PTE"}));
    CHECK(holds(difference([](auto& walk) { walk.references.pop_back(); }),
                {"the walker read 1 entries, the processor 2"}));
    CHECK(holds(difference([](auto& walk) { std::swap(walk.references[0], walk.references[1]); }),
                {"reference 1"}));
}

TEST_CASE("as many windows as walks, and at least one") {
    auto const reader = two_references();
    CHECK_FALSE(compare_walks({}, {}).difference.empty());
    CHECK_FALSE(compare_walks({}, reader.windows()).difference.empty());
    record::Walk const walks[] = {matching_walk(), matching_walk()};
    CHECK(holds(compare_walks(walks, reader.windows()).difference,
                {"walks reported: 2", "processor's: 1"}));
}

} // namespace bochs_trace_test
