// The records of the report that are about one guest (abi/report.hpp).
#pragma once

#include "hv/vm/guest.hpp"

#include <twofold/abi/disk_image.hpp>
#include <twofold/memory/dirty_log.hpp>
#include <twofold/memory/merger.hpp>
#include <twofold/paging/nested_walk.hpp>

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

namespace twofold::hv {

/// The references of one walk, in order.
class ReferenceList {
  public:
    /// No walk has more: 5 levels by 5 levels take 35.
    static constexpr unsigned capacity = 35;

    void operator()(Reference const& reference) {
        if (count_ < capacity) all_[count_++] = reference;
    }
    [[nodiscard]] std::span<Reference const> all() const { return std::span{all_}.first(count_); }

  private:
    std::array<Reference, capacity> all_{};
    unsigned count_ = 0;
};

/// `ticks_to_entry`: from the loader's first instruction.
void report_guest_start(Guest const& guest, std::uint64_t ticks_to_entry);
void report_walk(std::uint32_t guest, Gva gva, PagingMode mode, ReferenceList const& references,
                 std::expected<NestedTranslation, NestedFault> const& result);
void report_figure(std::uint32_t guest, std::string_view name, std::uint64_t ticks);

void report_working_set(Guest const& guest, Space::WorkingSet const& found);

/// Of a log that is kept for the launch: what one collection has found, by so many ticks.
void report_dirty_pages(Guest const& guest, std::uint64_t interval, DirtyPages const& found,
                        std::uint64_t ticks);
/// All that the guest wrote, at its end; `exits`: those that only the log has caused.
void report_dirty_log(Guest const& guest, abi::DirtyLogging means, DirtyPages const& all,
                      std::uint64_t exits);

/// What an offer of a guest's has come to.
struct OfferedPages {
    Gpa from;
    std::uint64_t pages;
    Merging done;
    /// In use, of all guests together.
    std::uint64_t frames_before;
    std::uint64_t frames_after;
};
void report_merge(Guest const& guest, OfferedPages const& offered);

/// The page tables of the guest whose VMCS is the current one, and of its EPT.
void report_tables(Guest& guest);
/// `rip`: where the guest stood.
void report_guest_stop(Guest const& guest, std::uint64_t rip);
/// For a guest that never ran.
void report_load_error(std::uint32_t index, std::string_view name, std::string_view message);

} // namespace twofold::hv
