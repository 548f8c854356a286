// Walks that were proposed in place of the two-dimensional one, each as a format or a small walker
// over the same entries, so that their references are counted and not believed.
#pragma once

#include <twofold/paging/nested_walk.hpp>

#include <array>
#include <cstdint>
#include <expected>
#include <optional>

namespace twofold {

/// A second dimension of one table, indexed by all of a gpa's page number: flat nested paging.
/// `IndexBits`: of the page number; 28 reach 1 TiB.
template <unsigned IndexBits = 28>
struct FlatEptFormat : RadixFormat<Gpa, Hpa, EptEntry, 1, IndexBits> {
    [[nodiscard]] constexpr std::uint64_t malformed(EptEntry, unsigned) const { return 0; }
};

/// Four levels flattened to two, of 2^18 entries each: a table takes 2 MiB.
template <class InputAddress, class OutputAddress, class EntryType>
struct FlattenedFormat : RadixFormat<InputAddress, OutputAddress, EntryType, 2, 18> {
    [[nodiscard]] constexpr std::uint64_t malformed(EntryType, unsigned) const { return 0; }
};

/// Agile paging: the shadow tables are walked down to `nested_levels` above the end; their last
/// entry holds the hpa of the guest's own table of level `nested_levels`, from where the walk is
/// two-dimensional. With 0 all of it is shadow paging.
template <PagingFormat Guest, PagingFormat Ept, class HostMemory>
struct AgileSpace {
    using Shadow = X86Format<Gva, Hpa, Guest::levels>;

    Guest guest;
    SecondDimension<Ept, HostMemory> ept;
    /// The shadow tables; the guest's top table itself with all levels nested.
    Hpa root;
    unsigned nested_levels;

    /// Where `gva` lies, each read observed as Reference. Shadow entries count as the guest's.
    template <class Observer>
    [[nodiscard]] constexpr std::expected<Hpa, WalkFaultReason> walk(Gva gva,
                                                                     Observer&& observe) const {
        Hpa table = root;
        for (unsigned level = Guest::levels; level > nested_levels; --level) {
            Hpa const address = table + std::uint64_t{Shadow::index(gva, level)} * 8;
            auto const word = ept.memory.template read<std::uint64_t>(address);
            if (!word) return std::unexpected(WalkFaultReason::unreadable);
            observe(Reference{Dimension::guest, static_cast<std::uint8_t>(level), address, *word,
                              Gpa{}});
            X86Entry const entry{*word};
            if (!entry.present()) return std::unexpected(WalkFaultReason::not_present);
            if (entry.leaf(level)) return inside<Hpa>(entry, level, gva);
            table = Hpa{entry.table()};
        }
        return walk_guest(table, gva, observe);
    }

  private:
    template <class Observer>
    [[nodiscard]] constexpr std::expected<Hpa, WalkFaultReason>
    walk_guest(Hpa table, Gva gva, Observer& observe) const {
        NestedMemory<Ept, HostMemory, Observer> memory{ept, observe};
        std::uint64_t word = 0;
        for (unsigned level = nested_levels; level > 0; --level) {
            Hpa const address = table + std::uint64_t{Guest::index(gva, level)} * 8;
            auto const read = ept.memory.template read<std::uint64_t>(address);
            if (!read) return std::unexpected(WalkFaultReason::unreadable);
            word = *read;
            observe(Reference{Dimension::guest, static_cast<std::uint8_t>(level), address, word,
                              Gpa{}});
            X86Entry const entry{word};
            if (!entry.present()) return std::unexpected(WalkFaultReason::not_present);
            bool const leaf = entry.leaf(level);
            auto const host =
                memory.translate(leaf ? inside<Gpa>(entry, level, gva) : Gpa{entry.table()});
            if (!host) return std::unexpected(host.error().reason);
            table = host->address;
            if (leaf) break;
        }
        return table;
    }
    /// Where `gva` lies in the page of a leaf.
    template <class Output>
    static constexpr Output inside(X86Entry leaf, unsigned level, Gva gva) {
        PageSize const size = Guest::page_size(level);
        return Output{leaf.frame(size) + gva.offset_in(size.bytes())};
    }
};

/// The shadow tables of the 4K page of `gva`, from the top down to `nested_levels` above the end:
/// the last leads to the guest's own table, or to the frame where no level is nested. Returns their
/// root for an AgileSpace; none where the guest or `ept` maps no such page, and where `tables`,
/// which yields zeroed ones, has no more.
template <PagingFormat Guest, PagingFormat Ept, class HostMemory, class Tables>
[[nodiscard]] constexpr std::optional<Hpa>
make_agile_shadow(Guest const& guest, typename Guest::Root const& guest_root,
                  SecondDimension<Ept, HostMemory> const& ept, Gva gva, unsigned nested_levels,
                  Tables& tables) {
    using Shadow = typename AgileSpace<Guest, Ept, HostMemory>::Shadow;
    std::array<Hpa, Guest::levels + 1> guest_table{};
    auto const found = walk_nested(guest, guest_root, gva, ept, [&](Reference const& reference) {
        if (reference.dimension == Dimension::guest)
            guest_table[reference.level] = reference.address.aligned_down(page_4k.bytes());
    });
    if (!found || found->guest_page != page_4k) return std::nullopt;
    guest_table[0] = found->hpa.aligned_down(page_4k.bytes());
    // Upwards: each table leads to the one made before it.
    Hpa below = guest_table[nested_levels];
    for (unsigned level = nested_levels + 1; level <= Guest::levels; ++level) {
        auto const table = tables.allocate_table();
        if (!table) return std::nullopt;
        auto const entry = level == 1 ? X86Entry::to_frame(below.value(), level, read_write)
                                      : X86Entry::to_table(below.value());
        auto const at = *table + std::uint64_t{Shadow::index(gva, level)} * sizeof entry.word();
        if (!ept.memory.template write<std::uint64_t>(at, entry.word())) return std::nullopt;
        below = *table;
    }
    return below;
}

/// The physical memory of a hypervisor that is itself a guest: each read walks one more dimension.
/// As the HostMemory of a second dimension it makes the walk three-dimensional.
template <PagingFormat Ept, class HostMemory, class Observer>
class LiftedMemory {
  public:
    using Error = EptWalkFault;

    /// `observe(level, hpa, entry)` sees the reads of the third dimension.
    constexpr LiftedMemory(SecondDimension<Ept, HostMemory> const& third, Observer& observe)
        : third_(third), observe_(observe) {}

    template <class Word>
    [[nodiscard]] constexpr std::expected<Word, Error> read(Hpa address) {
        auto const host = translate(address);
        if (!host) return std::unexpected(host.error());
        auto const word = third_.memory.template read<Word>(*host);
        if (!word)
            return std::unexpected(Error{WalkFaultReason::unreadable, 0, 0, Gpa{address.value()}});
        return *word;
    }
    /// Where an address that the second dimension yields lies on the machine.
    [[nodiscard]] constexpr std::expected<Hpa, Error> translate(Hpa address) {
        Gpa const gpa{address.value()};
        auto const found = twofold::walk(third_.format, third_.root, gpa, third_.memory, observe_);
        if (!found)
            return std::unexpected(
                Error{found.error().reason, found.error().level, found.error().bits, gpa});
        return found->address;
    }

  private:
    SecondDimension<Ept, HostMemory> third_;
    Observer& observe_;
};

} // namespace twofold
