#include "hv/vm/memory_policy.hpp"

#include "hv/cpu/panic.hpp"
#include "hv/device/prove_disk.hpp"
#include "hv/device/serial_ports.hpp"

#include <twofold/abi/json_line.hpp>
#include <twofold/abi/text.hpp>

#include <array>

namespace twofold::hv {

namespace {

using Disk = AtaDisk<MachinePorts>;

/// For what is written to the disk and read back before anything needs it.
alignas(page_4k.bytes()) constinit std::array<std::byte, page_4k.bytes()> proof{};

[[noreturn]] void stop_for(std::string_view why, AtaError const* error = nullptr) {
    abi::TextBuffer<320> message;
    message("the swap disk (ata0-slave) can't be used: ");
    message(why);
    if (error != nullptr) describe(*error, message);
    stop_with_error(message.text());
}

/// Frames that no guest can be promised: those that splitting large pages takes.
std::uint64_t kept_back(FramePool const& pool, bool splits) {
    return splits ? std::min<std::uint64_t>(TableReserve::capacity, pool.frames_total()) : 0;
}

OverCommit policy_of(abi::MemoryRecord const& wanted) {
    return wanted.overcommit_percent == 0 ? OverCommit::unlimited : OverCommit::backed;
}

} // namespace

SwapSpace find_swap_space(EarlyMemory& memory, std::uint64_t bytes) {
    Disk disk{MachinePorts{}, first_channel_second_disk};
    if (auto const found = disk.identify(); !found) stop_for("", &found.error());
    if (disk.sectors() < bytes / Disk::sector_bytes) stop_for("it is smaller than the launch says");
    std::uint64_t const slots = pages_for(bytes, page_4k);
    auto const counts = memory.allocate(slots * sizeof(std::uint32_t));
    if (!counts || slots > SwapArea::most_slots)
        stop_for("memory has no room for a count of 4 bytes for each of its pages");
    auto const proven = prove_ends(disk, slots, proof);
    if (!proven) stop_for("", &proven.error());
    abi::JsonLine{hv::report}("record", "swap_disk")("sectors", disk.sectors())(
        "pages_proven", std::uint64_t{*proven});
    return {SwapDisk<MachinePorts>{disk}, {at<std::uint32_t>(*counts), slots}};
}

MemoryPolicy::MemoryPolicy(FramePool& pool, abi::MemoryRecord const& wanted, SwapSpace* swap,
                           bool large_pages)
    : pool_(pool), wanted_(wanted), swap_(swap),
      commitment_(policy_of(wanted),
                  pool.frames_total() - kept_back(pool, swap != nullptr && large_pages),
                  swap != nullptr ? swap->counts.size() : 0, wanted.overcommit_percent) {
    if (swap == nullptr) return;
    area_.emplace(swap->disk, swap->counts);
    if (large_pages) reclaimer_.split_large_pages(pool);
}

void MemoryPolicy::report(Upkeep const* upkeep) const {
    abi::JsonLine line{hv::report};
    line("record", "memory")("frames", pool_.frames_total())("frames_limit", wanted_.frames_limit)(
        "overcommit_percent", wanted_.overcommit_percent)("promised_most", most_promised_)(
        "reclaimed", reclaimed_)("reclaims", rounds_)("reclaim_ticks", ticks_);
    if (area_) report_swap(line);
    if (upkeep != nullptr) upkeep->report(line);
}

void MemoryPolicy::report_swap(abi::JsonObject<SerialPort>& line) const {
    auto swap = line.object("swap");
    swap("pages", std::uint64_t{area_->slots_total()})(
        "used_most", std::uint64_t{most_slots_used_})("written", swap_->disk.pages_written())(
        "read", swap_->disk.pages_read())("split", reclaimer_.pages_split());
    if (!swap_->disk.error()) return;
    abi::TextBuffer<160> error;
    explain_swap_error(error);
    swap("error", error.text());
}

} // namespace twofold::hv
