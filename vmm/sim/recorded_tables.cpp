#include "sim/recorded_tables.hpp"

#include "report/walk_shape.hpp"
#include "system/failure.hpp"

#include <twofold/paging/walk.hpp>

#include <fmt/format.h>

#include <set>

namespace twofold::vmm {

bool PagedMemory::put(Hpa address, std::uint64_t word) {
    auto& page = pages_[address.value() >> 12];
    if (!page) page = std::make_unique<Page>();
    auto& there = (*page)[address.offset_in(4096) / 8];
    if (there != 0 && there != word) return false;
    there = word;
    return true;
}

RecordedTables::RecordedTables(std::filesystem::path const& name)
    : guest_(read_csv_tables(name, Dimension::guest)), ept_(read_csv_tables(name, Dimension::ept)) {
    ept_tables_ = put_rows(ept_, [&](std::uint64_t address, CsvRow const&, std::uint64_t word) {
        return host_.put(Hpa{address}, word);
    });
    native_tables_ =
        put_rows(guest_, [&](std::uint64_t address, CsvRow const& row, std::uint64_t word) {
            return native_.put(Hpa{address}, word) && host_.put(host_of(Gpa{address}, row), word);
        });
}

/// Puts every entry of every row where it stands: `place(address, row, word)`. Returns how many
/// tables that were.
template <class Place>
std::uint64_t RecordedTables::put_rows(CsvTables const& tables, Place&& place) {
    std::set<std::uint64_t> different;
    for (auto const& row : tables.rows) {
        std::uint64_t table = tables.root;
        for (unsigned level = tables.levels; level > 0 && row.entries[level] != 0; --level) {
            std::uint64_t const index = row.va >> (12 + 9 * (level - 1)) & 511;
            different.insert(table);
            if (!place(table + 8 * index, row, row.entries[level]))
                throw Failure{fmt::format("{}, line {}: field {}: another line has another entry "
                                          "for the same place, {:#x}",
                                          tables.file.string(), row.line,
                                          level_name(Dimension::guest, level), table + 8 * index)};
            table = row.entries[level] & X86Entry::address_mask;
        }
    }
    return different.size();
}

Hpa RecordedTables::host_of(Gpa gpa, CsvRow const& row) const {
    auto const found = ept_.levels == 5 ? walk(EptFormat<5>{}, ept_root(), gpa, host_)
                                        : walk(EptFormat<4>{}, ept_root(), gpa, host_);
    if (!found)
        throw Failure{fmt::format("{}, line {}: a table lies at gpa {:#x}, which {} does not map",
                                  guest_.file.string(), row.line, gpa.aligned_down(4096).value(),
                                  ept_.file.string())};
    return found->address;
}

} // namespace twofold::vmm
