#include "bench/exits.hpp"

#include "bench/kvm_rig.hpp"
#include "cli/installation.hpp"
#include "cli/launch_options.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "system/failure.hpp"
#include "system/program_output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace twofold::vmm {

namespace {

/// What a figure of the guest `exits` is measured against. The floors were measured in Bochs 2.7,
/// with the processor model that this command gives it.
struct Yardstick {
    std::string_view name;
    std::optional<double> floor;
    std::optional<double> goal;
    std::string_view note;
};

constexpr std::array<Yardstick, 5> yardsticks{{
    {"cpuid_exit", 51, 100, "CPUID, out of the guest and back"},
    {"vmcall_exit", std::nullopt, 100, "VMCALL that does nothing"},
    {"pio_exit", std::nullopt, 200, "port output, handled here; KVM's goes to user space"},
    {"first_write_4k", 565, 800,
     "lazy first write of a 4K page; floor: 53 for the violation, 512 to zero the page"},
    {"first_read_4k", std::nullopt, std::nullopt, "lazy first read of a 4K page"},
}};

constexpr std::string_view guest_source =
    "Bochs 2.7, corei7_icelake_u: ticks are instructions, read by the guest; median of 64";
constexpr std::string_view boot_source =
    "Bochs 2.7, corei7_icelake_u: ticks are instructions, read by the hypervisor; one run";

BenchmarkResult result_of(Yardstick const& yardstick, std::optional<double> value) {
    return {std::string{yardstick.name},
            "ticks",
            value,
            yardstick.floor,
            {},
            yardstick.goal,
            std::string{guest_source},
            std::string{yardstick.note}};
}

/// The guest's figures: those that we know of first, and all of them even if the guest said
/// nothing.
std::vector<BenchmarkResult> figure_results(std::vector<record::Figure> const& figures) {
    std::vector<BenchmarkResult> results;
    for (auto const& yardstick : yardsticks) {
        auto const found = std::ranges::find(figures, yardstick.name, &record::Figure::name);
        results.push_back(result_of(yardstick, found == figures.end()
                                                   ? std::optional<double>{}
                                                   : static_cast<double>(found->value)));
    }
    for (auto const& figure : figures) {
        if (std::ranges::find(yardsticks, figure.name, &Yardstick::name) != yardsticks.end())
            continue;
        Yardstick const unknown{figure.name, {}, {}, ""};
        results.push_back(result_of(unknown, static_cast<double>(figure.value)));
    }
    return results;
}

BenchmarkResult boot_result(std::string name, std::uint64_t ticks, std::string note) {
    return {std::move(name),          "ticks",        static_cast<double>(ticks), {}, {}, {},
            std::string{boot_source}, std::move(note)};
}

std::vector<BenchmarkResult> boot_results(RunReport const& report) {
    std::vector<BenchmarkResult> results;
    if (auto const ticks = report.ticks_to_first_guest()) {
        results.push_back(boot_result("boot_to_guest", *ticks,
                                      "the hypervisor's first instruction to the guest's first"));
    }
    if (!report.boot()) return results;
    for (auto const& phase : report.boot()->phases) {
        std::string name = phase.name;
        std::ranges::replace(name, ' ', '_');
        results.push_back(boot_result("boot_" + name, phase.ticks, "of that: " + phase.name));
    }
    if (auto const ticks = report.ticks_to_make_first_guest()) {
        results.push_back(boot_result("boot_make_guest", *ticks,
                                      "of that: frame pool, VMX operation, and all that the "
                                      "guest starts with"));
    }
    return results;
}

class ExitsBenchmark {
  public:
    explicit ExitsBenchmark(Context& context)
        : context_(context), progress_(context.outputs.err, "measuring") {}

    std::vector<BenchmarkResult> run() {
        auto results = run_guest();
        results.push_back(run_hello());
        progress_.make_way_for("\n");
        return results;
    }

  private:
    std::vector<BenchmarkResult> run_guest() {
        LaunchOptions options;
        options.guest = "exits";
        auto const engine = options.on.make();
        EventLoop loop{context_.signals};
        Session session{*engine, options.plan(), loop, {}};
        Run* const run = &session.run();
        finish_all(loop, {&run, 1}, progress_.ticker());
        session.finish();
        if (auto const failure = session.failure(Style{false}); !failure.empty())
            throw Failure{"the guest exits could not be run: " + failure};
        if (int const status = session.exit_status(); status != 0)
            throw Failure{fmt::format("the guest exits ended with {}", status)};

        auto results = figure_results(session.report().guests().front().figures);
        std::ranges::move(boot_results(session.report()), std::back_inserter(results));
        return results;
    }

    BenchmarkResult run_hello() {
        constexpr std::chrono::seconds limit{60};
        std::array<double, 5> milliseconds{};
        for (double& one : milliseconds) {
            auto const output = output_of({own_program().string(), "run", "hello", "--quiet"},
                                          context_.signals, limit);
            if (output.exit_status != 0)
                throw Failure{"`twofold run hello` failed: " + output.text};
            one = output.wall.count() * 1000;
        }
        std::ranges::nth_element(milliseconds, milliseconds.begin() + milliseconds.size() / 2);
        return {.name = "run_hello",
                .unit = "ms",
                .value = milliseconds[milliseconds.size() / 2],
                .floor = {},
                .peer = {},
                .goal = 1000,
                .source = fmt::format("wall clock of this machine, exec to exit; median of {}",
                                      milliseconds.size()),
                .note = "twofold run hello, from exec to exit"};
    }

    Context& context_;
    Progress progress_;
};

/// Gives each figure that the guest reports under KVM as well what it is there.
void set_beside(std::vector<BenchmarkResult>& results, KvmFigures const& kvm) {
    for (auto& result : results) {
        auto const found = kvm.ticks.find(result.name);
        if (found == kvm.ticks.end()) continue;
        result.peer = static_cast<double>(found->second);
        result.source +=
            fmt::format("; KVM: kvm_intel of Linux {} in the same emulator, read by the same guest",
                        kvm.kernel);
    }
}

} // namespace

std::vector<BenchmarkResult> bench_exits(Context& context) {
    std::optional<KvmFigures> kvm;
    if (context.with_kvm) kvm = kvm_figures_in_rig(context); // first: it may not be had
    auto results = ExitsBenchmark{context}.run();
    if (kvm) set_beside(results, *kvm);
    return results;
}

} // namespace twofold::vmm
