#include "cli/walk_tables.hpp"

#include "cli/json_output.hpp"
#include "cli/plot_output.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "report/fields.hpp"
#include "report/run_text.hpp"
#include "report/walk_json.hpp"
#include "report/walk_text.hpp"
#include "system/failure.hpp"
#include "system/file.hpp"
#include "tables/csv_tables.hpp"
#include "tables/walk_charts.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

/// JSON has each walk of at most so many, and the summary of any number.
constexpr std::size_t most_walks_in_json = 16'384;

constexpr std::string_view what_tables_count =
    "counted: reads of paging-structure entries, nothing being cached; the data access and the "
    "write-backs of accessed and dirty bits are not\n";

/// What the second dimension is, where it is not the processor's.
std::string_view second_dimension_text(std::string_view engine) {
    return engine == "kvm" ? "the guest's memory slot by leaves of --host-page's size, for KVM's "
                             "own tables cannot be read; an hpa is an address of this program"
                           : "EPT";
}

class TablesWalk {
  public:
    TablesWalk(Context& context, WalkOptions const& options)
        : context_(context), outputs_(context.outputs), options_(options), json_(options.json),
          plot_(options.plot), loop_(context.signals), progress_(outputs_.err, "walking"),
          access_(options.wanted_access()) {
        options.selection.check();
        if (plot_.wanted() && !options.selection.any())
            throw UsageError{"--plot: --tables alone walks nothing; choose addresses by --gva, "
                             "--range or --sample"};
        if (!options.tables.empty())
            require_directory_of("--tables", csv_file_of(options.tables, Dimension::guest));
    }

    int run() {
        LaunchPlan plan = options_.launch.plan();
        plan.guests.front().report_tables = true;
        auto const engine = options_.launch.on.make();
        engine_ = engine->name();
        Session session{*engine, plan, loop_, {.console = [this](auto text) { console(text); }}};
        Run* const run = &session.run();
        finish_all(loop_, {&run, 1}, progress_.ticker());
        session.finish();
        progress_.make_way_for("\n");
        Style const style{outputs_.err.wants_colour()};
        outputs_.err.write(broken_off_text(session.report(), style) + session.failure(style));
        auto const& guests = session.report().guests();
        if (guests.empty() || !guests.front().paging) return exit_failure;
        show(GuestTables{guests.front()}, guests.front().name);
        return session.exit_status();
    }

  private:
    void console(std::string_view text) {
        if (options_.quiet) return;
        progress_.make_way_for(text);
        outputs_.err.write(text);
    }

    void show(GuestTables const& tables, std::string const& name) {
        if (!options_.tables.empty()) write_csv_tables(options_.tables, tables);
        auto const addresses = options_.selection.addresses(tables);
        if (json_.wanted()) json_.write(document(tables, addresses), outputs_.out);
        if (!json_.is_standard_output()) print(tables, name, addresses);
        if (plot_.wanted()) plot(tables, addresses);
    }
    void plot(GuestTables const& tables, std::vector<Gva> const& addresses) const {
        WalkSummary summary;
        for_each_walk(tables, addresses,
                      [&](record::Walk const& walk, std::size_t) { summary.add(walk); });
        plot_.draw(walk_charts(summary), context_.signals);
    }
    /// Throws Interrupted where there is a signal: a million walks take a while.
    template <class Do>
    void for_each_walk(GuestTables const& tables, std::vector<Gva> const& addresses,
                       Do&& action) const {
        constexpr std::size_t walks_between_looks = 4096;
        for (std::size_t at = 0; at < addresses.size(); ++at) {
            if (at % walks_between_looks == 0) context_.signals.check();
            action(tables.walk(addresses[at], access_), at);
        }
    }

    void print(GuestTables const& tables, std::string const& name,
               std::vector<Gva> const& addresses) {
        Style const style{outputs_.out.wants_colour()};
        outputs_.out.write(tables_text(tables, name));
        WalkSummary summary;
        for_each_walk(tables, addresses, [&](record::Walk const& walk, std::size_t at) {
            summary.add(walk);
            if (at >= options_.selection.gvas.size()) return;
            auto const native = native_walk_of(walk);
            outputs_.out.write('\n' + walk_text(walk, &native, style));
        });
        if (!options_.tables.empty())
            outputs_.out.write(fmt::format("tables written: {}, {}\n",
                                           csv_file_of(options_.tables, Dimension::guest).string(),
                                           csv_file_of(options_.tables, Dimension::ept).string()));
        if (addresses.empty()) return;
        // What is shown reference by reference needs no summary if it is alone.
        if (addresses.size() > std::min(options_.selection.gvas.size(), std::size_t{1}))
            outputs_.out.write('\n' + summary.text(style));
        outputs_.out.write('\n' + std::string{what_tables_count});
    }

    std::string tables_text(GuestTables const& tables, std::string const& name) const {
        auto const& paging = tables.paging();
        std::string text = fmt::format(
            "{} at its end: {}, {} tables; second dimension: {} levels, {} tables: {}\n", name,
            paging_text(paging.mode), tables.tables(Dimension::guest), paging.ept_levels,
            tables.tables(Dimension::ept), second_dimension_text(engine_));
        if (tables.cut())
            text += "there are more tables than a report holds: walks through the others end as "
                    "unreadable\n";
        return text;
    }

    nlohmann::ordered_json document(GuestTables const& tables,
                                    std::vector<Gva> const& addresses) const {
        auto const& paging = tables.paging();
        nlohmann::ordered_json json{{"tables",
                                     {{"mode", paging_mode_name(paging.mode)},
                                      {"root", hexadecimal(paging.root)},
                                      {"guest_tables", tables.tables(Dimension::guest)},
                                      {"second_dimension", engine_ == "kvm" ? "slot" : "ept"},
                                      {"ept_root", hexadecimal(paging.ept_root)},
                                      {"ept_levels", paging.ept_levels},
                                      {"ept_tables", tables.tables(Dimension::ept)},
                                      {"cut", tables.cut()}}}};
        WalkSummary summary;
        auto walks = nlohmann::ordered_json::array();
        for_each_walk(tables, addresses, [&](record::Walk const& walk, std::size_t) {
            summary.add(walk);
            if (addresses.size() > most_walks_in_json) return;
            walks.push_back(walk_json(walk));
            walks.back()["native_references"] = native_walk_of(walk).references.size();
        });
        json["summary"] = summary.json();
        if (!walks.empty()) json["walks"] = std::move(walks);
        return json;
    }

    Context& context_;
    Outputs& outputs_;
    WalkOptions const& options_;
    JsonOutput json_;
    PlotOutput plot_;
    EventLoop loop_;
    Progress progress_;
    Access access_;
    std::string_view engine_;
};

} // namespace

int walk_tables(Context& context, WalkOptions const& options) {
    return TablesWalk{context, options}.run();
}

} // namespace twofold::vmm
