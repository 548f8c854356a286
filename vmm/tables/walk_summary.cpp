#include "tables/walk_summary.hpp"

#include "report/fields.hpp"
#include "report/page_size_name.hpp"
#include "report/table.hpp"
#include "report/walk_fault_text.hpp"
#include "report/walk_shape.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

std::string outcome_of(record::Walk const& walk) {
    if (walk.fault) return fault_text(walk);
    std::string const guest =
        walk.mode == PagingMode::off ? "no paging" : page_size_name(*walk.guest_page);
    if (!walk.host_page) return guest + " natively";
    return fmt::format("{} over {}", guest, page_size_name(*walk.host_page));
}

std::string addresses_text(WalkStretch const& run) {
    return run.walks == 1 ? hexadecimal(run.first)
                          : fmt::format("{:#x} .. {:#x}", run.first, run.last);
}

void add_histogram(Table& table, std::string const& title, std::string const& value,
                   std::uint64_t count, std::uint64_t of) {
    table.add({{title},
               number_cell(value),
               number_cell(grouped(count)),
               number_cell(fmt::format("{:.1f} %", 100.0 * static_cast<double>(count) /
                                                       static_cast<double>(of)))});
}

template <class Map, class Name>
void add_histograms(Table& table, std::string title, Map const& counts, std::uint64_t of,
                    Name&& name) {
    for (auto const& [value, count] : counts) {
        add_histogram(table, title, name(value), count, of);
        title.clear();
    }
}

template <class Map, class Name>
nlohmann::ordered_json histogram_json(Map const& counts, char const* key, Name&& name) {
    auto list = nlohmann::ordered_json::array();
    for (auto const& [value, count] : counts)
        list.push_back({{key, name(value)}, {"walks", count}});
    return list;
}

} // namespace

void WalkSummary::add(record::Walk const& walk) {
    auto const native = static_cast<std::size_t>(
        std::ranges::count(walk.references, Dimension::guest, &record::WalkReference::dimension));
    add_run(walk, native);
    if (walk.fault) {
        ++faulted_;
        ++by_fault_[fault_text(walk)];
        references_of_faults_ += walk.references.size();
        return;
    }
    ++translated_;
    guest_references_ += native;
    ept_references_ += walk.references.size() - native;
    for (auto const& reference : walk.references) {
        bool const guest = reference.dimension == Dimension::guest;
        ++(guest ? guest_by_level_ : ept_by_level_)[reference.level];
    }
    ++by_references_[walk.references.size()];
    ++by_page_[*walk.page_size];
    ++by_pages_[outcome_of(walk)];
}

void WalkSummary::add_run(record::Walk const& walk, std::size_t native) {
    WalkStretch run{.first = walk.gva,
                    .last = walk.gva,
                    .walks = 1,
                    .outcome = outcome_of(walk),
                    .page = walk.fault ? "" : page_size_name(*walk.page_size),
                    .references = walk.references.size(),
                    .native_references = native};
    bool const same = !runs_.empty() && runs_.back().outcome == run.outcome &&
                      runs_.back().references == run.references && walk.gva >= runs_.back().last;
    if (!same) return runs_.push_back(std::move(run));
    runs_.back().last = walk.gva;
    ++runs_.back().walks;
}

std::string WalkSummary::text(Style const& style) const {
    std::string text = runs_text() + '\n' + totals_text();
    if (translated_ > 0) text += '\n' + levels_text(style);
    Table table;
    auto const as_is = [](std::string const& value) { return value; };
    add_histograms(table, "references of a walk", by_references_, walks(),
                   [](std::size_t value) { return std::to_string(value); });
    add_histograms(table, "one TLB entry maps", by_page_, walks(),
                   [](PageSize size) { return page_size_name(size); });
    add_histograms(table, "guest page over EPT page", by_pages_, walks(), as_is);
    add_histograms(table, "no translation", by_fault_, walks(), as_is);
    return text + '\n' + table.render(2);
}

std::string WalkSummary::runs_text() const {
    Table table;
    table.add({{"addresses"},
               {"walks", true},
               {"references", true},
               {"natively", true},
               {"TLB entry", true},
               {"guest page over EPT page"}});
    for (auto const& run : runs_) {
        if (&run - runs_.data() == most_shown_runs) break;
        table.add({{addresses_text(run)},
                   number_cell(grouped(run.walks)),
                   number_cell(std::to_string(run.references)),
                   number_cell(std::to_string(run.native_references)),
                   {run.page, true},
                   {run.outcome}});
    }
    std::string text = table.render(2);
    if (runs_.size() > most_shown_runs)
        text += fmt::format("  and {} more runs; --json has them\n",
                            grouped(runs_.size() - most_shown_runs));
    return text;
}

std::string WalkSummary::totals_text() const {
    std::uint64_t const all = guest_references_ + ept_references_;
    std::string text =
        fmt::format("{} walk{}: {} found a page, {} ended in a fault\n", grouped(walks()),
                    walks() == 1 ? "" : "s", grouped(translated_), grouped(faulted_));
    text += fmt::format("{} references of those that found a page: {} of the guest's dimension, "
                        "which are what the same tables cost natively, and {} of EPT's",
                        grouped(all), grouped(guest_references_), grouped(ept_references_));
    if (guest_references_ > 0)
        text += fmt::format("; {:.2f} times as many as natively",
                            static_cast<double>(all) / static_cast<double>(guest_references_));
    if (faulted_ > 0)
        text += fmt::format("\n{} references of those that ended in a fault",
                            grouped(references_of_faults_));
    return text + '\n';
}

std::string WalkSummary::levels_text(Style const& style) const {
    Table table;
    table.add({{"level"},
               {"guest", true, [&](std::string_view text) { return style.guest(text); }},
               {"EPT", true, [&](std::string_view text) { return style.host(text); }}});
    for (unsigned level = levels - 1; level > 0; --level) {
        if (guest_by_level_[level] + ept_by_level_[level] == 0) continue;
        table.add({{std::string{level_name(Dimension::guest, level)}},
                   number_cell(grouped(guest_by_level_[level])),
                   number_cell(grouped(ept_by_level_[level]))});
    }
    return table.render(2);
}

nlohmann::ordered_json WalkSummary::json() const {
    auto const level_counts = [](ByLevel const& counts) {
        auto object = nlohmann::ordered_json::object();
        for (unsigned level = levels - 1; level > 0; --level)
            if (counts[level] != 0) object[std::to_string(level)] = counts[level];
        return object;
    };
    auto const as_is = [](auto const& value) { return value; };
    auto runs = nlohmann::ordered_json::array();
    for (auto const& run : runs_)
        runs.push_back({{"first", hexadecimal(run.first)},
                        {"last", hexadecimal(run.last)},
                        {"walks", run.walks},
                        {"outcome", run.outcome},
                        {"references", run.references},
                        {"native_references", run.native_references}});
    return {{"walks", walks()},
            {"translated", translated_},
            {"faulted", faulted_},
            {"references", guest_references_ + ept_references_},
            {"guest_references", guest_references_},
            {"ept_references", ept_references_},
            {"native_references", guest_references_},
            {"references_of_faults", references_of_faults_},
            {"guest_by_level", level_counts(guest_by_level_)},
            {"ept_by_level", level_counts(ept_by_level_)},
            {"by_references", histogram_json(by_references_, "references", as_is)},
            {"by_page", histogram_json(by_page_, "page_size",
                                       [](PageSize size) { return hexadecimal(size.bytes()); })},
            {"by_pages", histogram_json(by_pages_, "pages", as_is)},
            {"by_fault", histogram_json(by_fault_, "fault", as_is)},
            {"runs", runs}};
}

} // namespace twofold::vmm
