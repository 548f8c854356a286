#include "cli/sim_options.hpp"

#include "cli/number_check.hpp"
#include "cli/size.hpp"
#include "sim/access_pattern.hpp"
#include "sim/recorded_tables.hpp"
#include "sim/trace_format.hpp"
#include "system/failure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace twofold::vmm {

namespace {

constexpr std::uint64_t smallest_footprint = 4096;
constexpr std::uint64_t largest_footprint = std::uint64_t{1} << 38;

Technique technique_named(std::string const& name) {
    if (name == "native") return Technique::native;
    if (name == "shadow") return Technique::shadow;
    if (name == "nested") return Technique::nested;
    throw UsageError{
        fmt::format("there is no technique '{}'; there are: native, shadow, nested", name)};
}

std::vector<PageSize> page_sizes(std::string_view option, std::vector<std::string> const& names) {
    std::vector<PageSize> sizes;
    for (auto const& name : names)
        sizes.push_back(parse_page_size(option, name));
    return sizes;
}

void add_stream_options(CLI::App& command, SimOptions& options) {
    command.add_option("--pattern", options.pattern, "A synthetic stream; --list names them")
        ->capture_default_str();
    command
        .add_option("--trace", options.trace,
                    "Read the accesses from FILE instead; plain, gzip or xz")
        ->type_name("FILE");
    command
        .add_option("--format", options.trace_format,
                    "Of the trace: auto, lackey, champsim, text or binary")
        ->capture_default_str();
    command.add_option("--footprint", options.footprint, "Memory that a pattern covers")
        ->type_name("SIZE")
        ->capture_default_str();
    command.add_option("--first", options.first, "The address that a pattern begins at")
        ->type_name("ADDRESS");
    command.add_option("--accesses", options.accesses, "Length of a pattern")
        ->check(above_zero())
        ->capture_default_str();
    command.add_option("--stride", options.stride, "Of the pattern stride")
        ->type_name("SIZE")
        ->capture_default_str();
    command.add_option("--skew", options.skew, "Of the pattern zipf")
        ->check(CLI::Range(0.0, 4.0))
        ->capture_default_str();
    command.add_option("--seed", options.seed, "Of random patterns")->capture_default_str();
}

void add_machine_options(CLI::App& command, SimOptions& options) {
    command.add_option("--processor", options.processor, "Its caches; --list names them")
        ->capture_default_str();
    command.add_option("--technique", options.techniques, "native, shadow, nested: any of them")
        ->delimiter(',')
        ->capture_default_str();
    command.add_option("--guest-page", options.guest_pages, "4k, 2m, 1g: any of them")
        ->delimiter(',')
        ->capture_default_str();
    command.add_option("--host-page", options.host_pages, "4k, 2m, 1g: any of them")
        ->delimiter(',')
        ->capture_default_str();
    command.add_option("--guest-levels", options.guest_levels, "4 or 5")
        ->check(CLI::Range(4, 5))
        ->capture_default_str();
    command.add_option("--ept-levels", options.ept_levels, "4 or 5")
        ->check(CLI::Range(4, 5))
        ->capture_default_str();
    command
        .add_option("--tables", options.tables,
                    "Walk the tables in NAME.guest.csv and NAME.ept.csv, which `twofold walk "
                    "--tables` writes; everything that is accessed must be mapped there")
        ->type_name("NAME.csv");
    command.add_flag("--lazy", options.lazy,
                     "Map a pattern's pages at their first touch, as those of a trace, not before");
    command.add_flag("--scattered", options.scattered,
                     "Pages lie anywhere in guest memory, not in the order of their first touch");
    command
        .add_option("--remap-every", options.remap_every,
                    "The guest gives the page at hand another frame every N accesses")
        ->type_name("N");
    command
        .add_option("--latency", options.latencies,
                    "Model data caches for the entries, with these cycles: first, second, "
                    "third, memory")
        ->delimiter(',')
        ->check(not_negative())
        ->expected(4);
}

} // namespace

void SimOptions::add_to(CLI::App& command) {
    add_stream_options(command, *this);
    add_machine_options(command, *this);
    command
        .add_option("--threads", threads,
                    "Configurations at a time, and reading ahead with what is left; 0: as many as "
                    "processors")
        ->capture_default_str();
    command.add_flag("--break-even", break_even,
                     "Shadow against nested: the rate of table updates at which they cost the "
                     "same, and runs on either side of it");
    command.add_option("--exit-cycles", exit_cycles, "Of one exit, for --break-even")
        ->check(above_zero())
        ->capture_default_str();
    command
        .add_option("--reference-cycles", reference_cycles, "Of one reference, for --break-even")
        ->check(above_zero())
        ->capture_default_str();
    command
        .add_option("--json", json,
                    "Write the results as JSON; -: to standard output, instead of the table")
        ->type_name("FILE|-");
    command
        .add_option("--plot", plot,
                    "Draw references per access as bars, or the break-even as curves; by "
                    "gnuplot")
        ->type_name("FILE.svg");
    command.add_flag("--list", list, "List patterns and processors, with sources, and end");
}

OpenSource SimOptions::source() const {
    if (!trace.empty()) {
        auto const format = trace_format_named(trace_format);
        return [path = trace, format] { return open_trace(path, format); };
    }
    PatternParameters parameters;
    parameters.footprint = parse_size("--footprint", footprint);
    parameters.stride = parse_size("--stride", stride);
    parameters.accesses = accesses;
    parameters.skew = skew;
    parameters.seed = seed;
    parameters.first = first_address();
    if (parameters.footprint < smallest_footprint || parameters.footprint > largest_footprint)
        throw UsageError{"--footprint is 4K to 256G"};
    if (parameters.stride == 0) throw UsageError{"--stride must not be 0"};
    PatternKind const& kind = pattern_named(pattern);
    return [parameters, &kind] { return kind.make(parameters); };
}

Gva SimOptions::first_address() const {
    return first.empty() ? PatternParameters{}.first : Gva{parse_size("--first", first)};
}

std::vector<Configuration> SimOptions::recorded_configurations() const {
    if (remap_every != 0 || scattered)
        throw UsageError{"--tables: recorded tables are not changed; leave out --remap-every and "
                         "--scattered"};
    auto const recorded = std::make_shared<RecordedTables const>(tables);
    std::vector<Configuration> list_of_them;
    for (auto const& name : techniques)
        list_of_them.push_back({.technique = technique_named(name),
                                .guest_levels = recorded->guest_levels(),
                                .ept_levels = recorded->ept_levels(),
                                .data_caches = !latencies.empty(),
                                .recorded = recorded});
    return list_of_them;
}

std::vector<Configuration> SimOptions::configurations() const {
    if (!tables.empty()) return recorded_configurations();
    std::vector<Configuration> list_of_them;
    for (auto const& name : techniques) {
        Configuration configuration{.technique = technique_named(name),
                                    .guest_levels = guest_levels,
                                    .ept_levels = ept_levels,
                                    .placement =
                                        scattered ? Placement::scattered : Placement::packed,
                                    .data_caches = !latencies.empty(),
                                    .remap_every = remap_every};
        if (trace.empty() && !lazy) {
            configuration.populate_from = first_address();
            configuration.populate_bytes = parse_size("--footprint", footprint);
        }
        for (PageSize const guest : page_sizes("--guest-page", guest_pages)) {
            configuration.guest_page = guest;
            for (PageSize const host : page_sizes("--host-page", host_pages)) {
                configuration.host_page = host;
                list_of_them.push_back(configuration);
                if (configuration.technique == Technique::native) break;
            }
        }
    }
    return list_of_them;
}

std::optional<Latencies> SimOptions::latency_list() const {
    if (latencies.empty()) return std::nullopt;
    Latencies list_of_them{};
    std::ranges::copy(latencies, list_of_them.begin());
    return list_of_them;
}

unsigned SimOptions::thread_count() const {
    return threads != 0 ? threads : std::max(std::thread::hardware_concurrency(), 1U);
}

} // namespace twofold::vmm
