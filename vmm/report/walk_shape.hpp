// The two-dimensional structure of a walk: which references translate which gpa.
#pragma once

#include "report/record.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm {

/// "PTE", or "EPT PTE": the names of the Intel SDM.
std::string_view level_name(Dimension dimension, unsigned level);

/// The references that translate one gpa, then the guest's entry that was read there.
struct WalkStep {
    /// Positions in Walk::references, in order.
    std::vector<std::size_t> ept;
    /// None for the last step, which translates the final gpa.
    std::optional<std::size_t> guest;
};

struct WalkShape {
    std::vector<WalkStep> steps;

    /// References of the first dimension.
    [[nodiscard]] std::size_t guest_references() const;
    /// The references of the second dimension for each step, if all steps have as many.
    [[nodiscard]] std::optional<std::size_t> uniform_ept_references() const;
};

WalkShape shape_of(record::Walk const& walk);

/// How many references a walk of these page sizes takes when nothing is cached: (g+1)(h+1)-1, or g
/// without a second dimension, g and h being the levels of `mode` and of EPT down to the leaves.
/// The data access and the write-backs of accessed and dirty bits are not counted.
std::size_t closed_form(PageSize guest_page, std::optional<PageSize> host_page,
                        PagingMode mode = PagingMode::four_level, unsigned ept_levels = 4);

/// The closed form of a walk that found its page, with its numbers: "(g+1)(h+1)-1 = (4+1)(4+1)-1 =
/// 24"; where EPT's leaves differ in size "g + h0 + h1 + ... = 4 + 4 + 3 + 4 + 4 + 2 = 21".
std::string closed_form_text(record::Walk const& walk);

/// What an entry says: its permissions, accessed and dirty bits, and where it leads.
std::string describe_entry(record::WalkReference const& reference, PagingMode mode);

} // namespace twofold::vmm
