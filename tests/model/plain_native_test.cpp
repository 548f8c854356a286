#include "catch.hpp"
#include "support/plain_native_simulator.hpp"
#include "support/processor_shapes.hpp"
#include "support/random_shape.hpp"

#include <twofold/model/native_space.hpp>
#include <twofold/model/reference_counts.hpp>
#include <twofold/model/translation_model.hpp>

#include <memory>

namespace plain_native_test {

using namespace twofold;
using namespace twofold::test;

namespace {

/// The tables of a native kernel, and shadow tables: those are walked under a VPID.
template <unsigned Levels>
void compare(ProcessorShape const& shape, Context const& context, std::mt19937_64& random,
             std::array<std::uint64_t, 4>& ends) {
    using Format = X86Format<Gva, Hpa, Levels>;
    NativeLayout layout{.levels = Levels};
    layout.build(40, random);
    auto const caches = std::make_unique<TranslationCaches>(shape);
    caches->enter(context);
    TranslationModel model{NativeSpace<Format, WordMemory>{{}, Hpa{layout.root}, layout.memory},
                           *caches};
    PlainNativeSimulator plain{layout, shape};
    ReferenceCounts counts;
    for (unsigned touch = 0; touch < 300; ++touch) {
        std::uint64_t const gva = layout.gvas[random() % layout.gvas.size()] ^
                                  (random() % 8 == 0 ? random() % 4 << 12 : 0);
        Access const access{static_cast<std::uint8_t>(random() % 3)};
        auto const end = model.access(Gva{gva}, access, counts);
        INFO("access " << touch << ", gva " << gva);
        REQUIRE(static_cast<int>(end) == static_cast<int>(plain.access(gva, access)));
        ++ends[static_cast<std::size_t>(end)];
        for (unsigned level = 1; level <= Levels; ++level)
            if (counts.at(Dimension::guest, level) != plain.counts()[level])
                FAIL("references of level " << level << " differ");
    }
    CHECK(counts.of(Dimension::ept) == 0);
}

} // namespace

TEST_CASE("natively and by shadow tables the model counts what a plain simulator counts") {
    std::mt19937_64 random{1};
    std::array<std::uint64_t, 4> ends{};
    for (unsigned round = 0; round < 100; ++round) {
        auto const shape = round % 8 == 0 ? all_caches : any_shape(random);
        CAPTURE(round);
        REQUIRE(shape.valid());
        compare<4>(shape, {}, random, ends);
        compare<5>(shape, {}, random, ends);
        compare<4>(shape, {1, 0, std::nullopt}, random, ends);
    }
    for (auto const count : ends)
        CHECK(count > 1'000);
}

} // namespace plain_native_test
