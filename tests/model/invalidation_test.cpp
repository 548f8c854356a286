#include "catch.hpp"
#include "support/nested_scene.hpp"
#include "support/processor_shapes.hpp"

#include <twofold/model/nested_space.hpp>
#include <twofold/model/reference_counts.hpp>
#include <twofold/model/translation_model.hpp>

#include <array>
#include <memory>
#include <string>

namespace invalidation_test {

using namespace twofold;
using namespace twofold::test;

namespace {

using Space = NestedSpace<X86Format<Gva, Gpa, 4>, EptFormat<4>, RecordingMemory>;

constexpr Gva first{0x1234'5000};
constexpr Gva alias{0x7f00'0000'0000};
constexpr Gva shared_by_all{0xffff'8000'0000'0000};
constexpr Gpa data{0x1'c000'0000};

/// Two gvas that lead to one gpa, translated under three contexts: two PCIDs of one VPID, and
/// another VPID over other EPT tables of the same content.
struct Scene {
    NestedScene<> tables;
    std::unique_ptr<TranslationCaches> caches = std::make_unique<TranslationCaches>(all_caches);
    TranslationModel<Space> model{Space{{}, tables.guest_root, tables.second_dimension()}, *caches};
    Context const home{1, 10, tables.ept_root};
    Context const other_pcid{1, 11, tables.ept_root};
    Context const other_vpid{2, 10, tables.ept_root};
    Context const other_ept{3, 10, Hpa{0xdead'0000}};
    std::array<Context, 4> const all{home, other_pcid, other_vpid, other_ept};

    Scene() {
        tables.map_page(first, data);
        tables.map_page(alias, data);
        for (Context const& context : all) {
            caches->enter(context);
            (void)touch(first);
            (void)touch(alias);
        }
        caches->enter(home);
    }
    Outcome touch(Gva gva, Access access = Access::read) {
        ReferenceCounts counts;
        Outcome const outcome = model.access(gva, access, counts);
        references = counts.total();
        return outcome;
    }
    /// Whether the translation of `gva` under `context` is still cached. Looks at a TLB only.
    bool kept(Context const& context, Gva gva) {
        caches->enter(context);
        bool const found = caches->first_level().find(gva, Access::read, caches->tags()) != nullptr;
        caches->enter(home);
        return found;
    }
    /// What is left of guest-physical mappings under `context`'s EP4TA.
    std::uint32_t guest_physical(Context const& context) {
        caches->enter(context);
        auto const tag = caches->ept_tag();
        auto const count = caches->guest_physical().count_nested_if(
            [=](std::uint64_t key) { return cache_key::tag(key) == tag; });
        caches->enter(home);
        return count;
    }
    std::uint64_t references = 0;
};

/// With a third gva, by a global page.
struct GlobalScene : Scene {
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

TEST_CASE("translations are found under their own VPID, PCID and EP4TA only") {
    Scene scene;
    for (Context const& context : scene.all)
        CHECK(scene.kept(context, first));
    CHECK_FALSE(scene.kept({1, 12, scene.tables.ept_root}, first));
    CHECK_FALSE(scene.kept({1, 10, Hpa{0xdead'0000}}, first));
    CHECK_FALSE(scene.kept({1, 10, std::nullopt}, first));
}

TEST_CASE("INVLPG drops one address under one VPID and PCID, and keeps guest-physical mappings") {
    Scene scene;
    auto const before = scene.guest_physical(scene.home);
    scene.caches->invlpg(first);
    CHECK_FALSE(scene.kept(scene.home, first));
    CHECK(scene.kept(scene.home, alias));
    CHECK(scene.kept(scene.other_pcid, first));
    CHECK(scene.kept(scene.other_vpid, first));
    CHECK(scene.guest_physical(scene.home) == before);
    CHECK(scene.touch(first) == Outcome::walked);
    CHECK(scene.references == 4); // structure entries went too; every gpa hits the nested TLB
}

TEST_CASE("MOV to CR3 drops what the new PCID holds under the VPID, and nothing else") {
    Scene scene;
    scene.caches->move_to_cr3(11);
    CHECK(scene.kept(scene.home, first));
    CHECK_FALSE(scene.kept(scene.other_pcid, first));
    CHECK(scene.kept(scene.other_vpid, first));
}

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
    Space space{{}, scene.tables.guest_root, scene.tables.second_dimension()};
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

TEST_CASE("INVLPG drops all pieces of a guest's large page, and of no other") {
    NestedScene<> tables;
    Gva const page{0x4000'0000};
    tables.map_page(page, Gpa{0x8000'0000}, page_2m);
    tables.reach(Gpa{0x8000'5000});
    tables.map_page(page + page_2m.bytes(), Gpa{0x9000'0000}, page_2m);
    auto const caches = std::make_unique<TranslationCaches>(all_caches);
    caches->enter({1, 0, tables.ept_root});
    TranslationModel model{Space{{}, tables.guest_root, tables.second_dimension()}, *caches};
    ReferenceCounts counts;
    auto const pieces = {page, page + 0x5000, page + page_2m.bytes()};
    for (Gva const gva : pieces)
        REQUIRE(model.access(gva, Access::read, counts) == Outcome::walked);
    for (Gva const gva : pieces)
        REQUIRE(model.access(gva, Access::read, counts) == Outcome::first_level_hit);
    caches->invlpg(page + 0x5123);
    CHECK(model.access(page + page_2m.bytes(), Access::read, counts) == Outcome::first_level_hit);
    CHECK(model.access(page, Access::read, counts) == Outcome::walked);
    CHECK(model.access(page + 0x5000, Access::read, counts) == Outcome::walked);
}

TEST_CASE("INVVPID drops linear and combined mappings of a VPID, not guest-physical ones") {
    for (auto const kind :
         {InvvpidKind::individual_address, InvvpidKind::single_context,
          InvvpidKind::single_context_retaining_globals, InvvpidKind::all_contexts}) {
        CAPTURE(static_cast<int>(kind));
        Scene scene;
        auto const before = scene.guest_physical(scene.home);
        REQUIRE(before > 0);
        scene.caches->invvpid(kind, 1, first);
        CHECK_FALSE(scene.kept(scene.home, first));
        CHECK_FALSE(scene.kept(scene.other_pcid, first));
        CHECK(scene.kept(scene.home, alias) == (kind == InvvpidKind::individual_address));
        CHECK(scene.kept(scene.other_vpid, first) == (kind != InvvpidKind::all_contexts));
        CHECK(scene.guest_physical(scene.home) == before);
    }
}

TEST_CASE("INVEPT single-context drops combined and guest-physical mappings of one EP4TA") {
    Scene scene;
    scene.caches->invept_single(scene.tables.ept_root);
    for (Context const& context : {scene.home, scene.other_pcid, scene.other_vpid})
        CHECK_FALSE(scene.kept(context, first));
    CHECK(scene.guest_physical(scene.home) == 0);
    CHECK(scene.kept(scene.other_ept, first));
    CHECK(scene.guest_physical(scene.other_ept) > 0);
    CHECK(scene.touch(first) == Outcome::walked);
    // As after a start: EPT's four, then each neighbouring table's PTE, and the data's three.
    CHECK(scene.references == 4 + 4 + 3 + 3);
}

TEST_CASE("INVEPT all-context drops every combined and guest-physical mapping, no linear one") {
    Scene scene;
    Context const no_ept{4, 0, std::nullopt};
    scene.caches->enter(no_ept);
    TlbFill const linear{first, Hpa{0x1000}, page_4k, Permissions::all()};
    scene.caches->first_level().insert(linear, Access::read, scene.caches->tags());
    scene.caches->invept_all();
    CHECK(scene.kept(no_ept, first));
    for (Context const& context : scene.all) {
        CHECK_FALSE(scene.kept(context, first));
        CHECK(scene.guest_physical(context) == 0);
    }
}

TEST_CASE("entries and exits without VPID drop linear and combined mappings of VPID 0 only") {
    Scene scene;
    Context const without{0, 10, scene.tables.ept_root};
    scene.caches->enter(without);
    (void)scene.touch(first);
    auto const before = scene.guest_physical(without);
    scene.caches->vm_transition_without_vpid();
    CHECK_FALSE(scene.kept(without, first));
    CHECK(scene.kept(scene.home, first));
    CHECK(scene.guest_physical(without) == before);
}

TEST_CASE("an EPT violation drops the mappings of its gpa and of its own gva, not of an alias") {
    Scene scene;
    scene.caches->ept_violation(data, first);
    CHECK_FALSE(scene.kept(scene.home, first));
    CHECK(scene.kept(scene.home, alias));
    CHECK(scene.kept(scene.other_pcid, first));
    CHECK(scene.touch(first) == Outcome::walked);
    CHECK(scene.references >= 4);
}

TEST_CASE("after a copy-on-write break an alias reads the old frame until INVEPT") {
    Scene scene;
    auto const slot = find_slot(EptFormat<4>{}, scene.tables.ept_root, data, 1, scene.tables.host);
    REQUIRE(slot);
    Hpa const copy{0x70'0000'0000};
    scene.tables.host.put(slot->address.value(),
                          EptEntry::to_frame(copy.value(), 1, read_write_execute).word());
    auto const page_of = [&](Gva gva) {
        if (scene.caches->first_level().find(gva, Access::read, scene.caches->tags()) == nullptr)
            REQUIRE(scene.touch(gva) == Outcome::walked);
        return scene.caches->first_level().find(gva, Access::read, scene.caches->tags())->page;
    };
    scene.caches->ept_violation(data, first);
    CHECK(page_of(first) == copy);
    CHECK(page_of(alias) == ShiftedMemory::hpa_of(data));
    scene.caches->invept_single(scene.tables.ept_root);
    CHECK(page_of(alias) == copy);
}

TEST_CASE("nothing is cached of an entry that is not present, so mapping it needs nothing") {
    Scene scene;
    Gva const late{0x5555'0000'0000};
    CHECK(scene.touch(late) == Outcome::faulted);
    CHECK(scene.model.fault().dimension == Dimension::guest);
    scene.tables.map_page(late, Gpa{0x2'0000'0000});
    CHECK(scene.touch(late) == Outcome::walked);
}

TEST_CASE("a permission that was added costs one fault at most") {
    Scene scene;
    auto const slot = find_slot(EptFormat<4>{}, scene.tables.ept_root, data, 1, scene.tables.host);
    REQUIRE(slot);
    auto const put = [&](Permissions allowed) {
        scene.tables.host.put(slot->address.value(),
                              EptEntry::to_frame(slot->entry.frame(page_4k), 1, allowed).word());
    };
    put(read_only);
    scene.caches->invept_single(scene.tables.ept_root);
    CHECK(scene.touch(first) == Outcome::walked);
    CHECK(scene.touch(first, Access::write) == Outcome::faulted);
    CHECK(scene.model.fault().dimension == Dimension::ept);
    CHECK(scene.model.fault().reason == WalkFaultReason::denied);
    CHECK(scene.touch(first) == Outcome::walked); // read only again
    put(read_write_execute);
    (void)scene.touch(first, Access::write);
    CHECK(scene.touch(first, Access::write) != Outcome::faulted);
}

TEST_CASE("more contexts than there are numbers for are told apart all the same") {
    Scene scene;
    for (std::uint16_t pcid = 0; pcid < 1000; ++pcid) {
        Context const context{5, pcid, scene.tables.ept_root};
        scene.caches->enter(context);
        REQUIRE(scene.touch(first) == Outcome::walked);
        REQUIRE(scene.touch(first) == Outcome::first_level_hit);
    }
}

} // namespace invalidation_test
