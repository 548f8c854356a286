// What a guest of the family finds when it starts.
//
// Entry state: 64-bit mode, ring 0, interrupts off, direction flag clear; CR0 = PE MP ET NE WP PG,
// CR4 = PAE OSFXSR, EFER = LME LMA NXE; CS = 0x08, DS ES FS GS SS = 0x10, flat, whatever GDTR
// points to; CR3 -> tables that map [0, memory_bytes) to itself, writable and executable, by leaves
// of the chosen guest page size; RDI = address of LaunchInfo; all other general registers 0. No
// stack: the guest brings one. The state is the same whether the guest runs over EPT or natively.
#pragma once

#include <cstdint>

namespace twofold::abi {

/// Where the guest runs.
enum class Habitat : std::uint8_t {
    /// On the bare processor: no hypercalls; the console is a real UART.
    native = 0,
    /// Over EPT that Twofold's hypervisor owns.
    hypervisor = 1,
    /// In a virtual machine that the command made through /dev/kvm.
    kvm = 2,
};

struct LaunchInfo {
    static constexpr std::uint64_t expected_magic =
        0x31444c4f464f5754; // "TWOFOLD1", first byte lowest

    std::uint64_t magic;
    /// Guest memory is [0, memory_bytes). Bytes; a multiple of 4096.
    std::uint64_t memory_bytes;
    /// First gpa above the image, this structure and the page tables; a multiple of 4096.
    /// [free_begin, memory_bytes) is the guest's to use. It reads as zero, but natively it holds
    /// whatever was left there.
    std::uint64_t free_begin;
    /// gpa and length in bytes of the arguments, separated by single NUL bytes, none at the end.
    /// The first is the guest's name.
    std::uint64_t command_line;
    std::uint64_t command_line_bytes;
    /// log2 of the page sizes chosen at launch: 12, 21 or 30. `host_page_shift` is 0 natively.
    std::uint8_t guest_page_shift;
    std::uint8_t host_page_shift;
    Habitat habitat;
    std::uint8_t reserved[5];
};
static_assert(sizeof(LaunchInfo) == 48);

/// Where the family's kernels are linked to run: above the hypervisor's own image, so that a guest
/// finds itself at the same physical address natively.
inline constexpr std::uint64_t guest_link_address = 0x400000;

} // namespace twofold::abi
