// Of the records of a report: the guests' memory, what was done to it, and audits of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace twofold::vmm::record {

/// A disk that was written to, and read back, before anything depended on it.
struct SwapDisk {
    /// Of 512 bytes.
    std::uint64_t sectors;
    std::uint64_t pages_proven;
};

/// Pages of 4 KiB, each as often as it went.
struct Reclaim {
    std::uint64_t swapped_out;
    std::uint64_t swapped_in;
    /// Given back by the guest itself.
    std::uint64_t released;
};

/// Pages that a guest offered, and that came to share frames.
struct Merge {
    std::uint64_t guest;
    std::uint64_t gpa;
    std::uint64_t pages;
    std::uint64_t hashed;
    /// With another page, and with the frame of zeros.
    std::uint64_t merged;
    std::uint64_t zeroed;
    /// In use, of all guests together: only the hypervisor knows.
    struct Frames {
        std::uint64_t before;
        std::uint64_t after;
    };
    std::optional<Frames> frames;
};

/// Pages of 4 KiB that a guest has accessed since the last look.
struct WorkingSet {
    std::uint64_t guest;
    std::uint64_t pages;
    /// Accessed at some time, by it or by those that it shares tables with.
    std::uint64_t shared_pages;
};

/// Of a dirty log: pages of 4 KiB that the guest wrote in one interval.
struct DirtyPages {
    std::uint64_t guest;
    std::uint64_t interval;
    std::uint64_t pages;
    std::uint64_t digest;
    /// Of the guest, by then.
    std::uint64_t ticks_run;
    /// To collect it.
    std::uint64_t ticks;
};

/// All of it.
struct DirtyLog {
    std::uint64_t guest;
    std::string means;
    std::uint64_t intervals;
    std::uint64_t pages;
    std::uint64_t digest;
    /// Only the hypervisor knows.
    std::optional<std::uint64_t> exits;
    std::uint64_t ticks;
};

struct Swap {
    /// Of 4 KiB, and how many of them were in use at most.
    std::uint64_t pages;
    std::uint64_t used_most;
    std::uint64_t written;
    std::uint64_t read;
    /// Large pages that were split for it.
    std::uint64_t split;
    /// What the disk last said is wrong with it, or nothing.
    std::string error;
};

/// What the guests had together.
struct Memory {
    std::uint64_t frames;
    /// Bytes; 0: no limit.
    std::uint64_t frames_limit;
    /// 0: as much as they ask for.
    std::uint64_t overcommit_percent;
    std::uint64_t promised_most;
    std::uint64_t reclaimed;
    std::uint64_t reclaims;
    std::uint64_t reclaim_ticks;
    std::optional<Swap> swap;
    /// What came of merging all pages; empty where that was not asked for.
    std::map<std::string, std::uint64_t> merge = {};
    /// The same of making large pages.
    std::map<std::string, std::uint64_t> promote = {};
};

/// Guests of which each has frames and a swap file of its own: what they have together.
void add(Memory& all, Memory const& one);

/// Every slot of the swap disk against all entries that name it.
struct SlotAudit {
    struct Finding {
        std::string what;
        std::uint64_t slot;
        std::uint64_t counted;
        std::uint64_t found;
    };
    std::uint64_t audited;
    std::uint64_t used;
    std::uint64_t references;
    std::uint64_t mismatches;
    std::optional<Finding> first;
};

/// Every frame against all that has a reference to it.
struct Audit {
    /// What is wrong first.
    struct Finding {
        std::string what;
        std::uint64_t frame;
        unsigned level;
        std::uint64_t counted;
        std::uint64_t found;
    };
    std::uint64_t frames;
    std::uint64_t spaces;
    std::uint64_t references;
    std::uint64_t mismatches;
    /// Frames that were withheld, and false counts that came up, while guests ran.
    std::uint64_t faults;
    std::optional<Finding> first;
    std::optional<SlotAudit> slots = std::nullopt;

    [[nodiscard]] bool clean() const {
        return mismatches == 0 && faults == 0 && (!slots || slots->mismatches == 0);
    }
};

} // namespace twofold::vmm::record
