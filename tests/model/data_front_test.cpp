#include "catch.hpp"
#include "support/plain_simulator.hpp"

#include <twofold/model/data_front.hpp>
#include <twofold/model/nested_space.hpp>
#include <twofold/model/reference_counts.hpp>
#include <twofold/model/translation_model.hpp>

#include <memory>
#include <random>

namespace data_front_test {

using namespace twofold;
using namespace twofold::test;

namespace {

using Space = NestedSpace<X86Format<Gva, Gpa, 4>, EptFormat<4>, WordMemory>;

/// First level of rows of `first` slots, second of `second`; small, so that all of it is replaced.
ProcessorShape shape_of(std::uint32_t first, std::uint32_t second) {
    ProcessorShape shape{};
    shape.first_level[0] = {.geometry = {2, first}, .holds_4k = true, .holds_2m = true};
    shape.second_level[0] = {.geometry = {4, second},
                             .holds_4k = true,
                             .holds_2m = true,
                             .data = true,
                             .instructions = true};
    shape.structures = {{{2, 4}, {1, 3}, {1, 2}, {1, 1}}};
    shape.guest_physical = {{2, 4}, shape.structures};
    return shape;
}

struct Seen {
    std::uint64_t hits = 0;
    std::uint64_t second_hits = 0;
    std::uint64_t denied = 0;
    std::uint64_t ended = 0;
};

/// What an access through the front comes to, by the rules that a loop keeps.
Outcome access_by_front(TranslationModel<Space>& model, Gva gva, Access access,
                        ReferenceCounts& counts, Seen& seen) {
    DataFront const front{model.caches()};
    if (!front || access == Access::execute) return model.access(gva, access, counts);
    switch (front.find(gva, access)) {
    case DataFront::Found::first_level: ++seen.hits; return Outcome::first_level_hit;
    case DataFront::Found::second_level: ++seen.second_hits; return Outcome::second_level_hit;
    case DataFront::Found::nothing: {
        Outcome const outcome = model.walk(gva, access, counts);
        seen.ended += front.holds(model.caches()) ? 0 : 1;
        return outcome;
    }
    case DataFront::Found::denied: ++seen.denied; break;
    }
    return model.access(gva, access, counts);
}

void compare(ProcessorShape const& shape, std::uint64_t seed, Seen& seen) {
    RandomLayout layout{4, 4, seed};
    std::mt19937_64 random{seed};
    layout.global_pages = seed % 4 == 0;
    layout.build(30);
    Space const space{
        {}, Gpa{layout.guest_root}, {EptFormat<4>{}, Hpa{layout.ept_root}, layout.memory}};
    auto const caches = std::make_unique<TranslationCaches>(shape);
    auto const front_caches = std::make_unique<TranslationCaches>(shape);
    caches->enter({1, 0, Hpa{layout.ept_root}});
    front_caches->enter({1, 0, Hpa{layout.ept_root}});
    TranslationModel model{space, *caches};
    TranslationModel by_front{space, *front_caches};
    ReferenceCounts counts;
    ReferenceCounts front_counts;
    for (unsigned touch = 0; touch < 400; ++touch) {
        Gva const gva{layout.gvas[random() % layout.gvas.size()]};
        Access const access{static_cast<std::uint8_t>(random() % 8 == 0 ? 2 : random() % 2)};
        INFO("seed " << seed << ", access " << touch);
        REQUIRE(static_cast<int>(model.access(gva, access, counts)) ==
                static_cast<int>(access_by_front(by_front, gva, access, front_counts, seen)));
        REQUIRE(counts.of(Dimension::guest) == front_counts.of(Dimension::guest));
        REQUIRE(counts.of(Dimension::ept) == front_counts.of(Dimension::ept));
    }
}

} // namespace

TEST_CASE("the look-up of data accesses in registers is that of the levels") {
    Seen seen;
    for (std::uint64_t seed = 0; seed < 300; ++seed)
        compare(shape_of(1 + seed % 4, 5 + seed % 8), seed, seen);
    CHECK(seen.hits > 100);
    CHECK(seen.second_hits > 100);
    CHECK(seen.denied > 10);
    CHECK(seen.ended > 10);
}

TEST_CASE("levels of other shapes are looked up in by themselves") {
    auto const usable = [](std::uint32_t first, std::uint32_t second) {
        auto const caches = std::make_unique<TranslationCaches>(shape_of(first, second));
        caches->enter({});
        CHECK_FALSE(DataFront{*caches});
        TlbFill const fill{Gva{0x1000}, Hpa{0x2000}, page_4k, Permissions::all()};
        caches->second_level().insert(fill, Access::read, caches->tags());
        caches->first_level().insert(fill, Access::read, caches->tags());
        return static_cast<bool>(DataFront{*caches});
    };
    CHECK(usable(4, 5));
    CHECK_FALSE(usable(5, 5));
    CHECK_FALSE(usable(4, 4));
}

} // namespace data_front_test
