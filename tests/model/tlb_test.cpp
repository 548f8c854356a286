#include "catch.hpp"
#include "support/nested_scene.hpp"
#include "support/processor_shapes.hpp"

#include <twofold/model/nested_space.hpp>
#include <twofold/model/reference_counts.hpp>
#include <twofold/model/translation_model.hpp>

#include <memory>

namespace tlb_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr TlbTags tags{4, 8};
constexpr TlbTags other_tags{12, 16};

TlbFill fill(Gva gva, PageSize size) {
    return {gva, Hpa{gva.value() + 0x100'0000'0000}, size, Permissions::all(), size};
}

using Level = TlbLevel<64>;

} // namespace

TEST_CASE("an entry serves every address of its page, and no other") {
    auto const level = std::make_unique<Level>(TlbShape{shared_array});
    for (PageSize const size : tlb_page_sizes) {
        Gva const page{std::uint64_t{size.shift()} << 40};
        level->insert(fill(page + 0x123, size), Access::read, tags);
        for (std::uint64_t const offset : {std::uint64_t{0}, size.bytes() - 1}) {
            auto const* const entry = level->find(page + offset, Access::read, tags);
            REQUIRE(entry != nullptr);
            CHECK(entry->page == Hpa{page.value() + 0x100'0000'0000});
        }
        CHECK(level->find(page + size.bytes(), Access::read, tags) == nullptr);
        CHECK(level->find(page, Access::read, other_tags) == nullptr);
    }
}

TEST_CASE("split arrays keep sizes and kinds apart") {
    TlbArrayShape const small{.geometry = fully(2), .holds_4k = true};
    TlbArrayShape const large{.geometry = fully(2), .holds_2m = true};
    TlbArrayShape const code{
        .geometry = fully(2), .holds_4k = true, .data = false, .instructions = true};
    auto const level = std::make_unique<Level>(TlbShape{small, large, code});
    level->insert(fill(Gva{0x20'0000}, page_2m), Access::read, tags);
    for (std::uint64_t page = 0; page < 3; ++page)
        level->insert(fill(Gva{0x4000'0000 + page * 4096}, page_4k), Access::read, tags);
    CHECK(level->find(Gva{0x20'0000}, Access::read, tags) != nullptr);
    CHECK(level->find(Gva{0x4000'0000}, Access::read, tags) == nullptr); // of three, two are kept
    CHECK(level->find(Gva{0x4000'2000}, Access::execute, tags) == nullptr);
    level->insert(fill(Gva{0x4000'2000}, page_4k), Access::execute, tags);
    CHECK(level->find(Gva{0x4000'2000}, Access::execute, tags) != nullptr);
}

TEST_CASE("a shared array serves instructions what data put there") {
    auto const level = std::make_unique<Level>(TlbShape{shared_array});
    level->insert(fill(Gva{0x1000}, page_4k), Access::read, tags);
    CHECK(level->find(Gva{0x1000}, Access::execute, tags) != nullptr);
}

TEST_CASE("a page larger than an array holds is kept in pieces") {
    TlbArrayShape const small{.geometry = fully(8), .holds_4k = true};
    auto const level = std::make_unique<Level>(TlbShape{small});
    level->insert(fill(Gva{0x4020'3000}, page_1g), Access::read, tags);
    CHECK(level->find(Gva{0x4020'3fff}, Access::read, tags) != nullptr);
    CHECK(level->find(Gva{0x4020'4000}, Access::read, tags) == nullptr);
}

TEST_CASE("of a page that is held whole and in pieces an access uses what is looked up first") {
    TlbArrayShape const small{.geometry = fully(2), .holds_4k = true};
    TlbArrayShape const large{.geometry = fully(2), .holds_2m = true};
    Gva const page{0x20'0000};
    for (bool const whole_first : {false, true}) {
        auto const level = whole_first ? std::make_unique<Level>(TlbShape{large, small})
                                       : std::make_unique<Level>(TlbShape{small, large});
        for (PageSize const size : {page_2m, page_4k})
            level->insert(fill(page, size), Access::read, tags);
        CHECK(level->find(page, Access::read, tags)->size == (whole_first ? page_2m : page_4k));
    }
}

TEST_CASE("the effective page is the smaller of the two leaves") {
    for (PageSize const guest : {page_4k, page_2m}) {
        for (PageSize const host : {page_4k, page_2m}) {
            NestedScene<> scene{host};
            Gva const gva{0x4000'0000};
            scene.map_page(gva, Gpa{0x8000'0000}, guest);
            scene.reach(Gpa{0x8000'1000});
            if (guest == page_4k) scene.map_page(gva + 4096, Gpa{0x8000'1000}, guest);
            auto const caches = std::make_unique<TranslationCaches>(all_caches);
            caches->enter({1, 0, scene.ept_root});
            using Space = NestedSpace<X86Format<Gva, Gpa, 4>, EptFormat<4>, RecordingMemory>;
            TranslationModel model{Space{{}, scene.guest_root, scene.second_dimension()}, *caches};
            ReferenceCounts counts;
            CHECK(model.access(gva, Access::read, counts) == Outcome::walked);
            bool const large = std::min(guest, host) == page_2m;
            CHECK(model.access(gva + 4096, Access::read, counts) ==
                  (large ? Outcome::first_level_hit : Outcome::walked));
        }
    }
}

TEST_CASE("what the first level lost the second may still have") {
    NestedScene<> scene;
    for (std::uint64_t page = 0; page < 3; ++page)
        scene.map_page(Gva{0x1000 + page * 4096}, Gpa{0x8000'0000 + page * 4096});
    ProcessorShape shape = all_caches;
    shape.first_level[0].geometry = fully(2);
    auto const caches = std::make_unique<TranslationCaches>(shape);
    caches->enter({1, 0, scene.ept_root});
    using Space = NestedSpace<X86Format<Gva, Gpa, 4>, EptFormat<4>, RecordingMemory>;
    TranslationModel model{Space{{}, scene.guest_root, scene.second_dimension()}, *caches};
    ReferenceCounts counts;
    for (std::uint64_t page = 0; page < 3; ++page)
        CHECK(model.access(Gva{0x1000 + page * 4096}, Access::read, counts) == Outcome::walked);
    auto const walked = counts.total();
    CHECK(model.access(Gva{0x1000}, Access::read, counts) == Outcome::second_level_hit);
    CHECK(model.access(Gva{0x1000}, Access::read, counts) == Outcome::first_level_hit);
    CHECK(counts.total() == walked);
}

} // namespace tlb_test
