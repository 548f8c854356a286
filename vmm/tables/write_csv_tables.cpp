#include "report/walk_shape.hpp"
#include "system/failure.hpp"
#include "system/file.hpp"
#include "tables/csv_tables.hpp"

#include <fmt/format.h>

#include <iterator>

namespace twofold::vmm {

namespace {

std::string csv_head(Dimension dimension, std::uint64_t root, unsigned levels) {
    std::string text = fmt::format("# twofold tables: {}, root {:#x}\nVA",
                                   dimension == Dimension::guest ? "guest" : "ept", root);
    for (unsigned level = levels; level > 0; --level)
        text += fmt::format(",{}", level_name(Dimension::guest, level));
    return text + ",PA\n";
}

/// The entries of this dimension, the lowest of which maps `pa`.
void add_csv_row(std::string& text, std::uint64_t va, std::uint64_t pa, unsigned levels,
                 record::Walk const& walk, Dimension dimension) {
    auto const out = std::back_inserter(text);
    fmt::format_to(out, "{:#x}", va);
    unsigned level = levels;
    for (auto const& reference : walk.references) {
        if (reference.dimension != dimension) continue;
        fmt::format_to(out, ",{:#x}", reference.entry);
        level = reference.level - 1;
    }
    for (; level > 0; --level)
        text += ',';
    fmt::format_to(out, ",{:#x}\n", pa);
}

} // namespace

std::filesystem::path csv_file_of(std::filesystem::path const& name, Dimension dimension) {
    if (name.extension() != ".csv")
        throw UsageError{fmt::format("--tables: {} does not end in .csv", name.string())};
    auto file = name;
    return file.replace_extension(dimension == Dimension::guest ? ".guest.csv" : ".ept.csv");
}

void write_csv_tables(std::filesystem::path const& name, GuestTables const& tables) {
    auto const& paging = tables.paging();
    unsigned const levels = levels_of(paging.mode);
    if (levels < 4)
        throw Failure{fmt::format("--tables: the guest ended with {} paging; a file has tables of "
                                  "4 or 5 levels",
                                  paging_mode_name(paging.mode))};
    std::string guest = csv_head(Dimension::guest, paging.root, levels);
    tables.for_each_page([&](MappedPage page) {
        add_csv_row(guest, page.gva.value(), page.gpa.value(), levels, tables.walk(page.gva),
                    Dimension::guest);
    });
    std::string ept = csv_head(Dimension::ept, paging.ept_root, paging.ept_levels);
    tables.for_each_ept_page([&](Gpa gpa, record::Walk const& walk) {
        add_csv_row(ept, gpa.value(), *walk.hpa, paging.ept_levels, walk, Dimension::ept);
    });
    write_file(csv_file_of(name, Dimension::guest), guest);
    write_file(csv_file_of(name, Dimension::ept), ept);
}

} // namespace twofold::vmm
