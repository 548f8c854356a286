#include "tables/guest_tables.hpp"

#include "system/failure.hpp"
#include "tables/access_check.hpp"

#include <twofold/abi/walk_record.hpp>
#include <twofold/paging/visit_tables.hpp>

#include <fmt/format.h>

#include <set>
#include <vector>

namespace twofold::vmm {

namespace {

record::Paging const& paging_of(GuestReport const& guest) {
    if (guest.paging && guest.tables_end) return *guest.paging;
    throw Failure{fmt::format("{} ended without a report of its page tables", guest.name)};
}

Gva sign_extended(Gva gva, PagingMode mode) {
    unsigned const unused = 64 - linear_bits(mode);
    if (linear_bits(mode) == 32) return gva;
    return Gva{
        static_cast<std::uint64_t>(static_cast<std::int64_t>(gva.value() << unused) >> unused)};
}

record::WalkStop stop_of(NestedFault const& fault) {
    std::optional<std::uint64_t> gpa;
    if (fault.dimension == Dimension::ept) gpa = fault.gpa.value();
    return {fault.dimension, fault.level, std::string{abi::name_of(fault.reason)}, fault.bits, gpa};
}

/// No entry is read: as of a root that leads nowhere.
record::WalkStop not_canonical(PagingMode mode) {
    return {Dimension::guest, levels_of(mode) + 1, "not_present", 0, std::nullopt};
}

void add_reference(record::Walk& walk, Reference const& reference) {
    std::optional<std::uint64_t> gpa;
    if (reference.dimension == Dimension::guest) gpa = reference.gpa.value();
    walk.references.push_back(
        {reference.dimension, reference.level, reference.address.value(), reference.entry, gpa});
}

class PageCollector {
  public:
    PageCollector(PagingMode mode, std::function<void(MappedPage)> const& visit)
        : mode_(mode), visit_(visit) {}
    bool table(unsigned, Gpa, Gva) { return count_ <= GuestTables::most_pages; }
    void leaf(unsigned level, auto entry, Gva first) {
        if (++count_ > GuestTables::most_pages)
            throw Failure{fmt::format("the guest maps more than {} pages: tables that lead back to "
                                      "themselves map without end",
                                      GuestTables::most_pages)};
        bool const bits_32 = mode_ == PagingMode::bits_32;
        PageSize const size{12 + (bits_32 ? 10 : 9) * (level - 1)};
        visit_({sign_extended(first, mode_), size, Gpa{entry.frame(size)}});
    }

  private:
    PagingMode mode_;
    std::function<void(MappedPage)> const& visit_;
    std::uint64_t count_ = 0;
};

} // namespace

GuestTables::GuestTables(GuestReport const& guest)
    : guest_(guest), paging_(paging_of(guest)), cut_(guest.tables_end->cut) {
    for (auto const& page : guest.tables)
        memory_.add(page);
}

std::size_t GuestTables::tables(Dimension dimension) const {
    std::set<std::uint64_t> different;
    for (auto const& page : guest_.tables)
        if (page.dimension == dimension) different.insert(page.address);
    return different.size();
}

/// Calls `action(format, root)` with the guest's.
template <class Action>
auto GuestTables::with_guest_format(Action&& action) const {
    auto const long_mode = [&](auto format) {
        format.physical_bits = paging_.physical_bits;
        format.execute_disable = paging_.execute_disable;
        return format;
    };
    Gpa const root{paging_.root};
    switch (paging_.mode) {
    case PagingMode::off: return action(NoPagingFormat<Gva, Gpa>{}, root);
    case PagingMode::bits_32: {
        X86Format32<Gva, Gpa> format;
        format.page_size_extension = paging_.page_size_extension;
        return action(format, root);
    }
    case PagingMode::pae: return action(long_mode(X86PaeFormat<Gva, Gpa>{}), paging_.pdptes);
    case PagingMode::four_level: return action(long_mode(X86Format<Gva, Gpa, 4>{}), root);
    case PagingMode::five_level: break;
    }
    return action(long_mode(X86Format<Gva, Gpa, 5>{}), root);
}

/// Calls `action(guest's format, its root, second dimension)`.
template <class Action>
auto GuestTables::with_formats(Action&& action) const {
    return with_guest_format([&](auto const& format, auto const& root) {
        auto const with_ept = [&]<unsigned Levels>() {
            EptFormat<Levels> ept;
            ept.physical_bits = paging_.physical_bits;
            return action(format, root,
                          SecondDimension<EptFormat<Levels>, ReportedMemory const>{
                              ept, Hpa{paging_.ept_root}, memory_});
        };
        return paging_.ept_levels == 5 ? with_ept.template operator()<5>()
                                       : with_ept.template operator()<4>();
    });
}

void GuestTables::require(Gva gva) const {
    if (linear_bits(paging_.mode) == 32 && gva.value() >> 32 != 0)
        throw Failure{fmt::format("{:#x}: {} ended in a mode whose addresses have 32 bits",
                                  gva.value(), guest_.name)};
}

record::Walk GuestTables::walk(Gva gva, Access access) const {
    require(gva);
    record::Walk walk{};
    walk.guest = guest_.number;
    walk.gva = gva.value();
    walk.mode = paging_.mode;
    if (sign_extended(gva, paging_.mode) != gva) {
        walk.fault = not_canonical(paging_.mode);
        return walk;
    }
    auto const found = with_formats([&](auto const& format, auto const& root, auto const& second) {
        return walk_nested(format, root, gva, second,
                           [&](Reference const& reference) { add_reference(walk, reference); });
    });
    if (!found) {
        walk.fault = stop_of(found.error());
        return walk;
    }
    walk.gpa = found->gpa.value();
    walk.hpa = found->hpa.value();
    walk.page_size = found->page_size();
    walk.guest_page = found->guest_page;
    walk.host_page = found->host_page;
    walk.fault = what_denies(walk, access);
    return walk;
}

void GuestTables::for_each_page(std::function<void(MappedPage)> const& visit) const {
    if (paging_.mode == PagingMode::off) {
        std::uint64_t const bytes = guest_.start ? guest_.start->memory_bytes : 0;
        for (std::uint64_t at = 0; at < bytes && at >> 32 == 0; at += page_4k.bytes())
            visit({Gva{at}, page_4k, Gpa{at}});
        return;
    }
    with_formats([&](auto const& format, auto const& root, auto const& second) {
        auto const ignore = [](Reference const&) {};
        NestedMemory memory{second, ignore};
        visit_tables(format, root, memory, PageCollector{paging_.mode, visit});
    });
}

void GuestTables::for_each_ept_page(
    std::function<void(Gpa, record::Walk const&)> const& visit) const {
    struct Pages {
        std::vector<Gpa> all;
        static bool table(unsigned, Hpa, Gpa) { return true; }
        void leaf(unsigned, EptEntry, Gpa first) { all.push_back(first); }
    } pages;
    with_formats([&](auto const&, auto const&, auto const& second) {
        visit_tables(second.format, second.root, second.memory, pages);
        for (Gpa const gpa : pages.all) {
            record::Walk walk{};
            auto const found = twofold::walk(
                second.format, second.root, gpa, second.memory,
                [&](unsigned level, Hpa address, std::uint64_t entry) {
                    add_reference(walk, {Dimension::ept, static_cast<std::uint8_t>(level), address,
                                         entry, gpa});
                });
            if (!found) continue;
            walk.gpa = gpa.value();
            walk.hpa = found->address.value();
            visit(gpa, walk);
        }
    });
}

record::Walk native_walk_of(record::Walk const& nested) {
    record::Walk native = nested;
    native.native = true;
    native.hpa = native.gpa;
    native.page_size = native.guest_page;
    native.host_page.reset();
    native.references.clear();
    for (auto reference : nested.references) {
        if (reference.dimension != Dimension::guest) continue;
        reference.address = reference.gpa.value_or(reference.address);
        native.references.push_back(reference);
    }
    return native;
}

} // namespace twofold::vmm
