// The simulator's inner loop, prepared so that a run measures it and nothing else.
#pragma once

#include "sim/simulation.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace twofold::vmm {

/// A nested guest, 4K over 4K, with the caches of the preset skylake, and accesses that all end at
/// the same place.
struct SimLoop {
    std::string_view name;
    std::uint64_t accesses;
    /// The accesses of one run.
    std::vector<TraceAccess> (*stream)(std::uint64_t accesses);
};

/// sim_hit: random among 32 pages, all first-level hits. sim_hit_l2: 1024 pages round and round,
/// all second-level hits. sim_miss: random over 16 GiB, all walk.
std::span<SimLoop const> sim_loops();

/// A loop whose pages are mapped and whose caches are warm.
class PreparedSimLoop {
  public:
    explicit PreparedSimLoop(SimLoop const& loop);
    /// Runs the accesses once.
    void run();
    /// What the last run counted.
    [[nodiscard]] SimulationResult last() const { return last_; }

  private:
    std::vector<TraceAccess> stream_;
    std::unique_ptr<Simulation> simulation_;
    SimulationResult before_;
    SimulationResult last_;
};

} // namespace twofold::vmm

/// What an instruction counter is told to look at: one batch through a simulation.
extern "C" void twofold_measured_loop(twofold::vmm::Simulation& simulation,
                                      std::span<twofold::vmm::TraceAccess const> batch);
