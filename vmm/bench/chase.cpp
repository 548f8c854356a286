#include "bench/chase.hpp"

#include "bench/chase_guest.hpp"
#include "bench/chase_loop.hpp"
#include "bench/event_counter.hpp"
#include "bench/interleaved.hpp"
#include "bench/walk_events.hpp"
#include "kvm/host.hpp"
#include "system/failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>

namespace twofold::vmm {

namespace {

constexpr std::array<std::uint64_t, 8> working_sets_kib{64,       256,      1024,      4096,
                                                        16 << 10, 64 << 10, 128 << 10, 256 << 10};
constexpr std::uint64_t largest_kib = working_sets_kib.back();
constexpr std::uint64_t steps_a_turn = 1 << 20;
constexpr std::size_t rounds = 5;

/// Where the guest would run; no device: why not.
struct ChaseHost {
    std::optional<kvm::Device> device;
    std::optional<kvm::CpuidTable> cpuid;
    std::string why_not = kvm::why_unusable();
    kvm::Host host = kvm::examine_host();

    ChaseHost() {
        if (!why_not.empty()) return;
        device.emplace();
        cpuid.emplace(device->supported_cpuid());
    }
    [[nodiscard]] std::string text() const {
        if (!device) return "natively alone: " + why_not;
        return fmt::format("guest in ring 3 under KVM, {}; this host: {}", guest_walks(host.paging),
                           host.name);
    }
};

/// An event that is counted while a loop runs.
struct ChaseCounter {
    WalkEvent event;
    EventCounter counter;
    /// In the last turn.
    std::uint64_t counted = 0;
};

/// Those of the events that the kernel offers.
std::vector<ChaseCounter> counters_of(EventCounter::Of of) {
    std::vector<ChaseCounter> counters;
    for (auto const& event : walk_events(this_processor()))
        if (auto counter = EventCounter::open(event.type, event.config, of))
            counters.push_back({event, std::move(*counter)});
    return counters;
}

/// One way to run the loop, with the time of each turn.
struct ChaseRunner {
    std::string name;
    std::unique_ptr<ChaseGuest> guest;
    std::vector<ChaseCounter> counters;
    std::vector<double> seconds = {};

    void turn(std::uint64_t first) {
        for (auto& one : counters)
            one.counted = one.counter.count();
        seconds.push_back(guest ? guest->run(first, steps_a_turn)
                                : seconds_of([&] { twofold_chase(first, steps_a_turn); }));
        for (auto& one : counters)
            one.counted = one.counter.count() - one.counted;
    }
    [[nodiscard]] double nanoseconds() const {
        return median_of(seconds) * 1e9 / static_cast<double>(steps_a_turn);
    }
};

/// One memory, and all that runs over it.
class ChaseSeries {
  public:
    ChaseSeries(Context& context, ChaseHost const& host, PageSize host_page)
        : context_(context), host_(host), memory_(largest_kib << 10, host_page),
          size_name_(host_page == page_4k ? "4K" : "2M") {
        runners_.push_back({fmt::format("native {}", size_name_), nullptr,
                            counters_of(EventCounter::Of::process)});
        if (!host.device) return;
        for (auto const& [page, name] : {std::pair{page_4k, "4K"}, std::pair{page_2m, "2M"}}) {
            runners_.push_back(
                {fmt::format("{} over {}", name, size_name_),
                 std::make_unique<ChaseGuest>(*host.device, *host.cpuid, memory_, page),
                 counters_of(EventCounter::Of::guest)});
        }
    }

    void measure(std::vector<BenchmarkResult>& results, std::function<void()> const& show) {
        for (std::uint64_t const kib : working_sets_kib) {
            auto const first = memory_.link(kib << 10);
            for (auto& runner : runners_) {
                runner.seconds.clear();
                // Caches and tables as they are after it.
                runner.turn(first);
                runner.seconds.clear();
            }
            for (std::size_t round = 0; round < rounds; ++round) {
                context_.signals.check();
                if (show) show();
                for (auto& runner : runners_)
                    runner.turn(first);
            }
            for (auto const& runner : runners_)
                add(results, runner, kib);
        }
        add_ratios(results);
    }

  private:
    void add(std::vector<BenchmarkResult>& results, ChaseRunner const& runner, std::uint64_t kib) {
        results.push_back({.name = fmt::format("{} at {} KiB", runner.name, kib),
                           .unit = "ns",
                           .value = runner.nanoseconds(),
                           .floor = {},
                           .peer = {},
                           .goal = {},
                           .source = host_.text(),
                           .note = {},
                           .growth = Growth{runner.name, "KiB", kib}});
        for (auto const& one : runner.counters) {
            auto const figure = fmt::format("{}, {}", one.event.name, runner.name);
            results.push_back({.name = fmt::format("{} at {} KiB", figure, kib),
                               .unit = std::string{one.event.unit},
                               .value = static_cast<double>(one.counted) / steps_a_turn,
                               .floor = {},
                               .peer = {},
                               .goal = {},
                               .source = std::string{one.event.meaning},
                               .note = {},
                               .growth = Growth{figure, "KiB", kib}});
        }
    }
    /// At the largest working set, which was the last.
    void add_ratios(std::vector<BenchmarkResult>& results) {
        double const native = runners_.front().nanoseconds();
        for (std::size_t at = 1; at < runners_.size(); ++at) {
            auto const& runner = runners_[at];
            results.push_back({.name = "chase_" + runner.name,
                               .unit = "ratio",
                               .value = runner.nanoseconds() / native,
                               .floor = 1,
                               .peer = {},
                               .goal = {},
                               .source = host_.text(),
                               .note = fmt::format("{:.1f} ns a load to {:.1f} of {}, {} MiB",
                                                   runner.nanoseconds(), native,
                                                   runners_.front().name, largest_kib >> 10)});
            std::ranges::replace(results.back().name, ' ', '_');
        }
    }

    Context& context_;
    ChaseHost const& host_;
    ChaseMemory memory_;
    std::string size_name_;
    std::vector<ChaseRunner> runners_;
};

BenchmarkResult about_host(ChaseHost const& host) {
    std::string note = host.text();
    if (!host.host.meaning.empty()) note += fmt::format(" ({})", host.host.meaning);
    for (auto const& event : walk_events(this_processor())) {
        auto const counter =
            EventCounter::open(event.type, event.config, EventCounter::Of::process);
        note += counter ? fmt::format("; {}: {}", event.name, event.meaning)
                        : fmt::format("; {} are not counted: the kernel offers no such event ({})",
                                      event.name, counter.error());
    }
    return {.name = "chase_host",
            .unit = "",
            .value = {},
            .floor = {},
            .peer = {},
            .goal = {},
            .source = note,
            .note = std::move(note)};
}

} // namespace

std::string_view guest_walks(kvm::Paging paging) {
    if (paging == kvm::Paging::ept || paging == kvm::Paging::npt)
        return "whose walks have two dimensions";
    return "whose walks have one dimension, of the shadow tables that KVM keeps: no ratio has a "
           "second one in it";
}

std::vector<BenchmarkResult> bench_chase(Context& context) {
    ChaseHost const host;
    std::vector<BenchmarkResult> results;
    results.push_back(about_host(host));
    Progress progress{context.outputs.err, "following chains"};
    for (PageSize const host_page : {page_4k, page_2m})
        ChaseSeries{context, host, host_page}.measure(results, progress.ticker());
    return results;
}

} // namespace twofold::vmm
