#include "bench/interleaved.hpp"

#include "kvm/host.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

Turns TurnTaker::take(std::string const& what, std::function<double()> const& ours,
                      std::function<double()> const& floor) {
    std::size_t const enough = context_.most_turns;
    std::size_t const least = std::min<std::size_t>(enough, 5);
    constexpr double longest_seconds = 3;
    Progress progress{context_.outputs.err, "measuring " + what};
    auto const show = progress.ticker();
    Turns turns;
    double spent = 0;
    while (turns.ours.size() < least || (turns.ours.size() < enough && spent < longest_seconds)) {
        context_.signals.check();
        if (show) show();
        spent += seconds_of([&] {
            turns.ours.push_back(ours());
            turns.floor.push_back(floor());
        });
    }
    return turns;
}

double median_of(std::vector<double> values) {
    auto const middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

BenchmarkResult against_floor(std::string name, Turns const& turns, double most, std::string note) {
    constexpr double microseconds = 1e6;
    double const ours = median_of(turns.ours) * microseconds;
    double const floor = median_of(turns.floor) * microseconds;
    auto const host = kvm::examine_host();
    return {.name = std::move(name),
            .unit = "us",
            .value = ours,
            .floor = floor,
            .peer = {},
            .goal = most * floor,
            .source = fmt::format("{:.2f} times the floor, goal {:.2f}; medians of {} turns; {}",
                                  ours / floor, most, turns.ours.size(), host.name),
            .note = fmt::format("{:.2f} x the floor: {}", ours / floor, note)};
}

} // namespace twofold::vmm
