#include "catch.hpp"
#include "support/invalidation_scene.hpp"

#include <array>
#include <string>

namespace global_pages_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr Gva first = InvalidationScene::first;
constexpr Gva shared_by_all{0xffff'8000'0000'0000};

/// With a third gva, by a global page.
struct GlobalScene : InvalidationScene {
    GlobalScene() {
        tables.map_page(shared_by_all, data);
        ShiftedMemory memory{tables.host};
        auto const slot =
            find_slot(X86Format<Gva, Gpa, 4>{}, tables.guest_root, shared_by_all, 1, memory);
        REQUIRE(slot);
        REQUIRE(memory.write(slot->address, slot->entry.word() | X86Entry::global_bit));
        for (Context const& context : all) {
            caches->enter(context);
            (void)touch(shared_by_all);
        }
        caches->enter(home);
    }
};

} // namespace

TEST_CASE("a global page's translation serves every PCID of its VPID and EP4TA") {
    GlobalScene scene;
    Context const new_pcid{1, 99, scene.tables.ept_root};
    CHECK(scene.kept(new_pcid, shared_by_all));
    CHECK_FALSE(scene.kept(new_pcid, first));
    CHECK_FALSE(scene.kept({9, 10, scene.tables.ept_root}, shared_by_all));
    CHECK_FALSE(scene.kept({1, 10, Hpa{0xdead'0000}}, shared_by_all));
    CHECK_FALSE(scene.kept({1, 10, std::nullopt}, shared_by_all));

    scene.caches->enter(new_pcid);
    CHECK(scene.touch(shared_by_all) == Outcome::first_level_hit);
    CHECK(scene.touch(first) == Outcome::walked);
    CHECK(scene.references >= 4); // another PCID's structure entries are not used
}

TEST_CASE("without CR4.PGE the G bit means nothing") {
    GlobalScene scene;
    InvalidationSpace space{{}, scene.tables.guest_root, scene.tables.second_dimension()};
    space.global_pages = false;
    TranslationModel model{space, *scene.caches};
    ReferenceCounts counts;
    scene.caches->change_of_paging_in_cr4();
    REQUIRE(model.access(shared_by_all, Access::read, counts) == Outcome::walked);
    CHECK(scene.kept(scene.home, shared_by_all));
    CHECK_FALSE(scene.kept(scene.other_pcid, shared_by_all));
}

TEST_CASE("global translations go with some invalidations and stay with others") {
    struct Case {
        char const* name;
        void (*act)(TranslationCaches&, Context const&);
        bool global_stays;
        bool other_stays;
    };
    constexpr std::array cases{
        Case{"MOV to CR3", [](auto& c, auto& of) { c.move_to_cr3(of.pcid); }, true, false},
        Case{"MOV to CR4", [](auto& c, auto&) { c.change_of_paging_in_cr4(); }, false, false},
        Case{"INVLPG", [](auto& c, auto&) { c.invlpg(shared_by_all); }, false, true},
        Case{"INVPCID 0",
             [](auto& c, auto& of) {
                 c.invpcid(InvpcidKind::individual_address, of.pcid, shared_by_all);
             },
             true, true},
        Case{"INVPCID 1",
             [](auto& c, auto& of) { c.invpcid(InvpcidKind::single_context, of.pcid); }, true,
             false},
        Case{"INVPCID 2",
             [](auto& c, auto&) { c.invpcid(InvpcidKind::all_contexts_including_globals); }, false,
             false},
        Case{"INVPCID 3", [](auto& c, auto&) { c.invpcid(InvpcidKind::all_contexts); }, true,
             false},
        Case{"INVVPID 0",
             [](auto& c, auto& of) {
                 c.invvpid(InvvpidKind::individual_address, of.vpid, shared_by_all);
             },
             false, true},
        Case{"INVVPID 1",
             [](auto& c, auto& of) { c.invvpid(InvvpidKind::single_context, of.vpid); }, false,
             false},
        Case{"INVVPID 2", [](auto& c, auto&) { c.invvpid(InvvpidKind::all_contexts); }, false,
             false},
        Case{"INVVPID 3",
             [](auto& c, auto& of) {
                 c.invvpid(InvvpidKind::single_context_retaining_globals, of.vpid);
             },
             true, false},
        Case{"INVEPT", [](auto& c, auto& of) { c.invept_single(*of.ept); }, false, false},
        Case{"page fault", [](auto& c, auto&) { c.page_fault(shared_by_all); }, false, true}};
    for (Case const& one : cases) {
        CAPTURE(std::string{one.name});
        GlobalScene scene;
        one.act(*scene.caches, scene.home);
        CHECK(scene.kept(scene.home, shared_by_all) == one.global_stays);
        CHECK(scene.kept(scene.other_pcid, shared_by_all) == one.global_stays);
        CHECK(scene.kept(scene.home, first) == one.other_stays);
    }
}

} // namespace global_pages_test
