#include "engine/machine_memory.hpp"

#include <twofold/arch/bits.hpp>

#include <algorithm>

namespace twofold::vmm {

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

/// The hypervisor's code, data and stacks, the memory below 1 MiB, and the firmware's tables at the
/// top.
constexpr std::uint64_t fixed = 8 * mebibyte;

/// Where the last frame of a guest ends when its frames begin at the first aligned address that
/// lies above `below`.
std::uint64_t end_of_guest(GuestPlan const& guest, std::uint64_t below) {
    return aligned_up(below, guest.host_page.bytes()) +
           aligned_up(guest.memory_bytes, guest.host_page.bytes());
}

/// What a clone is counted with: most of its memory stays shared.
std::uint64_t memory_of_clones(GuestPlan const& guest) {
    return guest.clones * std::max(guest.memory_bytes / 16, mebibyte);
}

/// Second-dimension tables: one entry of 8 bytes a page, and one table each for the levels above.
std::uint64_t tables(GuestPlan const& guest) {
    std::uint64_t const pages = pages_for(guest.memory_bytes, guest.host_page);
    return aligned_up(pages * 8, page_4k.bytes()) + 4 * page_4k.bytes();
}

/// `memory`, and above it the record of 32 bytes that the hypervisor keeps for each frame of the
/// machine: one part in 128 of the whole.
std::uint64_t with_frame_records(std::uint64_t memory) { return memory + memory / 127 + 1; }

std::uint64_t largest_page(LaunchPlan const& plan) {
    std::uint64_t largest = page_4k.bytes();
    for (auto const& guest : plan.guests)
        largest = std::max(largest, guest.host_page.bytes());
    return largest;
}

/// 4 bytes for each page of the swap disk.
std::uint64_t swap_counts(LaunchPlan const& plan) {
    return pages_for(plan.memory.swap_bytes, page_4k) * 4;
}

} // namespace

std::uint64_t machine_memory_for(LaunchPlan const& plan) {
    std::uint64_t images = 0;
    for (auto const& guest : plan.guests)
        images += guest.elf.size() + page_4k.bytes();

    std::uint64_t const base = fixed + images;
    std::uint64_t needed = base;
    std::uint64_t end = base;
    for (auto const& guest : plan.guests) {
        if (!guest.together) end = base;
        end = end_of_guest(guest, end + tables(guest)) + memory_of_clones(guest);
        needed = std::max(needed, end);
    }
    // Whatever guests want, they get no more than the limit; large pages may begin behind a gap.
    if (plan.memory.frames_limit != 0)
        needed = std::min(needed, base + plan.memory.frames_limit + largest_page(plan));
    return aligned_up(with_frame_records(needed + fixed + swap_counts(plan)), mebibyte);
}

} // namespace twofold::vmm
