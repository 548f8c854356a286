#include "bench/sim_loop.hpp"

#include "sim/processor_preset.hpp"

#include <twofold/model/random_numbers.hpp>

#include <array>

extern "C" [[gnu::noinline]] void
twofold_measured_loop(twofold::vmm::Simulation& simulation,
                      std::span<twofold::vmm::TraceAccess const> batch) {
    simulation.run(batch);
}

namespace twofold::vmm {

namespace {

constexpr Gva loop_base{0x10'0000'0000};

std::vector<TraceAccess> random_pages(std::uint64_t accesses, std::uint64_t pages) {
    RandomNumbers random{1};
    std::vector<TraceAccess> stream(accesses);
    for (auto& one : stream)
        one.gva = loop_base + (random.below(pages) << 12) + (random() & 0xff8);
    return stream;
}
std::vector<TraceAccess> few_pages(std::uint64_t accesses) { return random_pages(accesses, 32); }
std::vector<TraceAccess> pages_of_16_gib(std::uint64_t accesses) {
    return random_pages(accesses, std::uint64_t{16} << 18);
}
std::vector<TraceAccess> round_and_round(std::uint64_t accesses) {
    std::vector<TraceAccess> stream(accesses);
    for (std::uint64_t at = 0; at < accesses; ++at)
        stream[at].gva = loop_base + (at % 1024 << 12) + (at * 8 & 0xff8);
    return stream;
}

constexpr std::array<SimLoop, 3> loops{{{"sim_hit", 1'000'000, few_pages},
                                        {"sim_hit_l2", 524'288, round_and_round},
                                        {"sim_miss", 200'000, pages_of_16_gib}}};

} // namespace

std::span<SimLoop const> sim_loops() { return loops; }

PreparedSimLoop::PreparedSimLoop(SimLoop const& loop)
    : stream_(loop.stream(loop.accesses)),
      simulation_(make_simulation({.placement = Placement::linear, .populate_from = loop_base},
                                  processor_preset("skylake").shape)) {
    simulation_->run(stream_); // maps what is touched, and warms the caches
    before_ = simulation_->result();
}

void PreparedSimLoop::run() {
    twofold_measured_loop(*simulation_, stream_);
    SimulationResult const now = simulation_->result();
    last_ = {};
    last_.accesses = now.accesses - before_.accesses;
    last_.second_level_hits = now.second_level_hits - before_.second_level_hits;
    last_.walks = now.walks - before_.walks;
    last_.first_level_hits = now.first_level_hits - before_.first_level_hits;
    last_.guest_faults = now.guest_faults - before_.guest_faults;
    for (Dimension const dimension : {Dimension::guest, Dimension::ept})
        for (unsigned level = 1; level <= ReferenceCounts::most_levels; ++level)
            last_.references.add(dimension, level,
                                 now.references.at(dimension, level) -
                                     before_.references.at(dimension, level));
    before_ = now;
}

} // namespace twofold::vmm
