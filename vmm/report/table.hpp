// Columns of text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm {

struct Cell {
    std::string text;
    bool right = false;
    /// Decorates the text once it has been padded.
    std::function<std::string(std::string_view)> style = {};
};

/// A cell that lies to the right of its column, as numbers do.
Cell number_cell(std::string text);

/// Rows whose columns are as wide as their widest cell, two spaces apart. A row may be shorter.
class Table {
  public:
    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    /// Each line begins with `indent` spaces and ends with a newline; none ends with spaces.
    [[nodiscard]] std::string render(unsigned indent = 0) const;

  private:
    std::vector<std::vector<Cell>> rows_;
};

} // namespace twofold::vmm
