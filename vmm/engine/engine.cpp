#include "engine/engine.hpp"

#include <algorithm>

namespace twofold::vmm {

void finish_all(EventLoop& loop, std::span<Run* const> runs, std::function<void()> const& on_wait) {
    constexpr std::chrono::milliseconds often{100};
    constexpr std::chrono::minutes rarely{1};
    auto const finished = [](Run const* run) { return run->finished(); };
    while (!std::ranges::all_of(runs, finished)) {
        auto until = Clock::now() + (on_wait ? Clock::duration{often} : Clock::duration{rarely});
        for (Run const* const run : runs)
            if (!run->finished()) until = std::min(until, run->deadline().value_or(until));
        loop.wait(until);
        for (Run* const run : runs)
            if (!run->finished()) run->tick();
        if (on_wait) on_wait();
    }
}

} // namespace twofold::vmm
