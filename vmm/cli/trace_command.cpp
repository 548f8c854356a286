#include "cli/trace_command.hpp"

#include "cli/json_output.hpp"
#include "cli/launch_options.hpp"
#include "cli/option_list.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "engine/access_trace.hpp"
#include "report/run_text.hpp"
#include "sim/trace_writer.hpp"
#include "system/failure.hpp"

#include <twofold/load/elf.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <unordered_set>

namespace twofold::vmm {

namespace {

constexpr char const* trace_examples =
    R"(Bochs prints each instruction and each access of the machine, from the guest's first instruction on;
the guest's are written to the file, an access to its data as r or w, the fetch of each instruction
as x, all by linear address. What the hypervisor does in between is left out. It takes about a second
for 100,000 instructions of the machine.

Examples:
  twofold trace touch -o touch.trace -- --pages 64
  twofold sim --trace touch.trace
  twofold trace hello -o hello.txt --format text --limit 1000)";

struct TraceOptions {
    LaunchOptions launch;
    std::string output;
    std::string format = "binary";
    std::uint64_t limit = 0;
    std::string json;
    bool quiet = false;
};

/// Ends a run whose trace has all that was asked for.
struct LimitReached {};

/// What was written.
class TraceTotals {
  public:
    void add(TraceAccess const& access) {
        ++by_kind_[static_cast<std::size_t>(access.access)];
        pages_.insert(access.gva.value() >> page_4k.shift());
    }
    [[nodiscard]] std::uint64_t of(Access kind) const {
        return by_kind_[static_cast<std::size_t>(kind)];
    }
    [[nodiscard]] std::uint64_t all() const {
        return of(Access::read) + of(Access::write) + of(Access::execute);
    }
    [[nodiscard]] std::uint64_t pages() const { return pages_.size(); }

  private:
    std::array<std::uint64_t, 3> by_kind_{};
    std::unordered_set<std::uint64_t> pages_;
};

class TraceCommand {
  public:
    TraceCommand(Context& context, TraceOptions const& options)
        : outputs_(context.outputs), options_(options), json_(options.json), loop_(context.signals),
          progress_(outputs_.err, "tracing") {}

    int run() {
        auto const format = trace_format_named(options_.format);
        if (format != TraceFormat::binary && format != TraceFormat::text)
            throw UsageError{
                fmt::format("--format: '{}' is neither binary nor text", options_.format)};
        auto const plan = options_.launch.plan();
        auto const engine = options_.launch.on.make_tracing(entry_of(plan.guests.front()));
        TraceWriter writer{options_.output, *format};
        GuestAccessFilter filter{[&](TraceAccess const& access) {
            if (options_.limit != 0 && totals_.all() == options_.limit) throw LimitReached{};
            totals_.add(access);
            writer.add(access);
        }};
        int const status = trace(*engine, plan, filter);
        if (totals_.all() == 0) return exit_failure;
        writer.finish();
        show(plan.guests.front().name());
        return status;
    }

  private:
    static std::uint64_t entry_of(GuestPlan const& guest) {
        auto const image = parse_elf(guest.elf);
        if (!image) throw Failure{fmt::format("{} is no kernel of the family", guest.name())};
        return image->entry().value();
    }

    int trace(Engine& engine, LaunchPlan const& plan, GuestAccessFilter& filter) {
        try {
            Session session{engine,
                            plan,
                            loop_,
                            {.console = [this](std::string_view text) { console(text); },
                             .raw = false,
                             .engine_line = [&](std::string_view line) { filter.add_line(line); }}};
            Run* const run = &session.run();
            finish_all(loop_, {&run, 1}, progress_.ticker());
            session.finish();
            progress_.make_way_for("\n");
            Style const style{outputs_.err.wants_colour()};
            outputs_.err.write(broken_off_text(session.report(), style) + session.failure(style));
            return session.exit_status();
        } catch (LimitReached const&) {
            progress_.make_way_for("\n");
            limited_ = true;
            return exit_success;
        }
    }

    void console(std::string_view text) {
        if (options_.quiet) return;
        progress_.make_way_for(text);
        outputs_.err.write(text);
    }

    void show(std::string const& name) {
        if (json_.wanted())
            json_.write({{"guest", name},
                         {"file", options_.output},
                         {"accesses", totals_.all()},
                         {"fetches", totals_.of(Access::execute)},
                         {"reads", totals_.of(Access::read)},
                         {"writes", totals_.of(Access::write)},
                         {"pages", totals_.pages()},
                         {"limited", limited_}},
                        outputs_.out);
        if (json_.is_standard_output()) return;
        outputs_.out.write(fmt::format(
            "{}: {} accesses: {} fetches, {} reads, {} writes, to {} pages of 4K{}\n{}\n", name,
            grouped(totals_.all()), grouped(totals_.of(Access::execute)),
            grouped(totals_.of(Access::read)), grouped(totals_.of(Access::write)),
            grouped(totals_.pages()), limited_ ? "; the limit was reached" : "", options_.output));
    }

    Outputs& outputs_;
    TraceOptions const& options_;
    JsonOutput json_;
    EventLoop loop_;
    Progress progress_;
    TraceTotals totals_;
    bool limited_ = false;
};

} // namespace

void add_trace_command(CLI::App& application, Action& chosen) {
    auto const options = std::make_shared<TraceOptions>();
    auto* const command = application.add_subcommand(
        "trace", "Trace a guest's accesses in Bochs into a file for sim");
    options->launch.add_to(*command);
    command->add_option("-o,--output", options->output, "The trace that is written")
        ->required()
        ->type_name("FILE");
    command
        ->add_option("--format", options->format,
                     "Of the trace: 8 bytes an access, or a line [binary]")
        ->type_name("binary|text");
    command
        ->add_option("--limit", options->limit,
                     "End after so many accesses; 0: at the guest's end [0]")
        ->type_name("N");
    command
        ->add_option("--json", options->json,
                     "Write the totals as JSON; -: to standard output, instead of the text")
        ->type_name("FILE|-");
    command->add_flag("-q,--quiet", options->quiet, "Do not show the guest's console");
    command->footer(trace_examples);
    command->callback([options, &chosen] {
        chosen = [options](Context& context) { return TraceCommand{context, *options}.run(); };
    });
}

} // namespace twofold::vmm
