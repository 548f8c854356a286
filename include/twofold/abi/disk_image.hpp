// What `twofold image` writes and hv/boot reads.
//
//   sector 0        boot sector (loads the loader)
//   sector 1..15    loader (E820, loads the payload, long mode); ImageHeader stands at its very
//   start sector 16..     payload, loaded to `payload_address`: the hypervisor, then at a multiple
//   of 4096 the bundle
//
// The bundle: BundleHeader, GuestRecord[guest_count], then the bytes that these point to. All
// offsets in the bundle count bytes from the bundle's first byte. Everything is little-endian.
// Readers trust nothing: each offset and length is checked against `bundle_bytes`.
#pragma once

#include <twofold/abi/hypercall.hpp>

#include <cstdint>

namespace twofold::abi {

inline constexpr std::uint64_t sector_bytes = 512;
inline constexpr std::uint64_t payload_first_sector = 16;
/// Physical address of the payload's first byte: the hypervisor is linked there.
inline constexpr std::uint64_t payload_address = 0x100000;

/// At the start of sector 1, which the boot sector loads to 0x7e00.
struct ImageHeader {
    static constexpr std::uint64_t expected_magic = 0x474d494c4f465754; // "TWFOLIMG"

    std::uint64_t magic;
    /// Sectors of the payload, bundle included. The bare hypervisor image holds its own size here;
    /// `twofold image` adds the bundle's.
    std::uint32_t payload_sectors;
    /// Bytes from the payload's first byte to the bundle; 0 in the bare hypervisor image.
    std::uint32_t bundle_offset;
    /// Bytes of the bundle; 0 in the bare hypervisor image.
    std::uint64_t bundle_bytes;
};
static_assert(sizeof(ImageHeader) == 24);

enum class Populate : std::uint8_t {
    /// A frame comes with the first touch, by an EPT violation.
    lazy = 0,
    /// All memory is mapped before the guest starts.
    eager = 1,
};

/// How all guests together use the machine's memory. All zeros: nothing is limited, and nothing is
/// swapped.
struct MemoryRecord {
    /// Bytes that the guests may have together, their EPT tables and the hypervisor's records of
    /// them included; a multiple of 4096; 0: all that the machine has.
    std::uint64_t frames_limit;
    /// Bytes of the second disk of the first ATA channel that pages are swapped to; a multiple of
    /// 4096; 0: there is no swap disk.
    std::uint64_t swap_bytes;
    /// How much memory guests may be told of, in percent of frames and swap together; 0: as much as
    /// they ask for.
    std::uint32_t overcommit_percent;
    /// Of the bits below.
    std::uint16_t flags = 0;
    /// After so much of each guest's time its working set is looked at; 0: only where it asks.
    /// Milliseconds.
    std::uint16_t working_set_milliseconds = 0;
    /// By what means a log is kept of the pages that each guest writes; not off: no guest may keep
    /// one of its own.
    DirtyLogging dirty_log = DirtyLogging::off;
    /// After so much of a guest's time its log is collected, and at its end; 0: only then.
    /// Milliseconds.
    std::uint64_t dirty_log_milliseconds = 0;

    /// Memory is limited, swapped or promised by a policy.
    [[nodiscard]] constexpr bool limits() const {
        return frames_limit != 0 || swap_bytes != 0 || overcommit_percent != 0;
    }

    /// All frames are audited before each guest's end, not only before the last one's.
    static constexpr std::uint16_t audit_each = 1;
    /// Guests may offer pages, which then share frames with others of the same contents.
    static constexpr std::uint16_t merge_offered = 2;
    /// All pages are merged so, in the background; with merge_offered.
    static constexpr std::uint16_t merge_all = 4;
    /// 512 neighbouring pages become a large one where they agree, in the background.
    static constexpr std::uint16_t promote = 8;
    /// What asks the hypervisor to look after memory while guests run.
    static constexpr std::uint16_t upkeep_flags = merge_offered | merge_all | promote;
    /// Large pages are never executable (iTLB multihit).
    static constexpr std::uint16_t nx_huge_pages = 16;
    static constexpr std::uint16_t known_flags = upkeep_flags | audit_each | nx_huge_pages;
};
static_assert(sizeof(MemoryRecord) == 40);

struct BundleHeader {
    static constexpr std::uint64_t expected_magic = 0x4e55424c4f465754; // "TWFOLBUN"

    std::uint64_t magic;
    std::uint32_t guest_count;
    /// 0: run the guests over EPT, one after another unless they ask to start together. 1: run the
    /// first and only guest natively, without VT-x.
    std::uint32_t native;
    /// Ticks that count as one second for time limits; 0: measure against the PIT.
    std::uint64_t ticks_per_second;
    MemoryRecord memory{};
};
static_assert(sizeof(BundleHeader) == 64);

struct GuestRecord {
    std::uint64_t elf_offset;
    std::uint64_t elf_bytes;
    /// The arguments as LaunchInfo::command_line has them; the first is the guest's name in every
    /// report.
    std::uint64_t command_line_offset;
    std::uint64_t command_line_bytes;
    /// Bytes of guest memory; a multiple of 4096 and of the EPT page size.
    std::uint64_t memory_bytes;
    /// How long the guest may run; 0: without limit. Milliseconds.
    std::uint64_t time_limit_milliseconds;
    /// log2 of the page sizes: 12, 21 or 30.
    std::uint8_t guest_page_shift;
    std::uint8_t host_page_shift;
    Populate populate;
    /// Of the bits below.
    std::uint8_t flags = 0;
    /// Clones that are made of the loaded guest before its first instruction, and run with it.
    std::uint16_t clones = 0;
    /// Its turn among guests that run at once, in milliseconds; 0 counts as 1.
    std::uint8_t weight = 0;
    std::uint8_t reserved = 0;

    /// The guest starts together with the one before it, not after its end.
    static constexpr std::uint8_t together = 1;
    /// The processor sets no accessed and dirty bits in EPT, though it could.
    static constexpr std::uint8_t no_accessed_dirty = 2;
    /// First writes take frames that were zeroed before, while no guest ran.
    static constexpr std::uint8_t zeroed_stock = 4;
    /// The guest may change EPT entries that map its memory, for one access at a time, and the
    /// sizes of its EPT pages.
    static constexpr std::uint8_t ept_probes = 8;
    /// The guest's page tables are reported when it ends.
    static constexpr std::uint8_t report_tables = 16;
    static constexpr std::uint8_t known_flags = 31;
};
static_assert(sizeof(GuestRecord) == 56);

} // namespace twofold::abi
