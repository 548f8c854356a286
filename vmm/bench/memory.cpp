#include "bench/memory.hpp"

#include "bench/memory_counts.hpp"
#include "cli/launch_options.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "system/failure.hpp"

#include <twofold/memory/frame_metadata.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace twofold::vmm {

namespace {

constexpr std::string_view memory_source =
    "Bochs 2.7, corei7_icelake_u: ticks are instructions, read by the guest; median of 5";
constexpr std::string_view count_source = "frames in use as the hypervisor reports them, in Bochs";

/// What a figure of the guests is called here and measured against. The copy is in a break.
struct MemoryYardstick {
    std::string_view figure;
    std::string_view name;
    std::optional<double> floor;
    std::optional<double> goal;
    std::string_view note;
};

constexpr std::array memory_yardsticks{
    MemoryYardstick{"clone_m16", "clone_16m", {}, 2500, "a clone, 16 MiB touched; EPT A/D off"},
    MemoryYardstick{"clone_m512", "clone_512m", {}, 2500, "the same with 512 MiB touched"},
    MemoryYardstick{"cow_break_m16", "cow_break", 565, 1200,
                    "first write to a shared page, the "
                    "way to it private; floor: 53 and 512 "
                    "to copy"},
    MemoryYardstick{"unshare_table_m16", "unshare_table", 512 * 4, 2600,
                    "each table that is shared on the way adds this; 512 entries present; floor: 4 "
                    "an entry"},
};

/// What figures of the guest `memory` are called before the number that they grow with.
struct GrowthName {
    std::string_view infix;
    std::string_view by;
};
constexpr std::array growth_names{GrowthName{"_m", "MiB touched"},
                                  GrowthName{"_depth_", "generations"},
                                  GrowthName{"_number_", "clones"}};

/// From a name like clone_depth_3; nothing when it is another.
std::optional<Growth> growth_of(std::string_view name) {
    for (auto const& [infix, by] : growth_names) {
        auto const at = name.rfind(infix);
        if (at == name.npos) continue;
        auto const digits = name.substr(at + infix.size());
        std::uint64_t number = 0;
        auto const [end, error] = std::from_chars(digits.begin(), digits.end(), number);
        if (error != std::errc{} || end != digits.end()) continue;
        return Growth{std::string{name.substr(0, at)}, std::string{by}, number};
    }
    return std::nullopt;
}

/// Tables that a clone has of its own when it has written the first `pages` pages of its memory:
/// one on each of the two levels below the root, and one for each 512 pages.
constexpr std::uint64_t tables_of_clone(std::uint64_t pages) {
    return pages == 0 ? 0 : 2 + (pages + 511) / 512;
}

/// A launch of the benchmark, with what its clones are expected to hold.
struct FrameCase {
    std::uint64_t clones;
    std::uint64_t pages;

    /// Three frames a clone: the root of its EPT, its VMCS, and the hypervisor's record of it. One
    /// that writes has its own tables on two levels and for each 512 pages, and the pages.
    [[nodiscard]] std::uint64_t closed_form(std::uint64_t base) const {
        return base + clones * (3 + tables_of_clone(pages) + pages);
    }
    /// When the last clone has written its last page, and room to spare.
    [[nodiscard]] std::uint64_t ticks() const {
        return 10'000'000 + clones * (20'000 + pages * 2'000);
    }
    [[nodiscard]] std::vector<std::string> arguments() const {
        return {"frames",
                "--clones",
                std::to_string(clones),
                "--pages",
                std::to_string(pages),
                "--ticks",
                std::to_string(ticks())};
    }
};
constexpr std::array frame_cases{FrameCase{0, 0},     FrameCase{100, 0},  FrameCase{100, 1},
                                 FrameCase{100, 16},  FrameCase{1000, 0}, FrameCase{1000, 1},
                                 FrameCase{1000, 16}, FrameCase{16, 1},   FrameCase{16, 512},
                                 FrameCase{16, 4096}};

class MemoryBenchmark {
  public:
    explicit MemoryBenchmark(Context& context)
        : context_(context), progress_(context.outputs.err, "measuring") {}

    std::vector<BenchmarkResult> run() {
        add("memory",
            {"costs", "--touch", "16", "--touch", "64", "--touch", "256", "--touch", "512"}, 560);
        add("memory", {"costs", "--touch", "16"}, 560);
        plan_.guests.back().accessed_dirty = true;
        add("memory", {"depth"}, 64);
        plan_.guests.back().weight = 10;
        add("memory", {"number"}, 64);
        add("exits", {}, 64);
        add("exits", {}, 64);
        plan_.guests.back().zeroed_stock = true;
        first_frames_ = plan_.guests.size();
        for (auto const& one : frame_cases) {
            add("memory", one.arguments(), 64);
        }
        read(launch(plan_));
        read_tables();
        for (auto& one : memory_counts())
            results_.push_back(std::move(one));
        return std::move(results_);
    }

  private:
    static GuestPlan plan(std::string const& guest, std::vector<std::string> const& arguments,
                          std::uint64_t mebibytes) {
        GuestOptionTexts how;
        how.memory = std::to_string(mebibytes) + "M";
        how.accessed_dirty = "off";
        GuestPlan made = how.plan(guest, arguments);
        made.weight = 255;
        return made;
    }
    void add(std::string const& guest, std::vector<std::string> const& arguments,
             std::uint64_t mebibytes) {
        plan_.guests.push_back(plan(guest, arguments, mebibytes));
    }

    RunReport launch(LaunchPlan const& plan) {
        EngineOptionTexts on;
        on.machine_memory = "800M";
        auto const engine = on.make();
        EventLoop loop{context_.signals};
        Session session{*engine, plan, loop, {}};
        Run* const run = &session.run();
        finish_all(loop, {&run, 1}, progress_.ticker());
        session.finish();
        progress_.make_way_for("\n");
        if (auto const failure = session.failure(Style{false}); !failure.empty())
            throw Failure{"the guests could not be run: " + failure};
        if (session.exit_status() != 0) throw Failure{"one of the guests failed"};
        return session.report();
    }

    static std::optional<double> figure(GuestReport const& guest, std::string_view name) {
        auto const found = std::ranges::find(guest.figures, name, &record::Figure::name);
        if (found == guest.figures.end()) return std::nullopt;
        return static_cast<double>(found->value);
    }

    void put(std::string name, std::string unit, std::optional<double> value,
             std::optional<double> floor, std::optional<double> goal, std::string_view source,
             std::string_view note) {
        results_.push_back({std::move(name), std::move(unit), value, floor, std::nullopt, goal,
                            std::string{source}, std::string{note}});
    }

    void read(RunReport const& report) {
        auto const& guests = report.guests();
        for (auto const& yardstick : memory_yardsticks) {
            put(std::string{yardstick.name}, "ticks", figure(guests[0], yardstick.figure),
                yardstick.floor, yardstick.goal, memory_source, yardstick.note);
        }
        put_clone_growth();
        put("first_write_4k", "ticks", figure(guests[4], "first_write_4k"), 565, 800, memory_source,
            "first write to a page, zeroed then");
        put("first_write_4k_stock", "ticks", figure(guests[5], "first_write_4k"), 53, 200,
            memory_source, "the same, from a stock of frames zeroed before");
        put("bytes_per_frame", "bytes",
            static_cast<double>(FrameMetadata::bytes_for(1 << 18)) / (1 << 18), {}, 32,
            "computed from the layout", "what the allocator keeps for each frame");
        read_growth(guests);
        read_frames(report);
    }

    /// The first two figures are the clone's, with little and with much memory touched.
    void put_clone_growth() {
        auto const little = results_[0].value;
        auto const much = results_[1].value;
        std::optional<double> percent;
        if (little && much) percent = 100 * std::abs(*much - *little) / *little;
        put("clone_growth", "%", percent, 0, 2, memory_source,
            "by how much a clone's ticks differ between 16 and 512 MiB");
    }

    /// Of a guest that was never cloned, so that all of its tables are its own.
    void read_tables() {
        LaunchPlan touching;
        touching.guests.push_back(plan("touch", {"--pages", "131072"}, 560));
        auto const report = launch(touching);
        put("ept_tables_512m", "frames",
            static_cast<double>(report.guests()[0].stop->activity->table_frames.value()), 257,
            262 + 16, count_source, "for 512 MiB by 4 KiB pages; goal: 0.2 % and 16");
    }

    /// All other figures, as they are called, in tables of what they grow with.
    void read_growth(std::vector<GuestReport> const& guests) {
        for (auto const& guest : guests) {
            if (guest.name != "memory") continue;
            bool const with_bits = guest.number == 1;
            for (auto const& one : guest.figures) {
                put(one.name + (with_bits ? "_ad_on" : ""), "ticks", static_cast<double>(one.value),
                    {}, {}, memory_source,
                    with_bits ? "EPT A/D on: the walk behind a clone writes to guest tables" : "");
                results_.back().growth = growth_of(one.name);
                if (results_.back().growth && with_bits) results_.back().growth->figure += "_ad_on";
            }
        }
    }

    /// The guests of a case end at the same tick, so the one that found the most frames in use
    /// found those of all.
    void read_frames(RunReport const& report) {
        std::array<std::uint64_t, frame_cases.size()> in_use{};
        for (auto const& guest : report.guests()) {
            std::uint64_t number = guest.number;
            while (report_of(report, number).start->cloned_from)
                number = *report_of(report, number).start->cloned_from;
            if (number < first_frames_ || number >= plan_.guests.size()) continue;
            auto& most = in_use[number - first_frames_];
            most = std::max(most, guest.stop->activity->frames_in_use.value_or(0));
        }
        for (std::size_t i = 1; i < frame_cases.size(); ++i) {
            auto const& one = frame_cases[i];
            auto const expected = static_cast<double>(one.closed_form(in_use[0]));
            put(fmt::format("frames_{}_clones_{}_pages", one.clones, one.pages), "frames",
                static_cast<double>(in_use[i]), expected, expected, count_source,
                fmt::format("closed form: {} + N x (3 + tables + W)", in_use[0]));
            results_.back().exact = true;
        }
        auto const& silent = frame_cases[1];
        put("frames_a_clone", "frames",
            (static_cast<double>(in_use[1]) - static_cast<double>(in_use[0])) /
                static_cast<double>(silent.clones),
            3, 3, count_source, "a clone that writes nothing: root, VMCS, the record of it");
    }
    static GuestReport const& report_of(RunReport const& report, std::uint64_t number) {
        return *std::ranges::lower_bound(report.guests(), number, {}, &GuestReport::number);
    }

    Context& context_;
    Progress progress_;
    LaunchPlan plan_;
    std::size_t first_frames_ = 0;
    std::vector<BenchmarkResult> results_;
};

} // namespace

std::vector<BenchmarkResult> bench_memory(Context& context) {
    return MemoryBenchmark{context}.run();
}

} // namespace twofold::vmm
