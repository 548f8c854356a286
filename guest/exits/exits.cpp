// Measures what it costs to leave the guest and come back, for what guests do most.
#include "guest/exits/measure.hpp"
#include "guest/kit/kernel.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/options.hpp"

#include <twofold/abi/report.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace twofold::guest {

namespace {

constexpr int exit_success = 0;
constexpr int exit_failure = 1;
constexpr std::size_t samples = 64;

/// The scratch register of the UART ("PC16550D", "Scratchpad Register"): whoever emulates the
/// port has to do something, and nothing comes of it.
constexpr std::uint16_t scratch_port = abi::console_port + 7;

/// Takes all samples by `measure(index)`, reports their median, and prints it with the extremes.
template <class Measure>
void take_figure(std::string_view name, Measure&& measure) {
    std::array<std::uint32_t, samples> ticks{};
    for (std::size_t index = 0; index < samples; ++index)
        ticks[index] = measure(index);
    std::ranges::sort(ticks);
    std::uint32_t const median = ticks[samples / 2];
    print(name, ": ", median, " ticks (", ticks.front(), " to ", ticks.back(), ")\n");
    report_figure(name, median);
}

/// Fresh pages, the first of which brings in what the others need as well.
std::optional<Gva> fresh_pages() {
    auto const first = allocate_pages(samples);
    if (!first) return std::nullopt;
    return Gva{first->value()};
}

bool measure_first_touches() {
    auto const written = fresh_pages();
    auto const read = fresh_pages();
    if (!written || !read) return false;
    auto const page = [](Gva first, std::size_t index) { return first + index * page_4k.bytes(); };
    take_figure("first_write_4k",
                [&](std::size_t index) { return ticks_of_write(page(*written, index)); });
    take_figure("first_read_4k",
                [&](std::size_t index) { return ticks_of_read(page(*read, index)); });
    return true;
}

} // namespace

int run_kernel(Arguments arguments) {
    // Natively VMCALL is no instruction, and KVM without VT-x never returns from it: under KVM,
    // whoever launches the guest knows whether there is VT-x.
    bool has_vmcall = launch().habitat == abi::Habitat::hypervisor;
    read_options(arguments, {{"--vmcall", has_vmcall}});
    take_figure("cpuid_exit", [](std::size_t) { return ticks_of_cpuid(); });
    if (has_vmcall) take_figure("vmcall_exit", [](std::size_t) { return ticks_of_vmcall(); });
    take_figure("pio_exit", [](std::size_t) { return ticks_of_output<scratch_port>(); });
    if (!measure_first_touches()) {
        print("memory has too few free pages: give the guest more\n");
        return exit_failure;
    }
    return exit_success;
}

} // namespace twofold::guest
