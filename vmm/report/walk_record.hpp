// Of the records of a report: walks, and the tables that they go through.
#pragma once

#include <twofold/arch/page_size.hpp>
#include <twofold/arch/paging_mode.hpp>
#include <twofold/paging/nested_walk.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace twofold::vmm::record {

struct WalkReference {
    Dimension dimension;
    unsigned level;
    /// The hpa that was read.
    std::uint64_t address;
    std::uint64_t entry;
    /// Where the guest believes that its entry lies; for the guest's dimension.
    std::optional<std::uint64_t> gpa;
};

struct WalkStop {
    Dimension dimension;
    unsigned level;
    std::string reason;
    /// malformed: those of the entry that are wrong; denied: the one that forbids the access.
    std::uint64_t bits = 0;
    /// Of the second dimension: what it did not translate.
    std::optional<std::uint64_t> gpa = std::nullopt;
};

struct Walk {
    std::uint64_t guest;
    std::uint64_t gva;
    std::optional<std::uint64_t> gpa;
    std::optional<std::uint64_t> hpa;
    /// The smaller of the two leaves.
    std::optional<PageSize> page_size;
    std::optional<PageSize> guest_page;
    std::optional<PageSize> host_page;
    bool native;
    std::vector<WalkReference> references;
    /// Why there is no translation.
    std::optional<WalkStop> fault;
    /// How the guest's dimension is walked.
    PagingMode mode = PagingMode::four_level;
};

/// How a guest's control registers say that it pages, and where its second dimension begins.
struct Paging {
    std::uint64_t guest;
    PagingMode mode;
    /// The gpa of the top table, where there is one in memory.
    std::uint64_t root;
    /// The registers of PAE paging.
    std::array<std::uint64_t, 4> pdptes;
    bool execute_disable;
    unsigned physical_bits;
    bool page_size_extension;
    std::uint64_t ept_root;
    /// 4 or 5.
    unsigned ept_levels;
};

/// A page of one of the dimensions' tables.
struct TablePage {
    std::uint64_t guest;
    Dimension dimension;
    unsigned level;
    /// The hpa.
    std::uint64_t address;
    std::array<std::uint64_t, 512> words;
};

struct TablesEnd {
    std::uint64_t guest;
    /// There are more than the report may hold.
    bool cut;
};

} // namespace twofold::vmm::record
