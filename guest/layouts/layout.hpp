// A random layout of page tables in both dimensions: the guest's own tables and data anywhere in an
// arena whose EPT pages have mixed sizes.
#pragma once

#include "guest/kit/memory.hpp"
#include "guest/layouts/random.hpp"

#include <twofold/arch/x86_entry.hpp>

#include <array>
#include <cstdint>

namespace twofold::guest {

class Layouts {
  public:
    static constexpr std::uint64_t arena_regions = 16;
    /// A layout has room for the tables and pages of so many.
    static constexpr std::uint64_t most_addresses = 200;

    /// `arena`: a multiple of 2 MiB, with `arena_regions` times as much behind it.
    Layouts(Gpa arena, std::uint64_t seed);

    /// A new layout, the guest's root of which becomes the processor's.
    void build();
    /// A random address that the layout maps, first mapped if need be.
    Gva address();

  private:
    void mix_ept_pages();
    Gpa new_page();
    Gpa map(Gva gva, unsigned leaf_level);
    Gpa leaf_target(unsigned level);

    Gpa arena_;
    Random random_;
    /// The root that the guest came with, which all layouts share below what they map.
    Gpa first_root_;
    Gpa root_;
    /// Pages of the arena that this layout uses: the root, and at most four for each address.
    std::array<std::uint32_t, 1 + 4 * most_addresses> taken_{};
    std::uint32_t taken_count_ = 0;
};

} // namespace twofold::guest
