#include "image/bundle.hpp"

#include "system/failure.hpp"

#include <twofold/arch/bits.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace twofold::vmm {

namespace {

constexpr std::uint64_t file_alignment = 4096;

/// Bytes that grow at the end, with places in them that are filled in later.
class Layout {
  public:
    explicit Layout(std::uint64_t bytes) : bytes_(bytes) {}

    /// Appends at a multiple of `alignment`; returns the offset.
    std::uint64_t append(std::span<std::byte const> what, std::uint64_t alignment) {
        std::uint64_t const offset = aligned_up(bytes_.size(), alignment);
        bytes_.resize(offset + what.size());
        std::ranges::copy(what, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
        return offset;
    }
    template <class T>
    requires std::is_trivially_copyable_v<T>
    void put(std::uint64_t offset, T const& value) {
        std::memcpy(bytes_.data() + offset, &value, sizeof value);
    }
    std::vector<std::byte> finish() && { return std::move(bytes_); }

  private:
    std::vector<std::byte> bytes_;
};

/// The arguments as abi::LaunchInfo::command_line has them.
std::string command_line(GuestPlan const& guest) {
    std::string line;
    for (auto const& argument : guest.arguments) {
        if (&argument != &guest.arguments.front()) line += '\0';
        line += argument;
    }
    return line;
}

/// Where the guest's file lies: guests that have the same one share it.
std::uint64_t append_elf(Layout& layout, GuestPlan const& guest,
                         std::vector<std::pair<GuestPlan const*, std::uint64_t>>& files) {
    for (auto const& [other, offset] : files)
        if (other->elf == guest.elf) return offset;
    return files.emplace_back(&guest, layout.append(guest.elf, file_alignment)).second;
}

void require_family(GuestPlan const& guest) {
    if (!guest.boot) return;
    throw UsageError{fmt::format("{} is booted by the protocol {}; the hypervisor runs kernels of "
                                 "the family: --engine kvm runs it",
                                 guest.name(), name_of(guest.boot->protocol))};
}

abi::GuestRecord append_guest(Layout& layout, GuestPlan const& guest, std::uint64_t elf_offset) {
    std::string const line = command_line(guest);
    return {
        .elf_offset = elf_offset,
        .elf_bytes = guest.elf.size(),
        .command_line_offset = layout.append(std::as_bytes(std::span{line}), 1),
        .command_line_bytes = line.size(),
        .memory_bytes = guest.memory_bytes,
        .time_limit_milliseconds = static_cast<std::uint64_t>(guest.time_limit.count()),
        .guest_page_shift = static_cast<std::uint8_t>(guest.guest_page.shift()),
        .host_page_shift = static_cast<std::uint8_t>(guest.host_page.shift()),
        .populate = guest.populate,
        .flags = static_cast<std::uint8_t>(
            (guest.together ? abi::GuestRecord::together : 0) |
            (guest.accessed_dirty ? 0 : abi::GuestRecord::no_accessed_dirty) |
            (guest.zeroed_stock ? abi::GuestRecord::zeroed_stock : 0) |
            (guest.ept_probes ? abi::GuestRecord::ept_probes : 0) |
            (guest.report_tables ? abi::GuestRecord::report_tables : 0)),
        .clones = guest.clones,
        .weight = guest.weight,
        .reserved = {},
    };
}

std::uint16_t memory_flags(MemoryPlan const& plan) {
    using abi::MemoryRecord;
    std::uint16_t flags = plan.audit_each ? MemoryRecord::audit_each : 0;
    if (plan.merge != MemoryPlan::Merge::none) flags |= MemoryRecord::merge_offered;
    if (plan.merge == MemoryPlan::Merge::all) flags |= MemoryRecord::merge_all;
    if (plan.promote) flags |= MemoryRecord::promote;
    if (plan.nx_huge_pages) flags |= MemoryRecord::nx_huge_pages;
    return flags;
}

} // namespace

std::vector<std::byte> make_bundle(LaunchPlan const& plan, std::uint64_t ticks_per_second) {
    std::uint64_t offset = sizeof(abi::BundleHeader);
    Layout layout{offset + plan.guests.size() * sizeof(abi::GuestRecord)};
    layout.put(0, abi::BundleHeader{
                      .magic = abi::BundleHeader::expected_magic,
                      .guest_count = static_cast<std::uint32_t>(plan.guests.size()),
                      .native = plan.native ? 1U : 0U,
                      .ticks_per_second = ticks_per_second,
                      .memory = {.frames_limit = plan.memory.frames_limit,
                                 .swap_bytes = plan.memory.swap_bytes,
                                 .overcommit_percent = plan.memory.overcommit_percent,
                                 .flags = memory_flags(plan.memory),
                                 .working_set_milliseconds =
                                     static_cast<std::uint16_t>(plan.memory.working_set.count()),
                                 .dirty_log = plan.memory.dirty_log,
                                 .dirty_log_milliseconds = static_cast<std::uint64_t>(
                                     plan.memory.dirty_log_every.count())},
                  });
    std::vector<std::pair<GuestPlan const*, std::uint64_t>> files;
    for (auto const& guest : plan.guests) {
        require_family(guest);
        layout.put(offset, append_guest(layout, guest, append_elf(layout, guest, files)));
        offset += sizeof(abi::GuestRecord);
    }
    return std::move(layout).finish();
}

} // namespace twofold::vmm
