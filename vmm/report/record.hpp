// The records of a report, as abi/report.hpp has them, after they were checked.
#pragma once

#include "report/memory_record.hpp"
#include "report/walk_record.hpp"

#include <twofold/arch/page_size.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace twofold::vmm::record {

struct Phase {
    std::string name;
    std::uint64_t ticks;
};

/// Who answers what a guest does.
enum class ReportOrigin : std::uint8_t { hypervisor, kvm };

struct Boot {
    ReportOrigin origin;
    std::string processor;
    std::uint64_t memory_bytes;
    std::vector<Phase> phases;
};

struct CapabilityMissing {
    std::string capability;
    std::string where;
    std::string meaning;
};

struct GuestStart {
    std::uint64_t guest;
    std::string name;
    std::uint64_t memory_bytes;
    PageSize guest_page;
    /// None natively.
    std::optional<PageSize> host_page;
    std::string populate;
    bool native;
    /// None natively: the guest does not know when the machine started.
    std::optional<std::uint64_t> ticks_to_entry;
    /// The guest that it was cloned from, if it was.
    std::optional<std::uint64_t> cloned_from = std::nullopt;
};

struct Figure {
    std::uint64_t guest;
    std::string name;
    std::string unit;
    std::uint64_t value;
};

/// An access through an EPT entry that was changed for it.
struct EptProbe {
    std::uint64_t guest;
    std::uint64_t gpa;
    /// Of the entry that was changed.
    unsigned level;
    /// What the processor found on its way, the root's entry first.
    std::vector<std::uint64_t> entries;
    bool accessed_dirty;
    std::string access;
    std::string outcome;
    /// Where it was a violation.
    std::optional<std::uint64_t> qualification;
    /// Where it was one or a misconfiguration.
    std::optional<std::uint64_t> exit_gpa;
};

struct Violations {
    std::uint64_t read;
    std::uint64_t write;
    std::uint64_t execute;
    /// How many of these were to the guest's own page tables.
    std::uint64_t during_walk;
    std::uint64_t ticks;
    std::uint64_t ticks_min;
    std::uint64_t ticks_max;

    [[nodiscard]] std::uint64_t total() const { return read + write + execute; }
};

/// Faults under KVM that the command's own handler answered, by userfaultfd. Which of the reads
/// fetched an instruction, or walked the guest's tables, the kernel does not say.
struct Userfaults {
    std::uint64_t read;
    std::uint64_t write;
    std::uint64_t ticks;
    std::uint64_t ticks_min;
    std::uint64_t ticks_max;

    [[nodiscard]] std::uint64_t total() const { return read + write; }
};

/// How often a place without a device was used.
struct UnknownPlace {
    std::string place;
    std::uint64_t reads;
    std::uint64_t writes;
};

/// How often a guest was put back to its template, to run again.
struct Resets {
    std::uint64_t resets;
    /// Of 4 KiB, that it had written to.
    std::uint64_t pages;
    std::uint64_t ticks;
    std::uint64_t ticks_min;
    std::uint64_t ticks_max;
};

/// What a guest did while it ran.
struct Activity {
    std::uint64_t rip;
    std::uint64_t ticks;
    /// How often it was given the processor; 1 for a guest that was alone.
    std::uint64_t turns;
    std::map<std::string, std::uint64_t> exits;
    /// Uses of what the guest does not have, answered as an empty machine would.
    std::map<std::string, std::uint64_t> policy;
    std::uint64_t memory_frames;
    /// Of the second dimension; none under KVM, where they are the kernel's.
    std::optional<std::uint64_t> table_frames;
    /// Of all guests together when this one stopped, itself included; none natively.
    std::optional<std::uint64_t> frames_in_use;
    /// None under KVM.
    std::optional<Violations> violations;
    /// Only under KVM.
    std::optional<Userfaults> userfaults = std::nullopt;
    /// Where the unknown ports and addresses were, where that was asked for.
    std::vector<UnknownPlace> unknown_places = {};
    /// Under KVM: what its kernel counted of the machine, by its own names.
    std::map<std::string, std::uint64_t> kernel = {};
    /// Under KVM: the faults that our own handler answered, by the ticks that they took at the
    /// least, doubling.
    std::map<std::uint64_t, std::uint64_t> fault_histogram = {};
    /// The pages of 4 KiB that these brought in, by where they came from.
    std::map<std::string, std::uint64_t> fault_sources = {};
    /// Under KVM, of a guest with a template: frames that it has touched and shares with that.
    std::optional<std::uint64_t> shared_frames = std::nullopt;
    std::optional<Resets> resets = std::nullopt;
};

struct GuestStop {
    std::uint64_t guest;
    std::string name;
    std::string reason;
    std::uint64_t code;
    std::string message;
    /// None for a guest that could not be loaded.
    std::optional<Activity> activity;
    /// Where memory was limited or swapped, or the guest gave some back.
    std::optional<Reclaim> reclaim = std::nullopt;
    /// What became of pages that could be merged or promoted; by the names of abi/report.hpp.
    std::map<std::string, std::uint64_t> upkeep = {};
};

/// The hypervisor could not go on.
struct Error {
    std::string message;
};

struct Panic {
    std::uint64_t vector;
    std::string name;
    std::uint64_t rip;
    std::uint64_t error_code;
    std::uint64_t cr2;
    std::string message;
};

struct End {
    std::uint64_t frames_in_use;
};

} // namespace twofold::vmm::record

namespace twofold::vmm {

using Record =
    std::variant<record::Boot, record::SwapDisk, record::CapabilityMissing, record::GuestStart,
                 record::Walk, record::Paging, record::TablePage, record::TablesEnd, record::Figure,
                 record::EptProbe, record::Merge, record::WorkingSet, record::DirtyPages,
                 record::DirtyLog, record::GuestStop, record::Memory, record::Audit, record::Error,
                 record::Panic, record::End>;

} // namespace twofold::vmm
