// What a guest asks of whoever runs it: the hypervisor, or the command through /dev/kvm.
//
// One register convention, two doors. The number goes into RAX, arguments into RDI, RSI and RCX,
// the result comes back in RAX; every other register is kept. Either `vmcall`, or `outl %eax, %dx`
// to the port: KVM without VT-x never returns from a ring-0 vmcall, so portable guests take it.
#pragma once

#include <cstdint>
#include <string_view>

namespace twofold::abi {

/// The port of the second door. Only 4-byte writes to it are hypercalls.
inline constexpr std::uint16_t hypercall_port = 0x5f0;

enum class Hypercall : std::uint64_t {
    /// Does nothing and returns 0: what a round trip costs.
    nothing = 0,
    /// Ends the guest. RDI: exit code, 0 to 255; a larger one counts as 255. Does not return.
    exit = 1,
    /// Walks the guest's live tables for one address and reports every reference.
    /// RDI: gva. Returns the number of references of both dimensions.
    walk = 2,
    /// Reports a measured figure. RDI: gva of its name (ASCII letters, digits and '_'), RSI: bytes
    /// of the name, 1 to 64, RCX: value in ticks.
    figure = 3,
    /// Makes a second guest in the same state, as fork does. Both go on behind the call: the one
    /// that made it finds the clone's number here, the clone finds 0.
    clone = 4,
    /// Returns the guest's own number, as reports have it: guests are numbered as they stand in the
    /// bundle, from 0, clones from there on.
    number = 5,
    /// Gives memory back, as a balloon does: pages lose their contents, cost no frame, and read as
    /// zeros when they are touched again. RDI: gpa of the first page, a multiple of 4096; RSI: how
    /// many pages of 4 KiB, 1 to 4096. Returns how many of them had contents.
    release = 6,
    /// Writes to the console. RDI: gva of the text; RSI: bytes of it, 1 to 4096. Only the command
    /// answers it: KVM makes an exit of each byte of a REP OUTSB, the hypervisor one of all.
    console = 7,
    /// Changes the EPT entry that maps a page, until the guest's next exit, so that the guest can
    /// see what the processor makes of it. Only where the launch allows it (`--ept-probes`).
    /// RDI: gpa of the page, with the level of the entry, 1 to 4, in its lowest bits; RSI: bits of
    /// the entry that are cleared; RCX: bits that are set. Neither may lead to other memory.
    probe = 10,
    /// Reports what came of the last probe. RDI: what the guest did, of ProbedAccess. Returns one
    /// of ProbeOutcome.
    probe_result = 11,
    /// Starts to note which pages the guest writes. RDI: one of DirtyLogging; `off` ends it. A
    /// clone is made without a log.
    log_dirty = 12,
    /// Tells which pages were written since the log was started or last collected, and starts it
    /// anew. RDI: gva of 64-bit words, of which bit n of word m is page 64 m + n; RSI: their
    /// number,
    /// which must be all that the guest's memory takes. Returns how many pages were written. The
    /// pages of the words count as written after that.
    collect_dirty = 13,
    /// Lets pages share a frame with others of the same contents, of this guest and of others that
    /// have offered theirs; the first write to one gives it a frame of its own again. Only where
    /// the launch allows it (`--merge`).
    /// RDI: gpa of the first page, a multiple of 4096; RSI: how many pages of 4 KiB, 1 to 512; RCX:
    /// 0, or 1 to change nothing. Returns how many of them share a frame by now, zero pages
    /// included.
    merge = 14,
    /// Returns how many pages of 4 KiB, the guest's page tables among them, the guest has accessed
    /// since it last asked, or the hypervisor last looked; reports it. A page in a table that the
    /// guest shares with its clones does not count. Needs EPT A/D.
    working_set = 15,
    /// Returns by how many leaves of EPT a GiB of the guest's memory is mapped.
    /// RDI: its gpa, a multiple of 1 GiB, with the level of the leaves, 1 to 3, in its lowest bits.
    leaves = 16,
    /// Gives the memory around an address EPT pages of another size. Only where the launch allows
    /// it (`--ept-probes`). RDI: gpa; RSI: log2 of the size, 12, 21 or 30. Smaller: the page around
    /// the address is split, and only as far as it takes to have pages of 4 KiB; larger: the 512
    /// next smaller pages become one. Returns 0, also where nothing was to be split; an error where
    /// the pages can't become one.
    resize_pages = 17,
    /// Gives the rest of the guest's turn to who waits for the processor; where nobody does, to
    /// what the hypervisor does in the background, if the launch asks for it. Returns 0.
    yield = 18,
};

/// By what means the writing of pages is noticed.
enum class DirtyLogging : std::uint64_t {
    off = 0,
    /// Pages lose write permission; each is noted by a violation.
    write_protection = 1,
    /// The processor sets dirty bits, which are looked for. Needs EPT A/D.
    dirty_bits = 2,
    /// The processor writes their addresses to a log. Needs EPT A/D.
    page_modification_log = 3,
};

/// As reports have it.
constexpr std::string_view name_of(DirtyLogging means) {
    switch (means) {
    case DirtyLogging::off: return "off";
    case DirtyLogging::write_protection: return "write_protection";
    case DirtyLogging::dirty_bits: return "dirty_bits";
    case DirtyLogging::page_modification_log: return "page_modification_log";
    }
    return "";
}

/// What a guest did between `probe` and `probe_result`.
enum class ProbedAccess : std::uint64_t {
    read = 0,
    write = 1,
    execute = 2,
    /// The page holds a paging-structure entry of the guest, which a walk read; its accessed bit
    /// was set already, or the walk set it.
    walk_read = 3,
    walk_update = 4,
};

enum class ProbeOutcome : std::uint64_t {
    /// No exit came of it.
    done = 0,
    violation = 1,
    misconfiguration = 2,
    /// The guest left for another reason before it came to the access.
    disturbed = 3,
};

/// Of Hypercall::release, by one call.
inline constexpr std::uint64_t most_released_pages = 4096;
/// Of Hypercall::console, by one call.
inline constexpr std::uint64_t most_console_bytes = 4096;

/// Of Hypercall::merge, by one call.
inline constexpr std::uint64_t most_merged_pages = 512;

/// RAX after a call that could not be carried out.
enum class HypercallError : std::uint64_t {
    unknown_number = ~std::uint64_t{0},
    bad_argument = ~std::uint64_t{1},
    /// No frame is left, not even after what could be reclaimed was.
    out_of_frames = ~std::uint64_t{2},
    /// The over-commit policy does not allow it.
    over_committed = ~std::uint64_t{3},
    /// The launch does not allow it to this guest.
    not_allowed = ~std::uint64_t{4},
    /// Results from here on are errors.
    last = ~std::uint64_t{15},
};

} // namespace twofold::abi
