// Page tables that are filled as a stream of accesses touches its pages, as a guest and its
// hypervisor would fill them.
#pragma once

#include "sim/configuration.hpp"
#include "sim/sparse_memory.hpp"
#include "system/failure.hpp"

#include <twofold/model/random_numbers.hpp>
#include <twofold/paging/map.hpp>
#include <twofold/paging/nested_walk.hpp>

#include <cstdint>
#include <optional>

namespace twofold::vmm {

/// Where simulated memory keeps what, in bytes. Only tables are kept: data is never read.
namespace sim_layout {
inline constexpr std::uint64_t gib = std::uint64_t{1} << 30;
/// Tables that the hypervisor or the native kernel owns, then shadow tables.
inline constexpr Hpa host_tables{0x1000};
inline constexpr Hpa shadow_tables{4 * gib};
/// Guest-physical: the guest's tables, then its data, at most this much.
inline constexpr Gpa guest_tables{0};
inline constexpr Gpa data{4 * gib};
inline constexpr std::uint64_t data_bytes = 256 * gib;
/// A gpa lies this far up in host-physical memory.
inline constexpr std::uint64_t distance = 8 * gib;
constexpr Hpa hpa_of(Gpa gpa) { return Hpa{gpa.value() + distance}; }
/// Up to where host-physical memory holds tables.
inline constexpr std::uint64_t table_memory_bytes = 12 * gib;
} // namespace sim_layout

/// Tables one after the other in memory that is zero.
template <class Output>
class TableRow {
  public:
    explicit TableRow(Output first, std::uint64_t table_bytes = 4096)
        : first_(first), next_(first), table_bytes_(table_bytes) {}
    std::optional<Output> allocate_table() { return std::exchange(next_, next_ + table_bytes_); }
    void free_table(Output) {}
    [[nodiscard]] std::uint64_t bytes() const { return next_ - first_; }

  private:
    Output first_;
    Output next_;
    std::uint64_t table_bytes_;
};

template <class Format>
constexpr std::uint64_t table_bytes = std::uint64_t{Format::entries} *
                                      sizeof(typename Format::Word);

/// Hands out pages for data.
class PageRow {
  public:
    PageRow(PageSize size, Placement placement, Gva first)
        : size_(size), placement_(placement), first_(first) {}
    /// A page for `gva`. Throws Failure when the data's memory is used up.
    Gpa next(Gva gva);

  private:
    PageSize size_;
    Placement placement_;
    Gva first_;
    std::uint64_t count_ = 0;
};

/// Guest-physical memory as the guest's own table editor sees it.
class GuestTablesView {
  public:
    using Error = SparseMemory::Error;
    explicit GuestTablesView(SparseMemory& memory) : memory_(memory) {}
    template <class Word>
    [[nodiscard]] Reading<Word, Error> read(Gpa gpa) const {
        return memory_.read<Word>(sim_layout::hpa_of(gpa));
    }
    template <class Word>
    [[nodiscard]] std::expected<void, Error> write(Gpa gpa, Word word) {
        return memory_.write(sim_layout::hpa_of(gpa), word);
    }

  private:
    SparseMemory& memory_;
};

/// Maps what must be mappable; the tables above are the only ones to map there.
template <class Format, class Memory, class Tables>
void map_or_fail(typename Format::Output root, typename Format::Input input, PageSize size,
                 typename Format::Output output, Memory& memory, Tables& tables) {
    auto const page = input.aligned_down(size.bytes());
    if (!map(Format{}, root, page, size, output, Permissions::all(), memory, tables))
        throw Failure{"the simulated page tables do not fit their memory"};
}

/// Exchanges the page of `gva`, which is mapped, for `spare`, and keeps the old one as the next
/// spare.
template <class Format, class Memory, class Tables>
void exchange_page(typename Format::Output root, typename Format::Input gva, PageSize size,
                   typename Format::Output& spare, Memory& memory, Tables& tables) {
    auto const slot = find_slot(Format{}, root, gva, Format::level_of(size), memory);
    if (!slot || !slot->entry.present()) return;
    typename Format::Output const old{slot->entry.frame(size)};
    map_or_fail<Format>(root, gva, size, spare, memory, tables);
    spare = old;
}

/// The tables of a native kernel.
template <class Format>
class NativeTables {
  public:
    NativeTables(SparseMemory& memory, Configuration const& of)
        : memory_(memory), page_(of.guest_page),
          pages_(of.guest_page, of.placement, of.populate_from) {
        root_ = *tables_.allocate_table();
    }
    [[nodiscard]] Hpa root() const { return root_; }
    [[nodiscard]] std::uint64_t bytes() const { return tables_.bytes(); }
    /// Gives `gva` a page.
    void fill(Gva gva) {
        Hpa const frame = sim_layout::hpa_of(pages_.next(gva));
        map_or_fail<Format>(root_, gva, page_, frame, memory_, tables_);
    }
    /// Gives `gva` another page.
    void remap(Gva gva) {
        if (!spare_) spare_ = sim_layout::hpa_of(pages_.next(gva));
        exchange_page<Format>(root_, gva, page_, *spare_, memory_, tables_);
    }

  private:
    SparseMemory& memory_;
    PageSize page_;
    PageRow pages_;
    std::optional<Hpa> spare_;
    TableRow<Hpa> tables_{sim_layout::host_tables};
    Hpa root_;
};

/// A guest's tables, and EPT below them.
template <class Guest, class Ept>
class NestedTables {
  public:
    NestedTables(SparseMemory& memory, Configuration const& of)
        : memory_(memory), view_(memory), guest_page_(of.guest_page), host_page_(of.host_page),
          pages_(of.guest_page, of.placement, of.populate_from) {
        guest_root_ = *guest_tables_.allocate_table();
        ept_root_ = *ept_tables_.allocate_table();
    }
    [[nodiscard]] Gpa guest_root() const { return guest_root_; }
    [[nodiscard]] Hpa ept_root() const { return ept_root_; }
    [[nodiscard]] SecondDimension<Ept, SparseMemory> ept() const {
        return {Ept{}, ept_root_, memory_};
    }
    [[nodiscard]] std::uint64_t bytes() const {
        return guest_tables_.bytes() + ept_tables_.bytes();
    }

    /// The guest gives `gva` a page.
    void fill_guest(Gva gva) {
        map_or_fail<Guest>(guest_root_, gva, guest_page_, pages_.next(gva), view_, guest_tables_);
    }
    /// The guest gives `gva` another page.
    void remap(Gva gva) {
        if (!spare_) spare_ = pages_.next(gva);
        exchange_page<Guest>(guest_root_, gva, guest_page_, *spare_, view_, guest_tables_);
    }
    /// Maps the page of `gva` in both dimensions, the guest's tables too.
    void populate(Gva gva) {
        Gpa const page = pages_.next(gva);
        auto const tables = guest_tables_.bytes();
        map_or_fail<Guest>(guest_root_, gva, guest_page_, page, view_, guest_tables_);
        for (auto at = populated_ ? tables : 0; at < guest_tables_.bytes(); at += 4096)
            reach(sim_layout::guest_tables + at);
        for (std::uint64_t at = 0; at < guest_page_.bytes(); at += host_page_.bytes())
            reach(page + at);
        populated_ = true;
    }
    /// The hypervisor gives `gpa` a frame.
    void fill_ept(Gpa gpa) {
        Gpa const page = gpa.aligned_down(host_page_.bytes());
        map_or_fail<Ept>(ept_root_, page, host_page_, sim_layout::hpa_of(page), memory_,
                         ept_tables_);
    }

  private:
    /// As fill_ept, unless `gpa` has a frame already.
    void reach(Gpa gpa) {
        auto const slot = find_slot(Ept{}, ept_root_, gpa, Ept::level_of(host_page_), memory_);
        if (slot && !slot->entry.present()) fill_ept(gpa);
    }

    SparseMemory& memory_;
    GuestTablesView view_;
    PageSize guest_page_;
    PageSize host_page_;
    PageRow pages_;
    TableRow<Gpa> guest_tables_{sim_layout::guest_tables, table_bytes<Guest>};
    TableRow<Hpa> ept_tables_{sim_layout::host_tables, table_bytes<Ept>};
    std::optional<Gpa> spare_;
    bool populated_ = false;
    Gpa guest_root_;
    Hpa ept_root_;
};

} // namespace twofold::vmm
