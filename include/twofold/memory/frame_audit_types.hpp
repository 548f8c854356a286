// What an audit of the frame pool says.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/memory/slot_audit.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace twofold {

struct AuditFinding {
    enum class What : std::uint8_t {
        /// There are more or fewer entries than are counted.
        wrong_count,
        /// An entry leads to memory that the pool does not have.
        foreign_memory,
        /// A guest can reach a table, or a frame of the hypervisor's own.
        table_as_memory,
        /// An entry that allows writing is not the only one.
        writable_and_shared,
    };
    What what;
    Hpa frame;
    /// Of the entries: 1 to 3, tables counting as 1.
    unsigned level;
    /// References by the count, and entries that there are; of wrong_count.
    std::uint32_t counted = 0;
    std::uint32_t found = 0;
};

struct AuditResult {
    /// Frames of the pool, of 4 KiB, all of which were looked at.
    std::uint64_t frames = 0;
    std::uint64_t spaces = 0;
    /// Entries, and frames of the hypervisor's own.
    std::uint64_t references = 0;
    std::uint64_t mismatches = 0;
    /// FramePool::faults().
    std::uint64_t faults = 0;
    std::optional<AuditFinding> first = std::nullopt;
    SlotAuditResult swap = {};

    [[nodiscard]] bool clean() const {
        return mismatches == 0 && faults == 0 && swap.mismatches == 0;
    }
};

/// As reports have it.
constexpr std::string_view name_of(AuditFinding::What what) {
    switch (what) {
    case AuditFinding::What::wrong_count: return "wrong_count";
    case AuditFinding::What::foreign_memory: return "foreign_memory";
    case AuditFinding::What::table_as_memory: return "table_as_memory";
    case AuditFinding::What::writable_and_shared: return "writable_and_shared";
    }
    return "";
}

} // namespace twofold
