// What is to be run: the guests and how each of them is launched.
#pragma once

#include "image/boot_plan.hpp"

#include <twofold/abi/disk_image.hpp>
#include <twofold/arch/page_size.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace twofold::vmm {

struct GuestPlan {
    /// The guest's name, then its arguments. Never empty; no NUL inside.
    std::vector<std::string> arguments;
    /// The bytes of the ELF file, or of a kernel that `boot` says more of.
    std::vector<std::byte> elf;
    std::uint64_t memory_bytes;
    PageSize guest_page = page_4k;
    PageSize host_page = page_4k;
    abi::Populate populate = abi::Populate::lazy;
    /// 0: without limit.
    std::chrono::milliseconds time_limit{0};
    /// Made of the loaded guest before its first instruction; they run with it.
    std::uint16_t clones = 0;
    /// Starts together with the guest before it.
    bool together = false;
    /// Its turn among guests that run at once, in milliseconds.
    std::uint8_t weight = 1;
    /// The processor sets accessed and dirty bits in EPT, if it can.
    bool accessed_dirty = true;
    /// First writes take frames that were zeroed while no guest ran.
    bool zeroed_stock = false;
    /// For a kernel that is not of the family.
    std::optional<BootPlan> boot = std::nullopt;
    /// The guest may change EPT entries that map its memory, for one access at a time.
    bool ept_probes = false;
    /// Its page tables, of both dimensions, are reported when it ends.
    bool report_tables = false;

    [[nodiscard]] std::string const& name() const { return arguments.front(); }
};

/// How all guests together use the machine's memory.
struct MemoryPlan {
    /// Bytes that they may have together, tables included; 0: all that the machine has.
    std::uint64_t frames_limit = 0;
    /// Bytes of the swap disk; 0: none.
    std::uint64_t swap_bytes = 0;
    /// How much they may be promised, in percent of frames and swap; 0: what they ask for.
    std::uint32_t overcommit_percent = 0;
    /// All frames are audited at each guest's end, not only at the last one's.
    bool audit_each = false;
    /// Whose pages share frames where their contents are the same.
    enum class Merge : std::uint8_t { none, offered, all };
    Merge merge = Merge::none;
    /// 512 neighbouring pages become a large one where they agree.
    bool promote = false;
    /// Large pages are never executable.
    bool nx_huge_pages = false;
    /// After so much of each guest's time its working set is looked at; 0: only where it asks.
    std::chrono::milliseconds working_set{0};
    /// By what means a log is kept of the pages that each guest writes.
    abi::DirtyLogging dirty_log = abi::DirtyLogging::off;
    /// After so much of its time the log is collected; 0: only at its end.
    std::chrono::milliseconds dirty_log_every{0};
};

struct LaunchPlan {
    std::vector<GuestPlan> guests;
    MemoryPlan memory = {};
    /// Run the only guest on the bare processor, without VT-x.
    bool native = false;
};

} // namespace twofold::vmm
