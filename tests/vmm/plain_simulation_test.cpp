#include "sim/processor_preset.hpp"
#include "tests/catch.hpp"
#include "tests/support/plain_simulator.hpp"
#include "tests/support/random_shape.hpp"

#include <twofold/model/nested_space.hpp>
#include <twofold/model/reference_counts.hpp>
#include <twofold/model/translation_model.hpp>

#include <array>
#include <memory>
#include <random>
#include <string>

namespace plain_simulation_test {

using namespace twofold;
using namespace twofold::test;

namespace {

struct Coverage {
    std::array<std::uint64_t, 4> ends{};
    std::uint64_t references = 0;
};

constexpr unsigned pcids = 3;
constexpr std::uint16_t vpid = 1;

/// Another PCID from now on, with or without dropping what it holds, or one of the invalidations.
void change(std::mt19937_64& random, Hpa ept, std::uint64_t gva, TranslationCaches& caches,
            PlainSimulator& plain) {
    auto const pcid = static_cast<std::uint16_t>(random() % pcids);
    switch (random() % 16) {
    case 0: caches.invlpg(Gva{gva}); return plain.invlpg(gva);
    case 1:
        caches.invpcid(InvpcidKind::individual_address, pcid, Gva{gva});
        return plain.drop_pcid(pcid, gva);
    case 2: caches.invpcid(InvpcidKind::single_context, pcid); return plain.drop_pcid(pcid);
    case 3:
        caches.invpcid(InvpcidKind::all_contexts_including_globals);
        return plain.drop_pcids(true);
    case 4: caches.invpcid(InvpcidKind::all_contexts); return plain.drop_pcids(false);
    case 5:
        caches.invvpid(InvvpidKind::individual_address, vpid, Gva{gva});
        return plain.drop_pcids(true, gva);
    case 6: caches.invvpid(InvvpidKind::single_context, vpid); return plain.drop_pcids(true);
    case 7:
        caches.invvpid(InvvpidKind::single_context_retaining_globals, vpid);
        return plain.drop_pcids(false);
    case 8: caches.change_of_paging_in_cr4(); return plain.drop_pcids(true);
    case 9:
        caches.invept_single(ept);
        plain.drop_guest_physical();
        return plain.drop_pcids(true);
    case 10:
        caches.move_to_cr3(pcid);
        plain.drop_pcid(pcid);
        [[fallthrough]];
    default: caches.enter({vpid, pcid, ept}); return plain.run_under(pcid);
    }
}

/// Random accesses to random tables: every access ends alike, and all references are the same.
template <unsigned GuestLevels, unsigned EptLevels>
void compare(ProcessorShape const& shape, unsigned layouts, std::uint64_t seed,
             Coverage& coverage) {
    using Space = NestedSpace<X86Format<Gva, Gpa, GuestLevels>, EptFormat<EptLevels>, WordMemory>;
    RandomLayout layout{GuestLevels, EptLevels, seed};
    std::mt19937_64 random{seed};
    for (unsigned i = 0; i < layouts; ++i) {
        layout.build(1 + static_cast<unsigned>(random() % 40));
        if (i % 2 == 0) layout.break_one_entry();
        auto const caches = std::make_unique<TranslationCaches>(shape);
        caches->enter({vpid, 0, Hpa{layout.ept_root}});
        TranslationModel model{Space{{},
                                     Gpa{layout.guest_root},
                                     SecondDimension<EptFormat<EptLevels>, WordMemory>{
                                         {}, Hpa{layout.ept_root}, layout.memory}},
                               *caches};
        PlainSimulator plain{layout, shape};
        ReferenceCounts counts;
        for (unsigned touch = 0; touch < 200; ++touch) {
            std::uint64_t const gva = layout.gvas[random() % layout.gvas.size()] ^
                                      (random() % 8 == 0 ? random() % 4 << 12 : 0);
            Access const access{static_cast<std::uint8_t>(random() % 3)};
            if (random() % 16 == 0) change(random, Hpa{layout.ept_root}, gva, *caches, plain);
            auto const end = model.access(Gva{gva}, access, counts);
            INFO("layout " << i << ", access " << touch << ", gva " << gva);
            REQUIRE(static_cast<int>(end) == static_cast<int>(plain.access(gva, access)));
            ++coverage.ends[static_cast<std::size_t>(end)];
            for (auto const& [of, count] : plain.counts())
                if (counts.at(of.first == 'g' ? Dimension::guest : Dimension::ept, of.second) !=
                    count)
                    FAIL("references of " << of.first << of.second << " differ from " << count);
        }
        std::uint64_t sum = 0;
        for (auto const& [of, count] : plain.counts())
            sum += count;
        REQUIRE(counts.total() == sum);
        coverage.references += sum;
    }
}

} // namespace

TEST_CASE("with each preset the simulator counts what a plain one counts") {
    for (auto const& preset : vmm::processor_presets()) {
        CAPTURE(std::string{preset.name});
        Coverage coverage;
        compare<4, 4>(preset.shape, 40, 1, coverage);
        compare<5, 5>(preset.shape, 10, 2, coverage);
        CHECK(coverage.references > 0);
    }
}

TEST_CASE("with any caches the simulator counts what a plain one counts") {
    std::mt19937_64 random{1};
    Coverage coverage;
    for (std::uint64_t seed = 0; seed < 150; ++seed) {
        auto const shape = any_shape(random);
        CAPTURE(seed);
        REQUIRE(shape.valid());
        compare<4, 4>(shape, 3, seed, coverage);
        compare<4, 5>(shape, 1, seed, coverage);
        compare<5, 4>(shape, 1, seed, coverage);
        compare<5, 5>(shape, 1, seed, coverage);
    }
    for (auto const count : coverage.ends)
        CHECK(count > 5'000);
}

} // namespace plain_simulation_test
