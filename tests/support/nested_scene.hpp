// A guest with its own page tables under EPT, built with the real editor in fake host memory.
#pragma once

#include "support/recording_memory.hpp"

#include <twofold/paging/map.hpp>
#include <twofold/paging/nested_walk.hpp>

#include <cstdint>
#include <expected>
#include <optional>
#include <stdexcept>

namespace twofold::test {

/// Host memory seen by gpa: every gpa lies `distance` higher in host memory.
struct ShiftedMemory {
    using Error = AccessFailed;
    static constexpr std::uint64_t distance = std::uint64_t{1} << 40;

    RecordingMemory host;

    static constexpr Hpa hpa_of(Gpa gpa) { return Hpa{gpa.value() + distance}; }
    template <class Word>
    std::expected<Word, Error> read(Gpa gpa) {
        return host.read<Word>(hpa_of(gpa));
    }
    template <class Word>
    std::expected<void, Error> write(Gpa gpa, Word word) {
        return host.write(hpa_of(gpa), word);
    }
};

/// Tables one after the other, `bytes` each.
template <class Output>
struct BumpTables {
    RecordingMemory host;
    std::uint64_t distance;
    std::uint64_t next;
    std::uint64_t bytes = 4096;

    std::optional<Output> allocate_table() {
        Output const table{next};
        next += bytes;
        host.zero(Hpa{table.value() + distance}, bytes);
        return table;
    }
    void free_table(Output) {}
};

template <class GuestFormat = X86Format<Gva, Gpa, 4>, class EptFormatType = EptFormat<4>>
struct NestedScene {
    using Guest = GuestFormat;
    using Ept = EptFormatType;
    static constexpr std::uint64_t first_guest_table = 0x10'0000;

    explicit NestedScene(PageSize host_size = page_4k, std::uint64_t guest_table_bytes = 4096,
                         std::uint64_t ept_table_bytes = 4096)
        : host_page(host_size), ept_tables{host, 0, 0x8000'0000, ept_table_bytes},
          guest_tables{host, ShiftedMemory::distance, first_guest_table, guest_table_bytes} {
        ept_root = *ept_tables.allocate_table();
        guest_root = *guest_tables.allocate_table();
        reach(guest_root);
    }

    /// Makes `gpa` translate, by a leaf of `host_page`.
    void reach(Gpa gpa) {
        Gpa const page = gpa.aligned_down(host_page.bytes());
        if (auto const slot = find_slot(Ept{}, ept_root, page, 1, host);
            slot && slot->entry.present())
            return;
        if (!map(Ept{}, ept_root, page, host_page, ShiftedMemory::hpa_of(page), read_write_execute,
                 host, ept_tables))
            throw std::runtime_error{"the scene's EPT could not be built"};
    }
    /// Maps `gva` to `gpa` in the guest's tables, and all that a walk needs in EPT.
    void map_page(Gva gva, Gpa gpa, PageSize size = page_4k,
                  Permissions allowed = Permissions::all()) {
        ShiftedMemory view{host};
        auto const before = guest_tables.next;
        if (!map(Guest{}, guest_root, gva.aligned_down(size.bytes()), size,
                 gpa.aligned_down(size.bytes()), allowed, view, guest_tables))
            throw std::runtime_error{"the scene's guest tables could not be built"};
        for (auto table = before; table < guest_tables.next; table += 4096)
            reach(Gpa{table});
        reach(gpa.aligned_down(size.bytes()) + gva.offset_in(size.bytes()));
    }
    [[nodiscard]] SecondDimension<Ept, RecordingMemory> second_dimension() {
        return {Ept{}, ept_root, host};
    }

    PageSize host_page;
    RecordingMemory host;
    BumpTables<Hpa> ept_tables;
    BumpTables<Gpa> guest_tables;
    Hpa ept_root;
    Gpa guest_root;
};

} // namespace twofold::test
