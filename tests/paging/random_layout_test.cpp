#include "catch.hpp"
#include "support/brute_force_walk.hpp"
#include "support/random_layout.hpp"

#include <twofold/model/tlb.hpp>
#include <twofold/paging/nested_walk.hpp>
#include <twofold/paging/walk_batch.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace random_layout_test {

using namespace twofold;
using namespace twofold::test;

namespace {

std::string text_of(NestedFault const& fault) {
    char const* const why = fault.reason == WalkFaultReason::not_present ? "np"
                            : fault.reason == WalkFaultReason::malformed ? "mal"
                            : fault.reason == WalkFaultReason::denied    ? "den"
                                                                         : "unreadable";
    return (fault.dimension == Dimension::guest ? "g" : "e") + std::to_string(fault.level) + why;
}

/// False, with the reason captured, where the walker and the plain walk differ.
bool agrees(NestedTranslation const& found, PlainWalk const& plain) {
    auto const& g = found.guest_permissions;
    auto const& e = found.ept_permissions;
    return plain.fault.empty() && found.hpa.value() == plain.hpa &&
           found.guest_page.shift() == plain.guest_shift &&
           found.host_page.shift() == plain.host_shift &&
           std::ranges::equal(std::array{g.write, g.execute, g.user}, plain.guest_allowed) &&
           std::ranges::equal(std::array{e.read, e.write, e.execute}, plain.ept_allowed);
}

/// What the layouts covered, so that the comparison is not of one shape only.
struct Coverage {
    std::set<std::size_t> lengths;
    std::set<std::string> faults;
    std::size_t translations = 0;
};

template <unsigned GuestLevels, unsigned EptLevels>
void compare(unsigned layouts, std::uint64_t seed, Coverage& coverage) {
    RandomLayout layout{GuestLevels, EptLevels, seed};
    BruteForceWalk brute{layout};
    std::vector<PlainReference> seen;
    for (unsigned i = 0; i < layouts; ++i) {
        layout.build(2);
        if (layout.pick(3) == 0) layout.break_one_entry();
        std::uint64_t const gva = layout.gvas[layout.pick(layout.gvas.size())];
        auto const plain = brute.walk(gva);
        seen.clear();
        auto const found =
            walk_nested(X86Format<Gva, Gpa, GuestLevels>{}, Gpa{layout.guest_root}, Gva{gva},
                        SecondDimension<EptFormat<EptLevels>, WordMemory>{
                            {}, Hpa{layout.ept_root}, layout.memory},
                        [&](Reference const& r) {
                            seen.push_back({r.dimension == Dimension::guest ? 'g' : 'e', r.level,
                                            r.address.value(), r.entry});
                        });
        INFO("layout " << i << ", gva " << gva << ", plain fault " << plain.fault);
        if (seen != plain.references) FAIL("the references differ");
        if (!(found ? agrees(*found, plain) : text_of(found.error()) == plain.fault))
            FAIL("the result differs: " << (found ? "translation" : text_of(found.error())));
        if (found) ++coverage.translations;
        coverage.lengths.insert(seen.size());
        coverage.faults.insert(plain.fault);
    }
}

} // namespace

namespace {

/// One by one and in a batch: for each gva the same references in the same order, the same end.
template <unsigned GuestLevels, unsigned EptLevels>
std::size_t compare_batch(unsigned layouts, std::uint64_t seed) {
    RandomLayout layout{GuestLevels, EptLevels, seed};
    X86Format<Gva, Gpa, GuestLevels> const guest;
    SecondDimension<EptFormat<EptLevels>, WordMemory> ept{{}, Hpa{}, layout.memory};
    auto const line_of = [](Reference const& r) {
        return std::array<std::uint64_t, 5>{r.dimension == Dimension::guest ? 0U : 1U, r.level,
                                            r.address.value(), r.entry, r.gpa.value()};
    };
    auto const end_of = [](auto const& found) {
        if (found)
            return "to " + std::to_string(found->gpa.value()) + " " +
                   std::to_string(found->hpa.value()) + " " +
                   std::to_string(found->guest_page.shift()) + " " +
                   std::to_string(found->host_page.shift()) + " " +
                   std::to_string(AllowedAccesses{found->guest_permissions}.allow(Access::write)) +
                   std::to_string(AllowedAccesses{found->ept_permissions}.allow(Access::write));
        auto const& fault = found.error();
        return text_of(fault) + " " + std::to_string(fault.bits) + " " +
               std::to_string(fault.gpa.value()) + (fault.during_walk ? " walk" : "");
    };
    using Lines = std::vector<std::array<std::uint64_t, 5>>;
    std::size_t faults = 0;
    for (unsigned i = 0; i < layouts; ++i) {
        layout.build(40);
        for (unsigned broken = 0; broken < 3; ++broken)
            layout.break_one_entry();
        ept.root = Hpa{layout.ept_root};
        std::vector<Gva> gvas;
        gvas.reserve(50);
        for (unsigned at = 0; at < 50; ++at)
            gvas.emplace_back(layout.gvas[layout.pick(layout.gvas.size())]);
        std::vector<Lines> seen(gvas.size());
        std::vector<std::string> ends(gvas.size());
        walk_nested_batch(
            guest, Gpa{layout.guest_root}, gvas, ept,
            [&](std::size_t which, Reference const& r) { seen[which].push_back(line_of(r)); },
            [&](std::size_t which, auto const& found) { ends[which] += end_of(found); });
        for (std::size_t at = 0; at < gvas.size(); ++at) {
            Lines alone;
            auto const found =
                walk_nested(guest, Gpa{layout.guest_root}, gvas[at], ept,
                            [&](Reference const& r) { alone.push_back(line_of(r)); });
            REQUIRE(seen[at] == alone);
            REQUIRE(ends[at] == end_of(found));
            faults += found ? 0 : 1;
        }
    }
    return faults;
}

} // namespace

TEST_CASE("walks in a batch are the walks one by one") {
    CHECK(compare_batch<4, 4>(400, 5) > 100);
    CHECK(compare_batch<5, 5>(200, 6) > 50);
}

TEST_CASE("a batch of nothing walks nothing; a root that leads nowhere ends every walk") {
    RandomLayout layout{4, 4, 7};
    SecondDimension<EptFormat<4>, WordMemory> const ept{{}, Hpa{}, layout.memory};
    unsigned ended = 0;
    auto const observe = [](std::size_t, Reference const&) { FAIL("nothing is read"); };
    auto const done = [&](std::size_t, auto const& found) {
        ++ended;
        CHECK(found.error().level == 3);
    };
    X86PaeFormat<Gva, Gpa> const pae;
    X86PaeFormat<Gva, Gpa>::Root const nowhere{};
    walk_nested_batch(pae, nowhere, std::span<Gva const>{}, ept, observe, done);
    CHECK(ended == 0);
    std::array<Gva, 20> const gvas{};
    walk_nested_batch(pae, nowhere, gvas, ept, observe, done);
    CHECK(ended == gvas.size());
}

TEST_CASE("100,000 random layouts of mixed leaves walk as a walk that is written out") {
    Coverage coverage;
    compare<4, 4>(55'000, 1, coverage);
    compare<4, 5>(15'000, 2, coverage);
    compare<5, 4>(15'000, 3, coverage);
    compare<5, 5>(15'000, 4, coverage);
    CHECK(coverage.translations > 50'000);
    CHECK(coverage.lengths.contains(8));
    CHECK(coverage.lengths.contains(35));
    CHECK(coverage.lengths.size() > 25);
    CHECK(coverage.faults.size() > 15);
}

} // namespace random_layout_test
