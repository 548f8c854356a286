// Too much of everything.
#include "guest/hostile/behaviours.hpp"
#include "guest/kit/console.hpp"
#include "guest/kit/hypercall.hpp"
#include "guest/kit/memory.hpp"

namespace twofold::guest {

int flood_console(Arguments) {
    for (;;)
        print("more and more and more of the same, without end\n");
}

int flood_report(Arguments) {
    for (;;)
        walk(Gva{});
}

int flood_yields(Arguments) {
    for (;;)
        (void)ask(abi::Hypercall::yield);
}

int touch_everything(Arguments) {
    for (std::uint64_t left = pages_left(); left > 0; --left)
        *pointer_to<std::uint64_t volatile>(*allocate_pages(1)) = left;
    return 0;
}

} // namespace twofold::guest
