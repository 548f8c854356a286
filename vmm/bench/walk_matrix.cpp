#include "bench/walk_matrix.hpp"

#include "bench/built_walks.hpp"
#include "cli/installation.hpp"
#include "cli/progress.hpp"
#include "system/failure.hpp"
#include "system/program_output.hpp"

#include <twofold/model/closed_form.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <optional>

namespace twofold::vmm {

namespace {

constexpr std::array matrix_sizes{page_4k, page_2m, page_1g};
constexpr std::array<std::string_view, 3> size_names{"4k", "2m", "1g"};

/// What `twofold walk GUEST OPTIONS --check` found of a live guest, as JSON. Every walk was
/// compared with what the emulated processor read; throws Failure at a difference.
nlohmann::json live_walks(std::string_view guest, std::vector<std::string> const& options,
                          Context& context) {
    std::vector<std::string> words{own_program().string(), "walk", std::string{guest}};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--check", "--quiet", "--json", "-"});
    auto const output = output_of(words, context.signals, std::chrono::seconds{120});
    auto const begin = output.text.find('{');
    auto json = nlohmann::json::parse(
        begin == std::string::npos ? std::string{} : output.text.substr(begin), nullptr, false);
    bool const right = output.exit_status == 0 && json.is_object() && json.contains("walks") &&
                       json.contains("native") && !json["walks"].empty();
    if (!right)
        throw Failure{fmt::format("`twofold walk {} {} --check` failed: {}", guest,
                                  fmt::join(options, " "), output.text)};
    return json;
}

unsigned references_of(nlohmann::json const& walk) {
    return static_cast<unsigned>(walk["references"].size());
}

/// The modes that the guest `modes` goes through, in its order, and the levels that a walk goes
/// down in the guest's dimension.
struct ModeWalk {
    std::string_view name;
    std::string_view mode;
    unsigned levels;
};
constexpr std::array mode_walks{
    ModeWalk{"32_bit_4k", "32_bit", 2}, ModeWalk{"32_bit_4m", "32_bit", 1},
    ModeWalk{"pae_4k", "pae", 2},       ModeWalk{"pae_2m", "pae", 1},
    ModeWalk{"paging_off", "off", 0},
};

constexpr Matrix cold_walks{"References of a cold walk", "guest", "EPT"};
constexpr Matrix cached_walks{"References of a 4K walk over 4K with caches",
                              "combined paging-structure entry",
                              "references that are left of each nested walk"};

class WalkMatrix {
  public:
    explicit WalkMatrix(Context& context) : context_(context) {}

    std::vector<BenchmarkResult> run() {
        add_part<4, 4>();
        add_part<4, 5>();
        add_part<5, 4>();
        add_part<5, 5>();
        for (unsigned host = 0; host < matrix_sizes.size(); ++host)
            add_modes(host);
        add_caches();
        for (auto const& walk : walk_by_other_techniques())
            add_modelled("walk_" + walk.name, walk.references, walk.formula, walk.formula_text,
                         std::nullopt);
        return std::move(results_);
    }

  private:
    template <unsigned GuestLevels, unsigned EptLevels>
    void add_part() {
        for (unsigned guest = 0; guest < matrix_sizes.size(); ++guest) {
            for (unsigned host = 0; host < matrix_sizes.size(); ++host) {
                unsigned const built =
                    BuiltTables<X86Format<Gva, Gpa, GuestLevels>, EptFormat<EptLevels>>{
                        matrix_sizes[guest], matrix_sizes[host]}
                        .references();
                std::optional<unsigned> live;
                if (GuestLevels == 4 && EptLevels == 4) live = walk_live(guest, host);
                add(fmt::format("walk_{}x{}_{}_{}", GuestLevels, EptLevels, size_names[guest],
                                size_names[host]),
                    {cold_walks, fmt::format("{} levels, {}", GuestLevels, size_names[guest]),
                     fmt::format("{} levels, {}", EptLevels, size_names[host])},
                    built, closed_form::nested(GuestLevels - guest, EptLevels - host), live);
            }
        }
    }
    unsigned walk_live(unsigned guest, unsigned host) {
        auto const json = live_walks("walk",
                                     {"--guest-page", std::string{size_names[guest]}, "--host-page",
                                      std::string{size_names[host]}},
                                     context_);
        return references_of(json["walks"][0]);
    }
    /// 32-bit paging, PAE and paging off, of the guest that goes through all of them.
    void add_modes(unsigned host) {
        auto const json =
            live_walks("modes", {"--host-page", std::string{size_names[host]}}, context_);
        for (std::size_t at = 0; at < mode_walks.size(); ++at) {
            auto const& [name, mode, levels] = mode_walks[at];
            auto const& walk = json["walks"][at];
            if (walk["mode"] != mode)
                throw Failure{fmt::format("the guest modes walked in {}, and not in {}",
                                          walk["mode"].dump(), mode)};
            add(fmt::format("walk_{}_{}", name, size_names[host]),
                {cold_walks, std::string{name}, fmt::format("4 levels, {}", size_names[host])},
                std::nullopt, closed_form::nested(levels, 4 - host), references_of(walk));
        }
    }
    /// What is left of 24 where a combined entry skips guest levels, and EPT's caches the rest.
    void add_caches() {
        constexpr std::array<std::string_view, 4> entries{"none", "pml4e", "pdpte", "pde"};
        for (unsigned skipped = 0; skipped < entries.size(); ++skipped) {
            for (unsigned left = 5; left-- > 0;)
                add_modelled(
                    fmt::format("walk_cached_{}_{}", entries[skipped], left),
                    references_with_caches(skipped, left),
                    closed_form::with_combined_entry(4, skipped, left),
                    skipped == 0 ? fmt::format("4 + 5 x {}", left)
                                 : fmt::format("{} x (1+{})", 4 - skipped, left),
                    MatrixCell{cached_walks, std::string{entries[skipped]}, std::to_string(left)});
        }
    }
    void add_modelled(std::string name, unsigned counted, unsigned formula,
                      std::string_view formula_text, std::optional<MatrixCell> cell) {
        results_.push_back(
            {.name = std::move(name),
             .unit = "refs",
             .value = counted,
             .floor = {},
             .peer = {},
             .goal = formula,
             .source = "the model, on tables built for the walk",
             .note = fmt::format("closed form {} = {}, model {}", formula_text, formula, counted),
             .exact = true,
             .cell = std::move(cell)});
    }
    void add(std::string name, MatrixCell cell, std::optional<unsigned> built, unsigned formula,
             std::optional<unsigned> live) {
        if (built.value_or(formula) != formula || live.value_or(formula) != formula)
            throw Failure{fmt::format("{}: {} references on built tables, {} by the closed form, "
                                      "{} on the live guest",
                                      name, built.value_or(formula), formula,
                                      live.value_or(formula))};
        std::string note = fmt::format("closed form {}", formula);
        if (built) note += fmt::format(", built tables {}", *built);
        if (live) note += fmt::format(", live guest {}, Bochs's own reads {}", *live, *live);
        results_.push_back({.name = std::move(name),
                            .unit = "refs",
                            .value = live ? *live : built.value_or(0),
                            .floor = {},
                            .peer = {},
                            .goal = formula,
                            .source = live ? "a live guest's walk in Bochs, equal to what the "
                                             "emulated processor itself read"
                                           : "tables built for the walk",
                            .note = std::move(note),
                            .exact = true,
                            .cell = std::move(cell)});
    }

    Context& context_;
    std::vector<BenchmarkResult> results_;
};

} // namespace

std::vector<BenchmarkResult> bench_walk(Context& context) { return WalkMatrix{context}.run(); }

} // namespace twofold::vmm
