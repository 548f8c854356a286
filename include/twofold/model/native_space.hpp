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

    /// As NestedSpace::walk.
    template <class Observer>
    [[nodiscard, gnu::always_inline]] constexpr SpaceWalk walk(Gva gva, TranslationCaches& caches,
                                                               Observer& observe) const {
        auto const top = Format::top_table(root, gva);
        if (!top) return fault(WalkFaultReason::not_present, Format::levels + 1, 0);
        WalkStart<Hpa> start{*top, Format::levels};
        auto& structures = caches.structures();
        if (auto const hit = structures.template find<Format>(gva, caches.tag()); hit.level != 0)
            start = {hit.entry->host, hit.level - 1, hit.entry->permissions};
        auto const read = [&] [[gnu::always_inline]] (unsigned level, Hpa address,
                                                      std::uint64_t entry, Permissions above) {
            if (level != start.level) {
                Hpa const table = address.aligned_down(page_4k.bytes());
                structures.template insert<Format>(level + 1, gva, caches.tag(),
                                                   {Gpa{table.value()}, table, above});
            }
            observe(Reference{Dimension::guest, static_cast<std::uint8_t>(level), address, entry,
                              Gpa{address.value()}});
        };
        auto const end = detail::walk_level<Format::levels>(format, start, gva, memory, read);
        if (!end) return fault(end.reason, end.level, end.bits);
        return SpaceWalk::to({{gva, end.address, end.page_size(), end.permissions},
                              Gpa{end.address.value()},
                              end.permissions,
                              end.page_size(),
                              end.page_size()});
    }

  private:
    static constexpr SpaceWalk fault(WalkFaultReason why, unsigned level, std::uint64_t bits) {
        return SpaceWalk::ended({Dimension::guest, why, level, bits, Gpa{}, false});
    }
};

} // namespace twofold
