// Touches pages that it knows, and asks the hypervisor how many it has accessed.
//
//   --pages N    pages that are there, in regions of their own (1024)
//   --touch N    the first of them are touched between two looks (300)
//   --rounds N   how often (3)
#include "guest/kit/hypercall.hpp"
#include "guest/kit/kernel.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/options.hpp"

#include <twofold/arch/page_size.hpp>

namespace twofold::guest {

namespace {

constexpr int exit_success = 0;
constexpr int exit_wrong_count = 1;
constexpr int exit_usage = 2;
constexpr int exit_refused = 3;

struct Wanted {
    std::uint64_t pages = 1024;
    std::uint64_t touch = 300;
    std::uint64_t rounds = 3;
};

Wanted wanted_by(Arguments arguments) {
    Wanted wanted;
    read_options(
        arguments,
        {{"--pages", wanted.pages}, {"--touch", wanted.touch}, {"--rounds", wanted.rounds}});
    return wanted;
}

/// Reads the first `count` pages from `first` on, and asks.
HypercallResult look_after(Gpa first, std::uint64_t count) {
    for (std::uint64_t page = 0; page < count; ++page)
        (void)*pointer_to<std::uint64_t volatile>(first + page * page_4k.bytes());
    return working_set();
}

/// Page tables that only the touched pages need: one for each 2 MiB of pages of 4 KiB.
std::uint64_t tables_for(std::uint64_t pages) {
    return launch().guest_page_shift == page_4k.shift()
               ? pages_for(pages * page_4k.bytes(), page_2m)
               : 0;
}

int look_again_and_again(Wanted const& wanted, Gpa first) {
    if (!look_after(first, wanted.pages)) {
        print("pages that were accessed can't be told here\n");
        return exit_refused;
    }
    (void)look_after(first, 0);
    auto const without = look_after(first, 0);
    std::uint64_t const more = wanted.touch + tables_for(wanted.touch);
    for (std::uint64_t round = 0; round < wanted.rounds; ++round) {
        auto const with = look_after(first, wanted.touch);
        if (!with || *with == *without + more) continue;
        print(*with, " pages were accessed, ", *without, " of them without the ", more,
              " that were touched\n");
        return exit_wrong_count;
    }
    print(more, " pages more than without them\n");
    return exit_success;
}

} // namespace

int run_kernel(Arguments arguments) {
    Wanted const wanted = wanted_by(arguments);
    auto const first = allocate_pages(wanted.pages, page_2m.bytes());
    if (!first || wanted.touch > wanted.pages) {
        print("no memory for ", wanted.pages, " pages, or fewer than the ", wanted.touch,
              " to touch\n");
        return exit_usage;
    }
    for (std::uint64_t page = 0; page < wanted.pages; ++page)
        *pointer_to<std::uint64_t volatile>(*first + page * page_4k.bytes()) = page;
    return look_again_and_again(wanted, *first);
}

} // namespace twofold::guest
