#include "sim/break_even.hpp"

#include "report/table.hpp"
#include "system/failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace twofold::vmm {

namespace {

/// Exits that filled the tables on first touch happen once, in both techniques: not counted.
double update_exits(SimulationResult const& with, SimulationResult const& without) {
    auto const exits = [](SimulationResult const& of) {
        return of.ept_violations + of.shadow_fills + of.shadow_updates;
    };
    return static_cast<double>(exits(with)) - static_cast<double>(exits(without));
}

BreakEvenRun run_at(std::uint64_t remap_every, BreakEvenQuestion const& question,
                    BreakEvenRun const* without, SimulateConfigurations const& simulate) {
    std::array<Configuration, 2> both{question.machine, question.machine};
    both[0].technique = Technique::shadow;
    both[1].technique = Technique::nested;
    both[0].remap_every = both[1].remap_every = remap_every;
    auto const results = simulate(both);
    auto const cycles = [&](SimulationResult const& result, double exits) {
        return result.per_access(result.references.total()) * question.reference_cycles +
               exits / static_cast<double>(result.accesses) * question.exit_cycles;
    };
    double const shadow_exits = without == nullptr ? 0 : update_exits(results[0], without->shadow);
    double const nested_exits = without == nullptr ? 0 : update_exits(results[1], without->nested);
    return {remap_every, results[0], results[1], cycles(results[0], shadow_exits),
            cycles(results[1], nested_exits)};
}

/// Accesses from one update to the next.
std::uint64_t interval(double updates_per_access) {
    return static_cast<std::uint64_t>(std::max(std::llround(1 / updates_per_access), 1LL));
}

double references_an_access(SimulationResult const& result) {
    return result.per_access(result.references.total());
}

/// Of a run in which pages were to be re-mapped.
BreakEvenRun with_updates(BreakEvenRun run) {
    if (run.shadow.remaps == 0)
        throw Failure{fmt::format("{} accesses are too few: near the break-even the guest updates "
                                  "its tables once in {}",
                                  run.shadow.accesses, run.remap_every)};
    return run;
}

double measured_exits_per_update(BreakEvenRun const& run, BreakEvenRun const& without) {
    return update_exits(run.shadow, without.shadow) / static_cast<double>(run.shadow.remaps);
}

} // namespace

BreakEven find_break_even(BreakEvenQuestion const& question,
                          SimulateConfigurations const& simulate) {
    // To try: an update is an exit, and the refill at the next touch is one.
    constexpr double exits_to_try = 2;
    BreakEven found{question, 0, exits_to_try, 0, {}};
    found.runs.push_back(run_at(0, question, nullptr, simulate));
    auto const without = found.runs.front();
    found.saved_references =
        references_an_access(without.nested) - references_an_access(without.shadow);
    if (found.saved_references <= 0)
        throw Failure{"shadow tables save no reference here, so that nested paging always wins; "
                      "take a stream that misses the TLBs more"};
    auto const rate = [&] {
        return found.saved_references * question.reference_cycles /
               (found.exits_per_update * question.exit_cycles);
    };
    auto const trial = with_updates(run_at(interval(rate()), question, &without, simulate));
    found.exits_per_update = measured_exits_per_update(trial, without);
    found.updates_per_access = rate();
    for (double const factor : {0.5, 2.0})
        found.runs.push_back(with_updates(
            run_at(interval(factor * found.updates_per_access), question, &without, simulate)));
    return found;
}

std::string break_even_text(BreakEven const& found, Style const& style) {
    auto const heading = [&style](std::string_view text) { return style.heading(text); };
    Table table;
    table.add({{"updates", false, heading},
               {"shadow refs/access", true, heading},
               {"nested", true, heading},
               {"shadow cycles/access", true, heading},
               {"nested", true, heading},
               {"cheaper", false, heading}});
    for (auto const& run : found.runs) {
        table.add(
            {{run.remap_every == 0 ? "none"
                                   : fmt::format("one in {} accesses", grouped(run.remap_every))},
             number_cell(fmt::format("{:.3f}", references_an_access(run.shadow))),
             number_cell(fmt::format("{:.3f}", references_an_access(run.nested))),
             number_cell(fmt::format("{:.2f}", run.shadow_cycles)),
             number_cell(fmt::format("{:.2f}", run.nested_cycles)),
             {run.shadow_cycles < run.nested_cycles ? "shadow" : "nested"}});
    }
    return fmt::format(
        "{}break-even: {:.3f} saved references an access x {} cycles / ({:.2f} exits an update x "
        "{} "
        "cycles)\n= one update in {:.0f} accesses. cycles: of references and of the exits that "
        "updates cost, with the latencies\nof this line and nothing else\n",
        table.render(), found.saved_references, found.question.reference_cycles,
        found.exits_per_update, found.question.exit_cycles, 1 / found.updates_per_access);
}

nlohmann::ordered_json break_even_json(BreakEven const& found) {
    nlohmann::ordered_json runs = nlohmann::ordered_json::array();
    for (auto const& run : found.runs) {
        runs.push_back({{"remap_every", run.remap_every},
                        {"shadow_cycles_per_access", run.shadow_cycles},
                        {"nested_cycles_per_access", run.nested_cycles},
                        {"shadow_references_per_access", references_an_access(run.shadow)},
                        {"nested_references_per_access", references_an_access(run.nested)}});
    }
    return {{"exit_cycles", found.question.exit_cycles},
            {"reference_cycles", found.question.reference_cycles},
            {"saved_references_per_access", found.saved_references},
            {"exits_per_update", found.exits_per_update},
            {"updates_per_access", found.updates_per_access},
            {"runs", runs}};
}

} // namespace twofold::vmm
