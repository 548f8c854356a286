// Where the virtio devices of a machine with a PC's devices stand, under KVM. Linux is told on its
// command line: virtio_mmio.device=4K@0xfed40000:10 virtio_mmio.device=4K@0xfed41000:11
#pragma once

#include <twofold/arch/address.hpp>

#include <cstdint>

namespace twofold::abi {

/// A page of registers, and a line of the interrupt controllers.
struct VirtioPlace {
    Gpa begin;
    unsigned interrupt_line;
};

inline constexpr std::uint64_t virtio_page_bytes = 0x1000;
inline constexpr VirtioPlace virtio_console{Gpa{0xfed4'0000}, 10};
/// Only of a machine with a disk.
inline constexpr VirtioPlace virtio_disk{Gpa{0xfed4'1000}, 11};

} // namespace twofold::abi
