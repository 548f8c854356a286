// Page tables as text, one file a dimension. A line of a file, after `# twofold tables: ept, root
// 0x5058000` and a line with the names of the fields, is a page:
//
//     VA,PML4E,PDPTE,PDE,PTE,PA
//     0x400000,0x5052107,0x5051107,0x5050107,0x501e337,0x501e000
//
// Tables of 5 levels have PML5E before PML4E; entries below a large page are empty. In the guest's
// file VA is a gva and PA a gpa, in the other one VA is a gpa and PA an hpa.
#pragma once

#include "tables/guest_tables.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace twofold::vmm {

struct CsvRow {
    std::uint64_t va;
    /// By level, 1 being the PTE; 0 below a large page. Index 0 is not used.
    std::array<std::uint64_t, 6> entries;
    std::uint64_t pa;
    /// Of the file.
    std::uint64_t line;
};

struct CsvTables {
    std::filesystem::path file;
    /// Of the top table.
    std::uint64_t root;
    /// 4 or 5.
    unsigned levels;
    std::vector<CsvRow> rows;
};

/// "NAME.csv" is two files, NAME.guest.csv and NAME.ept.csv.
std::filesystem::path csv_file_of(std::filesystem::path const& name, Dimension dimension);

/// Writes both. Throws Failure where they can't be written, or the guest's mode has other tables.
void write_csv_tables(std::filesystem::path const& name, GuestTables const& tables);

/// Reads the file of one dimension. Throws Failure with file, line and field for what is not as
/// above, or is no page of its level.
CsvTables read_csv_tables(std::filesystem::path const& name, Dimension dimension);

} // namespace twofold::vmm
