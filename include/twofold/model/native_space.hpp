// The walk of one dimension as a processor with caches makes it: natively, or of shadow tables.
#pragma once

#include <twofold/model/space_translation.hpp>
#include <twofold/model/translation_caches.hpp>

#include <cstdint>
#include <expected>

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
    [[nodiscard]] constexpr std::expected<SpaceTranslation, NestedFault>
    walk(Gva gva, TranslationCaches& caches, Observer&& observe) const {
        auto const top = Format::top_table(root, gva);
        if (!top) return fault({WalkFaultReason::not_present, Format::levels + 1});
        WalkStart<Hpa> start{*top, Format::levels};
        auto& structures = caches.structures();
        if (auto const hit = structures.template find<Format>(gva, caches.tag()); hit.level != 0)
            start = {hit.entry->host, hit.level - 1, hit.entry->permissions};
        auto allowed = start.permissions;
        auto const found = walk_from(
            format, start, gva, memory, [&](unsigned level, Hpa address, std::uint64_t entry) {
                if (level != start.level) {
                    Hpa const table = address.aligned_down(page_4k.bytes());
                    structures.template insert<Format>(level + 1, gva, caches.tag(),
                                                       {Gpa{table.value()}, table, allowed});
                }
                allowed =
                    allowed &
                    typename Format::Entry{static_cast<typename Format::Word>(entry)}.permissions();
                observe(Reference{Dimension::guest, static_cast<std::uint8_t>(level), address,
                                  entry, Gpa{address.value()}});
            });
        if (!found) return fault(found.error());
        return SpaceTranslation{{gva, found->address, found->page_size, found->permissions},
                                Gpa{found->address.value()},
                                found->permissions,
                                found->page_size,
                                found->page_size};
    }

  private:
    using Fault = WalkFault<typename HostMemory::Error>;
    static constexpr std::unexpected<NestedFault> fault(Fault const& why) {
        return std::unexpected(
            NestedFault{Dimension::guest, why.reason, why.level, why.bits, Gpa{}, false});
    }
};

} // namespace twofold
