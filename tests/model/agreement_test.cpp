#include "catch.hpp"
#include "support/brute_force_walk.hpp"
#include "support/processor_shapes.hpp"
#include "support/random_layout.hpp"

#include <twofold/model/nested_space.hpp>
#include <twofold/model/reference_counts.hpp>
#include <twofold/model/translation_model.hpp>

#include <memory>

namespace agreement_test {

using namespace twofold;
using namespace twofold::test;

TEST_CASE("caches change how many references a walk takes, never what it finds") {
    ProcessorShape small = all_caches;
    small.first_level[0].geometry = fully(2);
    small.second_level[0].geometry = {2, 2};
    small.structures = {fully(2), fully(2), fully(1), fully(1)};
    small.guest_physical = {fully(3), {fully(2), fully(2), fully(1), fully(1)}};

    RandomLayout layout{4, 4, 7};
    BruteForceWalk brute{layout};
    std::uint64_t saved = 0;
    for (unsigned i = 0; i < 1'000; ++i) {
        layout.build(12);
        auto const caches = std::make_unique<TranslationCaches>(small);
        caches->enter({1, 0, Hpa{layout.ept_root}});
        using Space = NestedSpace<X86Format<Gva, Gpa, 4>, EptFormat<4>, WordMemory>;
        TranslationModel model{Space{{},
                                     Gpa{layout.guest_root},
                                     SecondDimension<EptFormat<4>, WordMemory>{
                                         {}, Hpa{layout.ept_root}, layout.memory}},
                               *caches};
        for (unsigned touch = 0; touch < 60; ++touch) {
            std::uint64_t const gva = layout.gvas[layout.pick(layout.gvas.size())];
            auto const plain = brute.walk(gva);
            ReferenceCounts counts;
            bool const allowed = plain.fault.empty() && plain.ept_allowed[0];
            Outcome const outcome = model.access(Gva{gva}, Access::read, counts);
            REQUIRE((outcome != Outcome::faulted) == allowed);
            REQUIRE(counts.total() <= plain.references.size());
            saved += plain.references.size() - counts.total();
            if (!allowed) continue;
            auto const* const entry =
                caches->first_level().find(Gva{gva}, Access::read, caches->tags());
            REQUIRE(entry != nullptr);
            REQUIRE((entry->page + Gva{gva}.offset_in(entry->size.bytes())).value() == plain.hpa);
        }
    }
    CHECK(saved > 0);
}

} // namespace agreement_test
