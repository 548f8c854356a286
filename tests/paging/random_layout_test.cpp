#include "catch.hpp"
#include "support/brute_force_walk.hpp"
#include "support/random_layout.hpp"

#include <twofold/paging/nested_walk.hpp>

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
