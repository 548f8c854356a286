// What `twofold sim` is asked for.
#pragma once

#include "sim/access_source.hpp"
#include "sim/configuration.hpp"
#include "sim/simulation_report.hpp"

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace twofold::vmm {

struct SimOptions {
    std::string pattern = "random";
    std::string trace;
    std::string trace_format = "auto";
    std::string footprint = "1G";
    std::string stride = "4K";
    std::uint64_t accesses = 10'000'000;
    double skew = 0.99;
    std::uint64_t seed = 1;

    std::string processor = "skylake";
    std::vector<std::string> techniques{"native", "shadow", "nested"};
    std::vector<std::string> guest_pages{"4k", "2m"};
    std::vector<std::string> host_pages{"4k", "2m"};
    unsigned guest_levels = 4;
    unsigned ept_levels = 4;
    bool scattered = false;
    bool lazy = false;
    std::uint64_t remap_every = 0;
    /// Files of recorded tables, and where a pattern begins.
    std::string tables;
    std::string first;
    std::vector<double> latencies;

    unsigned threads = 0;
    std::string json;
    std::string plot;
    bool list = false;
    bool break_even = false;
    double exit_cycles = 1500;
    double reference_cycles = 20;

    void add_to(CLI::App& command);

    /// All of these throw UsageError for what makes no sense.
    [[nodiscard]] OpenSource source() const;
    [[nodiscard]] std::vector<Configuration> configurations() const;
    [[nodiscard]] std::optional<Latencies> latency_list() const;
    [[nodiscard]] unsigned thread_count() const;

  private:
    [[nodiscard]] Gva first_address() const;
    [[nodiscard]] std::vector<Configuration> recorded_configurations() const;
};

} // namespace twofold::vmm
