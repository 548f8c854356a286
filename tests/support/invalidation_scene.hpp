// Translations of two addresses of one page under four contexts, to see what an operation drops.
#pragma once

#include "support/nested_scene.hpp"
#include "support/processor_shapes.hpp"

#include <twofold/model/nested_space.hpp>
#include <twofold/model/reference_counts.hpp>
#include <twofold/model/translation_model.hpp>

#include <array>
#include <memory>

namespace twofold::test {

using InvalidationSpace = NestedSpace<X86Format<Gva, Gpa, 4>, EptFormat<4>, RecordingMemory>;

/// Two gvas that lead to one gpa, translated under four contexts: two PCIDs of one VPID,
/// another VPID, and one with an EP4TA of its own.
struct InvalidationScene {
    static constexpr Gva first{0x1234'5000};
    static constexpr Gva alias{0x7f00'0000'0000};
    static constexpr Gpa data{0x1'c000'0000};

    NestedScene<> tables;
    std::unique_ptr<TranslationCaches> caches = std::make_unique<TranslationCaches>(all_caches);
    TranslationModel<InvalidationSpace> model{
        InvalidationSpace{{}, tables.guest_root, tables.second_dimension()}, *caches};
    Context const home{1, 10, tables.ept_root};
    Context const other_pcid{1, 11, tables.ept_root};
    Context const other_vpid{2, 10, tables.ept_root};
    Context const other_ept{3, 10, Hpa{0xdead'0000}};
    std::array<Context, 4> const all{home, other_pcid, other_vpid, other_ept};

    InvalidationScene() {
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

} // namespace twofold::test
