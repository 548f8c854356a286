#include "explore/page.hpp"

#include "explore/cache_state.hpp"
#include "explore/explorer_assets.hpp"
#include "report/fields.hpp"
#include "report/page_size_name.hpp"
#include "report/walk_shape.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <bit>
#include <utility>

namespace twofold::vmm {

namespace {

using ExplorerJson = nlohmann::ordered_json;

std::string pair_name(record::Walk const& walk) {
    return fmt::format("{} over {}", page_size_name(*walk.guest_page),
                       page_size_name(*walk.host_page));
}

/// The bits of an entry, by their names and places.
ExplorerJson bit_names(Dimension dimension) {
    using Named = std::pair<char const*, std::uint64_t>;
    static constexpr std::array guest{Named{"present", X86Entry::present_bit},
                                      Named{"writable", X86Entry::writable_bit},
                                      Named{"user", X86Entry::user_bit},
                                      Named{"PWT", X86Entry::write_through_bit},
                                      Named{"PCD", X86Entry::cache_disable_bit},
                                      Named{"accessed", X86Entry::accessed_bit},
                                      Named{"dirty (leaf)", X86Entry::dirty_bit},
                                      Named{"page size (above the PTE)", X86Entry::page_size_bit},
                                      Named{"global (leaf)", X86Entry::global_bit},
                                      Named{"execute disable", X86Entry::execute_disable_bit}};
    static constexpr std::array ept{Named{"read", EptEntry::read_bit},
                                    Named{"write", EptEntry::write_bit},
                                    Named{"execute", EptEntry::execute_bit},
                                    Named{"ignore PAT (leaf)", EptEntry::ignore_pat_bit},
                                    Named{"large page", EptEntry::large_page_bit},
                                    Named{"accessed", EptEntry::accessed_bit},
                                    Named{"dirty (leaf)", EptEntry::dirty_bit}};
    ExplorerJson names = ExplorerJson::array();
    auto const add = [&names](Named const& named) {
        names.push_back({named.first, std::countr_zero(named.second)});
    };
    if (dimension == Dimension::guest)
        std::ranges::for_each(guest, add);
    else
        std::ranges::for_each(ept, add);
    return names;
}

ExplorerJson explored_walk_json(record::Walk const& walk) {
    ExplorerJson references = ExplorerJson::array();
    for (auto const& reference : walk.references)
        references.push_back({reference.dimension == Dimension::guest ? 0 : 1,
                              level_name(reference.dimension, reference.level),
                              hexadecimal(reference.address), hexadecimal(reference.entry),
                              describe_entry(reference, walk.mode)});
    ExplorerJson steps = ExplorerJson::array();
    for (auto const& step : shape_of(walk).steps) {
        ExplorerJson row{{"ept", step.ept}};
        row["guest"] = step.guest ? ExplorerJson(*step.guest) : ExplorerJson(nullptr);
        row["gpa"] = hexadecimal(step.guest ? *walk.references[*step.guest].gpa : *walk.gpa);
        steps.push_back(std::move(row));
    }
    ExplorerJson served = ExplorerJson::array();
    for (std::size_t state = 0; state < cache_states().size(); ++state)
        served.push_back(served_by(walk, state));
    return {{"name", pair_name(walk)},
            {"gva", hexadecimal(walk.gva)},
            {"gpa", hexadecimal(*walk.gpa)},
            {"hpa", hexadecimal(*walk.hpa)},
            {"references", references},
            {"steps", steps},
            {"served", served},
            {"form", closed_form_text(walk)}};
}

/// As it may stand inside of a <script>: no text in it can end the element.
std::string script_text(ExplorerJson const& json) {
    std::string text = json.dump();
    for (std::size_t at = 0; (at = text.find('<', at)) != std::string::npos;)
        text.replace(at, 1, "\\u003c");
    return text;
}

std::string html(std::string_view text) {
    std::string safe;
    for (char const c : text) {
        if (c == '<')
            safe += "&lt;";
        else if (c == '>')
            safe += "&gt;";
        else if (c == '&')
            safe += "&amp;";
        else
            safe += c;
    }
    return safe;
}

std::string plain_table(record::Walk const& walk) {
    std::string text =
        fmt::format("<h2>{}</h2>\n<p>gva {:#x}, gpa {:#x}, hpa {:#x}; {} references: {}</p>\n"
                    "<table>\n<tr><th>#<th>entry<th>at hpa<th>holds<th>which says",
                    pair_name(walk), walk.gva, *walk.gpa, *walk.hpa, walk.references.size(),
                    closed_form_text(walk));
    std::vector<std::vector<std::string>> served;
    for (std::size_t state = 0; state < cache_states().size(); ++state) {
        text += fmt::format("<th>{}", cache_states()[state].name);
        served.push_back(served_by(walk, state));
    }
    for (std::size_t at = 0; at < walk.references.size(); ++at) {
        auto const& reference = walk.references[at];
        text += fmt::format("\n<tr><td>{}<td>{}<td>{:#x}<td>{:#x}<td>{}", at + 1,
                            level_name(reference.dimension, reference.level), reference.address,
                            reference.entry, html(describe_entry(reference, walk.mode)));
        for (auto const& state : served)
            text += "<td>" + state[at];
    }
    return text + "\n</table>\n";
}

} // namespace

std::string explorer_page(std::span<record::Walk const> walks) {
    ExplorerJson data{{"walks", ExplorerJson::array()}, {"states", ExplorerJson::array()}};
    data["bits"] = {bit_names(Dimension::guest), bit_names(Dimension::ept)};
    for (auto const& state : cache_states())
        data["states"].push_back({state.name, state.description});
    std::string tables;
    for (auto const& walk : walks) {
        data["walks"].push_back(explored_walk_json(walk));
        tables += plain_table(walk);
    }
    return fmt::format(explorer_frame, fmt::arg("style", explorer_style),
                       fmt::arg("tables", tables), fmt::arg("data", script_text(data)),
                       fmt::arg("script", explorer_script));
}

} // namespace twofold::vmm
