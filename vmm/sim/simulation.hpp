// One simulation: a configuration, a processor, a stream.
#pragma once

#include "sim/access_source.hpp"
#include "sim/configuration.hpp"

#include <twofold/model/processor_shape.hpp>

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace twofold::vmm {

/// A simulation into which batches are put: its page tables, its caches, and what it has counted.
class Simulation {
  public:
    virtual ~Simulation() = default;
    virtual void run(std::span<TraceAccess const> batch) = 0;
    [[nodiscard]] virtual SimulationResult result() = 0;
};

/// Throws UsageError for levels other than 4 and 5.
std::unique_ptr<Simulation> make_simulation(Configuration const& configuration,
                                            ProcessorShape const& processor);

/// Runs each configuration over its own reading of the stream, `threads` at a time; where there are
/// more threads than configurations, streams are read ahead. Results are the same for any number
/// of threads and stand in the order of the configurations. `meanwhile(accesses so far)` is called
/// ten times a second. Throws what a simulation, a source or `meanwhile` throws first, and Failure
/// for a stream without accesses and for an address that is not canonical.
std::vector<SimulationResult> simulate_all(std::span<Configuration const> configurations,
                                           ProcessorShape const& processor, OpenSource const& open,
                                           unsigned threads,
                                           std::function<void(std::uint64_t)> const& meanwhile);

} // namespace twofold::vmm
