#include "sim/references_chart.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

constexpr double label_width = 150;
constexpr double bar_width = 480;
constexpr double row_height = 26;
constexpr double top = 50;

std::string bar(double x, double y, double width, std::string_view colour) {
    return fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="16" fill="{}"/>)"
                       "\n",
                       x, y, width, colour);
}
std::string text(double x, double y, std::string_view anchor, std::string_view words) {
    return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)"
                       "\n",
                       x, y, anchor, words);
}

} // namespace

std::string references_chart(SimulationReport const& report) {
    double most = 0;
    for (auto const& result : report.results)
        most = std::max(most, result.per_access(result.references.total()));
    double const scale = most > 0 ? bar_width / most : 0;
    double const height = top + row_height * static_cast<double>(report.results.size()) + 10;
    std::string svg = fmt::format(
        R"(<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{:.0f}" font-family="sans-serif" font-size="13">)"
        "\n<title>References an access</title>\n"
        R"(<rect width="100%" height="100%" fill="#ffffff"/>)"
        "\n",
        height);
    svg += text(10, 20, "start", "References an access: guest (amber) and EPT (blue)");
    for (std::size_t at = 0; at < report.results.size(); ++at) {
        auto const& result = report.results[at];
        double const y = top + row_height * static_cast<double>(at);
        double const guest = result.per_access(result.references.of(Dimension::guest));
        double const ept = result.per_access(result.references.of(Dimension::ept));
        svg += text(label_width - 8, y + 13, "end", describe(report.configurations[at]));
        svg += bar(label_width, y, guest * scale, "#d98c00");
        svg += bar(label_width + guest * scale, y, ept * scale, "#2b6cb0");
        svg += text(label_width + (guest + ept) * scale + 6, y + 13, "start",
                    fmt::format("{:.3f}", guest + ept));
    }
    return svg + "</svg>\n";
}

} // namespace twofold::vmm
