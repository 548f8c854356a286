// What many walks have come to: totals, by dimension and level, and how often each outcome was.
#pragma once

#include "report/record.hpp"
#include "report/style.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace twofold::vmm {

/// Neighbouring addresses, in the order of the walks, that came to the same.
struct WalkStretch {
    std::uint64_t first;
    std::uint64_t last;
    std::uint64_t walks;
    /// "4K over 2M", or why there is no translation.
    std::string outcome;
    /// "4K", or nothing.
    std::string page;
    std::size_t references;
    std::size_t native_references;
};

/// Takes one walk after another. References are reads of paging-structure entries; those of walks
/// that ended in a fault are counted apart.
class WalkSummary {
  public:
    void add(record::Walk const& walk);

    [[nodiscard]] std::uint64_t walks() const { return translated_ + faulted_; }
    [[nodiscard]] std::vector<WalkStretch> const& runs() const { return runs_; }

    static constexpr std::size_t levels = 6;
    /// Of walks with a translation, by level; index 0 is not used.
    using ByLevel = std::array<std::uint64_t, levels>;
    [[nodiscard]] ByLevel const& by_level(Dimension dimension) const {
        return dimension == Dimension::guest ? guest_by_level_ : ept_by_level_;
    }
    /// How often: a number of references, a size of the TLB entry, a pair of pages, a fault.
    [[nodiscard]] auto const& by_references() const { return by_references_; }
    [[nodiscard]] auto const& by_page() const { return by_page_; }
    [[nodiscard]] auto const& by_pages() const { return by_pages_; }
    [[nodiscard]] auto const& by_fault() const { return by_fault_; }

    /// The text and the charts have the first of these runs only.
    static constexpr std::size_t most_shown_runs = 1000;

    /// The runs, then the totals and the histograms.
    [[nodiscard]] std::string text(Style const& style) const;
    [[nodiscard]] nlohmann::ordered_json json() const;

  private:
    void add_run(record::Walk const& walk, std::size_t native);
    [[nodiscard]] std::string runs_text() const;
    [[nodiscard]] std::string totals_text() const;
    [[nodiscard]] std::string levels_text(Style const& style) const;

    std::uint64_t translated_ = 0;
    std::uint64_t faulted_ = 0;
    std::uint64_t guest_references_ = 0;
    std::uint64_t ept_references_ = 0;
    std::uint64_t references_of_faults_ = 0;
    ByLevel guest_by_level_{};
    ByLevel ept_by_level_{};
    std::map<std::size_t, std::uint64_t> by_references_;
    std::map<PageSize, std::uint64_t> by_page_;
    std::map<std::string, std::uint64_t> by_pages_;
    std::map<std::string, std::uint64_t> by_fault_;
    std::vector<WalkStretch> runs_;
};

} // namespace twofold::vmm
