// The walk of one dimension as a processor with caches makes it: natively, or of shadow tables.
#pragma once

#include <twofold/model/space_translation.hpp>
#include <twofold/model/translation_caches.hpp>

#include <cstdint>

namespace twofold {

/// An address space without EPT. The format's output is host-physical; its references count as the
/// first dimension's.
template <PagingFormat Format, class HostMemory>
struct NativeSpace {
    Format format;
    typename Format::Root root;
    HostMemory& memory;
    /// CR4.PGE.
    bool global_pages = true;

    constexpr void prepare(TranslationCaches& caches) const {
        caches.structures().template use_format<Format>();
    }
    /// As NestedSpace::walk.
    template <RowsKnown Rows, class Observer>
    [[nodiscard, gnu::always_inline]] constexpr SpaceTranslation
    walk(Gva gva, TranslationCaches& caches, Observer& observe, NestedFault& fault) const {
        auto const top = Format::top_table(root, gva);
        if (!top) {
            fault = fault_of(WalkFaultReason::not_present, Format::levels + 1, 0);
            return {};
        }
        WalkStart<Hpa> start{*top, Format::levels};
        auto& structures = caches.structures();
        StructureCaches<Gpa>::Missed missed;
        if (auto const hit = structures.template find<Format, Rows>(gva, caches.tag(), missed);
            hit.level != 0)
            start = {hit.entry->host, hit.level - 1, hit.entry->permissions};
        auto const read = [&] [[gnu::always_inline]] (unsigned level, Hpa address,
                                                      std::uint64_t entry, Permissions above) {
            if (level != start.level) {
                Hpa const table = address.aligned_down(page_4k.bytes());
                structures.template insert<Rows>(level + 1, missed,
                                                 {Gpa{table.value()}, above, table});
            }
            observe(Reference{Dimension::guest, static_cast<std::uint8_t>(level), address, entry,
                              Gpa{address.value()}});
        };
        auto const end = detail::walk_level<Format::levels>(format, start, gva, memory, read);
        if (!end) [[unlikely]] {
            fault = fault_of(end.reason, end.level, end.bits);
            return {};
        }
        AllowedAccesses const allowed{end.permissions};
        bool const global = global_pages && (end.leaf & X86Entry::global_bit) != 0;
        return {{gva, end.address, end.page_size(), allowed, end.page_size(), global},
                Gpa{end.address.value()},
                allowed,
                end.page_size(),
                true};
    }

  private:
    static constexpr NestedFault fault_of(WalkFaultReason why, unsigned level, std::uint64_t bits) {
        return {Dimension::guest, why, level, bits, Gpa{}, false};
    }
};

} // namespace twofold
