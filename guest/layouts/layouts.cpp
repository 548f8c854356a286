// Random layouts of mixed leaves in both dimensions, from a seed: accesses a few addresses of each
// in a window and asks for their walks.
#include "guest/kit/kernel.hpp"
#include "guest/kit/options.hpp"
#include "guest/layouts/layout.hpp"
#include "guest/walk/window.hpp"

namespace twofold::guest {

namespace {

struct WantedLayouts {
    std::uint64_t seed = 1;
    std::uint64_t layouts = 10;
    std::uint64_t walks = 2;
};

WantedLayouts wanted_by(Arguments arguments) {
    WantedLayouts wanted;
    read_options(
        arguments,
        {{"--seed", wanted.seed}, {"--layouts", wanted.layouts}, {"--walks", wanted.walks}});
    return wanted;
}

/// The first access sets every accessed and dirty bit on the way.
void walk_one(Gva gva) {
    auto* const byte = pointer_to<std::uint8_t volatile>(gva);
    *byte = *byte;
    access_in_window(gva, Access::read);
    walk(gva);
}

} // namespace

int run_kernel(Arguments arguments) {
    WantedLayouts const wanted = wanted_by(arguments);
    if (wanted.walks > Layouts::most_addresses) {
        print(arguments[0], ": --walks: a layout has at most ", Layouts::most_addresses, "\n");
        return 2;
    }
    auto const arena = allocate_pages(Layouts::arena_regions * page_2m.frames(), page_2m.bytes());
    if (!arena) {
        print(arguments[0], ": an arena of ", Layouts::arena_regions, " times 2M does not fit\n");
        return 1;
    }
    Layouts layouts{*arena, wanted.seed};
    for (std::uint64_t made = 0; made < wanted.layouts; ++made) {
        layouts.build();
        for (std::uint64_t i = 0; i < wanted.walks; ++i)
            walk_one(layouts.address());
    }
    print(wanted.layouts, " layouts, ", wanted.walks, " walks each\n");
    return 0;
}

} // namespace twofold::guest
