// Page tables of both dimensions that were recorded in files, as memory to walk.
#pragma once

#include "tables/csv_tables.hpp"

#include <twofold/arch/address.hpp>
#include <twofold/arch/paging_format.hpp>

#include <array>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <unordered_map>

namespace twofold::vmm {

/// Pages of words, wherever they lie; all other memory reads as zeros.
class PagedMemory {
  public:
    /// It can't fail.
    struct Error {};

    template <class Word>
    [[nodiscard]] std::expected<Word, Error> read(Hpa address) const {
        auto const page = pages_.find(address.value() >> 12);
        if (page == pages_.end()) return Word{};
        return static_cast<Word>((*page->second)[address.offset_in(4096) / sizeof(Word)]);
    }
    /// False where another word stands there already.
    bool put(Hpa address, std::uint64_t word);

  private:
    using Page = std::array<std::uint64_t, 512>;
    std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;
};

class RecordedTables {
  public:
    /// Reads NAME.guest.csv and NAME.ept.csv (tables/csv_tables.hpp). Throws Failure with file,
    /// line and field for what is wrong in one of them, or does not fit the other: all of the
    /// guest's tables must lie where EPT maps them.
    explicit RecordedTables(std::filesystem::path const& name);

    [[nodiscard]] unsigned guest_levels() const { return guest_.levels; }
    [[nodiscard]] unsigned ept_levels() const { return ept_.levels; }
    [[nodiscard]] Gpa guest_root() const { return Gpa{guest_.root}; }
    [[nodiscard]] Hpa ept_root() const { return Hpa{ept_.root}; }
    /// The tables of both, where they lie in host memory.
    [[nodiscard]] PagedMemory const& host() const { return host_; }
    /// The guest's at their gpas, as they would lie natively.
    [[nodiscard]] PagedMemory const& native() const { return native_; }
    [[nodiscard]] std::uint64_t native_bytes() const { return native_tables_ * 4096; }
    [[nodiscard]] std::uint64_t bytes() const { return native_bytes() + ept_tables_ * 4096; }

  private:
    template <class Place>
    std::uint64_t put_rows(CsvTables const& tables, Place&& place);
    [[nodiscard]] Hpa host_of(Gpa gpa, CsvRow const& row) const;

    CsvTables guest_;
    CsvTables ept_;
    PagedMemory host_;
    PagedMemory native_;
    std::uint64_t native_tables_ = 0;
    std::uint64_t ept_tables_ = 0;
};

} // namespace twofold::vmm
