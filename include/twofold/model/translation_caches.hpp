// Everything that one processor caches of translations, and what each invalidation keeps and drops
// (Intel SDM vol. 3, "Caching Translation Information" and "Invalidating Cached Translation
// Information").
#pragma once

#include <twofold/model/processor_shape.hpp>

#include <cstdint>
#include <optional>

namespace twofold {

/// The kinds of INVVPID, by their encoding.
enum class InvvpidKind : std::uint8_t {
    individual_address = 0,
    single_context = 1,
    all_contexts = 2,
    single_context_retaining_globals = 3,
};

/// The kinds of INVPCID, by their encoding.
enum class InvpcidKind : std::uint8_t {
    individual_address = 0,
    single_context = 1,
    all_contexts_including_globals = 2,
    all_contexts = 3,
};

namespace detail {

/// What operations drop, by its tag.
constexpr auto of_vpid(std::uint16_t vpid) {
    return [vpid](Context const& of) { return of.vpid == vpid; };
}
/// Global translations are of no PCID.
constexpr auto of_pcid(std::uint16_t vpid, std::uint16_t pcid) {
    return [vpid, pcid](Context const& of) { return of.vpid == vpid && of.pcid == pcid; };
}
constexpr auto not_global(auto drops) {
    return [drops](Context const& of) { return drops(of) && !of.is_of_global_pages(); };
}

} // namespace detail

/// With EPT the TLBs and `structures()` hold combined mappings, without it linear ones: which of
/// them, the tag says. A translation whose leaf has the G bit is kept under no PCID and used under
/// every one of its VPID ("Global Pages"); structure entries are never global. Each operation drops
/// what it must and keeps what it may.
class TranslationCaches {
  public:
    /// `shape` must be valid.
    constexpr explicit TranslationCaches(ProcessorShape const& shape)
        : first_level_(shape.first_level), second_level_(shape.second_level),
          structures_(shape.structures), guest_physical_(shape.guest_physical),
          walks_one_to_four_(structures_.one_to_four() && guest_physical_.one_to_four()) {
        enter({});
    }

    /// What runs now: the tags under which translations are used and kept.
    constexpr void enter(Context const& context) {
        auto const number = tags_.number(context);
        auto const global = tags_.number(context.of_global_pages());
        auto const ept = context.ept ? ept_tags_.number(*context.ept) : TagNumber{0};
        if (number && global && ept) {
            context_ = context;
            tags_in_use_ = {*number, *global};
            ept_tag_ = *ept;
            return;
        }
        forget_everything();
        enter(context);
    }
    [[nodiscard]] constexpr Context const& context() const { return context_; }
    /// Of structure entries.
    [[nodiscard]] constexpr TagNumber tag() const { return tags_in_use_.own; }
    /// Of translations.
    [[nodiscard]] constexpr TlbTags tags() const { return tags_in_use_; }
    [[nodiscard]] constexpr TagNumber ept_tag() const { return ept_tag_; }

    /// Whether RowsKnown::one_to_four holds for all that a walk asks and fills, the TLBs apart.
    [[nodiscard]] constexpr bool walks_one_to_four() const { return walks_one_to_four_; }

    [[nodiscard]] constexpr auto& first_level() { return first_level_; }
    [[nodiscard]] constexpr auto& second_level() { return second_level_; }
    [[nodiscard]] constexpr StructureCaches<Gpa>& structures() { return structures_; }
    [[nodiscard]] constexpr GuestPhysicalCaches& guest_physical() { return guest_physical_; }

    /// INVLPG: translations of `gva` under the current VPID and PCID, global ones too, and every
    /// structure entry of that PCID.
    constexpr void invlpg(Gva gva) {
        auto const current = detail::of_pcid(context_.vpid, context_.pcid);
        auto const global = detail::of_pcid(context_.vpid, Context::every_pcid);
        drop_translations([&](Context const& of) { return current(of) || global(of); }, gva);
        drop_structures(current);
    }
    /// INVPCID: what a PCID, or each, holds under the current VPID. `gva`: of individual_address,
    /// which drops structure entries on the way to it.
    constexpr void invpcid(InvpcidKind kind, std::uint16_t pcid = 0, Gva gva = {}) {
        switch (kind) {
        case InvpcidKind::individual_address:
            drop_translations(detail::of_pcid(context_.vpid, pcid), gva);
            return drop_structures(detail::of_pcid(context_.vpid, pcid), gva);
        case InvpcidKind::single_context: return drop(detail::of_pcid(context_.vpid, pcid));
        case InvpcidKind::all_contexts_including_globals:
            return drop(detail::of_vpid(context_.vpid));
        case InvpcidKind::all_contexts:
            return drop(detail::not_global(detail::of_vpid(context_.vpid)));
        }
    }
    /// MOV to CR3 without bit 63: what the new PCID holds under the current VPID. Global
    /// translations stay.
    constexpr void move_to_cr3(std::uint16_t pcid) { drop(detail::of_pcid(context_.vpid, pcid)); }
    /// MOV to CR4 that changes PGE, or clears PCIDE: all that the current VPID holds, global
    /// translations too.
    constexpr void change_of_paging_in_cr4() { drop(detail::of_vpid(context_.vpid)); }
    /// INVVPID: linear and combined mappings of a VPID, under every EP4TA; guest-physical ones
    /// stay.
    constexpr void invvpid(InvvpidKind kind, std::uint16_t vpid = 0, Gva gva = {}) {
        switch (kind) {
        case InvvpidKind::individual_address:
            drop_translations(detail::of_vpid(vpid), gva);
            return drop_structures(detail::of_vpid(vpid), gva);
        case InvvpidKind::single_context: return drop(detail::of_vpid(vpid));
        case InvvpidKind::single_context_retaining_globals:
            return drop(detail::not_global(detail::of_vpid(vpid)));
        case InvvpidKind::all_contexts: return drop([](Context const& of) { return of.vpid != 0; });
        }
    }
    /// INVEPT, single-context: guest-physical and combined mappings of one EP4TA.
    constexpr void invept_single(Hpa ept) {
        if (auto const number = ept_tags_.number(ept)) guest_physical_.drop_tag(*number);
        drop([ept](Context const& of) { return of.ept == ept; });
    }
    /// INVEPT, all-context.
    constexpr void invept_all() {
        guest_physical_.drop_all();
        drop([](Context const& of) { return of.ept.has_value(); });
    }
    /// A VM entry or exit with VPIDs not in use: linear and combined mappings of VPID 0, global
    /// translations too; guest-physical ones stay.
    constexpr void vm_transition_without_vpid() { drop(detail::of_vpid(0)); }
    /// What a page fault itself drops: what would be used to translate `gva` in the current
    /// context.
    constexpr void page_fault(Gva gva) {
        first_level_.erase(gva, tags_in_use_);
        second_level_.erase(gva, tags_in_use_);
        structures_.erase(gva.value(), tags_in_use_.own);
    }
    /// What an EPT violation itself drops: guest-physical mappings of `gpa`, combined ones of
    /// `gva`.
    constexpr void ept_violation(Gpa gpa, Gva gva) {
        guest_physical_.drop_gpa(gpa, ept_tag_);
        page_fault(gva);
    }

  private:
    template <class Predicate>
    constexpr void drop(Predicate&& of) {
        drop_translations(of, std::nullopt);
        drop_structures(of);
    }
    /// Of a guest's page that is cached in pieces all of them go with one of its addresses (the
    /// footnote to INVLPG in "Operations that Invalidate TLBs and Paging-Structure Caches").
    template <class Predicate>
    constexpr void drop_translations(Predicate&& of, std::optional<Gva> gva) {
        auto const drops = [&](std::uint64_t key, TlbEntry const& entry) {
            return of(tags_.tag(cache_key::tag(key))) &&
                   (!gva || cache_key::covers(key, entry.guest_page.shift(), gva->value()));
        };
        first_level_.erase_if(drops);
        second_level_.erase_if(drops);
    }
    template <class Predicate>
    constexpr void drop_structures(Predicate&& of, std::optional<Gva> gva = std::nullopt) {
        structures_.erase_if([&](std::uint64_t key, unsigned shift) {
            return of(tags_.tag(cache_key::tag(key))) &&
                   (!gva || cache_key::covers(key, shift, gva->value()));
        });
    }
    constexpr void forget_everything() {
        drop([](Context const&) { return true; });
        guest_physical_.drop_all();
        tags_.forget_all();
        ept_tags_.forget_all();
    }

    TlbLevel<most_first_level_entries> first_level_;
    TlbLevel<most_second_level_entries> second_level_;
    StructureCaches<Gpa> structures_;
    GuestPhysicalCaches guest_physical_;
    bool walks_one_to_four_;
    TagTable<Context> tags_;
    TagTable<Hpa> ept_tags_;
    Context context_;
    TlbTags tags_in_use_;
    TagNumber ept_tag_ = 0;
};

} // namespace twofold
