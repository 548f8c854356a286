#include "sim/access_pattern.hpp"
#include "sim/processor_preset.hpp"
#include "sim/simulation.hpp"
#include "sim/trace_format.hpp"
#include "sim/trace_writer.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace constant_memory_test {

using namespace twofold;
using namespace twofold::vmm;
using namespace twofold::test;

namespace {

constexpr std::uint64_t short_stream = 20'000;
constexpr std::uint64_t long_stream = 100 * short_stream;
constexpr std::uint64_t footprint = std::uint64_t{8} << 20;

/// Most memory that this process had at a time, since it was told to forget (proc(5),
/// "clear_refs").
std::int64_t peak_kib() {
    std::ifstream status{"/proc/self/status"};
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6));
    return -1;
}
void simulate(OpenSource const& open) {
    Configuration const nested{};
    (void)simulate_all({&nested, 1}, processor_preset("skylake").shape, open, 1,
                       [](std::uint64_t) {});
}
/// KiB by which a simulation makes its process grow at most. In a child: what the test itself has
/// freed before would else be used again.
std::int64_t growth(OpenSource const& open) {
    int channel[2];
    REQUIRE(pipe(channel) == 0);
    pid_t const child = fork();
    if (child == 0) {
        std::ofstream{"/proc/self/clear_refs"} << 5;
        std::int64_t const before = peak_kib();
        simulate(open);
        std::int64_t const grown = peak_kib() - before;
        _exit(write(channel[1], &grown, sizeof grown) == sizeof grown && before > 0 ? 0 : 1);
    }
    close(channel[1]);
    std::int64_t grown = -1;
    CHECK(read(channel[0], &grown, sizeof grown) == sizeof grown);
    close(channel[0]);
    int status = 1;
    waitpid(child, &status, 0);
    REQUIRE(status == 0);
    return grown;
}

PatternParameters of_length(std::uint64_t accesses) {
    return {.footprint = footprint, .accesses = accesses};
}
std::filesystem::path write_trace(TemporaryDirectory const& directory, TraceFormat format,
                                  std::uint64_t accesses) {
    auto const path = directory.file(std::to_string(accesses));
    TraceWriter writer{path, format};
    auto const source = pattern_named("random").make(of_length(accesses));
    std::vector<TraceAccess> batch(4096);
    while (auto const count = source->next(batch))
        std::ranges::for_each(std::span{batch}.first(count),
                              [&](TraceAccess const& one) { writer.add(one); });
    writer.finish();
    return path;
}
/// By how much more the long stream lets memory grow. `compress`: a program that does, or none.
std::int64_t growth_by_length(TraceFormat format, std::string const& compress) {
    std::int64_t grown[2];
    for (int i = 0; i < 2; ++i) {
        TemporaryDirectory const directory;
        auto path = write_trace(directory, format, i == 0 ? short_stream : long_stream);
        if (!compress.empty()) {
            REQUIRE(run_command({{compress, "-1", path.string()}}).status == 0);
            path += compress == "gzip" ? ".gz" : ".xz";
        }
        grown[i] = growth([&] { return open_trace(path, std::nullopt); });
    }
    return grown[1] - grown[0];
}

/// Far less than the long stream takes anywhere: 16 MB as accesses are kept, 32 MB as they are
/// simulated.
constexpr std::int64_t bound_kib = 4 << 10;

} // namespace

TEST_CASE("memory does not grow with the length of a pattern") {
    std::int64_t const few =
        growth([] { return pattern_named("random").make(of_length(short_stream)); });
    std::int64_t const many =
        growth([] { return pattern_named("random").make(of_length(long_stream)); });
    CHECK(few > 0);
    CHECK(many - few < bound_kib);
}

TEST_CASE("memory does not grow with the length of a trace, compressed or not") {
    CHECK(growth_by_length(TraceFormat::binary, "") < bound_kib);
    CHECK(growth_by_length(TraceFormat::binary, "gzip") < bound_kib);
    CHECK(growth_by_length(TraceFormat::binary, "xz") < bound_kib);
    CHECK(growth_by_length(TraceFormat::text, "") < bound_kib);
    CHECK(growth_by_length(TraceFormat::text, "gzip") < bound_kib);
}

} // namespace constant_memory_test
