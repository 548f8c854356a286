#include "cli/walk_command.hpp"

#include "cli/json_output.hpp"
#include "cli/option_list.hpp"
#include "cli/plot_output.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "cli/walk_options.hpp"
#include "cli/walk_tables.hpp"
#include "engine/bochs_trace.hpp"
#include "report/run_text.hpp"
#include "report/walk_comparison.hpp"
#include "report/walk_json.hpp"
#include "report/walk_text.hpp"
#include "system/failure.hpp"
#include "tables/walk_charts.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <optional>

namespace twofold::vmm {

namespace {

constexpr char const* walk_examples =
    R"(A reference is one read of a paging-structure entry. The data access itself and the write-backs
of accessed and dirty bits are not counted. The walks go to standard output, the guest's console to
standard error. The guest is run twice: over EPT, and natively beside it.

With --gva, --range or --sample the guest's tables of both dimensions are read when it has ended, and
the addresses are walked through them. Under KVM the second dimension is not KVM's own tables, which
cannot be read: it is what maps the guest's memory slot by leaves of the size of --host-page, and an hpa
is an address of this program.

--check lets the emulated processor repeat each access with nothing cached and compares what it
read with the hypervisor's walk of the same live tables; it exits with 1 at a difference.

Examples:
  twofold walk walk
  twofold walk walk --guest-page 2m --host-page 4k
  twofold walk walk --check
  twofold walk touch --gva 0x400000,0x800000
  twofold walk touch --range 0x400000-0x800000 -- 100
  twofold walk touch --range 0-32M --plot walks.svg
  twofold walk touch --engine kvm --sample 1000 --json -
  twofold walk walk --json walks.json)";

constexpr std::string_view what_is_counted =
    "counted: reads of paging-structure entries; the data access and the write-backs of accessed "
    "and dirty bits are not\n";

/// One of the two runs: the guest over EPT, or natively.
class WalkRun {
  public:
    WalkRun(WalkOptions const& options, LaunchPlan const& plan, EventLoop& loop,
            std::function<void(std::string_view)> console)
        : engine_(options.launch.on.make(options.check ? most_windows : 0)),
          session_(*engine_, plan, loop,
                   {.console = std::move(console),
                    .raw = false,
                    .engine_line = options.check
                                       ? [this](std::string_view line) { trace_.add_line(line); }
                                       : std::function<void(std::string_view)>{}}) {}

    [[nodiscard]] Session& session() { return session_; }
    [[nodiscard]] std::span<record::Walk const> walks() const {
        auto const& guests = session_.report().guests();
        if (guests.empty()) return {};
        return guests.front().walks;
    }
    [[nodiscard]] WalkComparison compare() const {
        return compare_walks(walks(), trace_.windows());
    }

  private:
    /// Walks of one run that can be compared.
    static constexpr unsigned most_windows = 512;

    TraceReader trace_;
    std::unique_ptr<Engine> engine_;
    Session session_;
};

/// The native walk that belongs to a nested one: of the same address, the same time it is walked.
record::Walk const* partner(std::span<record::Walk const> nested, std::size_t at,
                            std::span<record::Walk const> native) {
    auto const same = [&](auto const& walk) { return walk.gva == nested[at].gva; };
    auto skip = std::ranges::count_if(nested.first(at), same);
    for (auto const& walk : native)
        if (same(walk) && skip-- == 0) return &walk;
    return nullptr;
}

std::string walks_text(std::span<record::Walk const> walks, std::span<record::Walk const> native,
                       Style const& style) {
    std::string text;
    for (std::size_t at = 0; at < walks.size(); ++at)
        text += walk_text(walks[at], partner(walks, at, native), style) + '\n';
    return walks.empty() ? "the guest asked for no walk\n" : text + std::string{what_is_counted};
}

std::string comparison_text(std::string_view name, WalkComparison const& comparison,
                            std::size_t walks, Style const& style) {
    if (!comparison.difference.empty()) {
        return fmt::format("{}: {} {}\n", name, style.bad("differs from the processor's own:"),
                           comparison.difference);
    }
    return fmt::format("{}: {}: {} references of {} walk{}, each of the same dimension, "
                       "level, address and entry\n",
                       name, style.good("equal to the processor's own"), comparison.equal, walks,
                       walks == 1 ? "" : "s");
}

class WalkCommand {
  public:
    WalkCommand(Context& context, WalkOptions const& options)
        : context_(context), outputs_(context.outputs), options_(options), json_(options.json),
          plot_(options.plot), loop_(context.signals), progress_(outputs_.err, "walking") {}

    int run() {
        start();
        std::vector<Run*> runs;
        for_each_run([&](WalkRun& run) { runs.push_back(&run.session().run()); });
        finish_all(loop_, runs, progress_.ticker());
        for_each_run([](WalkRun& run) { run.session().finish(); });
        progress_.make_way_for("\n");
        print();
        return status();
    }

  private:
    void start() {
        LaunchPlan plan = options_.launch.plan();
        main_.emplace(options_, plan, loop_, [this](std::string_view text) { console(text); });
        if (plan.native) return;
        plan.native = true;
        beside_.emplace(options_, plan, loop_, [](std::string_view) {});
    }
    template <class Do>
    void for_each_run(Do&& action) {
        action(*main_);
        if (beside_) action(*beside_);
    }
    void console(std::string_view text) {
        if (options_.quiet) return;
        progress_.make_way_for(text);
        outputs_.err.write(text);
    }

    void print() {
        std::span<record::Walk const> native;
        if (beside_) native = beside_->walks();
        if (json_.wanted()) json_.write(walks_document(main_->walks(), native), outputs_.out);
        if (!json_.is_standard_output()) print_text(native);
        if (plot_.wanted()) plot();
        Style const style{outputs_.err.wants_colour()};
        for_each_run([&](WalkRun& run) {
            auto const& session = run.session();
            std::string const ends = broken_off_text(session.report(), style);
            bool const beside = beside_ && &run == &*beside_;
            outputs_.err.write((beside && !ends.empty() ? "natively " : "") + ends +
                               session.failure(style));
        });
    }
    void print_text(std::span<record::Walk const> native) {
        Style const style{outputs_.out.wants_colour()};
        outputs_.out.write(walks_text(main_->walks(), native, style));
        if (!options_.check) return;
        outputs_.out.write(comparison_text(options_.launch.how.native ? "native" : "nested",
                                           main_->compare(), main_->walks().size(), style));
        if (beside_)
            outputs_.out.write(comparison_text("native", beside_->compare(), native.size(), style));
    }

    void plot() const {
        WalkSummary summary;
        for (auto const& walk : main_->walks())
            summary.add(walk);
        plot_.draw(walk_charts(summary), context_.signals);
    }

    int status() {
        int status = main_->session().exit_status();
        for_each_run([&](WalkRun& run) {
            bool const differs = options_.check && !run.compare().difference.empty();
            if (status == 0 && (differs || run.session().exit_status() != 0)) status = exit_failure;
        });
        return status;
    }

    Context& context_;
    Outputs& outputs_;
    WalkOptions const& options_;
    JsonOutput json_;
    PlotOutput plot_;
    EventLoop loop_;
    Progress progress_;
    std::optional<WalkRun> main_;
    std::optional<WalkRun> beside_;
};

} // namespace

void add_walk_command(CLI::App& application, Action& chosen) {
    auto const options = std::make_shared<WalkOptions>();
    auto* const command = application.add_subcommand(
        "walk", "Show every reference of a guest's page walks, nested beside native");
    options->launch.add_to(*command);
    command
        ->add_option("--json", options->json,
                     "Write the walks as JSON; -: to standard output, instead of the text")
        ->type_name("FILE|-");
    command
        ->add_option("--plot", options->plot,
                     "Draw how many walks took how many references, at which levels; by gnuplot")
        ->type_name("FILE.svg");
    command->add_flag("--check", options->check,
                      "Compare each walk with what the emulated processor itself reads");
    command->add_flag("-q,--quiet", options->quiet, "Do not show the guest's console");
    options->add_selection_to(*command);
    command->footer(walk_examples);
    command->callback([options, &chosen] {
        chosen = [options](Context& context) {
            return options->walks_tables() ? walk_tables(context, *options)
                                           : WalkCommand{context, *options}.run();
        };
    });
}

} // namespace twofold::vmm
