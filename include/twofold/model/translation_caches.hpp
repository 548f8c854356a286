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

/// With EPT the TLBs and `structures()` hold combined mappings, without it linear ones: which of
/// them, the tag says. Global translations are not told apart: they are kept and dropped by PCID as
/// all others are, which a processor may do.
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
        auto const ept = context.ept ? ept_tags_.number(*context.ept) : TagNumber{0};
        if (number && ept) {
            context_ = context;
            tag_ = *number;
            ept_tag_ = *ept;
            return;
        }
        forget_everything();
        enter(context);
    }
    [[nodiscard]] constexpr Context const& context() const { return context_; }
    [[nodiscard]] constexpr TagNumber tag() const { return tag_; }
    [[nodiscard]] constexpr TagNumber ept_tag() const { return ept_tag_; }

    /// Whether RowsKnown::one_to_four holds for all that a walk asks and fills, the TLBs apart.
    [[nodiscard]] constexpr bool walks_one_to_four() const { return walks_one_to_four_; }

    [[nodiscard]] constexpr auto& first_level() { return first_level_; }
    [[nodiscard]] constexpr auto& second_level() { return second_level_; }
    [[nodiscard]] constexpr StructureCaches<Gpa>& structures() { return structures_; }
    [[nodiscard]] constexpr GuestPhysicalCaches& guest_physical() { return guest_physical_; }

    /// INVLPG: translations of `gva` under the current VPID and PCID, and every structure entry of
    /// that PCID.
    constexpr void invlpg(Gva gva) {
        auto const current = [this](Context const& of) {
            return of.vpid == context_.vpid && of.pcid == context_.pcid;
        };
        drop_translations(current, gva);
        drop_structures(current);
    }
    /// MOV to CR3 without bit 63: what the new PCID holds under the current VPID.
    constexpr void move_to_cr3(std::uint16_t pcid) {
        drop([this, pcid](Context const& of) {
            return of.vpid == context_.vpid && of.pcid == pcid;
        });
    }
    /// INVVPID: linear and combined mappings of a VPID, under every EP4TA; guest-physical ones
    /// stay.
    constexpr void invvpid(InvvpidKind kind, std::uint16_t vpid = 0, Gva gva = {}) {
        auto const of_vpid = [vpid](Context const& of) { return of.vpid == vpid; };
        switch (kind) {
        case InvvpidKind::individual_address:
            drop_translations(of_vpid, gva);
            drop_structures(of_vpid, gva);
            return;
        case InvvpidKind::single_context:
        case InvvpidKind::single_context_retaining_globals: return drop(of_vpid);
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
    /// A VM entry or exit with VPIDs not in use: linear and combined mappings of VPID 0;
    /// guest-physical ones stay.
    constexpr void vm_transition_without_vpid() {
        drop([](Context const& of) { return of.vpid == 0; });
    }
    /// What a page fault itself drops: what would be used to translate `gva` in the current
    /// context.
    constexpr void page_fault(Gva gva) {
        first_level_.erase(gva, tag_);
        second_level_.erase(gva, tag_);
        structures_.erase(gva.value(), tag_);
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
    template <class Predicate>
    constexpr void drop_translations(Predicate&& of, std::optional<Gva> gva) {
        auto const drops = [&](std::uint64_t key) {
            return of(tags_.tag(cache_key::tag(key))) &&
                   (!gva ||
                    cache_key::covers(key, tlb_page_sizes[cache_key::size_code(key)].shift(),
                                      gva->value()));
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
    TagNumber tag_ = 0;
    TagNumber ept_tag_ = 0;
};

} // namespace twofold
