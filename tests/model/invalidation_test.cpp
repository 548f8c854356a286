#include "catch.hpp"
#include "support/invalidation_scene.hpp"

namespace invalidation_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr Gva first = InvalidationScene::first;
constexpr Gva alias = InvalidationScene::alias;
constexpr Gpa data = InvalidationScene::data;

} // namespace

TEST_CASE("translations are found under their own VPID, PCID and EP4TA only") {
    InvalidationScene scene;
    for (Context const& context : scene.all)
        CHECK(scene.kept(context, first));
    CHECK_FALSE(scene.kept({1, 12, scene.tables.ept_root}, first));
    CHECK_FALSE(scene.kept({1, 10, Hpa{0xdead'0000}}, first));
    CHECK_FALSE(scene.kept({1, 10, std::nullopt}, first));
}

TEST_CASE("INVLPG drops one address under one VPID and PCID, and keeps guest-physical mappings") {
    InvalidationScene scene;
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
    InvalidationScene scene;
    scene.caches->move_to_cr3(11);
    CHECK(scene.kept(scene.home, first));
    CHECK_FALSE(scene.kept(scene.other_pcid, first));
    CHECK(scene.kept(scene.other_vpid, first));
}

TEST_CASE("INVLPG drops all pieces of a guest's large page, and of no other") {
    NestedScene<> tables;
    Gva const page{0x4000'0000};
    tables.map_page(page, Gpa{0x8000'0000}, page_2m);
    tables.reach(Gpa{0x8000'5000});
    tables.map_page(page + page_2m.bytes(), Gpa{0x9000'0000}, page_2m);
    auto const caches = std::make_unique<TranslationCaches>(all_caches);
    caches->enter({1, 0, tables.ept_root});
    TranslationModel model{InvalidationSpace{{}, tables.guest_root, tables.second_dimension()},
                           *caches};
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
        InvalidationScene scene;
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
    InvalidationScene scene;
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
    InvalidationScene scene;
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
    InvalidationScene scene;
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
    InvalidationScene scene;
    scene.caches->ept_violation(data, first);
    CHECK_FALSE(scene.kept(scene.home, first));
    CHECK(scene.kept(scene.home, alias));
    CHECK(scene.kept(scene.other_pcid, first));
    CHECK(scene.touch(first) == Outcome::walked);
    CHECK(scene.references >= 4);
}

TEST_CASE("after a copy-on-write break an alias reads the old frame until INVEPT") {
    InvalidationScene scene;
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
    InvalidationScene scene;
    Gva const late{0x5555'0000'0000};
    CHECK(scene.touch(late) == Outcome::faulted);
    CHECK(scene.model.fault().dimension == Dimension::guest);
    scene.tables.map_page(late, Gpa{0x2'0000'0000});
    CHECK(scene.touch(late) == Outcome::walked);
}

TEST_CASE("a permission that was added costs one fault at most") {
    InvalidationScene scene;
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
    InvalidationScene scene;
    for (std::uint16_t pcid = 0; pcid < 1000; ++pcid) {
        Context const context{5, pcid, scene.tables.ept_root};
        scene.caches->enter(context);
        REQUIRE(scene.touch(first) == Outcome::walked);
        REQUIRE(scene.touch(first) == Outcome::first_level_hit);
    }
}

} // namespace invalidation_test
