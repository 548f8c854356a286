#include "bench/walk_matrix.hpp"

#include "cli/installation.hpp"
#include "cli/progress.hpp"
#include "sim/demand_tables.hpp"
#include "system/failure.hpp"
#include "system/program_output.hpp"

#include <twofold/model/closed_form.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <optional>

namespace twofold::vmm {

namespace {

constexpr std::array matrix_sizes{page_4k, page_2m, page_1g};
constexpr std::array<std::string_view, 3> size_names{"4k", "2m", "1g"};

/// What a walk of tables that are built for it reads.
template <unsigned GuestLevels, unsigned EptLevels>
unsigned built_references(PageSize guest, PageSize host) {
    constexpr Gva gva{0x40'4020'1000};
    SparseMemory memory{sim_layout::table_memory_bytes};
    NestedTables<X86Format<Gva, Gpa, GuestLevels>, EptFormat<EptLevels>> tables{
        memory, Configuration{.guest_page = guest, .host_page = host}};
    tables.populate(gva);
    unsigned count = 0;
    auto observe = [&count](Reference const&) { ++count; };
    auto const found = walk_nested(X86Format<Gva, Gpa, GuestLevels>{}, tables.guest_root(), gva,
                                   tables.ept(), observe);
    if (!found) throw Failure{"a walk of tables that were built for it found nothing"};
    return count;
}

/// References of the first walk of the live guest; its run also compares every walk with what the
/// emulated processor read, and fails at a difference.
unsigned live_references(std::string_view guest, std::string_view host, Context& context) {
    auto const output =
        output_of({own_program().string(), "walk", "walk", "--guest-page", std::string{guest},
                   "--host-page", std::string{host}, "--check", "--quiet", "--json", "-"},
                  context.signals, std::chrono::seconds{120});
    auto const begin = output.text.find('{');
    auto const json = nlohmann::json::parse(
        begin == std::string::npos ? std::string{} : output.text.substr(begin), nullptr, false);
    if (output.exit_status != 0 || json.is_discarded() || json["walks"].empty())
        throw Failure{fmt::format("`twofold walk walk --guest-page {} --host-page {} --check` "
                                  "failed: {}",
                                  guest, host, output.text)};
    return static_cast<unsigned>(json["walks"][0]["references"].size());
}

class WalkMatrix {
  public:
    explicit WalkMatrix(Context& context) : context_(context) {}

    std::vector<BenchmarkResult> run() {
        add_part<4, 4>();
        add_part<4, 5>();
        add_part<5, 4>();
        add_part<5, 5>();
        return std::move(results_);
    }

  private:
    template <unsigned GuestLevels, unsigned EptLevels>
    void add_part() {
        for (unsigned guest = 0; guest < matrix_sizes.size(); ++guest) {
            for (unsigned host = 0; host < matrix_sizes.size(); ++host) {
                unsigned const built = built_references<GuestLevels, EptLevels>(matrix_sizes[guest],
                                                                                matrix_sizes[host]);
                std::optional<unsigned> live;
                if (GuestLevels == 4 && EptLevels == 4)
                    live = live_references(size_names[guest], size_names[host], context_);
                add(fmt::format("walk_{}x{}_{}_{}", GuestLevels, EptLevels, size_names[guest],
                                size_names[host]),
                    {fmt::format("{} levels, {}", GuestLevels, size_names[guest]),
                     fmt::format("{} levels, {}", EptLevels, size_names[host])},
                    built, closed_form::nested(GuestLevels - guest, EptLevels - host), live);
            }
        }
    }
    void add(std::string name, MatrixCell cell, unsigned built, unsigned formula,
             std::optional<unsigned> live) {
        if (built != formula || (live && *live != formula))
            throw Failure{fmt::format("{}: {} references on built tables, {} by the closed form, "
                                      "{} on the live guest",
                                      name, built, formula, live.value_or(built))};
        results_.push_back(
            {.name = std::move(name),
             .unit = "refs",
             .value = live.value_or(built),
             .floor = {},
             .peer = {},
             .goal = formula,
             .source = live ? "the live guest walk in Bochs, tables built for the walk, closed form"
                            : "tables built for the walk, closed form",
             .note = live ? fmt::format("closed form {}, built tables {}, live guest {}, the "
                                        "processor's own reads: the same",
                                        formula, built, *live)
                          : fmt::format("closed form {}, built tables {}", formula, built),
             .cell = std::move(cell)});
    }

    Context& context_;
    std::vector<BenchmarkResult> results_;
};

} // namespace

std::vector<BenchmarkResult> bench_walk(Context& context) { return WalkMatrix{context}.run(); }

} // namespace twofold::vmm
