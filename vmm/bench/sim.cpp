#include "bench/sim.hpp"

#include "bench/sim_loop.hpp"
#include "bench/walk_speed.hpp"
#include "cli/installation.hpp"
#include "cli/progress.hpp"
#include "sim/access_pattern.hpp"
#include "sim/processor_preset.hpp"
#include "system/failure.hpp"
#include "system/program_output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace twofold::vmm {

namespace {

constexpr std::string_view clock_source =
    "wall clock of this machine; ratio of medians of short rounds that were measured in turn";

/// The number after "Collected :" in what callgrind says.
double collected_instructions(std::string const& text) {
    constexpr std::string_view label = "Collected : ";
    auto const at = text.find(label);
    std::uint64_t count = 0;
    if (at != std::string::npos)
        std::from_chars(text.data() + at + label.size(), text.data() + text.size(), count);
    if (count == 0) throw Failure{"callgrind counted nothing; it said: " + text};
    return static_cast<double>(count);
}

double instructions_an_access(SimLoop const& loop, Context& context) {
    auto const output = output_of({"valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                                   "--toggle-collect=twofold_measured_loop", own_program().string(),
                                   "sim-loop", std::string{loop.name}},
                                  context.signals, std::chrono::seconds{300});
    if (output.exit_status != 0)
        throw Failure{"valgrind (Debian's package valgrind) could not count: " + output.text};
    return collected_instructions(output.text) / static_cast<double>(loop.accesses);
}

BenchmarkResult loop_result(SimLoop const& loop, double goal, std::string note, Context& context) {
    PreparedSimLoop prepared{loop};
    prepared.run();
    if (prepared.last().walks > 0)
        note += fmt::format("; {:.2f} references a walk", prepared.last().references_per_walk());
    return {.name = std::string{loop.name},
            .unit = "instr.",
            .value = instructions_an_access(loop, context),
            .floor = {},
            .peer = {},
            .goal = goal,
            .source = "callgrind: instructions an access in the loop, 4K over 4K, preset skylake",
            .note = std::move(note)};
}

BenchmarkResult ratio_result(std::string name, double value, double goal, std::string note) {
    return {.name = std::move(name),
            .unit = "ratio",
            .value = value,
            .floor = 1,
            .peer = {},
            .goal = goal,
            .source = std::string{clock_source},
            .note = std::move(note)};
}

/// Two simulations on one processor against the same two on two: below 1/1.9 is the goal.
double two_cores_share() {
    constexpr std::size_t rounds = 15;
    std::array<Configuration, 2> const two{Configuration{}, Configuration{}};
    PatternParameters const parameters{.footprint = std::uint64_t{256} << 20,
                                       .accesses = 1'000'000};
    PatternKind const& kind = pattern_named("random");
    auto const seconds = [&](unsigned threads) {
        auto const start = std::chrono::steady_clock::now();
        (void)simulate_all(
            two, processor_preset("skylake").shape, [&] { return kind.make(parameters); }, threads,
            [](std::uint64_t) {});
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    std::array<double, rounds> one_core{};
    std::array<double, rounds> two_cores{};
    for (std::size_t round = 0; round < rounds; ++round) {
        one_core[round] = seconds(1);
        two_cores[round] = seconds(2);
    }
    std::ranges::nth_element(one_core, one_core.begin() + rounds / 2);
    std::ranges::nth_element(two_cores, two_cores.begin() + rounds / 2);
    return two_cores[rounds / 2] / one_core[rounds / 2];
}

} // namespace

std::vector<BenchmarkResult> bench_sim(Context& context) {
    auto const loops = sim_loops();
    std::vector<BenchmarkResult> results;
    results.push_back(
        loop_result(loops[0], 35,
                    "first-level hits; others: plain loop 27.5, DynamoRIO 323, DMT 997", context));
    results.push_back(
        loop_result(loops[1], 80, "second-level hits; others: plain loop 98", context));
    results.push_back(loop_result(
        loops[2], 900,
        "random over 16 GiB, all walk; others: plain loop 1144, DynamoRIO 1839, DMT 8851",
        context));
    auto const large = measure_walk_speed(std::uint64_t{64} << 20);
    context.signals.check();
    auto const small = measure_walk_speed(std::uint64_t{512} << 10);
    results.push_back(ratio_result(
        "walk_reference", large.dependent, 1.10,
        fmt::format("a reference of a walk to a load of a bare chain ({:.1f} ns), 64 MiB of tables "
                    "a dimension",
                    large.chain_nanoseconds)));
    results.push_back(
        ratio_result("walk_reference_512k", small.dependent, 1.20,
                     fmt::format("the same with 512 KiB ({:.1f} ns)", small.chain_nanoseconds)));
    results.push_back(ratio_result("walk_batch", large.independent, 0.5,
                                   "walks that do not wait for each other, 64 MiB"));
    results.push_back(ratio_result("sim_two_cores", two_cores_share(), 1 / 1.9,
                                   "time of two simulations on two processors to that on one"));
    return results;
}

} // namespace twofold::vmm
