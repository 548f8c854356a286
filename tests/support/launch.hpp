// Launches guests of the family in Bochs: several of them one after another on one boot.
#pragma once

#include "engine/bochs.hpp"
#include "engine/bochs_trace.hpp"
#include "report/run_report.hpp"
#include "system/file.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace twofold::test {

struct Launched {
    std::string console;
    /// The report as it was written, and as it was understood.
    std::vector<std::string> lines;
    vmm::RunReport report;
    /// What the processor read in the windows that the guests opened.
    std::vector<vmm::TraceWindow> windows;

    [[nodiscard]] vmm::GuestReport const& guest(std::size_t index) const {
        return report.guests().at(index);
    }
    [[nodiscard]] vmm::record::GuestStop const& stop(std::size_t index) const {
        return guest(index).stop.value();
    }
    /// What guest `index` did; it must have run.
    [[nodiscard]] vmm::record::Activity const& activity(std::size_t index) const {
        return stop(index).activity.value();
    }
};

/// The kernel `words[0]` of the family with the arguments that follow.
inline vmm::GuestPlan guest_plan(std::vector<std::string> words) {
    auto const file =
        std::filesystem::path{TWOFOLD_BUILD_DIRECTORY} / "guest" / (words.front() + ".elf");
    return {.arguments = std::move(words),
            .elf = vmm::read_file(file, std::uint64_t{1} << 30),
            .memory_bytes = std::uint64_t{16} << 20,
            .time_limit = std::chrono::seconds{60}};
}

/// `trace_windows`: at most so many windows are traced. `machine_memory`: bytes; otherwise what the
/// guests could need.
inline Launched launch(vmm::LaunchPlan const& plan, unsigned trace_windows = 0,
                       std::optional<std::uint64_t> machine_memory = std::nullopt) {
    vmm::Signals const signals;
    vmm::EventLoop loop{signals};
    Launched launched;
    vmm::TraceReader trace;
    vmm::BochsEngine engine{
        {.hypervisor = std::filesystem::path{TWOFOLD_BUILD_DIRECTORY} / "hv/hypervisor.img",
         .machine_memory = machine_memory,
         .trace_windows = trace_windows}};
    auto const run = engine.start(
        plan,
        {.console = [&](std::string_view bytes) { launched.console += bytes; },
         .report_line =
             [&](std::string_view line) {
                 launched.lines.emplace_back(line);
                 return launched.report.add_line(line);
             },
         .engine_line = trace_windows == 0 ? std::function<void(std::string_view)>{}
                                           : [&](std::string_view line) { trace.add_line(line); }},
        loop);
    std::array<vmm::Run* const, 1> const runs{run.get()};
    vmm::finish_all(loop, runs);
    launched.windows = trace.windows();
    return launched;
}

} // namespace twofold::test
