// How many references walks take, as formulas. The model counts; these say what it must count.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace twofold::closed_form {

/// A walk with nothing cached, `g` levels over `h`: each of the g guest entries costs an EPT walk
/// and its own read, and the final gpa one more EPT walk.
constexpr unsigned nested(unsigned g, unsigned h) { return (g + 1) * (h + 1) - 1; }

/// With EPT leaves of several sizes: h[0] levels for the root's gpa, ..., h[g] for the final gpa.
constexpr unsigned nested_mixed(std::span<unsigned const> h) {
    unsigned sum = static_cast<unsigned>(h.size()) - 1;
    for (unsigned const levels : h)
        sum += levels;
    return sum;
}

/// A combined structure entry that skips `k` of the `g` guest levels, where each nested walk takes
/// `h` references. It knows where the next table lies, so that the EPT walk of its gpa is saved
/// too.
constexpr unsigned with_combined_entry(unsigned g, unsigned k, unsigned h) {
    return k == 0 ? nested(g, h) : (g - k) * (1 + h);
}

/// Shadow tables translate gva to hpa directly.
constexpr unsigned shadow(unsigned g) { return g; }

/// Agile paging with the lowest `nested_levels` of `g` levels nested, the others shadowed: the
/// last shadow entry holds the hpa of the guest's table.
constexpr unsigned agile(unsigned g, unsigned nested_levels, unsigned h) {
    return (g - nested_levels) + nested_levels * (1 + h);
}

/// `d` dimensions of `levels[0]`, `levels[1]`, ... levels: each dimension multiplies.
constexpr unsigned dimensions(std::span<unsigned const> levels) {
    unsigned product = 1;
    for (unsigned const count : levels)
        product *= count + 1;
    return product - 1;
}

/// One page after the other, each touched once, 4K leaves in both dimensions, guest tables and data
/// next to each other in gpas, with structure caches and a nested TLB that keep what the scan
/// needs. Neither the first page nor the first of a GiB is meant here.
struct SequentialScan {
    /// A page whose PDE, in both dimensions, is that of the page before.
    std::uint64_t page;
    /// The first page of a new page table in both dimensions.
    std::uint64_t directory;
};

/// A page: its PTE, and the EPT PTE of its data. A directory: the PDE is read as well, the new page
/// table's gpa takes its EPT PTE, and the data's gpa an EPT PDE more.
constexpr SequentialScan sequential_scan_nested{.page = 1 + 1, .directory = 2 + 1 + 2};
constexpr SequentialScan sequential_scan_native{.page = 1, .directory = 2};

/// References of `pages` pages, the first costing `cold`, `directories` of them beginning a table.
constexpr std::uint64_t sequential(SequentialScan const& scan, std::uint64_t cold,
                                   std::uint64_t pages, std::uint64_t directories) {
    return cold + (pages - 1 - directories) * scan.page + directories * scan.directory;
}

static_assert(nested(4, 4) == 24 && nested(5, 5) == 35);
static_assert(nested_mixed(std::array{4U, 4U, 4U, 4U, 4U}) == 24);
static_assert(with_combined_entry(4, 3, 0) == 1);
static_assert(agile(4, 0, 4) == shadow(4) && agile(4, 4, 4) == 20);
static_assert(dimensions(std::array{4U, 4U, 4U}) == 124);

} // namespace twofold::closed_form
