#include "tables/address_selection.hpp"

#include "cli/size.hpp"
#include "system/failure.hpp"

#include <twofold/model/random_numbers.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

/// Pages of 4 KiB, as runs that are numbered through.
class PageRuns {
  public:
    void add(MappedPage page) {
        runs_.push_back({pages_, page.gva});
        pages_ += page.size.frames();
    }
    [[nodiscard]] std::uint64_t pages() const { return pages_; }
    [[nodiscard]] Gva page(std::uint64_t number) const {
        auto const after = std::ranges::upper_bound(runs_, number, {}, &Run::first_number);
        Run const& run = *(after - 1);
        return run.gva + (number - run.first_number) * page_4k.bytes();
    }

  private:
    struct Run {
        std::uint64_t first_number;
        Gva gva;
    };
    std::vector<Run> runs_;
    std::uint64_t pages_ = 0;
};

void add_sample(GuestTables const& tables, std::uint64_t count, std::uint64_t seed,
                std::vector<Gva>& all) {
    PageRuns runs;
    tables.for_each_page([&](MappedPage page) { runs.add(page); });
    if (runs.pages() == 0) throw Failure{"--sample: the guest's tables map nothing"};
    RandomNumbers random{seed};
    auto const first = static_cast<std::ptrdiff_t>(all.size());
    for (std::uint64_t i = 0; i < count; ++i)
        all.push_back(runs.page(random.below(runs.pages())));
    std::sort(all.begin() + first, all.end());
}

} // namespace

AddressRange parse_address_range(std::string_view text) {
    auto const dash = text.find('-');
    if (dash == std::string_view::npos)
        throw UsageError{fmt::format("--range: '{}' is not FROM-TO or FROM-TO:STEP, such as "
                                     "0x400000-0x800000:4k",
                                     text)};
    auto const colon = std::min(text.find(':', dash), text.size());
    AddressRange range{
        .from = parse_size("--range", text.substr(0, dash)),
        .to = parse_size("--range", text.substr(dash + 1, colon - dash - 1)),
        .step =
            colon == text.size() ? page_4k.bytes() : parse_size("--range", text.substr(colon + 1)),
    };
    if (range.step == 0) throw UsageError{"--range: a step of 0 gets nowhere"};
    if (range.from >= range.to)
        throw UsageError{fmt::format("--range: {:#x} is not below {:#x}", range.from, range.to)};
    std::uint64_t const count = (range.to - range.from - 1) / range.step + 1;
    if (count > most_addresses)
        throw UsageError{fmt::format("--range: {} addresses are more than {}: take a larger step",
                                     count, most_addresses)};
    return range;
}

void AddressSelection::check() const {
    for (auto const& gva : gvas)
        (void)parse_size("--gva", gva);
    if (!range.empty()) (void)parse_address_range(range);
    if (sample > most_addresses)
        throw UsageError{
            fmt::format("--sample: {} addresses are more than {}", sample, most_addresses)};
}

std::vector<Gva> AddressSelection::addresses(GuestTables const& tables) const {
    std::vector<Gva> all;
    for (auto const& gva : gvas)
        all.push_back(Gva{parse_size("--gva", gva)});
    if (!range.empty()) {
        auto const [from, to, step] = parse_address_range(range);
        for (std::uint64_t at = from;; at += step) {
            all.push_back(Gva{at});
            if (to - at <= step) break;
        }
    }
    for (Gva const gva : all)
        tables.require(gva);
    if (sample != 0) add_sample(tables, sample, seed, all);
    return all;
}

} // namespace twofold::vmm
