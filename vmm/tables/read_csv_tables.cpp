#include "report/fields.hpp"
#include "report/walk_shape.hpp"
#include "sim/byte_window.hpp"
#include "tables/csv_tables.hpp"

#include <twofold/arch/paging_format.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

std::vector<std::string_view> fields_of(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    std::vector<std::string_view> fields;
    for (;;) {
        auto const comma = line.find(',');
        fields.push_back(line.substr(0, comma));
        if (comma == std::string_view::npos) return fields;
        line.remove_prefix(comma + 1);
    }
}

bool is_leaf(Dimension dimension, unsigned level, std::uint64_t word) {
    return dimension == Dimension::guest ? X86Entry{word}.leaf(level) : EptEntry{word}.leaf(level);
}
bool is_present(Dimension dimension, std::uint64_t word) {
    return dimension == Dimension::guest ? X86Entry{word}.present() : EptEntry{word}.present();
}
/// Reserved bits of a present entry.
std::uint64_t reserved_bits(Dimension dimension, unsigned level, std::uint64_t word) {
    return dimension == Dimension::guest ? X86Format<Gva, Gpa, 5>{}.malformed(X86Entry{word}, level)
                                         : EptFormat<5>{}.malformed(EptEntry{word}, level);
}

class CsvReader {
  public:
    CsvReader(std::filesystem::path file, Dimension dimension)
        : window_(file), dimension_(dimension), tables_{std::move(file), 0, 0, {}} {}

    CsvTables read() {
        read_root();
        read_names();
        for (std::string_view line; next(line);)
            if (!line.empty() && line.front() != '#') add_row(fields_of(line));
        return std::move(tables_);
    }

  private:
    bool next(std::string_view& line) {
        ++line_;
        return window_.next_line(line);
    }
    void read_root() {
        std::string const before = fmt::format("# twofold tables: {}, root ",
                                               dimension_ == Dimension::guest ? "guest" : "ept");
        std::string_view line;
        std::optional<std::uint64_t> root;
        if (next(line) && line.starts_with(before))
            root = parse_hexadecimal(fields_of(line.substr(before.size())).front());
        if (!root) throw window_.wrong(fmt::format("must be \"{}0x...\"", before));
        if (*root % 4096 != 0)
            throw window_.wrong(fmt::format("root {:#x} is not a multiple of 0x1000", *root));
        tables_.root = *root;
    }
    void read_names() {
        std::string_view line;
        auto const there = next(line) ? fields_of(line) : std::vector<std::string_view>{};
        for (unsigned const levels : {4U, 5U}) {
            std::vector<std::string> names{"VA"};
            for (unsigned level = levels; level > 0; --level)
                names.emplace_back(level_name(Dimension::guest, level));
            names.emplace_back("PA");
            if (std::ranges::equal(there, names)) tables_.levels = levels;
        }
        if (tables_.levels == 0)
            throw window_.wrong("must be VA,PML4E,PDPTE,PDE,PTE,PA, or the same with PML5E");
    }

    void add_row(std::vector<std::string_view> const& fields) {
        if (fields.size() != tables_.levels + 2)
            throw window_.wrong(
                fmt::format("has {} fields, and must have {}", fields.size(), tables_.levels + 2));
        CsvRow row{number(fields.front(), "VA"), {}, number(fields.back(), "PA"), line_};
        unsigned leaf = 0;
        for (unsigned level = tables_.levels; level > 0; --level) {
            auto const name = level_name(Dimension::guest, level);
            auto const& field = fields[tables_.levels + 1 - level];
            if (leaf != 0) {
                if (!field.empty()) throw wrong(name, "must be empty below a large page");
                continue;
            }
            row.entries[level] = entry(field, name, level);
            if (is_leaf(dimension_, level, row.entries[level])) leaf = level;
        }
        check_page(row, leaf);
        tables_.rows.push_back(row);
    }
    std::uint64_t entry(std::string_view field, std::string_view name, unsigned level) {
        std::uint64_t const word = number(field, name);
        if (!is_present(dimension_, word)) throw wrong(name, "is not present");
        if (auto const bits = reserved_bits(dimension_, level, word))
            throw wrong(name, fmt::format("has reserved bits set: {:#x}", bits));
        return word;
    }
    void check_page(CsvRow const& row, unsigned leaf) {
        std::uint64_t const bytes = std::uint64_t{1} << (12 + 9 * (leaf - 1));
        std::uint64_t const frame = row.entries[leaf] & X86Entry::address_mask & ~(bytes - 1);
        if (row.va % bytes != 0) throw wrong("VA", fmt::format("is no multiple of {:#x}", bytes));
        if (row.pa != frame)
            throw wrong("PA", fmt::format("is {:#x}, and the {} leads to {:#x}", row.pa,
                                          level_name(Dimension::guest, leaf), frame));
    }

    std::uint64_t number(std::string_view field, std::string_view name) {
        auto const value = parse_hexadecimal(field);
        if (!value) throw wrong(name, fmt::format("'{}' is not a number 0x...", field));
        return *value;
    }
    [[nodiscard]] Failure wrong(std::string_view name, std::string const& what) const {
        return window_.wrong(fmt::format("field {}: {}", name, what));
    }

    ByteWindow window_;
    Dimension dimension_;
    std::uint64_t line_ = 0;
    CsvTables tables_;
};

} // namespace

CsvTables read_csv_tables(std::filesystem::path const& name, Dimension dimension) {
    return CsvReader{csv_file_of(name, dimension), dimension}.read();
}

} // namespace twofold::vmm
