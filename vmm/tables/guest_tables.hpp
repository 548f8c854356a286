// A guest's page tables of both dimensions, as its engine reported them when it ended, and walks
// through them.
#pragma once

#include "report/run_report.hpp"

#include <twofold/arch/access.hpp>
#include <twofold/arch/address.hpp>

#include <cstdint>
#include <functional>
#include <unordered_map>

namespace twofold::vmm {

/// Host memory of which only the tables are known.
class ReportedMemory {
  public:
    /// The table was not reported.
    struct Error {};

    void add(record::TablePage const& page) { pages_[page.address] = &page.words; }
    template <class Word>
    [[nodiscard]] std::expected<Word, Error> read(Hpa hpa) const {
        auto const page = pages_.find(hpa.aligned_down(4096).value());
        if (page == pages_.end()) return std::unexpected(Error{});
        std::uint64_t const word = (*page->second)[hpa.offset_in(4096) / 8];
        return static_cast<Word>(word >> (hpa.offset_in(8) * 8));
    }

  private:
    std::unordered_map<std::uint64_t, std::array<std::uint64_t, 512> const*> pages_;
};

/// A leaf of the guest's own dimension.
struct MappedPage {
    Gva gva;
    PageSize size;
    Gpa gpa;
};

class GuestTables {
  public:
    /// `guest` must outlive it, and must have reported its tables. Throws Failure if it has not.
    explicit GuestTables(GuestReport const& guest);

    [[nodiscard]] record::Paging const& paging() const { return paging_; }
    /// Tables that were reported, each counted once.
    [[nodiscard]] std::size_t tables(Dimension dimension) const;
    /// There are more.
    [[nodiscard]] bool cut() const { return cut_; }

    /// Throws Failure for an address that the guest's mode does not have.
    void require(Gva gva) const;
    /// The walk of `gva` for an access of ring 0, as the processor goes when nothing is cached; an
    /// entry that forbids the access ends it as `denied`. `gva` is required.
    [[nodiscard]] record::Walk walk(Gva gva, Access access = Access::read) const;

    /// Calls `visit` for each page that the guest's tables map, in the order of their addresses;
    /// with paging off, for its memory as pages of 4K. Throws Failure when there are more than
    /// `most_pages`.
    void for_each_page(std::function<void(MappedPage)> const& visit) const;
    /// The same for what the second dimension maps, each with the walk of its gpa.
    void for_each_ept_page(std::function<void(Gpa, record::Walk const&)> const& visit) const;
    static constexpr std::uint64_t most_pages = std::uint64_t{1} << 22;

  private:
    template <class Action>
    auto with_formats(Action&& action) const;
    template <class Action>
    auto with_guest_format(Action&& action) const;

    GuestReport const& guest_;
    record::Paging const& paging_;
    bool cut_;
    ReportedMemory memory_;
};

/// What the same walk costs without the second dimension: the guest's own entries, at their gpas.
record::Walk native_walk_of(record::Walk const& nested);

} // namespace twofold::vmm
