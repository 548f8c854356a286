// The records of abi/report.hpp about a guest under KVM.
#pragma once

#include "image/launch_plan.hpp"
#include "kvm/fault_statistics.hpp"
#include "kvm/page_merger.hpp"
#include "kvm/resident_pages.hpp"
#include "kvm/stop.hpp"
#include "kvm/unknown_io.hpp"

#include <twofold/abi/hypercall.hpp>
#include <twofold/arch/paging_mode.hpp>
#include <twofold/memory/dirty_log.hpp>
#include <twofold/paging/nested_walk.hpp>

#include <algorithm>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm::kvm {

/// How often a guest was put back to its template, and what that took.
struct ResetStatistics {
    std::uint64_t resets = 0;
    /// 4 KiB pages that it had written to, and lost.
    std::uint64_t pages = 0;
    /// Of memory, machine and devices together; finding out which pages it were is not in it.
    std::uint64_t ticks = 0;
    std::uint64_t ticks_min = ~std::uint64_t{0};
    std::uint64_t ticks_max = 0;

    void count(std::uint64_t put_back, std::uint64_t spent) {
        ++resets;
        pages += put_back;
        ticks += spent;
        ticks_min = std::min(ticks_min, spent);
        ticks_max = std::max(ticks_max, spent);
    }
};

/// Who a record speaks of.
struct GuestIdentity {
    std::uint64_t number = 0;
    std::string name;
    /// The guest that it was cloned from, if it was.
    std::optional<std::uint64_t> cloned_from = std::nullopt;
};

/// What a guest did while it ran.
struct Figures {
    std::uint64_t rip = 0;
    std::uint64_t ticks = 0;
    /// Exits to this program, by the names of KVM's reasons.
    std::map<std::string, std::uint64_t> exits;
    std::uint64_t unknown_ports = 0;
    std::uint64_t unknown_mmio = 0;
    /// Where these were, if that was asked for.
    std::map<std::string, UnknownUses> unknown_places = {};
    /// 4 KiB pages of memory with a frame at the end; of a guest with a template, with one that is
    /// its own.
    std::uint64_t memory_frames = 0;
    /// Pages that it has touched and shares with its template, where it has one.
    std::optional<std::uint64_t> shared_frames = std::nullopt;
    /// Where its frames are limited.
    std::optional<ReclaimStatistics> reclaimed = std::nullopt;
    /// Of a guest that ran more than once.
    std::optional<ResetStatistics> resets = std::nullopt;
    /// Only those that our own handler answered.
    FaultStatistics faults;
    /// What the kernel counted of this machine.
    std::map<std::string, std::uint64_t> kernel;
};

std::string boot_record(std::string_view processor, std::uint64_t memory_bytes,
                        std::vector<std::pair<std::string_view, std::uint64_t>> const& phases);
std::string start_record(GuestIdentity const& guest, GuestPlan const& plan,
                         std::string_view populate, std::uint64_t ticks_to_entry);
std::string walk_record(std::uint64_t guest, Gva gva, PagingMode mode,
                        std::vector<Reference> const& references,
                        std::expected<NestedTranslation, NestedFault> const& result);
std::string figure_record(std::uint64_t guest, std::string_view name, std::uint64_t ticks);
/// What an offer of so many pages from `first` on has come to; see OfferResult.
std::string merge_record(std::uint64_t guest, Gpa first, std::uint64_t pages,
                         OfferResult const& done);
std::string working_set_record(std::uint64_t guest, std::uint64_t pages);
std::string dirty_pages_record(std::uint64_t guest, std::uint64_t interval, DirtyPages const& found,
                               std::uint64_t ticks_run, std::uint64_t ticks);
/// All of it: the kernel does not say which exits are the log's.
std::string dirty_log_record(std::uint64_t guest, abi::DirtyLogging means, std::uint64_t intervals,
                             DirtyPages const& all, std::uint64_t ticks);
std::string stop_record(GuestIdentity const& guest, Stop const& stop, Figures const& figures);
/// How memory was used as a whole, by a guest of so many bytes.
std::string memory_record(ReclaimStatistics const& reclaimed, std::uint64_t memory_bytes);
std::string load_error_record(GuestIdentity const& guest, std::string_view message);
std::string end_record();

} // namespace twofold::vmm::kvm
