#include "report/table.hpp"

#include <algorithm>

namespace twofold::vmm {

namespace {

/// Columns on a terminal of text without wide or combining characters: its code points.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

} // namespace

Cell number_cell(std::string text) { return {std::move(text), true}; }

std::string Table::render(unsigned indent) const {
    std::vector<std::size_t> widths;
    for (auto const& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t column = 0; column < row.size(); ++column)
            widths[column] = std::max(widths[column], width(row[column].text));
    }
    std::string out;
    for (auto const& row : rows_) {
        std::string line(indent, ' ');
        std::string gap;
        for (std::size_t column = 0; column < row.size(); ++column) {
            auto const& [text, right, style] = row[column];
            std::string const padding(widths[column] - width(text), ' ');
            line += gap + (right ? padding : "") + (style ? style(text) : text);
            gap = (right ? "" : padding) + "  ";
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + '\n';
    }
    return out;
}

} // namespace twofold::vmm
