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

WantedLayouts wanted_layouts(Arguments arguments) {
    WantedLayouts wanted;
    for (Options options{arguments}; auto const argument = options.next();) {
        if (*argument == "--seed") {
            wanted.seed = options.number();
        } else if (*argument == "--layouts") {
            wanted.layouts = options.number();
        } else if (*argument == "--walks") {
            wanted.walks = options.number();
        } else {
            options.refuse();
        }
    }
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
    WantedLayouts const wanted = wanted_layouts(arguments);
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
